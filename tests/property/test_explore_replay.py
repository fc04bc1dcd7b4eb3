"""From TOML to replay: a shop that draws by every policy, with shadows and probabilities by feed, decides again.

Records go through bytes, and a bundle read afresh decides them again.
"""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from compiler.build import build
from contracts.bundle import read_file, write_file
from contracts.codec import decode, encode
from contracts.controls import Controls
from contracts.decision import DecisionRequest
from contracts.features import Cursor, FeatureDelta
from contracts.record import RECORD_FORMAT, DecisionRecord, Recording
from deploy.replays.replayer import Verdict, replay, scripted
from engine.capabilities import CAPABILITIES, fingerprint
from engine.decide import decide
from engine.load import LoadedBundle, load
from engine.records import sealed
from engine.snapshot import Snapshot

NOW = 1_767_600_000_000_000
RECORDS = 60


@pytest.fixture(scope="module")
def packed(tea_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tea shop with its hero drawn by a live column, its shelf by softmax, each with a shadow."""
    folder = Path(shutil.copytree(tea_folder, tmp_path_factory.mktemp("explore") / "tea"))
    rewrite(
        folder / "edgewise.toml",
        "weight = { type",
        'chance = { type = "double", live = true, nullable = true }\nweight = { type',
    )
    stories = (folder / "data/stories.csv").read_text().splitlines()
    cells = [stories[0] + ",chance", *(f"{line}," for line in stories[1:])]
    (folder / "data/stories.csv").write_text("\n".join(cells) + "\n")
    rewrite(
        folder / "slots/hero.toml",
        'policy = { name = "epsilon", epsilon = 0.1 }',
        'policy = { name = "table", column = "chance", max_age = "2d", floor = 0.05 }\nshadow = { name = "greedy" }',
    )
    rewrite(
        folder / "slots/for-you.toml",
        'policy = { name = "epsilon", epsilon = 0.05 }',
        'policy = { name = "softmax", temperature = 0.5 }\nshadow = { name = "igw", gamma = 4, floor = 0.01 }',
    )
    return write_file(build(folder).bundle)


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def deltas(loaded: LoadedBundle) -> tuple[FeatureDelta, ...]:
    """Probabilities of all stories but the last, then new ones."""
    ids = loaded.snapshot.tables["stories"].ids
    rounds = [dict.fromkeys(ids[:-1], 0.25), {ids[0]: 0.9, ids[1]: -1.0}]
    told = [(item, value) for values in rounds for item, value in values.items()]
    return tuple(
        FeatureDelta(table="stories", seq=seq, entity=item, as_of=NOW - 9, values={"chance": value})
        for seq, (item, value) in enumerate(told, 1)
    )


def record_of(loaded: LoadedBundle, number: int) -> DecisionRecord:
    feed = deltas(loaded)
    cursor = Cursor(epoch="e", positions={"stories": number % (len(feed) + 1)})
    request = DecisionRequest(
        request_id=f"r{number}",
        now=NOW,
        slots=loaded.pages["home"],
        page="home",
        units={"visitor": f"v{number}", "session": f"s{number}"},
        granted=("personalisation",),
    )
    snapshot = loaded.snapshot.with_deltas(feed[: cursor.positions["stories"]], cursor)
    result = decide(loaded, request, Snapshot(snapshot.tables, {}, cursor), Controls(), scripted(None))
    record = DecisionRecord(
        format_version=RECORD_FORMAT,
        fingerprint=fingerprint(),
        revision=loaded.revision,
        node="test",
        request=request,
        visitor={},
        cursor=cursor,
        controls=Controls(),
        result=result,
        catalog=loaded.catalog_digests,
    )
    return sealed(record)


@pytest.fixture(scope="module")
def records(packed: bytes) -> tuple[DecisionRecord, ...]:
    loaded = load(read_file(packed))
    return tuple(record_of(loaded, number) for number in range(RECORDS))


def replayed(packed: bytes, records: tuple[DecisionRecord, ...], feed: tuple[FeatureDelta, ...]) -> list[Verdict]:
    loaded = load(read_file(packed))
    part = decode(encode(Recording(records=records, deltas=feed, epoch="e")), Recording)
    return list(replay([part], {loaded.revision: loaded}))


def test_the_manifest_asks_for_the_policies_of_slots_shadows_and_arms(packed: bytes) -> None:
    needed = {name for name in read_file(packed).manifest.capabilities if name.startswith("policy/")}
    assert needed == {"policy/table", "policy/softmax", "policy/igw", "policy/greedy", "policy/epsilon"}
    assert needed <= CAPABILITIES


def test_what_is_recorded_is_drawn_stated_and_shadowed(records: tuple[DecisionRecord, ...]) -> None:
    for record in records:
        for decision, trace in zip(record.result.decisions[:2], record.result.traces[:2], strict=True):
            if decision.tier == "plain":  # a holdout
                continue
            assert trace.shadow is not None
            assert len(trace.shadow.answer) == len(decision.answer)
            assert [draw.item for draw in trace.draws] == list(decision.answer)
            numbers = [(draw.u, shadow.u) for draw, shadow in zip(trace.draws, trace.shadow.draws, strict=True)]
            assert all(u == other for u, other in numbers if u is not None and other is not None)
            assert 0 < (decision.propensity or 0) <= 1
            assert trace.shadow.of_served is not None


def test_records_replay_to_the_byte(packed: bytes, records: tuple[DecisionRecord, ...]) -> None:
    verdicts = replayed(packed, records, deltas(load(read_file(packed))))
    assert {verdict.outcome for verdict in verdicts} == {"identical"}


def test_probabilities_that_were_not_recorded_are_missed(packed: bytes, records: tuple[DecisionRecord, ...]) -> None:
    verdicts = replayed(packed, records, deltas(load(read_file(packed)))[:1])
    assert {verdict.outcome for verdict in verdicts} == {"identical", "not replayable"}


def test_another_seed_is_another_answer(packed: bytes, records: tuple[DecisionRecord, ...]) -> None:
    units = {"visitor": "v", "session": "s"}
    others = tuple(sealed(replace(record, request=replace(record.request, units=units))) for record in records)
    assert "different" in {verdict.outcome for verdict in replayed(packed, others, deltas(load(read_file(packed))))}
