"""The `edgewise` command, and publishing to a registry: who runs what."""
