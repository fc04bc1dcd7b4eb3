"""Why not: the entire sentence for every reason, and what is told where what decided cannot be asked again."""

import pytest
from builders import PRICE, RULES, TASTE, Shop, columns, const, request, run, slot
from msgspec.structs import replace

from contracts.decision import Decisions
from contracts.experiments import ExperimentSpec, Holdout
from contracts.explanation import Absence
from contracts.features import FeatureValue
from contracts.slots import Diversity, Filter, PerVisitor, Pin, PolicySpec, Pool, SlotSpec, Weights
from engine.absences import Absences
from engine.explain import why_not
from engine.snapshot import Snapshot

BY_KIND = Diversity(column="kind", at_most=1)
PINNED = (Pin(item="a", position=0),)
HELD = ExperimentSpec(holdouts=(Holdout(salt="g", share=1.0),))
TWO = (slot("one", size=1), slot("two", size=2, is_deduplicated=True))
VALUE = slot("two", kind="value", is_deduplicated=True)
SOFT = PolicySpec(name="softmax", params={"temperature": 100.0})
STRICT = PolicySpec(name="epsilon", params={"epsilon": 0.0})
KINDS = ("ir/2", "kind/ranking", "kind/value")


def listed(*names: str) -> dict[str, dict[tuple[str, ...], tuple[str, ...]]]:
    return {name: {(): ("a", "b", "c")} for name in names}


def sentence(item: str, *slots: SlotSpec, shop: Shop | None = None, **asked: object) -> str:
    """Why not, of the last slot's item."""
    loaded = replaced(shop or Shop(), slots).load()
    given = request(slots=tuple(spec.name for spec in slots), **asked)
    made = run(loaded, given)
    found = Absences(loaded, given, loaded.snapshot, made, len(slots) - 1).of(item)
    assert found is not None
    return f"{found.reason}: {why_not(item, made.decisions[-1], made.traces[-1], found)}"


def replaced(shop: Shop, slots: tuple[SlotSpec, ...]) -> Shop:
    return Shop(slots=slots, experiments=shop.experiments, fallbacks=shop.fallbacks, capabilities=KINDS)


@pytest.mark.parametrize(
    ("slots", "item", "told"),
    [
        ((slot(),), "z", "unknown: z is no item of table products"),
        ((slot(retrieve=(Pool(ids=("b",)),)),), "a", "not_retrieved: a was retrieved by no generator"),
        (
            (slot(cap_candidates=2, retrieve=(Pool(ids=("a", "b")), Filter(where="cheap", limit=9), Pool()), size=1),),
            "d",
            "cut: d was retrieved by retrieve[1], retrieve[2] and cut: the slot takes at most 2 candidates",
        ),
        ((slot(guards=("cheap",)),), "e", "blocked: e was blocked by cheap"),
        (TWO, "e", "taken: e was taken by slot one, earlier on this page"),
        (TWO, "b", "outranked: b was a candidate with value 200, ranked 3 of 4; there was room for 2"),
        ((TWO[0], VALUE), "e", "taken: e was taken by slot one, earlier on this page"),
        ((TWO[0], VALUE), "c", "outranked: c was a candidate with value 300, ranked 2 of 4; there was room for 1"),
        ((slot(diversity=BY_KIND),), "c", "diversity: c was left out by diversity: at most 1 of kind dairy"),
        (
            (slot(retrieve=(Pool(ids=("c", "e")),), diversity=BY_KIND),),
            "c",
            "diversity: c was left out by diversity: at most 1 of kind dairy",
        ),
        ((slot(size=1, pins=PINNED),), "e", "pinned: e gave way to what is pinned: a at position 1"),
        ((slot(size=2, pins=PINNED),), "d", "pinned: d gave way to what is pinned: a at position 1"),
        (
            (slot(size=2, pins=PINNED),),
            "c",
            "outranked: c was a candidate with value 300, ranked 3 of 5; beside pins there was room for 1",
        ),
        (
            (slot(size=1, pins=PINNED),),
            "d",
            "outranked: d was a candidate with value 400, ranked 2 of 5; beside pins there was room for none",
        ),
        ((slot(size=1, pins=PINNED, policy=SOFT),), "d", "pinned: d gave way to what is pinned: a at position 1"),
        (
            (slot(size=1, policy=SOFT),),
            "d",
            "not_drawn: d was a candidate with value 400, ranked 2 of 5; it was not drawn, with propensity 0.234122"
            " at position 1",
        ),
        (
            (slot(size=2, policy=SOFT),),
            "d",
            "not_drawn: d was a candidate with value 400, ranked 2 of 5; it was not drawn, with propensity 0.643914"
            " at position 2, its highest",
        ),
        (
            (slot(size=2, policy=STRICT),),
            "c",
            "no_chance: c was a candidate with value 300, ranked 3 of 5; policy epsilon gave it no chance",
        ),
    ],
)
def test_each_reason_has_its_sentence(slots: tuple[SlotSpec, ...], item: str, told: str) -> None:
    assert sentence(item, *slots) == told


