from builders import Shop, request, run, slot

from contracts.decision import Cause
from contracts.experiments import ExperimentSpec, Holdout
from contracts.slots import Cap, CapWindow, Pin, PolicySpec, Pool
from engine.explain import _MEANING, explain, why_not

HELD = ExperimentSpec(holdouts=(Holdout(salt="g", share=1.0),))


def told(shop: Shop, **changes: object) -> str:
    decided = run(shop.load(), request(**changes))
    return "\n".join(explain(decided.decisions[0], decided.traces[0]))


def test_every_cause_has_its_sentence() -> None:
    assert _MEANING.keys() == set(Cause)


def test_a_decision_is_told_from_candidates_to_draws() -> None:
    assert told(Shop(slots=(slot(guards=("cheap",), boosts=("taste",), size=2),))) == (
        "shelf: d, c (tier rules)\n"
        "candidates: 5 from retrieve[0]; 1 blocked, 4 left\n"
        "4 boosts failed and counted as 0\n"
        "took d, the best that was free\n"
        "took c, the best that was free\n"
        "e blocked by cheap"
    )


def test_pins_and_shadows_are_told_apart_from_draws() -> None:
    pins = (Pin(item="a", position=0),)
    igw = PolicySpec(name="igw", params={"gamma": 0.01})
    lines = told(Shop(slots=(slot(size=2, pins=pins, shadow=igw),))).splitlines()
    assert lines[2:] == [
        "a was pinned there",
        "took e, the best that was free",
        "shadow igw: would have shown a, b with propensity 0.142857, and what is shown with 0.490476",
    ]
    alone = told(Shop(slots=(slot(size=1, pins=pins, shadow=igw),)))
    assert alone.endswith("a was pinned there\nshadow igw: would have shown a")


def test_plain_content_is_told_with_its_cause() -> None:
    lines = told(Shop(slots=(slot(eligible="is_member"),)))
    assert lines.startswith("shelf: plain content (tier plain)\nbecause the slot's condition does not hold\nproblem: ")


def test_a_counterfactual_is_told() -> None:
    assert told(Shop(experiments=HELD)).endswith("held out; would have been e, d, c")
    assert told(Shop(experiments=HELD, slots=(slot(retrieve=()),))).endswith("would have been plain content")


def test_why_not_an_item() -> None:
    cap = Cap(name="daily", limit=1, window=CapWindow.DAY)
    shop = Shop(slots=(slot(guards=("cheap",), caps=(cap,), size=1, retrieve=(Pool(ids=tuple("bcde")),)),))
    decided = run(shop.load(), request(exposures={"daily": {"d": 1}}))
    answers = {name: why_not(name, decided.decisions[0], decided.traces[0]) for name in "abcde"}
    assert answers == {
        "a": "a was retrieved by no generator",
        "b": "b was a candidate with value 200, ranked 2 of 2, and got no position",
        "c": "c is in the answer, at position 1",
        "d": "d was blocked by cap:daily",
        "e": "e was blocked by cheap",
    }


def test_why_not_on_a_plain_slot() -> None:
    decided = run(Shop().load(), request(is_bot=True))
    sentence = why_not("a", decided.decisions[0], decided.traces[0])
    assert sentence == "a was not considered: the request comes from a bot"


def by_trace(item: str, shop: Shop, **changes: object) -> str:
    """The sentence of whoever has no bundle: no more than the trace proves."""
    decided = run(shop.load(), request(**changes))
    return why_not(item, decided.decisions[0], decided.traces[0])


def test_without_its_bundle_no_more_is_told_than_is_sure() -> None:
    cut = Shop(slots=(slot(cap_candidates=2),))
    twice = Shop(slots=(slot(retrieve=(Pool(ids=("a",)), Pool(ids=("a", "b")))),))
    unsure = "no generator retrieved it, or the slot's cap cut it"
    assert by_trace("e", cut) == f"e was no candidate: {unsure}"
    assert by_trace("e", twice) == f"e was no candidate: {unsure}"
    known = Shop(slots=(slot(),), fallbacks={"shelf": {(): ("a", "b", "c", "d")}})
    stood_in = "is not in the answer, which was precomputed, because the node is overloaded"
    assert by_trace("d", known, is_overloaded=True) == f"d {stood_in}"
    assert (
        by_trace("a", Shop(), is_overloaded=True) == "a is not shown: plain content is, because the node is overloaded"
    )


def test_without_its_bundle_a_holdout_is_told_of() -> None:
    besides = "; besides, the visitor is held out"
    held = Shop(slots=(slot(size=1, guards=("cheap",)),), experiments=HELD)
    assert by_trace("d", held) == "d would be in the answer, at position 1, were the visitor not held out"
    assert by_trace("c", held) == f"c was a candidate with value 300, ranked 2 of 4, and got no position{besides}"
    assert by_trace("e", held) == f"e was blocked by cheap{besides}"
    late = Shop(experiments=HELD, fallbacks={"shelf": {(): ("a", "b", "c", "d")}})
    assert by_trace("e", late, is_overloaded=True) == f"e would not be shown otherwise{besides}"


def test_a_candidate_that_was_not_scored_is_not_shown() -> None:
    shop = Shop(slots=(slot(score="by_margin"),))
    assert by_trace("e", shop) == "e is not shown: plain content is, because a value that it needs is missing"
