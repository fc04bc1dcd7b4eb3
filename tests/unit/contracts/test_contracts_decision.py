"""The closed lists: every tier and cause has its reason, and each cause its tier."""

from contracts.decision import REASONS, TIER_OF_CAUSE, Cause, Reason, Tier
from contracts.errors import ContractError, DecisionError, EdgewiseError, ExpiredError, MissingError, RuleError


def test_every_tier_and_cause_has_a_reason() -> None:
    assert set(REASONS) == {(tier, cause) for tier in Tier for cause in (None, *Cause)}


def test_causes_lead_to_the_tiers_of_the_design() -> None:
    rules = {"no_model", "missing_feature", "expired_feature", "rule_error", "scoring_error"}
    fallback = {"overload", "late", "internal_error", "no_candidate"}
    for cause in Cause:
        expected = Tier.RULES if cause in rules else Tier.FALLBACK if cause in fallback else Tier.PLAIN
        assert TIER_OF_CAUSE[cause] is expected


def test_reasons_of_plain_tell_why() -> None:
    assert REASONS[Tier.PLAIN, Cause.KILLED] is Reason.DISABLED
    assert REASONS[Tier.PLAIN, Cause.HOLDOUT] is Reason.SPLIT
    assert REASONS[Tier.PLAIN, Cause.STALE_FEED] is Reason.STALE
    assert REASONS[Tier.PLAIN, Cause.RULE_ERROR] is Reason.ERROR
    assert REASONS[Tier.PLAIN, None] is Reason.STATIC
    assert REASONS[Tier.FALLBACK, Cause.LATE] is Reason.CACHED
    assert REASONS[Tier.MODEL, None] is Reason.TARGETING_MATCH


def test_errors_say_whose_fault_it_is() -> None:
    assert issubclass(MissingError, RuleError)
    assert issubclass(RuleError, DecisionError)
    assert issubclass(DecisionError, EdgewiseError)
    assert str(ContractError("wrong", "$.a")) == "wrong - at $.a"
    assert str(ContractError("wrong")) == "wrong"
    assert str(RuleError("overflow", "in_stock")) == "in_stock: overflow"
    assert str(RuleError("overflow")) == "overflow"
    assert ExpiredError("old", is_blocking=True).is_blocking
