import io
import zipfile

import pytest

from contracts import bundle
from contracts.bundle import Bundle, Manifest, SectionRef
from contracts.codec import encode
from contracts.controls import Controls
from contracts.errors import ContractError, TooLargeError


def sample() -> Bundle:
    sections = {"rules": encode({"a": 1}), "schema": encode(Controls(sequence=3))}
    refs = {name: SectionRef(digest=bundle.digest(data), size=len(data)) for name, data in sections.items()}
    return Bundle(Manifest(format_version=1, name="sample", capabilities=(), sections=refs), sections)


def test_a_bundle_file_round_trips() -> None:
    original = sample()
    again = bundle.read_file(bundle.write_file(original))
    assert again == original
    assert again.revision == original.revision
    assert again.revision.startswith("sha256:")


def test_the_same_contents_give_the_same_bytes() -> None:
    one = sample()
    other = Bundle(one.manifest, dict(reversed(one.sections.items())))
    assert bundle.write_file(one) == bundle.write_file(other)


def test_a_section_is_read_as_its_contract() -> None:
    assert sample().read("schema", Controls) == Controls(sequence=3)


def test_reading_says_which_section_is_wrong() -> None:
    with pytest.raises(ContractError, match="lacks this section - at models"):
        sample().read("models", Controls)
    with pytest.raises(ContractError, match=r"unknown field `a` - at rules:\$"):
        sample().read("rules", Controls)


def test_a_flipped_byte_is_noticed_everywhere() -> None:
    data = bytearray(bundle.write_file(sample()))
    for place in range(0, len(data), 7):
        altered = bytes(data[:place]) + bytes([data[place] ^ 0x01]) + bytes(data[place + 1 :])
        with pytest.raises(ContractError):
            bundle.read_file(altered)


def test_truncated_files_are_refused() -> None:
    data = bundle.write_file(sample())
    for size in range(0, len(data), 11):
        with pytest.raises(ContractError):
            bundle.read_file(data[:size])


def rewritten(change: dict[str, bytes | None], method: int = zipfile.ZIP_STORED) -> bytes:
    source = zipfile.ZipFile(io.BytesIO(bundle.write_file(sample())))
    files: dict[str, bytes | None] = {name: source.read(name) for name in source.namelist()} | change
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            if data is not None:
                archive.writestr(name, data)
    return buffer.getvalue()


def test_a_section_with_other_bytes_is_refused() -> None:
    member = bundle.section_file(sample().manifest.sections["rules"].digest)
    with pytest.raises(ContractError, match="not those that the manifest names - at rules"):
        bundle.read_file(rewritten({member: encode({"a": 2})}))
    with pytest.raises(ContractError, match="lacks this member"):
        bundle.read_file(rewritten({member: None}))


def test_compressed_members_are_refused() -> None:
    with pytest.raises(ContractError, match="stored, not compressed"):
        bundle.read_file(rewritten({}, zipfile.ZIP_DEFLATED))


def test_oversized_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_BUNDLE_BYTES", 10)
    with pytest.raises(TooLargeError):
        bundle.read_file(b"x" * 11)