@pytest.mark.parametrize(
    ("slots", "item", "told"),
    [
        (TWO, "a", "taken: a was taken by slot one, earlier on this page"),
        (
            TWO,
            "d",
            "precomputed: d is not in the precomputed answer that stood in, because the node is overloaded",
        ),
        (
            (slot("two", size=2),),
            "c",
            "outranked: c stands at place 3 of the precomputed answer; there was room for 2",
        ),
        (
            (slot("one"), slot("two", is_deduplicated=True)),
            "c",
            "taken: c was taken by slot one, earlier on this page",
        ),
        (
            (slot("one"), slot("two", is_deduplicated=True)),
            "d",
            "plain: d is not shown: plain content is, because the node is overloaded",
        ),
    ],
)
def test_precomputed_answers_have_their_reasons(slots: tuple[SlotSpec, ...], item: str, told: str) -> None:
    shop = Shop(fallbacks=listed(*(spec.name for spec in slots)))
    assert sentence(item, *slots, shop=shop, is_overloaded=True) == told


@pytest.mark.parametrize(
    ("slots", "item", "told"),
    [
        ((slot(size=1),), "e", "held_out: e would be in the answer, at position 1, were the visitor not held out"),
        (
            (slot(size=1),),
            "d",
            "outranked: d was a candidate with value 400, ranked 2 of 5; there was room for 1; besides, the visitor is"
            " held out",
        ),
        (TWO, "e", "taken: e was taken by slot one, earlier on this page; besides, the visitor is held out"),
        (
            (slot(eligible="is_member"),),
            "e",
            "plain: e would not be shown otherwise, but plain content; besides, the visitor is held out",
        ),
    ],
)
def test_held_out_visitors_have_the_reasons_of_others(slots: tuple[SlotSpec, ...], item: str, told: str) -> None:
    assert sentence(item, *slots, shop=Shop(experiments=HELD)) == told


def test_a_held_out_visitor_may_have_missed_a_precomputed_answer() -> None:
    shop = Shop(experiments=HELD, fallbacks=listed("two"))
    assert sentence("d", slot("two", kind="value"), shop=shop, is_overloaded=True) == (
        "precomputed: d is not in the precomputed answer that stood in; besides, the visitor is held out"
    )


def test_what_an_earlier_slot_of_another_table_or_a_held_out_one_shows_is_not_taken() -> None:
    one, two = slot("one", use_cases=("upsell",)), slot("two", is_deduplicated=True)
    held = ExperimentSpec(holdouts=(Holdout(salt="g", share=1.0, use_case="upsell"),))
    loaded, asked = Shop(slots=(one, two), experiments=held).load(), request(slots=("one", "two"))
    made = run(loaded, asked)
    assert made.decisions[1].answer == ("e", "d", "c")
    found = Absences(loaded, asked, loaded.snapshot, made, 1).of("b")
    assert found is not None
    assert found.reason is Absence.OUTRANKED


def test_what_is_shown_has_no_reason_to_be_absent() -> None:
    loaded = Shop().load()
    made = run(loaded)
    assert Absences(loaded, request(), loaded.snapshot, made, 0).of("e") is None


