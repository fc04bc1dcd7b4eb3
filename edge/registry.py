"""Reads releases and bundles from a registry folder, and keeps what it verified, so that a node starts offline.

Every byte is checked against the digest that names it before anybody sees it. Nothing is trusted because of where it
lies, the node's own copies included. A TUF client will stand behind the same three calls.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contracts.bundle import (
    MAX_BUNDLE_BYTES,
    MAX_MANIFEST_BYTES,
    Bundle,
    Manifest,
    SectionRef,
    check_section,
    digest,
    section_file,
)
from contracts.codec import decode, encode
from contracts.errors import ContractError, EdgewiseError
from contracts.release import Release

RELEASE_FILE = "release.msgpack"
_MAX_RELEASE_BYTES = 64 * 1024
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class RegistryError(EdgewiseError):
    """The registry cannot be read now; it may be later."""


@dataclass(frozen=True)
class Registry:
    """A registry folder, and the folder `kept` of this node with what it verified."""

    folder: Path
    kept: Path

    def latest(self) -> Release | None:
        """The release to run, None when none was published. Raises `ContractError` when it is malformed."""
        return _release(self.folder)

    def last_good(self) -> Release | None:
        """The release that was live last on this node."""
        return _release(self.kept)

    def fetch(self, revision: str) -> Bundle:
        """The bundle, every digest checked, from this node's copies or the registry.

        Raises `ContractError` when bytes are not those that were named, `RegistryError` when they cannot be read.
        """
        data = self._verified(_manifest_file(revision), MAX_MANIFEST_BYTES, _check_manifest(revision))
        manifest = decode(data, Manifest, max_bytes=MAX_MANIFEST_BYTES)
        if sum(ref.size for ref in manifest.sections.values()) > MAX_BUNDLE_BYTES:
            raise ContractError(f"its sections are over {MAX_BUNDLE_BYTES} bytes", revision)
        return Bundle(manifest, {name: self._section(name, ref) for name, ref in manifest.sections.items()})

    def keep(self, release: Release) -> None:
        """Makes this release the one to start from, and removes copies that it does not name."""
        _write(self.kept / RELEASE_FILE, encode(release))
        manifest_file = _manifest_file(release.revision)
        manifest = decode((self.kept / manifest_file).read_bytes(), Manifest)
        wanted = {manifest_file, *(section_file(ref.digest) for ref in manifest.sections.values())}
        for folder in ("manifests", "sections"):
            for path in (self.kept / folder).iterdir():
                if f"{folder}/{path.name}" not in wanted:
                    path.unlink(missing_ok=True)

    def _section(self, name: str, ref: SectionRef) -> bytes:
        _check_digest(ref.digest)
        return self._verified(section_file(ref.digest), ref.size, lambda data: check_section(name, ref, data))

    def _verified(self, file: str, max_bytes: int, check: Callable[[bytes], bytes]) -> bytes:
        with suppress(OSError, ContractError):
            return check(_read(self.kept / file, max_bytes))
        try:
            data = check(_read(self.folder / file, max_bytes))
        except FileNotFoundError:
            raise RegistryError(f"the registry lacks {file}: publish the bundle again") from None
        except OSError as error:
            raise RegistryError(f"the registry's {file} cannot be read: {error.strerror}") from None
        _write(self.kept / file, data)
        return data


def _release(folder: Path) -> Release | None:
    try:
        data = _read(folder / RELEASE_FILE, _MAX_RELEASE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistryError(f"the release in {folder} cannot be read: {error.strerror}") from None
    release = decode(data, Release)
    _check_digest(release.revision)
    return release


def _check_manifest(revision: str) -> Callable[[bytes], bytes]:
    def check(data: bytes) -> bytes:
        if digest(data) != revision:
            raise ContractError("its bytes are not those that the release names", "manifest")
        return data

    return check


def _manifest_file(revision: str) -> str:
    _check_digest(revision)
    return f"manifests/{revision.removeprefix('sha256:')}.msgpack"


def _check_digest(text: str) -> None:
    if not _DIGEST.fullmatch(text):
        raise ContractError(f"not a digest: {text[:80]!r}")


def _read(path: Path, max_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


def _write(path: Path, data: bytes) -> None:
    """Replaces a file whole: a crash leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(path)
