"""What every policy must hold, over the whole of `POLICIES`: a new entry is tested the moment it is there.

What `engine.explore` makes of them, position by position, is in `tests/property/test_explore_answers.py`.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from engine import hashing
from engine.kinds import KINDS
from engine.policies import POLICIES, Field, Param, Policy, picked

EACH = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
DRAWS = 100_000
ONE_IN_A_THOUSAND = 1e-3
TINY = 1e-15


def number(param: Param, share: float) -> float:
    """A number within its range; where that spans many powers of ten, `share` goes by powers."""
    if param.most <= 1.0:
        return param.least + share * (param.most - param.least)
    least = max(param.least, 1e-6)
    return float(least * (param.most / least) ** share)


def params_of(policy: Policy, share: float = 0.3, **given_numbers: float) -> dict[str, float]:
    return {name: number(param, share) for name, param in policy.params.items()} | {
        name: value for name, value in given_numbers.items() if name in policy.params
    }


def field_of(values: Sequence[float], weights: Sequence[float] | None = None) -> Field:
    """Without other weights, those that grow with the values."""
    ranks = np.argsort(np.argsort(values)) / max(len(values) - 1, 1)
    return Field(np.array(values, dtype=np.float64), ranks if weights is None else np.array(weights, dtype=np.float64))


@st.composite
def situations(draw: st.DrawFn) -> tuple[Field, np.ndarray]:
    values = draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
    weights = draw(st.lists(st.floats(0, 1) | st.just(0.0), min_size=len(values), max_size=len(values)))
    feasible = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)).filter(any))
    return field_of(values, weights), np.array(feasible)


@EACH
@given(situation=situations(), share=st.floats(0, 1))
def test_propensities_sum_to_one_over_what_is_feasible(
    policy: Policy, situation: tuple[Field, np.ndarray], share: float
) -> None:
    field, feasible = situation
    chances = policy.over(field, params_of(policy, share))(feasible)
    assert chances.dtype == np.float64
    assert chances.shape == field.values.shape
    assert abs(math.fsum(chances) - 1.0) <= TINY
    assert (chances >= 0).all()
    assert (chances[~feasible] == 0).all()


@EACH
@given(
    situation=situations(),
    share=st.floats(0, 1),
    u=st.floats(0, 1, exclude_max=True) | st.sampled_from([0, 1 - 2**-53]),
)
def test_every_number_draws_something_that_could_be_drawn(
    policy: Policy, situation: tuple[Field, np.ndarray], share: float, u: float
) -> None:
    field, feasible = situation
    chances = policy.over(field, params_of(policy, share))(feasible)
    assert chances[int(picked(chances, u))] > 0.0


@EACH
def test_an_only_candidate_is_certain(policy: Policy) -> None:
    for share in (0.0, 0.1, 0.3, 1.0):
        for weights in ([1e-300, 1.0], [0.0, 1.0]):
            field = field_of([3.0, 9.0], weights)
            chances = policy.over(field, params_of(policy, share))(np.array([True, False]))
            assert chances.tolist() == [1.0, 0.0]


@EACH
@given(
    values=st.lists(st.integers(-1000, 1000), min_size=1, max_size=20, unique=True),
    seed=st.randoms(use_true_random=False),
    share=st.floats(0, 1),
)
def test_the_order_of_candidates_does_not_matter(policy: Policy, values: list[int], seed: object, share: float) -> None:
    order = list(range(len(values)))
    seed.shuffle(order)  # type: ignore[attr-defined]
    field = field_of(values)
    feasible = np.array([value % 3 > 0 for value in values])
    feasible[0] = True
    chances = policy.over(field, params_of(policy, share))(feasible)
    shuffled = Field(field.values[order], field.weights[order])
    assert policy.over(shuffled, params_of(policy, share))(feasible[order]).tolist() == chances[order].tolist()


@EACH
@given(
    steps=st.lists(st.floats(0, 50), min_size=1, max_size=15), share=st.floats(0, 1), floor=st.sampled_from([0.0, 0.01])
)
def test_a_better_value_never_has_a_smaller_chance(
    policy: Policy, steps: list[float], share: float, floor: float
) -> None:
    field = field_of(np.cumsum(steps).tolist(), np.linspace(0, 1, len(steps)).tolist())
    chances = policy.over(field, params_of(policy, share, floor=floor))(np.ones(len(steps), dtype=np.bool_))
    best = field.values == field.values[-1]
    assert (np.diff(chances[~best]) >= -TINY).all()
    assert chances[best].max() >= chances.max() - TINY


@EACH
@given(situation=situations(), share=st.floats(0, 1), floor=st.floats(0, 1))
def test_floors_hold(policy: Policy, situation: tuple[Field, np.ndarray], share: float, floor: float) -> None:
    field, feasible = situation
    chances = policy.over(field, params_of(policy, share, floor=floor))(feasible)
    if "floor" in policy.params:
        count = np.count_nonzero(feasible)
        assert (chances[feasible] >= min(floor, 1 / count) * (1 - TINY)).all()
        if floor * count >= 1:
            assert set(chances[feasible].tolist()) == {1 / count}


@cache
def numbers() -> np.ndarray:
    """As many numbers u as the engine would draw for so many requests."""
    return np.array([hashing.draws(f"request {n}", "shelf", 1)[0] for n in range(DRAWS)])


def unlikelihood(drawn_by: np.ndarray, stated: np.ndarray) -> float:
    """The probability of frequencies at least as odd as these, if the draws followed what is stated (chi-square)."""
    counts = np.bincount(picked(drawn_by, numbers()), minlength=len(stated))
    if counts[stated == 0].any():
        return 0.0
    expected = stated[stated > 0] * DRAWS
    statistic = (((counts[stated > 0] - expected) ** 2) / expected).sum()
    return float(chi2.sf(statistic, max(len(expected) - 1, 1)))


@EACH
@pytest.mark.parametrize("temper", [{}, {"floor": 0.0, "temperature": 0.2, "gamma": 20.0}, {"temperature": 3.0}])
def test_frequencies_match_the_stated_propensities(policy: Policy, temper: dict[str, float]) -> None:
    field = field_of([0.3, 0.1, 0.9, 0.5, 0.9, 0.8], [0.2, 0.1, 0.0, 0.9, 0.4, 0.3])
    feasible = np.array([True, True, True, False, True, True])
    stated = policy.over(field, params_of(policy, **temper))(feasible)
    assert unlikelihood(stated, stated) > ONE_IN_A_THOUSAND


def test_a_policy_that_states_something_else_than_it_draws_is_found_out() -> None:
    stated = np.array([0.2, 0.3, 0.5])
    assert unlikelihood(stated, stated) > ONE_IN_A_THOUSAND
    assert unlikelihood(stated + np.array([0.005, 0.0, -0.005]), stated) < ONE_IN_A_THOUSAND
    assert unlikelihood(stated, np.array([0.5, 0.5, 0.0])) == 0.0


@EACH
def test_it_supports_known_kinds_and_its_ranges_are_ranges(policy: Policy) -> None:
    assert policy.kinds
    assert policy.kinds <= KINDS.keys()
    for param in policy.params.values():
        assert param.least < param.most
        assert param.default is None or param.least <= param.default <= param.most


@EACH
def test_inputs_are_left_alone_and_asked_again_it_says_the_same(policy: Policy) -> None:
    field, feasible = field_of([1.0, 2.0, 3.0]), np.array([True, True, False])
    step = policy.over(field, params_of(policy))
    first = step(feasible).tolist()
    step(np.array([False, True, True]))
    assert step(feasible).tolist() == first == policy.over(field, params_of(policy))(feasible).tolist()
    assert field.values.tolist() == [1.0, 2.0, 3.0]
    assert field.weights.tolist() == [0.0, 0.5, 1.0]
    assert feasible.tolist() == [True, True, False]
