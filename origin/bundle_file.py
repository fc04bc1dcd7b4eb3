"""The bundle's file: what it declares for the origin, read at the start and again whenever it is another one.

A file that cannot be used changes nothing: what was declared before holds, and the status says why. A fold that is new
begins with the events that come from then on, as it would after a restart.
"""

from dataclasses import dataclass

from contracts.bundle import read_file
from contracts.errors import ContractError
from origin import folding, publication
from origin.config import Config
from origin.folding import Folding
from origin.publication import Plan

_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Declared:
    """What a bundle says of folds and batch features; `plan` is None where no batch expression was given."""

    revision: str
    folding: Folding
    plan: Plan | None


class BundleFile:
    """The file that the config names, and how it looked when it was last read with success."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._read: _Stamp | None = None

    def read(self) -> Declared:
        """What it declares. Raises `EdgewiseError` or `OSError`. Blocks."""
        bundle_path = self._config.bundle
        if not bundle_path.is_file():
            making = f"`edgewise build FOLDER -o {bundle_path}` makes one"
            raise ContractError(f"there is no bundle file {bundle_path}: {making}", "--bundle")
        stamp = self._stamp()
        bundle = read_file(bundle_path.read_bytes())
        batch, key = self._config.batch, self._config.secrets.pseudonym_key
        plan = None if batch is None else publication.plan_of(bundle, batch, key)
        declared = Declared(bundle.revision, folding.folding_of(bundle), plan)
        self._read = stamp
        return declared

    def changed(self) -> Declared | None:
        """What it declares now; None while it is the file that is in use. Raises as `read` does. Blocks."""
        return None if self._stamp() == self._read else self.read()

    def _stamp(self) -> _Stamp:
        about = self._config.bundle.stat()
        return about.st_ino, about.st_mtime_ns, about.st_size
