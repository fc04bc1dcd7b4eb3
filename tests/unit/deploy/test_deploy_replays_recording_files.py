"""A recording file gives back what was written, and no byte of it can change without notice."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from records import DELTAS, record_of

from contracts.bundle import Bundle
from contracts.errors import ContractError
from contracts.record import Recording
from deploy.replays.recording_files import DELTAS as DELTA_FRAME
from deploy.replays.recording_files import MAGIC, RECORDS, Frame, read_frames, read_recording, write_recording
from engine.load import load


@pytest.fixture(scope="module")
def parts(tea_bundle: Bundle) -> list[Recording]:
    loaded = load(tea_bundle)
    made = [record_of(loaded, number) for number in range(3)]
    first = Recording(records=(made[0], replace(made[1], visitor={})), deltas=DELTAS, epoch="e")
    return [first, Recording(records=(made[2],))]


@pytest.fixture(scope="module")
def written(parts: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("recording") / "file"
    assert write_recording(path, parts) == 3
    return path.read_bytes()


def read(path: Path, data: bytes) -> list[Recording]:
    path.write_bytes(data)
    return list(read_recording(path))


def frames(path: Path, data: bytes) -> list[Frame]:
    path.write_bytes(data)
    return list(read_frames(path))


def test_what_was_written_is_read(tmp_path: Path, parts: list[Recording], written: bytes) -> None:
    found = read(tmp_path / "file", written)
    assert [record for part in found for record in part.records] == [r for part in parts for r in part.records]
    assert [delta for part in found for delta in part.deltas] == list(DELTAS)
    assert [part.epoch for part in found] == ["e", "", ""]


def test_frames_tell_what_they_hold_before_they_are_unpacked(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "file").write_bytes(written)
    told = [(frame.kind, frame.entries) for frame in read_frames(tmp_path / "file")]
    assert told == [(DELTA_FRAME, 2), (RECORDS, 2), (RECORDS, 1)]


def test_a_visitor_who_asks_often_stands_there_once(tmp_path: Path, tea_bundle: Bundle) -> None:
    record = record_of(load(tea_bundle), 1)
    large = {f"feature-{n}": replace(record.visitor["orders"], as_of=n * 7919) for n in range(2000)}
    sizes = []
    for times in (1, 20):
        write_recording(tmp_path / "file", [Recording(records=(replace(record, visitor=large),) * times)])
        sizes.append((tmp_path / "file").stat().st_size)
    assert sizes[1] < sizes[0] + 20_000
    assert [r.visitor for part in read_recording(tmp_path / "file") for r in part.records] == [large] * 20


def test_every_flipped_byte_is_found(tmp_path: Path, tea_bundle: Bundle) -> None:
    small = record_of(load(tea_bundle), 1, page=None, slots=("delivery",))
    write_recording(tmp_path / "file", [Recording(records=(small,), deltas=DELTAS, epoch="e")])
    written = (tmp_path / "file").read_bytes()
    for at in range(len(written)):
        damaged = bytearray(written)
        damaged[at] ^= 1 << (at % 8)
        with pytest.raises(ContractError):
            frames(tmp_path / "file", bytes(damaged))


def test_a_file_cut_off_or_grown_is_found(tmp_path: Path, written: bytes) -> None:
    for size in range(0, len(written), 13):
        with pytest.raises(ContractError):
            read(tmp_path / "file", written[:size])
    with pytest.raises(ContractError):
        read(tmp_path / "file", written + b"\0")


def test_a_lost_or_doubled_frame_is_found(tmp_path: Path, parts: list[Recording], written: bytes) -> None:
    alone = tmp_path / "alone"
    write_recording(alone, parts[1:])
    frame = alone.read_bytes()[len(MAGIC) : -41]
    assert written.count(frame) == 1
    for damaged in (written.replace(frame, b""), written.replace(frame, frame * 2)):
        with pytest.raises(ContractError, match="does not end as it says"):
            read(tmp_path / "file", damaged)


def test_another_file_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="is no recording: make one with"):
        read(tmp_path / "file", b"PK\x03\x04")
