import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.schedule import CONTROLS, REGISTRY, UPLINK, Pace, next_ask_s

PACE = Pace(interval_s=1.0, first_wait_s=0.5, longest_wait_s=8.0)


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (6, 8.0), (10_000, 8.0)])
def test_waits_double_up_to_the_longest(failures: int, longest: float) -> None:
    assert next_ask_s(PACE, failures, 0.0) == longest / 2
    assert next_ask_s(PACE, failures, 0.5) == longest * 0.75


def test_success_goes_back_to_the_interval_spread_round_it() -> None:
    assert [next_ask_s(REGISTRY, 0, u) for u in (0.0, 0.5)] == [0.75, 1.0]
    assert next_ask_s(UPLINK, 0, 0.5) == UPLINK.interval_s


def test_what_the_other_side_asks_for_is_obeyed_within_reason() -> None:
    assert next_ask_s(PACE, 1, 0.0, told_s=3.0) == 3.0
    assert next_ask_s(PACE, 1, 0.0, told_s=3600.0) == 8.0
    assert next_ask_s(PACE, 5, 0.0, told_s=0.1) == 4.0


def test_controls_are_asked_for_soon_after_the_origin_is_back() -> None:
    assert next_ask_s(CONTROLS, 1000, 0.999) <= 2.0


@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_every_wait_is_bounded(failures: int, u: float) -> None:
    assert 0 <= next_ask_s(PACE, failures, u) <= 8.0
