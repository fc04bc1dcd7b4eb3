"""Replays: recordings, and what is decided again from them: the same, or by another revision."""
