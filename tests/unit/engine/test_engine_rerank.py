import msgspec
import numpy as np
import pytest
from builders import RULES, Shop, batch, columns, const, model, slot
from msgspec.structs import replace

from contracts.decision import Tier
from contracts.errors import ExpiredError, MissingError, NotRunnableError, RuleError
from contracts.features import FeatureValue, Root
from contracts.rule_ir import Has, Read
from contracts.slots import SlotSet, Term
from engine.loaded import LoadedBundle
from engine.programs.arrays import quiet
from engine.programs.values import Scope
from engine.rerank import Ranked, rerank
from engine.score import Scored

PLAIN_SCORE = columns("plain_score", "double", Read(type="double", root=Root.SCORE))
SCORE_OF_N = Read(type="double", root=Root.SCORES, field="n")
BY_NAME = (
    columns("score_of_m", "double", Read(type="double", root=Root.SCORES, field="m")),
    columns("score_of_n", "double", SCORE_OF_N),
    columns("product", "double", ("multiply_double", "double", Read(type="double", root=Root.SCORE), SCORE_OF_N)),
    columns(
        "if_scored", "double", ("conditional", "double", Has(root=Root.SCORES, field="n"), SCORE_OF_N, const(-1.0))
    ),
    columns("of_another", "double", Read(type="double", root=Root.SCORES, field="x")),
    columns("has_another", "bool", Has(root=Root.SCORES, field="x")),
)
LARGE = columns("large", "double", const(1e308))
EXPIRED = {"old": FeatureValue(value=1.0, as_of=0), "dead": FeatureValue(value=1.0, as_of=0)}


@quiet
def ranked(*boosts: str, objective: str | None = None, tier: Tier = Tier.MODEL, expired: bool = False) -> Ranked:
    loaded = Shop(slots=(slot(boosts=boosts, objective=objective),), rules=(*RULES, LARGE)).load()
    given = batch(loaded)
    scope = Scope(given.scope.now, frozenset(), {}, {}, EXPIRED if expired else {})
    scored = replace(given, scope=scope, score=np.arange(5, dtype=np.float64))
    return rerank(loaded.slots["shelf"], tier, Scored(scored))


def of_two(**changes: object) -> LoadedBundle:
    """A slot of models `m` and `n`, with rules that read what they say."""
    models = (model("price"), model("price", name="n"))
    slots = (slot(**{"model": "m", "other_models": ("n",), **changes}),)
    return Shop(slots=slots, rules=(*RULES, LARGE, PLAIN_SCORE, *BY_NAME), models=models).load()


def composed(*terms: Term, tier: Tier = Tier.MODEL, **changes: object) -> Ranked:
    """Over scores 0 to 4, of which model `n` says the same backwards."""
    loaded = of_two(terms=terms, **changes)
    scored = replace(batch(loaded), score=np.arange(5, dtype=np.float64))
    of_others = {"n": np.arange(4, -1, -1, dtype=np.float64)} if tier is Tier.MODEL else {}
    return rerank(loaded.slots["shelf"], tier, Scored(scored, of_others))


def test_without_an_objective_scores_are_the_values() -> None:
    assert ranked().values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_an_objective_reads_the_score() -> None:
    assert ranked(objective="double_score").values.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert ranked(objective="price").values.dtype == np.float64


def test_boosts_are_added_in_order() -> None:
    assert ranked("price", "double_score").values.tolist() == [100.0, 203.0, 306.0, 409.0, 512.0]


def test_an_objective_may_be_a_weighted_sum_of_terms() -> None:
    result = composed(
        Term(name="fit", weight=2.0, rule="plain_score"),
        Term(name="price", weight=0.01, rule="price"),
        Term(name="risk", weight=-1.0, rule="score_of_n"),
    )
    assert result.values.tolist() == [-3.0, 1.0, 5.0, 9.0, 13.0]
    assert {name: added.tolist() for name, added in result.terms.items()} == {
        "fit": [0.0, 2.0, 4.0, 6.0, 8.0],
        "price": [1.0, 2.0, 3.0, 4.0, 5.0],
        "risk": [-4.0, -3.0, -2.0, -1.0, 0.0],
    }


