"""Recordings on disk: a line that says what the file is, then frames, each with its length and its SHA-256.

A frame holds deltas or records of one part, packed and compressed; visitors' values that repeat within it stand there
once. The last frame counts the others. So a file of any length is written and read part by part, and no byte of it can
change, and no frame be lost, without notice: that is a `ContractError` with the frame's number.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from msgspec.structs import replace

from contracts.codec import Contract, pack, unpack
from contracts.errors import ContractError
from contracts.features import FeatureDelta, FeatureValue
from contracts.record import DecisionRecord, Recording
from deploy.outcome import OperationError

MAGIC = b"edgewise recording 1\n"
MAX_FRAME_BYTES = 256 * 1024 * 1024
_HEAD = struct.Struct(">cII32s")
DELTAS, RECORDS = b"D", b"R"
_END = b"E"
_LEVEL = 1


class PackedPart(Contract, frozen=True):
    """A part as frames hold it: records without visitor values, and which of `visitors` each one has."""

    epoch: str = ""
    deltas: tuple[FeatureDelta, ...] = ()
    records: tuple[DecisionRecord, ...] = ()
    visitors: tuple[dict[str, FeatureValue], ...] = ()
    visitor_of: tuple[int, ...] = ()


class Frame(NamedTuple):
    """What stands in the file: `DELTAS` or `RECORDS`, how many, and the bytes of them."""

    kind: bytes
    entries: int
    body: bytes

    def part(self) -> Recording:
        """The part that it holds."""
        try:
            packed = unpack(zlib.decompress(self.body), PackedPart)
        except zlib.error as error:
            raise ContractError(f"not compressed: {error}") from None
        records = map(_with_visitor(packed.visitors), packed.records, packed.visitor_of)
        return Recording(records=tuple(records), deltas=packed.deltas, epoch=packed.epoch)


def write_recording(path: Path, parts: Iterable[Recording]) -> int:
    """Writes a recording. Returns the number of its records; a file that was not finished cannot be read."""
    frames = records = 0
    with path.open("wb") as out:
        out.write(MAGIC)
        for part in parts:
            for frame in _frames_of(part):
                _write_frame(out, frame)
                frames += 1
            records += len(part.records)
        _write_frame(out, Frame(_END, frames, b""))
    return records


def read_recording(path: Path) -> Iterator[Recording]:
    """The parts of a recording, in order. Raises `ContractError` naming the frame at fault."""
    return (frame.part() for frame in read_frames(path))


def read_frames(path: Path) -> Iterator[Frame]:
    """The frames, in order, checked but not unpacked. Raises `ContractError` naming the one at fault."""
    if not path.is_file():
        raise OperationError(
            f"there is no recording {path}: `edgewise replay ORIGIN --save {path}` makes one; an origin's address"
            " begins with http://"
        )
    with path.open("rb") as source:
        if source.read(len(MAGIC)) != MAGIC:
            raise ContractError(f"{path} is no recording: make one with `edgewise replay ORIGIN --save FILE`")
        number, frame = 0, _frame(source, 1)
        while frame.kind in (DELTAS, RECORDS):
            yield frame
            number += 1
            frame = _frame(source, number + 1)
        if frame.kind != _END or frame.entries != number or source.read(1):
            raise _damaged(number + 1, "does not end as it says")


def _frames_of(part: Recording) -> Iterator[Frame]:
    if part.deltas:
        yield _packed(DELTAS, len(part.deltas), PackedPart(epoch=part.epoch, deltas=part.deltas))
    if part.records:
        yield _packed(RECORDS, len(part.records), _without_repeats(part.records))


def _without_repeats(records: tuple[DecisionRecord, ...]) -> PackedPart:
    """The records, each visitor's values but once: who puts ten items into the cart is asked for ten times."""
    visitors: dict[bytes, dict[str, FeatureValue]] = {}
    keys = [hashlib.sha256(pack(record.visitor)).digest() for record in records]
    for key, record in zip(keys, records, strict=True):
        visitors.setdefault(key, record.visitor)
    numbers = {key: number for number, key in enumerate(visitors)}
    return PackedPart(
        records=tuple(replace(record, visitor={}) for record in records),
        visitors=tuple(visitors.values()),
        visitor_of=tuple(numbers[key] for key in keys),
    )


def _with_visitor(visitors: Sequence[dict[str, FeatureValue]]) -> Callable[[DecisionRecord, int], DecisionRecord]:
    return lambda record, number: replace(record, visitor=visitors[number])


def _packed(kind: bytes, entries: int, part: PackedPart) -> Frame:
    return Frame(kind, entries, zlib.compress(pack(part), _LEVEL))


def _write_frame(out: BinaryIO, frame: Frame) -> None:
    out.write(_HEAD.pack(frame.kind, frame.entries, len(frame.body), _digest(frame)))
    out.write(frame.body)


def _frame(source: BinaryIO, number: int) -> Frame:
    head = source.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise _damaged(number, "is cut off")
    kind, entries, size, digest = _HEAD.unpack(head)
    if size > MAX_FRAME_BYTES:
        raise _damaged(number, "claims to be larger than frames are")
    frame = Frame(kind, entries, source.read(size))
    if len(frame.body) != size or _digest(frame) != digest:
        raise _damaged(number, "was altered or cut off: its bytes do not have their digest")
    return frame


def _digest(frame: Frame) -> bytes:
    return hashlib.sha256(b"%s%d %s" % frame).digest()


def _damaged(number: int, what: str) -> ContractError:
    return ContractError(f"the recording is damaged: frame {number} {what}. Make it again")
