"""Decision rights bite: what is not granted is not decided, however good the answer would be."""

import pytest
from builders import PERSONAL, RULES, Shop, request, run, slot

from contracts.decision import Cause, Decision, Tier
from contracts.errors import NotRunnableError
from contracts.features import Cursor, FeatureDelta
from contracts.slots import DecisionRight, SlotSet, SlotSpec
from engine.load import LoadedBundle

PRICED = slot(decision_right=DecisionRight.PRICING)


def shop(spec: SlotSpec = PRICED, **rights: bool | str) -> LoadedBundle:
    sections = {"slots": SlotSet(slots=(spec,), pages={}, decision_rights=rights)}
    return Shop(slots=(spec,), sections=sections).load()


def outcome(loaded: LoadedBundle, **context: bool) -> tuple[Tier, Cause | None, str]:
    made = run(loaded, request(context=context))
    decision: Decision = made.decisions[0]
    return decision.tier, decision.cause, made.traces[0].problem


NOT_GRANTED = "the decision right pricing is not granted"


def test_a_bundle_that_names_no_right_grants_all() -> None:
    assert outcome(shop()) == (Tier.RULES, None, "")


def test_a_right_granted_to_everybody_changes_nothing() -> None:
    assert outcome(shop(pricing=True)) == (Tier.RULES, None, "")


@pytest.mark.parametrize("rights", [{"pricing": False}, {"content": True}])
def test_a_right_that_is_refused_or_not_named_makes_the_slot_plain(rights: dict[str, bool | str]) -> None:
    assert outcome(shop(**rights)) == (Tier.PLAIN, Cause.INELIGIBLE, NOT_GRANTED)


def test_other_rights_do_not_matter() -> None:
    assert outcome(shop(slot(), content=True, pricing=False)) == (Tier.RULES, None, "")


def test_a_right_may_be_granted_to_some() -> None:
    loaded = shop(pricing="is_member")
    assert outcome(loaded, is_member=True) == (Tier.RULES, None, "")
    assert outcome(loaded, is_member=False) == (Tier.PLAIN, Cause.INELIGIBLE, NOT_GRANTED)


def test_a_condition_that_cannot_be_evaluated_grants_nothing() -> None:
    tier, cause, problem = outcome(shop(pricing="is_member"))
    assert (tier, cause) == (Tier.PLAIN, Cause.INELIGIBLE)
    assert "request.is_member" in problem


def test_an_expired_condition_grants_nothing() -> None:
    loaded = shop(pricing="old_once")
    delta = FeatureDelta(table="visitor", seq=1, entity="v1", as_of=1, values={"old": 1.0})
    made = run(loaded, request(granted=(PERSONAL,)), loaded.snapshot.with_deltas([delta], Cursor()))
    assert made.decisions[0].tier is Tier.PLAIN


def test_the_slots_own_condition_holds_as_well() -> None:
    spec = slot(decision_right=DecisionRight.PRICING, eligible="is_member")
    assert outcome(shop(spec, pricing=True), is_member=True)[0] is Tier.RULES
    assert outcome(shop(spec, pricing=True), is_member=False)[:2] == (Tier.PLAIN, Cause.INELIGIBLE)
    assert outcome(shop(spec, pricing="is_member"), is_member=True)[0] is Tier.RULES
    refused = slot(decision_right=DecisionRight.PRICING, eligible="views_some")
    assert outcome(shop(refused, pricing="is_member"), is_member=True)[:2] == (Tier.PLAIN, Cause.INELIGIBLE)


def test_precomputed_answers_need_the_right_too() -> None:
    spec = PRICED
    sections = {"slots": SlotSet(slots=(spec,), pages={}, decision_rights={"pricing": False})}
    loaded = Shop(slots=(spec,), sections=sections, fallbacks={"shelf": {(): ("a",)}}).load()
    assert run(loaded, request()).decisions[0].tier is Tier.PLAIN


def test_a_condition_is_a_rule_of_the_bundle() -> None:
    with pytest.raises(NotRunnableError, match="names rule nowhere"):
        shop(pricing="nowhere")
    assert any(rule.name == "cheap" for rule in RULES)
    with pytest.raises(NotRunnableError, match="rule cheap is bool in form columns"):
        shop(pricing="cheap")
