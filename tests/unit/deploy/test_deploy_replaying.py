"""A record decides again to the byte; whatever was altered, masked or is missing is reported as such."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from contracts.bundle import Bundle, write_file
from contracts.codec import encode
from contracts.controls import Controls
from contracts.decision import DecisionRequest, Stage, TimeOut
from contracts.features import Cursor, FeatureDelta, FeatureValue
from contracts.record import RECORD_FORMAT, DecisionRecord, Recording
from deploy.cli import main
from deploy.publish import publish
from deploy.replaying import replay, scripted
from engine.capabilities import fingerprint
from engine.decide import decide
from engine.hashing import content_digest
from engine.load import LoadedBundle, load
from engine.snapshot import Snapshot

NOW = 1_767_600_000_000_000
VISITOR = {
    "affinity": FeatureValue(value={"green": 0.7}, as_of=NOW - 5),
    "orders": FeatureValue(value=3, as_of=NOW - 5),
}
DELTAS = (
    FeatureDelta(table="teas", seq=1, entity="t-03", as_of=NOW - 9, values={"price": 999}),
    FeatureDelta(table="teas", seq=2, entity="t-15", as_of=NOW - 9, values={"stock": 0}),
)


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


def record_of(
    loaded: LoadedBundle, number: int, *, seq: int = 2, timed_out_at: TimeOut | None = None
) -> DecisionRecord:
    cursor = Cursor(epoch="e", positions={"teas": seq, "visitor": number})
    request = DecisionRequest(
        request_id=f"r{number}",
        now=NOW,
        slots=loaded.pages["home"],
        page="home",
        units={"visitor": f"v{number}", "session": f"s{number}"},
        granted=("personalisation",),
    )
    catalog = loaded.snapshot.with_deltas(DELTAS[:seq], cursor)
    snapshot = Snapshot(catalog.tables, {f"v{number}": VISITOR}, cursor)
    result = decide(loaded, request, snapshot, Controls(), scripted(timed_out_at))
    return DecisionRecord(
        format_version=RECORD_FORMAT,
        fingerprint=fingerprint(),
        revision=loaded.revision,
        node="test",
        request=request,
        visitor=VISITOR,
        cursor=cursor,
        controls=Controls(),
        result=result,
        result_digest=content_digest(encode(result)),
    )


def outcomes(loaded: LoadedBundle, *records: DecisionRecord) -> list[tuple[str, str]]:
    verdicts = replay(Recording(records=records, deltas=DELTAS), {loaded.revision: loaded})
    return [(verdict.outcome, verdict.detail) for verdict in verdicts]


def test_records_replay_identically_at_any_cursor(loaded: LoadedBundle) -> None:
    records = [record_of(loaded, number, seq=seq) for number, seq in enumerate([2, 0, 1, 2, 1])]
    assert outcomes(loaded, *records) == [("identical", "")] * 5


def test_a_time_out_replays_at_its_check(loaded: LoadedBundle) -> None:
    at = TimeOut(slot="for-you", stage=Stage.SCORE)
    record = record_of(loaded, 1, timed_out_at=at)
    assert record.result.timed_out_at == at
    assert outcomes(loaded, record) == [("identical", "")]


def test_other_inputs_give_other_results(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1)
    other_visitor = replace(record, visitor={})
    other_seed = replace(record, request=replace(record.request, units={"visitor": "v9", "session": "s9"}))
    found = outcomes(loaded, other_visitor, other_seed)
    assert [outcome for outcome, _ in found] == ["different", "different"]


def test_a_missing_delta_is_noticed(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1)
    verdicts = replay(Recording(records=(record,), deltas=DELTAS[:1]), {loaded.revision: loaded})
    assert verdicts[0].outcome == "different"


def test_an_altered_result_is_not_replayed(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1)
    altered = replace(record, result=replace(record.result, assignments={"explore-more": "control", "x": "y"}))
    assert outcomes(loaded, altered) == [
        ("not replayable", "the record was altered: its result does not have its digest")
    ]


def test_masked_records_and_unknown_bundles_say_so(loaded: LoadedBundle) -> None:
    masked = replace(record_of(loaded, 1), masked=("visitor.affinity",))
    unknown = replace(record_of(loaded, 2), revision="sha256:0")
    assert outcomes(loaded, masked, unknown) == [
        ("not replayable", "masked: visitor.affinity"),
        ("not replayable", "made by sha256:0, which was not given"),
    ]


def test_another_engine_is_named(loaded: LoadedBundle) -> None:
    record = replace(record_of(loaded, 1), fingerprint={"numpy": "1.0"}, visitor={})
    [(outcome, detail)] = outcomes(loaded, record)
    assert outcome == "different"
    assert "another engine: numpy 1.0" in detail


def test_the_command_replays_a_file(
    loaded: LoadedBundle, tea_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = record_of(loaded, 1), replace(record_of(loaded, 2), visitor={})
    (tmp_path / "bundle.zip").write_bytes(write_file(tea_bundle))
    (tmp_path / "good").write_bytes(encode(Recording(records=(good,), deltas=DELTAS)))
    (tmp_path / "both").write_bytes(encode(Recording(records=(good, bad), deltas=DELTAS)))
    (tmp_path / "none").write_bytes(encode(Recording(records=())))
    publish(tea_bundle, tmp_path / "registry", note="", now=1)
    assert main(["replay", str(tmp_path / "good"), "--bundle", str(tmp_path / "bundle.zip"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"] == {"identical": 1}
    assert main(["replay", str(tmp_path / "both"), "--registry", str(tmp_path / "registry")]) == 1
    printed = capsys.readouterr().out
    assert "1 of 2 different" in printed
    assert "r2: " in printed
    assert main(["replay", str(tmp_path / "none"), "--registry", str(tmp_path / "registry")]) == 1
    assert "no decision records to replay" in capsys.readouterr().out
    assert main(["replay", str(tmp_path / "good"), "--registry", str(tmp_path / "empty")]) == 4
    assert "name the registry that it was deployed to" in capsys.readouterr().err
