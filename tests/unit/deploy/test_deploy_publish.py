from pathlib import Path

import pytest

from contracts.bundle import Bundle, Manifest, SectionRef, digest
from contracts.codec import decode, encode
from contracts.errors import ContractError
from deploy.publish import RELEASE_FILE, current, manifest_file, publish


def bundle_of(text: str) -> Bundle:
    sections = {"rules": encode({"text": text}), "shared": encode("the same in both")}
    refs = {name: SectionRef(digest=digest(data), size=len(data)) for name, data in sections.items()}
    return Bundle(Manifest(format_version=1, name="sample", capabilities=(), sections=refs), sections)


def files(registry: Path) -> set[str]:
    return {str(path.relative_to(registry)) for path in registry.rglob("*") if path.is_file()}


def test_publishing_writes_each_section_once_and_the_release_last(tmp_path: Path) -> None:
    first, second = bundle_of("one"), bundle_of("two")
    assert current(tmp_path) is None
    publish(first, tmp_path, note="first", now=1)
    release = publish(second, tmp_path, note="second", now=2)
    assert (release.sequence, release.revision, release.note) == (2, second.revision, "second")
    assert current(tmp_path) == release
    manifests = {manifest_file(first.revision), manifest_file(second.revision)}
    assert {name for name in files(tmp_path) if name.startswith("manifests/")} == manifests
    assert len([name for name in files(tmp_path) if name.startswith("sections/")]) == 3
    assert not [name for name in files(tmp_path) if name.endswith(".new")]
    assert decode((tmp_path / manifest_file(first.revision)).read_bytes(), Manifest) == first.manifest


def test_a_rollback_is_a_new_release_of_an_old_revision(tmp_path: Path) -> None:
    first, second = bundle_of("one"), bundle_of("two")
    publish(first, tmp_path, note="", now=1)
    publish(second, tmp_path, note="", now=2)
    release = publish(first, tmp_path, note="roll back", now=3)
    assert (release.sequence, release.revision) == (3, first.revision)


def test_a_damaged_section_is_written_again(tmp_path: Path) -> None:
    bundle = bundle_of("one")
    publish(bundle, tmp_path, note="", now=1)
    for path in (tmp_path / "sections").iterdir():
        path.write_bytes(b"damaged")
    publish(bundle, tmp_path, note="", now=2)
    assert {digest(path.read_bytes()) for path in (tmp_path / "sections").iterdir()} == {
        ref.digest for ref in bundle.manifest.sections.values()
    }


def test_a_damaged_release_says_so(tmp_path: Path) -> None:
    (tmp_path / RELEASE_FILE).write_bytes(b"\xc1")
    with pytest.raises(ContractError, match="not msgpack"):
        current(tmp_path)
