import msgspec
import numpy as np
import pytest
from builders import NOW, RULES, Shop, batch, columns, const, model, read, run, slot
from graphs import weighed

from contracts.bundle import ModelSet
from contracts.decision import Cause, Tier
from contracts.errors import ExpiredError, MissingError, NotRunnableError, RuleError, ScoringError
from contracts.features import Cursor, FeatureDelta, FeatureValue, Root
from engine.load import ColumnRule, LoadedBundle, LoadedModel
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
    scored = score(loaded.slots["shelf"], Tier.MODEL, batch(loaded, "a", "b")).batch.score
    assert scored is not None
    assert scored.tolist() == [-200.0, -400.0]
    static = score(loaded.slots["shelf"], Tier.RULES, batch(loaded, "a", "b")).batch.score
    assert static is not None
    assert (static.dtype, static.tolist()) == (np.float64, [100.0, 200.0])


def two_models(*, missing: str | float = "nan", second: bytes | None = None, **changes: object) -> LoadedBundle:
    models = (model("price"), msgspec.structs.replace(model("by_margin", missing=missing, name="n"), **changes))
    graphs = {"m": weighed(1.0), **({"n": second} if second else {})}
    return Shop(slots=(slot(model="m", other_models=("n",), score="price"),), models=models, graphs=graphs).load()


def test_every_model_of_a_slot_scores_by_its_own_inputs() -> None:
    loaded = two_models(second=weighed(10.0))
    scored = score(loaded.slots["shelf"], Tier.MODEL, batch(loaded, "a", "b"))
    assert scored.batch.score is not None
    assert scored.batch.score.tolist() == [100.0, 200.0]
    assert scored.others["n"].tolist() == [1.0, 2.0]
    static = score(loaded.slots["shelf"], Tier.RULES, batch(loaded, "a", "b"))
    assert static.others == {}


def test_what_was_read_before_scoring_is_not_read_again() -> None:
    loaded = two_models(second=weighed(10.0))
    given = batch(loaded, "a", "b")
    assert columns_rule(loaded).run(given).values.tolist() == [100, 200]
    scored = score(loaded.slots["shelf"], Tier.MODEL, given)
    assert set(scored.batch.gathered) == {"item.price"}
    assert scored.batch.gathered["item.price"] is given.gathered["item.price"]


def columns_rule(loaded: LoadedBundle) -> ColumnRule:
    found = loaded.slots["shelf"].score
    assert found is not None
    return found


def test_inputs_of_items_alone_follow_the_feed() -> None:
    loaded = shop("price", "by_margin", "flag", "taste", missing=-1.0)
    given = batch(loaded, "a", "b", "e")
    assert of(loaded).places.of_items.tolist() == [0, 1]
    first = matrix(of(loaded), given)
    assert matrix(of(loaded), given).tolist() == first.tolist()
    delta = FeatureDelta(table="products", seq=1, entity="b", as_of=NOW, values={"price": 7})
    table = loaded.snapshot.with_deltas([delta], Cursor()).tables["products"]
    after = matrix(of(loaded), Batch(given.scope, table, given.rows))
    assert after[:, 0].tolist() == [100.0, 7.0, 500.0]
    assert after[:, 1:].tolist() == first[:, 1:].tolist()
    early = Scope(NOW - 1, given.scope.granted, {}, {}, {})
    assert matrix(of(loaded), Batch(early, table, given.rows))[:, 0].tolist() == [100.0, -1.0, 500.0]
    assert matrix(of(loaded), Batch(given.scope, table, given.rows)).tolist() == after.tolist()


