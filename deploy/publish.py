"""Writes a registry folder: sections and manifests by digest, and the release that names the one to run.

Files are replaced, never edited, and the release comes last: a reader sees the old state or the new one. A rollback
is a new release of an old revision. Signing arrives with the TUF repository; `edge.registry` checks digests.
"""

from pathlib import Path

from contracts.bundle import MANIFEST_FILE, Bundle, digest, section_file
from contracts.codec import decode, encode
from contracts.release import Release

RELEASE_FILE = "release.msgpack"


def publish(bundle: Bundle, registry: Path, *, note: str, now: int) -> Release:
    """Adds the bundle and names it in a new release. `now` is microseconds."""
    for name, ref in bundle.manifest.sections.items():
        _write_once(registry / section_file(ref.digest), bundle.sections[name])
    _write_once(registry / manifest_file(bundle.revision), encode(bundle.manifest))
    previous = current(registry)
    sequence = previous.sequence + 1 if previous else 1
    release = Release(sequence=sequence, revision=bundle.revision, created_at=now, note=note)
    _replace(registry / RELEASE_FILE, encode(release))
    return release


def current(registry: Path) -> Release | None:
    """The release in force, None in a new registry."""
    path = registry / RELEASE_FILE
    return decode(path.read_bytes(), Release) if path.exists() else None


def manifest_file(revision: str) -> str:
    """Where the manifest of a revision lies."""
    return f"manifests/{revision.removeprefix('sha256:')}{Path(MANIFEST_FILE).suffix}"


def _write_once(path: Path, data: bytes) -> None:
    if not path.exists() or digest(path.read_bytes()) != digest(data):
        _replace(path, data)


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    scratch.write_bytes(data)
    scratch.replace(path)
