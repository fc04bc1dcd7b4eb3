"""Reads a bundle file that somebody named. What is wrong with the name or the file says how to get one."""

from pathlib import Path

from contracts.bundle import Bundle, read_file
from contracts.errors import ContractError
from deploy.outcome import OperationError


def read_bundle(path: Path) -> Bundle:
    """The bundle of a file, every digest checked. Raises `OperationError` where there is no file, `ContractError`."""
    if path.is_dir():
        raise OperationError(f"{path} is a folder: `edgewise build {path}` makes a bundle file of a bundle's sources")
    if not path.exists():
        raise OperationError(f"there is no bundle file {path}: `edgewise build FOLDER -o {path}` makes one")
    try:
        return read_file(path.read_bytes())
    except ContractError as error:
        raise ContractError(f"{path}: {error}; `edgewise build FOLDER -o {path}` makes one") from None
