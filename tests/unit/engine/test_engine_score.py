import numpy as np
import pytest
from builders import RULES, Shop, batch, columns, const, model, slot
from graphs import weighed

from contracts.decision import Tier
from contracts.errors import ExpiredError, MissingError, RuleError, ScoringError
from contracts.features import FeatureValue
from engine.load import LoadedBundle, LoadedModel
from engine.programs.values import Batch, Computed, Scope
from engine.score import NoModelError, NoScoreError, first_error, matrix, score

INFINITE = columns("infinite", "double", ("multiply_double", "double", const(1e308), const(1e308)))
LARGE = columns("large", "double", const(1e300))
FLAG = columns("flag", "bool", ("less_int64", "bool", const(1), const(2)))
ALL = (*RULES, INFINITE, LARGE, FLAG)


def shop(
    *inputs: str, missing: str | float = "nan", graph: bytes | None = None, score: str | None = "price"
) -> LoadedBundle:
    graphs = {} if graph is None else {"m": graph}
    models = (model(*inputs, missing=missing),)
    return Shop(slots=(slot(model="m", score=score),), rules=ALL, models=models, graphs=graphs).load()


def of(loaded: LoadedBundle) -> LoadedModel:
    found = loaded.slots["shelf"].model
    assert found is not None
    return found


def test_inputs_stand_in_matrix_order_as_float32() -> None:
    loaded = shop("price", "by_margin", "flag")
    filled = matrix(of(loaded), batch(loaded, "a", "b"))
    assert filled.dtype == np.float32
    assert filled.flags.c_contiguous
    assert filled.tolist() == [[100.0, np.float32(0.1), 1.0], [200.0, np.float32(0.2), 1.0]]


def test_missing_reads_become_what_the_input_declares() -> None:
    loaded = shop("by_margin", "price")
    assert np.isnan(matrix(of(loaded), batch(loaded, "e"))[0, 0])
    assert not np.isnan(matrix(of(loaded), batch(loaded, "a", "e"))[0]).any()
    loaded = shop("by_margin", missing=-1.0)
    assert matrix(of(loaded), batch(loaded, "d", "e"))[:, 0].tolist() == [np.float32(0.4), -1.0]
    loaded = shop("taste", missing=2)
    assert matrix(of(loaded), batch(loaded))[:, 0].tolist() == [2.0] * 5


def test_an_input_that_refuses_raises_what_went_wrong() -> None:
    loaded = shop("by_margin", missing="refuse")
    assert matrix(of(loaded), batch(loaded, "a")).shape == (1, 1)
    with pytest.raises(MissingError, match="by_margin"):
        matrix(of(loaded), batch(loaded, "a", "e"))


def test_an_expired_input_ends_the_tier_whatever_is_declared_for_missing() -> None:
    loaded = shop("old")
    everything = batch(loaded)
    scope = Scope(everything.scope.now, frozenset(), {}, {}, {"old": FeatureValue(value=1.0, as_of=0)})
    with pytest.raises(ExpiredError):
        matrix(of(loaded), Batch(scope, everything.table, everything.rows))


def test_what_float32_cannot_hold_is_infinite() -> None:
    loaded = shop("large")
    assert matrix(of(loaded), batch(loaded, "a"))[0, 0] == np.inf


def test_the_model_scores_in_tier_model_and_the_static_score_in_rules() -> None:
    loaded = shop("price", graph=weighed(-2.0))
    scored = score(loaded.slots["shelf"], Tier.MODEL, batch(loaded, "a", "b")).score
    assert scored is not None
    assert scored.tolist() == [-200.0, -400.0]
    static = score(loaded.slots["shelf"], Tier.RULES, batch(loaded, "a", "b")).score
    assert static is not None
    assert (static.dtype, static.tolist()) == (np.float64, [100.0, 200.0])


def test_what_there_is_not_is_said() -> None:
    loaded = shop("price", score=None)
    with pytest.raises(NoModelError, match="model m is not loaded"):
        score(loaded.slots["shelf"], Tier.MODEL, batch(loaded))
    with pytest.raises(NoScoreError, match="no static score"):
        score(loaded.slots["shelf"], Tier.RULES, batch(loaded))


@pytest.mark.parametrize(
    ("name", "error"), [("by_margin", MissingError), ("taste", MissingError), ("infinite", ScoringError)]
)
def test_a_static_score_of_every_candidate_is_needed(name: str, error: type[Exception]) -> None:
    loaded = shop("price", score=name)
    with pytest.raises(error, match=name):
        score(loaded.slots["shelf"], Tier.RULES, batch(loaded))


def test_the_first_error_is_named_even_when_a_program_names_none() -> None:
    with pytest.raises(RuleError, match="x: gave no value"):
        raise first_error(Computed(np.zeros(1), np.ones(1, dtype=np.bool_)), "x")
