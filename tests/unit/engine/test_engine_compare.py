"""Two decisions of a slot part at the first stage that differs, and that is what is told."""

import pytest
from builders import Shop, request, run, slot
from msgspec.structs import replace

from contracts.decision import Cause, Decision, Draw, Reason, Tier, Trace
from engine.compare import Made, Parting, is_same_answer, parting, shown

DRAW = Draw(u=0.5, item="a", propensity=0.25)
DECISION = Decision(
    decision_id="r.shelf",
    slot="shelf",
    tier=Tier.MODEL,
    cause=None,
    reason=Reason.TARGETING_MATCH,
    answer=("a",),
    propensity=0.25,
    component="shelf",
    props={"title": "Apple"},
)
TRACE = Trace(
    slot="shelf",
    generated={"retrieve[0]": 3},
    blockers={"c": "in_stock"},
    survivors=("a", "b"),
    scores=(1.0, 2.0),
    values=(3.0, 4.0),
    scored_tier=Tier.MODEL,
    draws=(DRAW,),
)
WAS = Made(DECISION, TRACE)


def parted(**changes: object) -> Parting | None:
    """Where a decision and one with these changes (of decision or trace) part."""
    own = {name: value for name, value in changes.items() if name in Decision.__struct_fields__}
    traced = {name: value for name, value in changes.items() if name not in own}
    return parting(WAS, Made(replace(DECISION, **own), replace(TRACE, **traced)))


def test_equal_decisions_do_not_part() -> None:
    assert parted() is None
    decided = run(Shop(slots=(slot(),)).load(), request())
    made = Made(decided.decisions[0], decided.traces[0])
    assert parting(made, made) is None


@pytest.mark.parametrize(
    ("changes", "stage", "detail"),
    [
        ({"cause": Cause.KILLED, "tier": Tier.PLAIN}, "gate", "model, now plain (killed)"),
        ({"cause": Cause.HOLDOUT, "tier": Tier.PLAIN}, "assign", "model, now plain (holdout)"),
        ({"cause": Cause.INELIGIBLE, "tier": Tier.PLAIN}, "eligible", "model, now plain (ineligible)"),
        ({"cause": Cause.LATE, "tier": Tier.FALLBACK}, "time", "model, now fallback (late)"),
        ({"survivors": ("a",)}, "retrieve", "b is no candidate any more"),
        ({"blockers": {}}, "retrieve", "c is no candidate any more"),
        ({"survivors": ("a", "b", "d", "e")}, "retrieve", "d is a candidate now, and 1 more"),
        ({"generated": {}}, "retrieve", "generators gave 3 from retrieve[0], now nothing"),
        ({"blockers": {"c": "map"}}, "guard", "c was blocked by in_stock, now by map"),
        ({"blockers": {}, "survivors": ("a", "b", "c")}, "guard", "c was blocked by in_stock, now by nothing"),
        ({"scored_tier": Tier.RULES}, "score", "scored by tier model, now rules"),
        ({"scores": (1.0, 2.5)}, "score", "b scored 2, now 2.5"),
        ({"scores": (1.5, 2.75)}, "score", "b scored 2, now 2.75, and 1 more"),
        ({"values": (3.5, 4.0)}, "rerank", "a had value 3, now 3.5"),
        (
            {"terms": {"boost": (0.0, 0.0)}},
            "rerank",
            "other models, terms of the objective or boosts gave something else",
        ),
        ({"boost_errors": 2}, "rerank", "0 boosts failed, now 2"),
        (
            {"draws": (replace(DRAW, propensity=0.5),)},
            "explore",
            "position 1: drew a with propensity 0.25 at u = 0.500000, now drew a with propensity 0.5 at u = 0.500000",
        ),
        ({"answer": ("b",), "draws": ()}, "explore", "answered a, now b"),
        ({"held_out": ("a",)}, "explore", "what a held-out visitor would have been answered is something else"),
        ({"tier": Tier.RULES, "problem": "no model"}, "tier", "model, now rules: no model"),
        ({"props": {"title": "Pear"}}, "render", "title was 'Apple', now 'Pear'"),
        ({"why": "You like it"}, "render", "offer id or why text was None None, now None 'You like it'"),
        ({"propensity": 0.5}, "render", "payload, ids or problems told differ"),
    ],
)
def test_each_stage_tells_its_difference(changes: dict[str, object], stage: str, detail: str) -> None:
    assert parted(**changes) == Parting(stage, detail)


def test_the_first_stage_counts() -> None:
    found = parted(blockers={"c": "map"}, scores=(0.0, 0.0), answer=("b",), props={})
    assert found is not None
    assert found.stage == "guard"


def test_what_visitors_see_is_the_same_without_ids_and_propensities() -> None:
    assert is_same_answer(DECISION, replace(DECISION, decision_id="other", propensity=1.0))
    for other in (
        replace(DECISION, answer=("b",)),
        replace(DECISION, tier=Tier.RULES),
        replace(DECISION, cause=Cause.LATE),
        replace(DECISION, props={}),
        replace(DECISION, why="x"),
        replace(DECISION, offer_id="x"),
    ):
        assert not is_same_answer(DECISION, other)
    assert (shown(DECISION), shown(replace(DECISION, answer=()))) == ("a", "plain content")