def test_terms_and_boosts_together_are_the_value() -> None:
    terms = (Term(name="fit", weight=3.0, rule="plain_score"), Term(name="price", weight=0.1, rule="price"))
    result = composed(*terms, boosts=("by_margin", "double_score"))
    assert list(result.terms) == ["fit", "price", "by_margin", "double_score"]
    summed = np.zeros(5)
    for added in result.terms.values():
        summed = summed + added
    assert result.values.tolist() == summed.tolist()
    assert result.boost_errors == 1


def test_an_objective_may_multiply_what_several_models_say() -> None:
    result = composed(objective="product", boosts=("score_of_m",))
    assert result.values.tolist() == [0.0, 4.0, 6.0, 6.0, 4.0]
    assert result.others["n"].tolist() == [4.0, 3.0, 2.0, 1.0, 0.0]


def test_in_tier_rules_no_model_scores_and_has_says_so() -> None:
    for rule, name in (("product", "n"), ("score_of_m", "m")):
        with pytest.raises(MissingError, match=f"scores.{name} has no value: in tier rules no model scores"):
            composed(objective=rule, tier=Tier.RULES)
    assert composed(objective="if_scored", tier=Tier.RULES).values.tolist() == [-1.0] * 5
    assert composed(objective="if_scored").values.tolist() == [4.0, 3.0, 2.0, 1.0, 0.0]
    boosted = composed(boosts=("score_of_n",), tier=Tier.RULES)
    assert (boosted.values.tolist(), boosted.boost_errors) == ([0.0, 1.0, 2.0, 3.0, 4.0], 5)


def test_only_a_slot_whose_rules_read_them_keeps_scores_by_name() -> None:
    assert composed(objective="plain_score").batch.scores is None
    assert list(composed(objective="if_scored").batch.scores or ()) == ["m", "n"]
    loaded = of_two(other_models=(), objective="score_of_m")
    scored = Scored(replace(batch(loaded), score=np.arange(5, dtype=np.float64)))
    assert rerank(loaded.slots["shelf"], Tier.MODEL, scored).values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("place", ["objective", "boosts", "terms"])
def test_scores_are_those_of_the_slots_own_models(place: str) -> None:
    named = {
        "objective": "of_another",
        "boosts": ("of_another",),
        "terms": (Term(name="t", weight=1.0, rule="of_another"),),
    }
    with pytest.raises(NotRunnableError, match=r"of_another reads scores\.x, which is none of its models"):
        of_two(**{place: named[place]})
    with pytest.raises(NotRunnableError, match=r"score_of_n reads scores\.n, which is none of its models"):
        of_two(objective="score_of_n", other_models=())


def test_scores_are_not_read_before_they_are_known() -> None:
    for changes in ({"score": "score_of_n"}, {"guards": ("has_another",)}):
        with pytest.raises(NotRunnableError, match="reads score, which is not known yet"):
            of_two(**changes)


def test_an_erroring_term_is_raised() -> None:
    with pytest.raises(MissingError, match="by_margin"):
        composed(Term(name="m", weight=0.0, rule="by_margin"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"objective": "double_score"}, "one rule or a sum of terms"),
        ({"terms": (Term(name="t", weight=float("inf"), rule="price"),)}, "finite numbers"),
        ({"terms": (Term(name="t", weight=1.0, rule="title"),)}, "rule title"),
    ],
)
def test_an_objective_that_cannot_be_summed_is_refused_at_load(changes: dict[str, object], reason: str) -> None:
    terms = {"terms": (Term(name="t", weight=1.0, rule="price"),)}
    slots = (slot(**{**terms, **changes}),)
    sections = {"slots": msgspec.msgpack.encode(SlotSet(slots=slots, pages={}))}  # the codec would refuse infinity
    with pytest.raises(NotRunnableError, match=reason):
        Shop(slots=slots, sections=sections).load()


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
