"""The async runtime round the engine: HTTP, visitor state, deadline, activation, sync, spool. Minimal."""
