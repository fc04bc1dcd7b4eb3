"""What every policy must hold, over the whole of `POLICIES`: a new entry is tested the moment it is there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kinds import KINDS
from engine.policies import POLICIES, Policy

EACH = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
DRAWS = 100_000
Z = 4.5


def params_of(policy: Policy, share: float = 0.3) -> dict[str, float]:
    return {name: low + share * (high - low) for name, (low, high) in policy.params.items()}


@st.composite
def fields(draw: st.DrawFn) -> tuple[list[float], list[bool]]:
    values = draw(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
    feasible = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)).filter(any))
    return values, feasible


@EACH
@given(field=fields(), share=st.floats(0, 1))
def test_chances_sum_to_one_over_what_is_feasible(
    policy: Policy, field: tuple[list[float], list[bool]], share: float
) -> None:
    values, feasible = (np.array(each) for each in field)
    chances = policy.propensities(values, feasible, params_of(policy, share))
    assert chances.dtype == np.float64
    assert chances.shape == values.shape
    assert abs(float(chances.sum()) - 1.0) < 1e-12
    assert (chances >= 0).all()
    assert (chances[~feasible] == 0).all()


@EACH
def test_an_only_candidate_is_certain(policy: Policy) -> None:
    for share in (0.0, 0.1, 0.3, 1.0):
        chances = policy.propensities(np.array([3.0, 9.0]), np.array([True, False]), params_of(policy, share))
        assert chances.tolist() == [1.0, 0.0]


@EACH
@given(
    values=st.lists(st.integers(-1000, 1000), min_size=1, max_size=20, unique=True),
    seed=st.randoms(use_true_random=False),
)
def test_the_order_of_candidates_does_not_matter(policy: Policy, values: list[int], seed: object) -> None:
    order = list(range(len(values)))
    seed.shuffle(order)  # type: ignore[attr-defined]
    array = np.array(values, dtype=np.float64)
    feasible = np.ones(len(values), dtype=np.bool_)
    chances = policy.propensities(array, feasible, params_of(policy))
    shuffled = policy.propensities(array[order], feasible, params_of(policy))
    assert shuffled.tolist() == chances[order].tolist()


@EACH
def test_a_better_value_never_has_a_smaller_chance(policy: Policy) -> None:
    values = np.linspace(-2, 2, 15)
    chances = policy.propensities(values, np.ones(15, dtype=np.bool_), params_of(policy))
    assert (np.diff(chances) >= -1e-15).all()


@EACH
def test_frequencies_match_the_stated_chances(policy: Policy) -> None:
    values = np.array([0.3, 0.1, 0.9, 0.5, 0.9])
    feasible = np.array([True, True, True, False, True])
    chances = policy.propensities(values, feasible, params_of(policy))
    u = (np.arange(DRAWS) * 0.6180339887498949) % 1.0  # a low-discrepancy sequence: no luck involved
    counts = np.bincount(np.searchsorted(np.add.accumulate(chances), u, side="right"), minlength=len(values))
    expected = chances * DRAWS
    assert (counts[expected == 0] == 0).all()
    spread = np.sqrt(expected * (1 - chances)) + 1
    assert (np.abs(counts - expected) <= Z * spread).all()


@EACH
def test_it_supports_known_kinds_and_its_ranges_are_ranges(policy: Policy) -> None:
    assert policy.kinds
    assert policy.kinds <= KINDS.keys()
    assert all(low < high for low, high in policy.params.values())


@EACH
def test_inputs_are_left_alone(policy: Policy) -> None:
    values, feasible = np.array([1.0, 2.0]), np.array([True, True])
    policy.propensities(values, feasible, params_of(policy))
    assert values.tolist() == [1.0, 2.0]
    assert feasible.tolist() == [True, True]
