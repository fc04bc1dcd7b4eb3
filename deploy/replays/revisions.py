"""Bundles by revision, from files or from a registry folder. A registry's are loaded when they are first asked for."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from contracts.bundle import Bundle, Manifest, check_section, digest, section_file
from contracts.codec import decode
from contracts.errors import ContractError
from deploy.bundle_files import read_bundle
from deploy.outcome import OperationError
from deploy.publish import manifest_file
from engine.load import load
from engine.loaded import LoadedBundle


class Revisions(Mapping[str, Bundle]):
    """Bundles as they were packed: those of some files, and all that a registry has."""

    def __init__(self, files: Sequence[Path], registry: Path | None) -> None:
        if registry is not None and not registry.is_dir():
            raise OperationError(f"{registry} is no registry folder: name the one that was deployed to")
        bundles = [read_bundle(path) for path in files]
        self._bundles = {bundle.revision: bundle for bundle in bundles}
        self._registry = registry

    def __getitem__(self, revision: str) -> Bundle:
        """The bundle of a revision. Raises `KeyError`."""
        if revision not in self._bundles:
            self._bundles[revision] = _fetched(revision, self._manifest(revision))
        return self._bundles[revision]

    def __iter__(self) -> Iterator[str]:
        """Revisions of files, then of the registry."""
        yield from self._bundles
        if self._registry is not None:
            names = (f"sha256:{file.stem}" for file in sorted((self._registry / "manifests").glob("*.msgpack")))
            yield from (name for name in names if name not in self._bundles)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _manifest(self, revision: str) -> Path:
        path = None if self._registry is None else self._registry / manifest_file(revision)
        if path is None or not path.exists():
            raise KeyError(revision)
        return path


class LoadedRevisions(Mapping[str, LoadedBundle]):
    """The same bundles, ready to run."""

    def __init__(self, bundles: Mapping[str, Bundle]) -> None:
        self._bundles = bundles
        self._loaded: dict[str, LoadedBundle] = {}

    def __getitem__(self, revision: str) -> LoadedBundle:
        """The loaded bundle of a revision. Raises `KeyError`."""
        if revision not in self._loaded:
            self._loaded[revision] = load(self._bundles[revision])
        return self._loaded[revision]

    def __contains__(self, revision: object) -> bool:
        return revision in self._bundles

    def __iter__(self) -> Iterator[str]:
        return iter(self._bundles)

    def __len__(self) -> int:
        return len(self._bundles)


def _fetched(revision: str, path: Path) -> Bundle:
    registry, packed = path.parent.parent, path.read_bytes()
    if digest(packed) != revision:
        raise ContractError("its bytes are not those of that revision: deploy it again", str(path))
    manifest = decode(packed, Manifest)
    sections = {
        name: check_section(name, ref, (registry / section_file(ref.digest)).read_bytes())
        for name, ref in manifest.sections.items()
    }
    return Bundle(manifest, sections)
