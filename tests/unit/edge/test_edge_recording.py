"""What a node records of a page is what a replay needs: controls, catalog, whether the engine gave the result."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from simulator import SimulatedEdge, play, with_section

import edge.deadline as deadline
from contracts.bundle import Bundle
from contracts.codec import encode
from contracts.controls import Controls
from contracts.decision import Cause, DecisionRequest, Decisions, Tier, Trace
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, Root, ValueType
from contracts.record import DecisionRecord, Recording
from contracts.rule_ir import Call, Form, Has, Place, Read, Rule, RuleIR
from contracts.slots import Cap, CapWindow, PayloadField, SlotSet
from deploy.replays.counterfactual import Counterfactual
from deploy.replays.replayer import Verdict, replay
from edge.activation import Live
from edge.pages import _caps
from edge.recording import _granted_values, _untold
from edge.spool import Kind
from engine.caps import synced_feature
from engine.decide import decide
from engine.load import load
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

NOW = 1_767_600_000_000_000
KILLED = Controls(sequence=3, killed=("hero",))


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


def test_records_hold_of_the_visitor_only_what_was_granted(loaded: LoadedBundle) -> None:
    values = {"affinity": FeatureValue(value={"green": 0.7}, as_of=NOW), "undeclared": FeatureValue(value=1, as_of=NOW)}
    live = Live(loaded, Snapshot(loaded.snapshot.tables, {"v": values}))
    request = DecisionRequest(request_id="r", now=NOW, slots=("hero",), units={"visitor": "v"})
    granted = DecisionRequest(
        request_id="r", now=NOW, slots=("hero",), units={"visitor": "v"}, granted=("personalisation",)
    )
    assert _granted_values(live, request) == {}
    assert _granted_values(live, granted).keys() == {"affinity"}


ZIP = Read(type="string", root=Root.REQUEST, field="zip")
HAS_ZIP = Has(root=Root.REQUEST, field="zip")
PLACE = Place(file="test", line=1, column=1)
RULES = (
    Rule(name="near", form=Form.REQUEST, type="string", place=PLACE, nodes=(ZIP,)),
    Rule(name="has_zip", form=Form.REQUEST, type="bool", place=PLACE, nodes=(HAS_ZIP,)),
    Rule(
        name="zip_size",
        form=Form.COLUMNS,
        type="int",
        place=PLACE,
        nodes=(ZIP, Call(type="int", function="size_string", args=(0,))),
    ),
)


def sensitive(tea: Bundle, **changes: object) -> LoadedBundle:
    """The tea shop with a sensitive ZIP code, and slots that need no purpose."""
    zip_code = FeatureSpec(name="zip", root=Root.REQUEST, type=ValueType.STRING, is_sensitive=True, default="")
    schema, rules, shop = tea.read("schema", FeatureSchema), tea.read("rules", RuleIR), tea.read("slots", SlotSet)
    slots = tuple(replace(each, purposes=(), **changes) for each in shop.slots)  # type: ignore[arg-type]
    tea = with_section(tea, "schema", replace(schema, features=(*schema.features, zip_code)))
    tea = with_section(tea, "rules", replace(rules, rules={**rules.rules, **{each.name: each for each in RULES}}))
    return load(with_section(tea, "slots", replace(shop, slots=slots)))


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": {"near": PayloadField(type=ValueType.STRING, rule="near")}},
        {"why": "near"},
        {"offer": "near"},
        {"model": None, "score": "zip_size"},
        {"payload": {"near": PayloadField(type=ValueType.BOOL, rule="has_zip")}},
    ],
)
def test_what_a_slot_made_of_a_sensitive_value_is_in_no_record(tea_bundle: Bundle, changes: dict[str, object]) -> None:
    live = live_of(sensitive(tea_bundle, **changes))
    asked = {"slots": ("for-you", "delivery"), "granted": ("personalisation",), "context": {"zip": "94107"}}
    request = DecisionRequest(request_id="r", now=NOW, **asked)  # type: ignore[arg-type]
    made = decide(live.loaded, request, live.snapshot, Controls(), lambda _slot, _stage: False)
    untold = _untold(live, made, ["request.zip"])
    assert b"94107" not in encode(untold)
    assert [each.answer for each in untold.decisions] == [each.answer for each in made.decisions]
    assert [item.id for item in untold.decisions[0].items] == list(made.decisions[0].answer)
    assert [trace.draws for trace in untold.traces] == [trace.draws for trace in made.traces]
    if "score" in changes:
        assert any(trace.scores for trace in made.traces)
        assert not any(trace.scores or trace.values or trace.terms for trace in untold.traces)
    else:
        assert untold.traces == made.traces
        assert untold.decisions != made.decisions
    assert _untold(live, made, []) is made
    assert _untold(live, made, ["visitor.income"]) == made, "another one's masking takes nothing away"


def test_messages_of_masked_pages_are_not_kept(loaded: LoadedBundle) -> None:
    traces = (Trace(slot="hero", problem="'12 Some Secret Street' is not an int"), Trace(slot="delivery"))
    made = Decisions(decisions=(), traces=traces)
    told = [trace.problem for trace in _untold(live_of(loaded), made, ["request.zip"]).traces]
    assert told == ["masked: it may quote a sensitive value", ""]


def test_counters_of_the_origin_need_all_purposes_of_their_slot(tea_bundle: Bundle) -> None:
    cap = Cap(name="c", limit=3, window=CapWindow.DAY, is_synced=True)
    schema, shop = tea_bundle.read("schema", FeatureSchema), tea_bundle.read("slots", SlotSet)
    both = ("personalisation", "statistics")
    slots = tuple(replace(each, purposes=both, caps=(cap,)) if each.name == "for-you" else each for each in shop.slots)
    counted = next(synced_feature(each, cap) for each in slots if each.name == "for-you")
    features = (*schema.features, counted)
    tea = with_section(tea_bundle, "schema", replace(schema, purposes=both, features=features))
    loaded = load(with_section(tea, "slots", replace(shop, slots=slots)))
    values = {counted.name: FeatureValue(value=("t-01", "9", "1"), as_of=NOW)}
    live = Live(loaded, Snapshot(loaded.snapshot.tables, {"v": values}))
    for granted, known in (((), set()), (both[:1], set()), (both, {counted.name})):
        asked = DecisionRequest(request_id="r", now=NOW, slots=("hero",), units={"visitor": "v"}, granted=granted)
        assert _granted_values(live, asked).keys() == known
        assert [each.name for each in _caps(live, ("for-you",), granted)] == (["c"] if known else [])


def live_of(loaded: LoadedBundle) -> Live:
    return Live(loaded, loaded.snapshot)


def failing(times: int) -> Callable[..., Decisions]:
    """The engine, with a bug in its first attempts."""
    left = iter(range(times))

    def attempt(*given: object) -> Decisions:
        if next(left, None) is not None:
            raise ZeroDivisionError("a bug")
        return decide(*given)  # type: ignore[arg-type]

    return attempt


def recorded(edge: SimulatedEdge, patch: pytest.MonkeyPatch, bugs: int = 0) -> Recording:
    """The page as the origin got it, with the feed that it read; a bundle is live before the engine has bugs."""
    edge.origin.feeds("teas", "t-01", price=999)
    edge.origin.current = KILLED

    async def story() -> None:
        async with edge.run() as node:
            edge.origin.feeds("visitor", node.node.pseudonym("5"), orders=7, affinity={"green": 0.9})
            await node.turns()
            patch.setattr(deadline, "decide", failing(bugs))
            await node.decide()
            await node.spooled(Kind.RECORD, 1)
            await node.turns("uplink")

    play(story)
    deltas = tuple(delta for delta in edge.origin.deltas if delta.table != "visitor")
    return Recording(records=tuple(edge.origin.records.values()), deltas=deltas, epoch=edge.origin.epoch)


def replayed(recording: Recording, loaded: LoadedBundle) -> tuple[DecisionRecord, Verdict]:
    (record,), (verdict,) = recording.records, replay([recording], {loaded.revision: loaded})
    return record, verdict


def test_a_page_with_a_killed_slot_is_recorded_with_its_controls_and_catalog(
    edge: SimulatedEdge, loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recorded(edge, monkeypatch)
    record, verdict = replayed(recording, loaded)
    hero, *others = record.result.decisions
    assert hero.cause is Cause.KILLED
    assert {each.cause for each in others} == {None}
    assert (verdict.outcome, verdict.detail) == ("identical", "")
    assert (record.controls, record.masked) == (KILLED, ())
    assert record.catalog == loaded.catalog_digests != {}
    job = Counterfactual(loaded, {loaded.revision: loaded})
    job.take(recording, 1)
    told = job.result().report(loaded.revision)
    assert (told.records, told.visitors.changed, told.tables) == (1, 0, ())


def test_a_page_of_the_second_attempt_is_replayed_as_such(
    edge: SimulatedEdge, loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, verdict = replayed(recorded(edge, monkeypatch, bugs=1), loaded)
    assert {each.cause for each in record.result.decisions} == {Cause.KILLED, Cause.INTERNAL_ERROR}
    assert (record.masked, verdict.outcome, verdict.detail) == ((), "identical", "")


def test_a_page_that_met_a_bug_twice_says_that_the_engine_gave_no_result(
    edge: SimulatedEdge, loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, verdict = replayed(recorded(edge, monkeypatch, bugs=2), loaded)
    assert {each.tier for each in record.result.decisions} == {Tier.PLAIN}
    assert {each.cause for each in record.result.decisions} == {Cause.KILLED, Cause.INTERNAL_ERROR}
    assert (record.masked, record.controls, record.catalog) == (("result",), KILLED, loaded.catalog_digests)
    assert (verdict.outcome, verdict.detail.partition(";")[0]) == ("not replayable", "masked: result")
