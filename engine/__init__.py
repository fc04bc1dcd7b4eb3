"""The decision core. Pure: no I/O, no clock, no hidden randomness. The pipeline to read first is `decide`."""
