"""Bundles: a manifest plus content-addressed sections, and their form as one file.

Written by `compiler.pack`, moved by `deploy`, read by `engine.load`. A bundle's revision is the digest of its
manifest's canonical bytes. Sections:

    schema  catalog  rules  slots  experiments  fallbacks  models  certificates     one contract each
    column/<table>/<column>                                                         ColumnData
    model/<name>                                                                    ONNX bytes
"""

import hashlib
import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TypeVar

from contracts.codec import Contract, decode, encode
from contracts.errors import ContractError, TooLargeError

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.msgpack"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_BUNDLE_BYTES = 512 * 1024 * 1024
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_ZIP_ERRORS = (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, struct.error, zlib.error)
T = TypeVar("T")


class SectionRef(Contract, frozen=True):
    """A section's digest (`sha256:<hex>`) and size in bytes."""

    digest: str
    size: int


class Manifest(Contract, frozen=True):
    """What a bundle consists of and what it needs of an engine. `max_staleness_s` bounds the age of feed answers."""

    format_version: int
    name: str
    capabilities: tuple[str, ...]
    sections: dict[str, SectionRef]
    max_staleness_s: int | None = None


class InputSpec(Contract, frozen=True):
    """One model input: the rule that computes it, and what an erroring read becomes: `nan`, `refuse`, or a number."""

    name: str
    rule: str
    missing: str | float = "nan"


class ModelSpec(Contract, frozen=True):
    """A model: its inputs in matrix order, and whether its graph gives a raw `margin` or a `probability`.

    `calibration` are points (output of the graph, calibrated probability): the score is read off the line through
    them, and stays level beyond the first and the last.
    """

    name: str
    scorer: str
    inputs: tuple[InputSpec, ...]
    output: str
    calibration: tuple[tuple[float, float], ...] = ()


class ModelSet(Contract, frozen=True):
    """All models of a bundle; the graph of each stands in section `model/<name>`."""

    models: tuple[ModelSpec, ...]


class ParityCertificate(Contract, frozen=True):
    """Model parity: native against ONNX at `points` rows round every split; the bound that all of them kept."""

    model: str
    source_digest: str
    points: int
    bound: float
    verdict: str


class Certificates(Contract, frozen=True):
    """What was verified at build. Verdicts and bounds only; measurements go to the build report."""

    parity: tuple[ParityCertificate, ...]


@dataclass(frozen=True)
class Bundle:
    """A manifest with the bytes of its sections, by section name. Digests were checked by whoever built it."""

    manifest: Manifest
    sections: dict[str, bytes]

    @property
    def revision(self) -> str:
        """The name of these contents: `sha256:` and the digest of the manifest."""
        return digest(encode(self.manifest))

    def read(self, section: str, kind: type[T]) -> T:
        """The section as its contract. Raises `ContractError` naming the section."""
        data = self.sections.get(section)
        if data is None:
            raise ContractError("the bundle lacks this section", section)
        try:
            return decode(data, kind)
        except ContractError as error:
            raise ContractError(error.message, f"{section}:{error.path}") from None


def digest(data: bytes) -> str:
    """The content address of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def section_file(section_digest: str) -> str:
    """Where a section lies, in a bundle file as in a registry folder."""
    return "sections/" + section_digest.removeprefix("sha256:")


def check_section(name: str, ref: SectionRef, data: bytes) -> bytes:
    """The bytes, if they are what the manifest says. Raises `ContractError` naming the section."""
    if len(data) != ref.size or digest(data) != ref.digest:
        raise ContractError("its bytes are not those that the manifest names", name)
    return data


def write_file(bundle: Bundle) -> bytes:
    """The bundle as one stored zip with fixed timestamps: the same contents give the same bytes."""
    files = {MANIFEST_FILE: encode(bundle.manifest)}
    for name, ref in sorted(bundle.manifest.sections.items()):
        files[section_file(ref.digest)] = bundle.sections[name]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, _ZIP_TIME), data)
    return buffer.getvalue()


def read_file(data: bytes) -> Bundle:
    """A bundle from the bytes of its file, every digest checked. Raises `ContractError`."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise TooLargeError(f"{len(data)} bytes, at most {MAX_BUNDLE_BYTES} are accepted")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            manifest = decode(_member(archive, MANIFEST_FILE), Manifest, max_bytes=MAX_MANIFEST_BYTES)
            sections = {
                name: check_section(name, ref, _member(archive, section_file(ref.digest)))
                for name, ref in manifest.sections.items()
            }
    except _ZIP_ERRORS as error:
        raise ContractError(f"not a bundle file: {error}") from None
    bundle = Bundle(manifest, sections)
    if write_file(bundle) != data:
        raise ContractError("not a bundle file as `edgewise build` writes it: fetch or build it again")
    return bundle


def _member(archive: zipfile.ZipFile, path: str) -> bytes:
    try:
        info = archive.getinfo(path)
    except KeyError:
        raise ContractError("the bundle file lacks this member", path) from None
    if info.compress_type != zipfile.ZIP_STORED:
        raise ContractError("members of a bundle file are stored, not compressed", path)
    return archive.read(info)
