"""A record decides again to the byte; whatever was altered, masked or is missing is reported as such."""

from collections.abc import Callable
from dataclasses import replace as replaced

import pytest
from msgspec.structs import replace
from records import DELTAS, NOW, record_of, recording

from contracts.bundle import Bundle
from contracts.controls import Controls
from contracts.decision import Stage, Tier, TimeOut
from contracts.features import Cursor, FeatureDelta, FeatureValue
from contracts.record import DecisionRecord, Recording
from deploy.replays.replayer import Verdict, replay
from engine.load import LoadedBundle, load
from engine.loaded import LoadedSlot
from engine.programs.values import Batch
from engine.records import alteration, sealed
from engine.score import Scored, score


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


def verdicts(loaded: LoadedBundle, *records: DecisionRecord) -> list[Verdict]:
    return list(replay(recording(*records), {loaded.revision: loaded}))


def outcomes(loaded: LoadedBundle, *records: DecisionRecord) -> list[tuple[str, str]]:
    return [(verdict.outcome, verdict.detail) for verdict in verdicts(loaded, *records)]


def test_records_replay_identically_at_any_cursor(loaded: LoadedBundle) -> None:
    records = [record_of(loaded, number, seq=seq) for number, seq in enumerate([2, 0, 1, 2, 1])]
    assert outcomes(loaded, *records) == [("identical", "")] * 5


def test_a_time_out_replays_at_its_check(loaded: LoadedBundle) -> None:
    at = TimeOut(slot="for-you", stage=Stage.SCORE)
    record = record_of(loaded, 1, timed_out_at=at)
    assert record.result.timed_out_at == at
    assert outcomes(loaded, record) == [("identical", "")]
    elsewhere = replace(record.result, timed_out_at=TimeOut(slot="for-you", stage=Stage.RENDER))
    [(outcome, _)] = outcomes(loaded, sealed(replace(record, result=elsewhere)))
    assert outcome == "different"


def test_other_inputs_give_other_results(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1)
    other_visitor = sealed(replace(record, visitor={}))
    other_seed = sealed(replace(record, request=replace(record.request, units={"visitor": "v9", "session": "s9"})))
    found = outcomes(loaded, other_visitor, other_seed)
    assert [outcome for outcome, _ in found] == ["different", "different"]


def test_a_difference_is_told_at_its_first_stage(loaded: LoadedBundle) -> None:
    record = sealed(replace(record_of(loaded, 1), visitor={}))
    [verdict] = verdicts(loaded, record)
    assert verdict.stage == "score"
    assert verdict.detail.startswith("slot hero, score: ")


