"""Kill switches on this node's disk: they hold while the origin is away, and after a restart without it."""

import os
from contextlib import suppress
from pathlib import Path

from contracts.codec import decode, encode
from contracts.controls import Controls
from contracts.errors import ContractError


class ControlsFile:
    """The controls in force, and the file that keeps them. Only a higher sequence replaces them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.current = _read(path)

    def accept(self, arrived: Controls) -> bool:
        """Puts newer controls in force, then on disk: a full disk delays no kill. Returns whether they were newer."""
        if arrived.sequence <= self.current.sequence:
            return False
        self.current = arrived
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with draft.open("wb") as file:
            file.write(encode(arrived))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        return True


def _read(path: Path) -> Controls:
    """The kept controls; a damaged file counts as none, and the origin sends them again."""
    with suppress(OSError, ContractError):
        return decode(path.read_bytes(), Controls)
    return Controls()
