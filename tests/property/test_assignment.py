"""Splits: who is in stays in while shares grow, experiments of a layer share nobody, all splits are independent."""

from itertools import combinations, pairwise

import pytest
from builders import GREEDY, Shop, request, slot
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from contracts.experiments import Arm, Experiment, ExperimentSpec, Holdout
from engine.assign import Assigned, assign
from engine.loaded import LoadedBundle

SLOTS = ("one", "two")
UNITS = [f"unit {n}" for n in range(300)]
MANY = [f"unit {n}" for n in range(6000)]
HALVES = (Arm(name="control", share=0.5), Arm(name="treatment", share=0.5, policy=GREEDY))
SHARES = st.floats(0.0, 1.0)
HALF = st.floats(0.01, 0.49)
NAMES = st.text("abcxyz-/0", min_size=1, max_size=6)
quick = settings(deadline=None, max_examples=60)


def shop(*experiments: Experiment, holdouts: tuple[Holdout, ...] = ()) -> LoadedBundle:
    slots = (slot("one", use_cases=("offers",)), slot("two"))
    return Shop(slots=slots, experiments=ExperimentSpec(holdouts=holdouts, experiments=experiments)).load()


def experiment(
    start: float, end: float, arms: tuple[Arm, ...] = HALVES, name: str = "x", layer: str = "l", on: str = "one"
) -> Experiment:
    return Experiment(name=name, layer=layer, start=start, end=end, slots=(on,), arms=arms)


def of(loaded: LoadedBundle, unit: str) -> Assigned:
    return assign(loaded, request(slots=SLOTS, units={"visitor": unit}))


@quick
@given(shares=st.tuples(SHARES, SHARES), use_case=st.sampled_from([None, "offers"]), salt=NAMES)
def test_who_is_held_out_stays_so_while_the_share_grows(
    shares: tuple[float, float], use_case: str | None, salt: str
) -> None:
    assume(not salt.startswith(("layer/", "experiment/")))
    small, large = (shop(holdouts=(Holdout(salt=salt, share=share, use_case=use_case),)) for share in sorted(shares))
    for unit in UNITS:
        assert of(small, unit).held_out <= of(large, unit).held_out


@quick
@given(bounds=st.lists(SHARES, min_size=4, max_size=4, unique=True), share=st.floats(0.05, 0.95))
def test_who_is_in_an_experiment_keeps_the_arm_while_its_range_grows(bounds: list[float], share: float) -> None:
    least, start, end, most = sorted(bounds)
    arms = (Arm(name="control", share=share), Arm(name="treatment", share=1.0 - share, policy=GREEDY))
    small, large = shop(experiment(start, end, arms)), shop(experiment(least, most, arms))
    inside = [unit for unit in UNITS if of(small, unit).arms]
    assert [of(small, unit).arms for unit in inside] == [of(large, unit).arms for unit in inside]


@quick
@given(shares=st.lists(SHARES, min_size=2, max_size=2, unique=True), is_first=st.booleans())
def test_who_is_in_the_arm_that_grows_stays_in_it(shares: list[float], is_first: bool) -> None:
    def arms(share: float) -> tuple[Arm, ...]:
        grown, other = Arm(name="grown", share=share, policy=GREEDY), Arm(name="other", share=1.0 - share)
        return (grown, other) if is_first else (other, grown)

    small, large = (shop(experiment(0.0, 1.0, arms(share))) for share in sorted(shares))
    for unit in UNITS:
        if of(small, unit).arms["x"] == "grown":
            assert of(large, unit).arms["x"] == "grown"


@quick
@given(firsts=st.tuples(HALF, HALF), lasts=st.tuples(HALF, HALF))
def test_of_three_arms_both_outer_ones_keep_theirs_while_they_grow(
    firsts: tuple[float, float], lasts: tuple[float, float]
) -> None:
    def arms(first: float, last: float) -> tuple[Arm, ...]:
        control = Arm(name="control", share=1.0 - first - last)
        return (Arm(name="first", share=first, policy=GREEDY), control, Arm(name="last", share=last, policy=GREEDY))

    ramps = zip(sorted(firsts), sorted(lasts), strict=True)
    small, large = (shop(experiment(0.0, 1.0, arms(first, last))) for first, last in ramps)
    for unit in UNITS:
        before, after = of(small, unit).arms["x"], of(large, unit).arms["x"]
        assert before in (after, "control")


@quick
@given(cuts=st.lists(st.floats(0.01, 0.99), max_size=5, unique=True), layer=NAMES)
def test_experiments_of_one_layer_share_nobody_and_leave_nobody_out(cuts: list[float], layer: str) -> None:
    bounds = [0.0, *sorted(cuts), 1.0]
    spans = pairwise(bounds)
    loaded = shop(*(experiment(*span, name=f"x{n}", layer=layer) for n, span in enumerate(spans)))
    assert all(len(of(loaded, unit).arms) == 1 for unit in UNITS)


def facts(unit: str) -> tuple[bool, ...]:
    """Of one unit: in the range of either layer, held out, and the arm in each of two experiments."""
    ranges, arms = of(HALF, unit).arms, of(WHOLE, unit).arms
    is_held_out = bool(of(HELD, unit).held_out)
    return "same" in ranges, "other" in ranges, is_held_out, arms["same"] == "treatment", arms["other"] == "treatment"


HALF, WHOLE = (
    shop(experiment(0.0, end, name="same", layer="same"), experiment(0.0, end, name="other", layer="other", on="two"))
    for end in (0.5, 1.0)
)
HELD = shop(holdouts=(Holdout(salt="same", share=0.4),))
FACTS = [facts(unit) for unit in MANY]


@pytest.mark.parametrize(("one", "other"), list(combinations(range(5), 2)))
def test_splits_are_independent_of_each_other(one: int, other: int) -> None:
    """Ranges of layers, holdouts and arms, even under one name: as many units are in both as chance would have it."""
    counts = [[0, 0], [0, 0]]
    for unit in FACTS:
        counts[unit[one]][unit[other]] += 1
    assert min(map(min, counts)) > 0
    assert chi2_contingency(counts).pvalue > 1e-4, counts


@quick
@given(
    history=st.lists(st.sampled_from(["visit", "login", "logout", "another browser", "told again"]), max_size=8),
    first=st.sampled_from(UNITS),
)
def test_an_identity_change_within_the_rule_moves_nobody(history: list[str], first: str) -> None:
    """A profile's unit is that of the browser it began with; a browser stays with the unit it was told first."""
    loaded = shop(experiment(0.1, 0.8), holdouts=(Holdout(salt="o", share=0.3, use_case="offers"),))
    units = {"visitor": first, "session": "1"}
    before = assign(loaded, request(slots=SLOTS, units=units))
    for number, step in enumerate(history):
        units = {**units, "session": str(number)}
        if step == "login":
            units = {**units, "profile": first}
        elif step == "another browser" and "profile" in units:
            units = {"visitor": f"browser {number}", "session": "1", "profile": first}
        assert assign(loaded, request(slots=SLOTS, units=units)) == before