@pytest.mark.parametrize("missing", ["nan", 2.5])
def test_inputs_that_read_no_item_are_what_columns_would_hold(missing: str | float) -> None:
    whole = columns("whole", "int", const(2**53 + 2**29 + 1))  # by way of a double it would round down
    views = columns("seen", "int", read(Root.VISITOR_STATE, "views", "int"))
    models = (model("whole", "seen", "taste", "flag", missing=missing),)
    loaded = Shop(slots=(slot(model="m"),), rules=(*ALL, whole, views), models=models).load()
    given = batch(loaded, "a", "b")
    by_columns = np.column_stack([each.run(given).values.astype(np.float32) for each in of(loaded).inputs])
    filled = matrix(of(loaded), given)
    assert [each.once is not None for each in of(loaded).inputs] == [True] * 4
    assert filled[:, [0, 1, 3]].tolist() == by_columns[:, [0, 1, 3]].tolist()
    expected = np.float32(np.nan if missing == "nan" else missing)
    assert np.array_equal(filled[:, 2], [expected, expected], equal_nan=True)


def test_no_candidates_have_no_inputs_and_refuse_none() -> None:
    loaded = shop("taste", "by_margin", missing="refuse")
    given = batch(loaded, "a")
    assert matrix(of(loaded), Batch(given.scope, given.table, given.rows[:0])).shape == (0, 2)
    with pytest.raises(MissingError, match="taste"):
        matrix(of(loaded), given)


@pytest.mark.parametrize(
    ("loaded", "cause"),
    [
        (two_models(), Cause.NO_MODEL),
        (two_models(missing="refuse", second=weighed(10.0)), Cause.MISSING_FEATURE),
        (two_models(output="probability", second=weighed(99.0)), Cause.SCORING_ERROR),
    ],
)
def test_without_one_of_its_models_a_slot_is_decided_by_rules_and_says_why(loaded: LoadedBundle, cause: Cause) -> None:
    decision = run(loaded).decisions[0]
    assert (decision.tier, decision.cause) == (Tier.RULES, cause)
    assert decision.answer == ("e", "d", "c")


def test_with_all_of_its_models_it_is_decided_by_them() -> None:
    loaded = two_models(second=weighed(10.0), missing=0.0)
    made = run(loaded)
    assert (made.decisions[0].tier, made.decisions[0].cause) == (Tier.MODEL, None)
    assert made.traces[0].other_scores == {"n": (1.0, 2.0, 3.0, 4.0, 0.0)}


def calibrated(*points: tuple[float, float]) -> LoadedBundle:
    models = (msgspec.structs.replace(model("price"), calibration=points),)
    sections = {"models": msgspec.msgpack.encode(ModelSet(models=models))}  # the codec would refuse NaN
    return Shop(slots=(slot(model="m"),), models=models, graphs={"m": weighed(1.0)}, sections=sections).load()


def test_a_calibrated_score_is_read_off_the_line() -> None:
    loaded = calibrated((150.0, 0.1), (250.0, 0.5), (450.0, 0.5), (460.0, 1.0))
    scored = score(loaded.slots["shelf"], Tier.MODEL, batch(loaded)).batch.score
    assert scored is not None
    assert scored.tolist() == [0.1, pytest.approx(0.3), 0.5, 0.5, 1.0]


@pytest.mark.parametrize(
    "points",
    [
        ((1.0, 0.5), (1.0, 0.6)),
        ((1.0, 0.5), (2.0, 0.4)),
        ((1.0, -0.1), (2.0, 0.4)),
        ((1.0, 0.1), (2.0, 1.1)),
        ((1.0, 0.1), (float("nan"), 0.2)),
        ((1.0, 0.1), (2.0, float("nan")), (3.0, 0.2)),
    ],
)
def test_a_line_that_does_not_rise_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(NotRunnableError, match="calibration"):
        calibrated(*points)


@pytest.mark.parametrize("others", [("m",), ("n", "n")])
def test_other_models_are_others(others: tuple[str, ...]) -> None:
    models = (model("price"), model("price", name="n"))
    with pytest.raises(NotRunnableError, match="each is another"):
        Shop(slots=(slot(model="m", other_models=others),), models=models).load()


def test_other_models_need_a_first_one() -> None:
    with pytest.raises(NotRunnableError, match="need a first one"):
        Shop(slots=(slot(other_models=("n",)),), models=(model("price", name="n"),)).load()


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
