from dataclasses import replace

import numpy as np
import pytest
from builders import RULES, Shop, batch, columns, const, slot

from contracts.decision import Tier
from contracts.errors import ExpiredError, MissingError, RuleError
from contracts.features import FeatureValue
from engine.programs.values import Scope
from engine.rerank import Ranked, rerank

LARGE = columns("large", "double", const(1e308))
EXPIRED = {"old": FeatureValue(value=1.0, as_of=0), "dead": FeatureValue(value=1.0, as_of=0)}


def ranked(*boosts: str, objective: str | None = None, tier: Tier = Tier.MODEL, expired: bool = False) -> Ranked:
    loaded = Shop(slots=(slot(boosts=boosts, objective=objective),), rules=(*RULES, LARGE)).load()
    given = batch(loaded)
    scope = Scope(given.scope.now, frozenset(), {}, {}, EXPIRED if expired else {})
    scored = replace(given, scope=scope, score=np.arange(5, dtype=np.float64))
    return rerank(loaded.slots["shelf"], tier, scored)


def test_without_an_objective_scores_are_the_values() -> None:
    assert ranked().values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_an_objective_reads_the_score() -> None:
    assert ranked(objective="double_score").values.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert ranked(objective="price").values.dtype == np.float64


def test_boosts_are_added_in_order() -> None:
    assert ranked("price", "double_score").values.tolist() == [100.0, 203.0, 306.0, 409.0, 512.0]


def test_an_erroring_boost_is_zero_and_counted() -> None:
    result = ranked("by_margin", "taste")
    assert result.values.tolist() == [0.1, 1.2, 2.3, 3.4, 4.0]
    assert result.boost_errors == 1 + 5


def test_a_boost_that_is_no_finite_number_is_zero_and_counted() -> None:
    assert ranked("huge").boost_errors == 5
    assert ranked("huge").values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_values_must_be_finite() -> None:
    with pytest.raises(RuleError, match="not a finite number"):
        ranked("large", "large")
    with pytest.raises(RuleError, match="not a finite number"):
        ranked(objective="huge")


def test_an_erroring_objective_is_raised() -> None:
    with pytest.raises(MissingError, match="by_margin"):
        ranked(objective="by_margin")


def test_an_expired_boost_ends_tier_model_alone() -> None:
    with pytest.raises(ExpiredError):
        ranked("old", expired=True)
    assert ranked("old", tier=Tier.RULES, expired=True).boost_errors == 5
    with pytest.raises(ExpiredError):
        ranked("dead", tier=Tier.RULES, expired=True)