def absent(
    spec: SlotSpec, item: str, masked: tuple[str, ...] = (), shop: Shop | None = None, **changes: object
) -> Absence | None:
    """The reason, from a snapshot without the visitor's masked list and a result with changes to its trace."""
    given = shop or Shop()
    loaded = Shop(slots=(spec,), fallbacks=given.fallbacks, fallback_keys=given.fallback_keys).load()
    asked = request(is_overloaded=shop is not None)
    visitor = {"own": FeatureValue(value=("d", "e"), as_of=0)}
    made = run(loaded, asked, Snapshot(loaded.snapshot.tables, {"v1": visitor}))
    result = Decisions(decisions=made.decisions, traces=(replace(made.traces[0], **changes),))
    known = Snapshot(loaded.snapshot.tables, {} if masked else {"v1": visitor})
    found = Absences(loaded, asked, known, result, 0, masked).of(item)
    return None if found is None else found.reason


OWN = slot(retrieve=(Pool(ids=("a", "b")), PerVisitor(feature="own", limit=5)), size=1)


def test_what_generators_gave_from_masked_values_is_not_guessed() -> None:
    cut = replace(OWN, cap_candidates=2)
    assert absent(cut, "d") is Absence.CUT
    assert absent(cut, "c") is Absence.NOT_RETRIEVED
    assert absent(cut, "d", masked=("visitor.own",)) is None
    assert absent(cut, "c", masked=("visitor.own",)) is None
    assert absent(OWN, "c", masked=("visitor.own",)) is Absence.NOT_RETRIEVED  # nothing was cut


def test_generators_that_give_something_else_now_tell_nothing() -> None:
    cut = replace(OWN, cap_candidates=2)
    assert absent(cut, "d", generated={"retrieve[0]": 2, "retrieve[1]": 2}) is Absence.CUT
    assert absent(cut, "d", generated={"retrieve[0]": 2, "retrieve[1]": 3}) is None


def test_what_masked_values_may_have_weighed_or_looked_up_is_not_guessed() -> None:
    table = slot(size=1, policy=PolicySpec(name="table", weights=Weights(column="margin")))
    assert absent(table, "a") is Absence.NOT_DRAWN
    assert absent(table, "a", masked=("request.device",)) is None
    rows = {("*",): ("b", "c"), ("phone",): ("b",)}
    by_device = Shop(fallbacks={"shelf": rows}, fallback_keys=("device",))
    assert absent(slot(), "c", shop=by_device) is Absence.PRECOMPUTED
    assert absent(slot(), "c", masked=("request.device",), shop=by_device) is None
    by_nothing = Shop(fallbacks=listed("shelf"))
    assert absent(slot(), "e", masked=("request.device",), shop=by_nothing) is Absence.PRECOMPUTED


def test_draws_that_come_out_otherwise_explain_nothing() -> None:
    assert absent(OWN, "d") is Absence.OUTRANKED
    assert absent(OWN, "d", values=(1.0, 2.0, 4.0, 3.0)) is None
    assert absent(OWN, "d", masked=("visitor.own",)) is Absence.OUTRANKED


def test_what_divides_by_zero_is_asked_again_without_a_warning() -> None:
    less = ("subtract_double", "double", ("int64_to_double", "double", PRICE), TASTE)
    quotient = ("divide_double", "double", const(1.0), less)
    ratio = columns("ratio", "bool", ("greater_double", "bool", quotient, const(-9.0)))
    found = (Pool(ids=("a", "b")), Filter(where="in_stock", match="ratio", limit=9))
    loaded = Shop(slots=(slot(cap_candidates=2, retrieve=found, size=1),), rules=(*RULES, ratio)).load()
    visitor = {"v1": {"taste": FeatureValue(value=300.0, as_of=0)}}
    snapshot = Snapshot(loaded.snapshot.tables, visitor)
    made = run(loaded, request(), snapshot)
    absent = Absences(loaded, request(), snapshot, made, 0).of("d")
    assert absent is not None
    assert absent.reason is Absence.CUT
