"""Details are computed again from a record: what was read with its status, inputs, scores, terms, draws."""

import subprocess
import sys
from pathlib import Path

import pytest
from builders import NOW, Shop, model, request, run, slot
from graphs import weighed
from msgspec.structs import replace

from contracts.controls import Controls
from contracts.decision import DecisionRequest, Override
from contracts.explanation import Absence, Absent, Details, FeatureReading, InputReading
from contracts.features import Cursor, FeatureValue
from contracts.record import RECORD_FORMAT, DecisionRecord
from contracts.slots import Pin
from engine.compare import Made
from engine.details import details
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

ROOT = Path(__file__).parents[3]
VISITOR = {
    "taste": FeatureValue(value=2.0, as_of=NOW - 86_400_000_000),
    "old": FeatureValue(value=3.0, as_of=NOW - 61_000_000),
}
MODELLED = slot(model="m", score=None, guards=("cheap",), boosts=("taste",), pins=(Pin(item="b", position=1),), size=2)


@pytest.fixture(scope="module")
def loaded() -> LoadedBundle:
    given = model("price", "by_margin")
    return Shop(slots=(MODELLED,), models=(given,), graphs={"m": weighed(-1.0, 0.0)}).load()


def record(loaded: LoadedBundle, asked: DecisionRequest, masked: tuple[str, ...] = ()) -> DecisionRecord:
    snapshot = Snapshot(loaded.snapshot.tables, {"v1": VISITOR})
    held = {name: value for name, value in VISITOR.items() if f"visitor.{name}" not in masked}
    return DecisionRecord(
        format_version=RECORD_FORMAT,
        fingerprint={},
        revision=loaded.revision,
        node="n",
        request=asked,
        visitor=held,
        cursor=Cursor(),
        controls=Controls(),
        result=run(loaded, asked, snapshot),
        masked=masked,
    )


def told(loaded: LoadedBundle, *items: str, masked: tuple[str, ...] = (), **asked: object) -> Details:
    made = record(loaded, request(**asked), masked)
    one = Made(made.result.decisions[0], made.result.traces[0])
    return details(loaded, made, loaded.snapshot, one, items)


def feature(found: Details, name: str) -> FeatureReading:
    return next(each for each in found.features if each.name == name)


def test_every_feature_is_told_with_its_status(loaded: LoadedBundle) -> None:
    found = told(loaded, context={"is_member": True})
    assert feature(found, "request.device") == FeatureReading(name="request.device", status="DEFAULT", value="phone")
    assert feature(found, "request.is_member").status == "PRESENT"
    assert feature(found, "visitor.own") == FeatureReading(name="visitor.own", status="MISSING")
    assert feature(found, "visitor.taste") == FeatureReading(
        name="visitor.taste", status="PRESENT", value=2.0, age_s=86_400.0
    )
    assert feature(found, "visitor.old") == FeatureReading(name="visitor.old", status="EXPIRED", age_s=61.0)
    assert feature(found, "visitor_state.views") == FeatureReading(
        name="visitor_state.views", status="PRESENT", value=0
    )


def test_what_was_withheld_shows_neither_value_nor_age(loaded: LoadedBundle) -> None:
    found = told(loaded, granted=())
    assert feature(found, "visitor.taste") == FeatureReading(name="visitor.taste", status="WITHHELD")
    assert found.gate[0] == "granted nothing"


def test_what_is_masked_is_told_as_such(loaded: LoadedBundle) -> None:
    found = told(loaded, "d", masked=("visitor.taste",))
    assert feature(found, "visitor.taste") == FeatureReading(name="visitor.taste", status="MASKED")
    assert found.is_same is True  # the model does not read it
    by_taste = Shop(slots=(MODELLED,), models=(model("price", "taste"),), graphs={"m": weighed(-1.0, 1.0)}).load()
    assert told(by_taste, "d").is_same is True
    assert told(by_taste, "d", masked=("visitor.taste",)).is_same is None


def test_a_survivor_is_told_from_its_inputs_to_its_draw(loaded: LoadedBundle) -> None:
    found = told(loaded, "a")
    (candidate,) = found.candidates
    assert candidate.blocker is None
    assert (candidate.score, candidate.terms, candidate.value) == (-100.0, {"taste": 2.0}, -98.0)
    assert (candidate.position, candidate.propensity) == (1, 1.0)
    (read,) = candidate.models
    assert (read.model, read.score) == ("m", -100.0)
    assert read.inputs == (
        InputReading(name="price", value=100.0, reads={"item.price": "PRESENT"}),
        InputReading(name="by_margin", value=pytest.approx(0.1), reads={"item.margin": "PRESENT"}),
    )
    assert found.is_same is True


def test_a_blocked_candidate_has_its_blocker_and_inputs_but_no_score(loaded: LoadedBundle) -> None:
    (candidate,) = told(loaded, "e").candidates
    assert (candidate.blocker, candidate.score, candidate.value, candidate.position) == ("cheap", None, None, None)
    (read,) = candidate.models
    assert read.score is None
    assert read.inputs[1] == InputReading(name="by_margin", value=None, reads={"item.margin": "MISSING"})


def test_an_unknown_item_has_nothing(loaded: LoadedBundle) -> None:
    (candidate,) = told(loaded, "z").candidates
    assert (candidate.blocker, candidate.score, candidate.models) == (None, None, ())


def test_what_is_not_shown_has_its_reason(loaded: LoadedBundle) -> None:
    found = told(loaded, "a", "c", "d", "e", "z")
    reasons = {each.item: each.absent and each.absent.reason for each in found.candidates}
    assert reasons == {"a": None, "c": "outranked", "d": "outranked", "e": "blocked", "z": "unknown"}
    assert found.absent("e") == Absent(reason=Absence.BLOCKED, told="was blocked by cheap")
    assert found.absent("b") is None  # it was not asked for


def test_inputs_that_refuse_are_told_by_their_problem() -> None:
    refusing = Shop(
        slots=(slot(model="m"),), models=(model("by_margin", missing="refuse"),), graphs={"m": weighed(1.0)}
    ).load()
    found = told(refusing, "e")
    assert "margin" in found.candidates[0].models[0].problem
    assert found.is_same is None  # tier rules scored


def test_scores_that_come_out_otherwise_are_noticed(loaded: LoadedBundle) -> None:
    made = record(loaded, request())
    trace = made.result.traces[0]
    other = replace(trace, scores=(trace.scores[0] + 1e-12, *trace.scores[1:]))
    assert details(loaded, made, loaded.snapshot, Made(made.result.decisions[0], other), []).is_same is False


def test_the_gate_tells_what_it_knew(loaded: LoadedBundle) -> None:
    found = told(
        loaded,
        is_gpc=True,
        is_opted_out=True,
        is_bot=True,
        is_feed_stale=True,
        is_overloaded=True,
        is_retry=True,
        qa=Override(),
        units={},
    )
    assert found.gate == (
        "granted nothing",
        "opted out",
        "sent Sec-GPC",
        "a bot",
        "a QA request",
        "the feed is stale",
        "the node is overloaded",
        "the first attempt met a bug",
        "nobody in particular: no unit, so no assignment",
    )
    assert told(loaded).gate == ("granted personalisation",)


def test_deciding_does_not_even_load_what_computes_details() -> None:
    program = "import engine.decide, engine.load, sys; sys.exit('engine.details' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