ALTERED: dict[str, Callable[[DecisionRecord], DecisionRecord]] = {
    "request": lambda r: replace(r, request=replace(r.request, context={**r.request.context, "is_gift": False})),
    "visitor": lambda r: replace(r, visitor={**r.visitor, "unused": FeatureValue(value=1, as_of=NOW)}),
    "as of": lambda r: replace(r, visitor={n: replace(v, as_of=v.as_of - 1) for n, v in r.visitor.items()}),
    "cursor": lambda r: replace(r, cursor=replace(r.cursor, positions={**r.cursor.positions, "visitor": 77})),
    "controls": lambda r: replace(r, controls=Controls(sequence=1)),
    "fingerprint": lambda r: replace(r, fingerprint={**r.fingerprint, "numpy": "1.0"}),
    "catalog": lambda r: replace(r, catalog={}),
    "masked": lambda r: replace(r, masked=("visitor.affinity",)),
    "node": lambda r: replace(r, node="other"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_input_that_changes_no_answer_is_found(loaded: LoadedBundle, name: str) -> None:
    record = record_of(loaded, 1)
    altered = ALTERED[name](record)
    assert altered != record
    assert outcomes(loaded, altered) == [
        ("not replayable", "the record was altered: its inputs do not have their digest")
    ]


@pytest.mark.parametrize("name", ["request", "visitor", "as of", "cursor", "controls", "catalog", "node"])
def test_the_same_alterations_change_no_answer(loaded: LoadedBundle, name: str) -> None:
    """Without the digest over inputs, nobody would find them."""
    assert outcomes(loaded, sealed(ALTERED[name](record_of(loaded, 1)))) == [("identical", "")]


def test_an_altered_result_is_not_replayed(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1)
    altered = replace(record, result=replace(record.result, assignments={"explore-more": "control", "x": "y"}))
    assert outcomes(loaded, altered) == [
        ("not replayable", "the record was altered: its result does not have its digest")
    ]


def test_an_unsealed_record_is_not_replayed(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1)
    assert alteration(record) == ""
    assert alteration(replace(record, dropped_before=7)) == ""
    assert alteration(replace(record, input_digest="")) == "its inputs do not have their digest"
    assert alteration(replace(record, result_digest="")) == "its result does not have its digest"


def test_a_masked_record_says_so(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1)
    masked = sealed(replace(record, visitor={}, masked=("request.zip", "visitor.affinity")))
    assert outcomes(loaded, masked) == [
        (
            "not replayable",
            "masked: request.zip, visitor.affinity; what was decided from them cannot be decided again",
        )
    ]


def test_a_wrong_bundle_is_named(loaded: LoadedBundle) -> None:
    record = sealed(replace(record_of(loaded, 2), revision="sha256:0"))
    assert outcomes(loaded, record) == [
        ("not replayable", f"wrong bundle: it was made by sha256:0, given: {loaded.revision}")
    ]


def test_among_several_bundles_its_own_decides(loaded: LoadedBundle) -> None:
    poorer = replaced(loaded.slots["hero"], model=None)
    other = replaced(loaded, revision="sha256:1", slots={**loaded.slots, "hero": poorer})
    bundles = {other.revision: other, loaded.revision: loaded}
    records = [record_of(loaded, 1), record_of(other, 1), record_of(loaded, 2)]
    assert [each.outcome for each in replay(recording(*records), bundles)] == ["identical"] * 3


def test_another_format_is_not_guessed_at(loaded: LoadedBundle) -> None:
    [(outcome, detail)] = outcomes(loaded, replace(record_of(loaded, 1), format_version=1))
    assert (outcome, detail.partition(":")[0]) == ("not replayable", "format 1 is unknown here, it reads 4")


@pytest.mark.parametrize(
    ("deltas", "lacking"),
    [(DELTAS[:1], 2), (DELTAS[1:], 1), ((), 1)],
    ids=["the last is missing", "a gap", "none at all"],
)
def test_a_missing_delta_is_named(loaded: LoadedBundle, deltas: tuple[FeatureDelta, ...], lacking: int) -> None:
    bundles = {loaded.revision: loaded}
    early, late = record_of(loaded, 1, seq=0), record_of(loaded, 2)
    found = list(replay(recording(early, late, deltas=deltas), bundles))
    assert found[0].outcome == "identical"
    assert (found[1].outcome, found[1].detail) == (
        "not replayable",
        f"the recording lacks delta {lacking} of table teas in epoch e, the record read 2",
    )


def test_deltas_of_another_epoch_are_no_substitute(loaded: LoadedBundle) -> None:
    part = Recording(records=(record_of(loaded, 1),), deltas=DELTAS, epoch="another")
    [verdict] = replay([part], {loaded.revision: loaded})
    assert verdict.outcome == "not replayable"


def test_deltas_may_come_in_parts_and_unfit_values_are_passed_over(loaded: LoadedBundle) -> None:
    unfit = replace(DELTAS[0], values={**DELTAS[0].values, "nobody": 1, "stock": "many"})
    parts = [Recording(deltas=(unfit,), epoch="e"), *recording(record_of(loaded, 1), deltas=DELTAS[1:])]
    assert [each.outcome for each in replay(parts, {loaded.revision: loaded})] == ["identical"]


def test_a_delta_with_another_value_is_found(loaded: LoadedBundle) -> None:
    dearer = replace(DELTAS[0], values={"price": 1234})
    [verdict] = replay(recording(record_of(loaded, 1), deltas=(dearer, DELTAS[1])), {loaded.revision: loaded})
    assert verdict.outcome == "different"


def nudged(slot: LoadedSlot, tier: Tier, batch: Batch) -> Scored:
    """The score stage of an engine whose model gives other last digits."""
    scored = score(slot, tier, batch)
    if tier is not Tier.MODEL or scored.batch.score is None:
        return scored
    return replace(scored, batch=scored.batch.scored(scored.batch.score + 2.0**-30))


def elsewhere(record: DecisionRecord) -> DecisionRecord:
    return sealed(replace(record, fingerprint={**record.fingerprint, "numpy": "1.0"}))


def test_on_another_engine_a_replay_starts_from_the_recorded_scores(loaded: LoadedBundle) -> None:
    made = record_of(loaded, 1, score=nudged)
    assert [each.outcome for each in verdicts(loaded, made)] == ["different"]
    [verdict] = verdicts(loaded, elsewhere(made))
    assert verdict.outcome == "identical from recorded scores"
    assert verdict.score_difference == pytest.approx(2.0**-30, rel=1e-6)
    assert verdict.detail.startswith("made on another engine: numpy 1.0, here ")


def test_on_another_engine_every_later_stage_must_match(loaded: LoadedBundle) -> None:
    made = record_of(loaded, 1, score=nudged)
    first, shelf, *rest = made.result.traces
    values = (shelf.values[0] + 1e-9, *shelf.values[1:])
    result = replace(made.result, traces=(first, replace(shelf, values=values), *rest))
    [verdict] = verdicts(loaded, elsewhere(replace(made, result=result)))
    assert (verdict.outcome, verdict.stage) == ("different", "rerank")
    assert "made on another engine: numpy 1.0" in verdict.detail


def test_on_another_engine_every_earlier_stage_must_match(loaded: LoadedBundle) -> None:
    made = record_of(loaded, 1)
    fewer = elsewhere(replace(made, cursor=Cursor(epoch="e", positions={"teas": 1, "visitor": 1})))
    [verdict] = verdicts(loaded, fewer)
    assert (verdict.outcome, verdict.stage) == ("different", "retrieve")


def test_on_another_engine_a_model_that_is_not_there_is_told(loaded: LoadedBundle) -> None:
    slots = dict(loaded.slots)
    for name in ("hero", "for-you"):
        model = slots[name].model
        assert model
        slots[name] = replaced(slots[name], model=replaced(model, scorer=None))
    without = replaced(loaded, slots=slots)
    [verdict] = verdicts(without, elsewhere(record_of(loaded, 1)))
    assert verdict.outcome == "identical from recorded scores"
    assert verdict.detail.endswith("here there was no score: model likes is not loaded")
