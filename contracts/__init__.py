"""Ground floor: what the programs agree on. Types, codecs, errors; no I/O, no clock."""
