from pathlib import Path

import pytest
from msgspec.structs import replace

from contracts.bundle import Bundle, Manifest, SectionRef, digest, section_file
from contracts.codec import encode
from contracts.errors import ContractError
from contracts.release import Release
from deploy.publish import publish
from edge.registry import Registry, RegistryError


def bundle(**sections: bytes) -> Bundle:
    refs = {name: SectionRef(digest=digest(data), size=len(data)) for name, data in sections.items()}
    return Bundle(Manifest(format_version=1, name="x", capabilities=(), sections=refs), sections)


SMALL = bundle(schema=b"schema", rules=b"rules")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry", tmp_path / "kept")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_was_published_is_read(registry: Registry) -> None:
    assert registry.latest() is None
    release = publish(SMALL, registry.folder, note="n", now=5)
    assert registry.latest() == release
    assert registry.fetch(SMALL.revision) == SMALL


def test_kept_copies_do_without_the_registry_and_others_go(registry: Registry) -> None:
    old, new = SMALL, bundle(schema=b"schema", rules=b"newer rules")
    for each in (old, new):
        release = publish(each, registry.folder, note="n", now=5)
        registry.fetch(each.revision)
        registry.keep(release)
    offline = Registry(registry.folder / "gone", registry.kept)
    assert offline.last_good() == release
    assert offline.fetch(new.revision) == new
    assert len(files(registry.kept)) == 4
    with pytest.raises(RegistryError, match=r"lacks manifests/.*: publish the bundle again"):
        offline.fetch(old.revision)


def test_a_copy_that_rotted_is_read_anew(registry: Registry) -> None:
    publish(SMALL, registry.folder, note="n", now=5)
    registry.fetch(SMALL.revision)
    for path in registry.kept.rglob("*"):
        if path.is_file():
            path.write_bytes(b"rot")
    assert registry.fetch(SMALL.revision) == SMALL


@pytest.mark.parametrize("data", [b"", b"schemas", b"schem", b"Schema"])
def test_an_altered_section_is_refused_by_name(registry: Registry, data: bytes) -> None:
    publish(SMALL, registry.folder, note="n", now=5)
    (registry.folder / section_file(digest(b"schema"))).write_bytes(data)
    with pytest.raises(ContractError, match="its bytes are not those that the manifest names - at schema"):
        registry.fetch(SMALL.revision)


def test_an_altered_manifest_is_refused(registry: Registry) -> None:
    publish(SMALL, registry.folder, note="n", now=5)
    (path,) = (registry.folder / "manifests").iterdir()
    path.write_bytes(encode(replace(SMALL.manifest, name="y")))
    with pytest.raises(ContractError, match="its bytes are not those that the release names - at manifest"):
        registry.fetch(SMALL.revision)


@pytest.mark.parametrize("name", ["sha256:../../etc/passwd", "sha256:ABC", "", "md5:" + "0" * 64])
def test_no_name_leads_out_of_the_folder(registry: Registry, name: str) -> None:
    with pytest.raises(ContractError, match="not a digest"):
        registry.fetch(name)
    evil = Manifest(format_version=1, name="x", capabilities=(), sections={"schema": SectionRef(digest=name, size=1)})
    revision = Bundle(evil, {}).revision
    path = registry.folder / "manifests" / (revision.removeprefix("sha256:") + ".msgpack")
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(evil))
    with pytest.raises(ContractError, match="not a digest"):
        registry.fetch(revision)


def test_a_bundle_that_claims_too_much_is_not_read(registry: Registry) -> None:
    huge = Manifest(
        format_version=1,
        name="x",
        capabilities=(),
        sections={"schema": SectionRef(digest=digest(b""), size=2**40)},
    )
    revision = Bundle(huge, {}).revision
    path = registry.folder / "manifests" / (revision.removeprefix("sha256:") + ".msgpack")
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(huge))
    with pytest.raises(ContractError, match="its sections are over"):
        registry.fetch(revision)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x80", encode({"sequence": "1", "revision": "x", "created_at": 0})])
def test_a_malformed_release_is_refused(registry: Registry, data: bytes) -> None:
    registry.folder.mkdir()
    (registry.folder / "release.msgpack").write_bytes(data)
    with pytest.raises(ContractError):
        registry.latest()


def test_a_release_names_a_digest(registry: Registry) -> None:
    registry.folder.mkdir()
    release = Release(sequence=1, revision="latest", created_at=0)
    (registry.folder / "release.msgpack").write_bytes(encode(release))
    with pytest.raises(ContractError, match="not a digest: 'latest'"):
        registry.latest()


def test_a_release_that_cannot_be_read_may_be_later(registry: Registry) -> None:
    (registry.folder / "release.msgpack").mkdir(parents=True)
    with pytest.raises(RegistryError, match="cannot be read"):
        registry.latest()
