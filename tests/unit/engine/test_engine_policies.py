import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders import NOW, TABLE, Shop, batch, request, run, slot

from contracts.catalog import ColumnData
from contracts.codec import encode
from contracts.decision import Decisions
from contracts.errors import NotRunnableError
from contracts.experiments import Arm, Experiment, ExperimentSpec
from contracts.features import Cursor, FeatureDelta, Value, ValueType
from contracts.slots import Pin, PolicySpec, Pool, Weights
from engine.load import LoadedBundle
from engine.policies import POLICIES, Field, LoadedWeights, picked, read_weights
from engine.snapshot import Snapshot

CHANCES: list[Value | None] = [0.1, 0.2, 0.3, 0.15, 0.25]
BY_DEVICE: list[Value | None] = [{"phone": 0.75, "*": 0.5}, {"phone": 0.25}, {"*": 0.5}, {}, {"desktop": 1.0}]
TABLES = {**TABLE, "chance": (ValueType.DOUBLE, CHANCES), "by_device": (ValueType.NUMBERS, BY_DEVICE)}
BY_COLUMN = PolicySpec(name="table", weights=Weights(column="chance"))
BY_CONTEXT = PolicySpec(name="table", weights=Weights(column="by_device", by="device"))


def chances(
    name: str,
    values: Sequence[float],
    feasible: Sequence[bool] | None = None,
    weights: Sequence[float] | None = None,
    **params: float,
) -> list[float]:
    field = Field(np.array(values, dtype=np.float64), np.array(weights or [0.0] * len(values)))
    mask = np.array(feasible if feasible is not None else [True] * len(values))
    defaults = {key: param.default for key, param in POLICIES[name].params.items() if param.default is not None}
    return POLICIES[name].over(field, {**defaults, **params})(mask).tolist()


def test_greedy_takes_the_first_of_the_best() -> None:
    assert chances("greedy", [1, 3, 3]) == [0, 1, 0]
    assert chances("greedy", [1, 3, 3], [True, False, False]) == [1, 0, 0]


def test_epsilon_spreads_its_share_evenly() -> None:
    assert chances("epsilon", [1, 3, 2, 9], [True, True, True, False], epsilon=0.3) == pytest.approx([0.1, 0.8, 0.1, 0])


def test_softmax_is_in_proportion_to_exponentials() -> None:
    told = chances("softmax", [0.0, math.log(2), math.log(5), 99], [True, True, True, False], temperature=1)
    assert told == pytest.approx([1 / 8, 2 / 8, 5 / 8, 0], rel=1e-14)
    assert chances("softmax", [0, 2 * math.log(3)], temperature=2) == pytest.approx([0.25, 0.75], rel=1e-14)


def test_softmax_stands_any_finite_values() -> None:
    assert chances("softmax", [1e308, -1e308, 1e308], temperature=1) == [0.5, 0.0, 0.5]
    assert chances("softmax", [-1e308] * 4, temperature=1e-6) == [0.25] * 4


def test_softmax_keeps_its_digits_when_the_leaders_are_gone() -> None:
    values, left = [1000.0, 1.0, 0.0], [False, True, True]
    assert chances("softmax", values, left, temperature=1) == chances("softmax", [0.0, 1.0, 0.0], left, temperature=1)


def test_igw_weighs_by_the_inverse_gap() -> None:
    told = chances("igw", [0.9, 0.4, 0.7, 2.0], [True, True, True, False], gamma=10)
    assert told == [1 - math.fsum([1 / 8, 1 / (3 + 10 * (0.9 - 0.7))]), 1 / 8, 1 / (3 + 10 * (0.9 - 0.7)), 0]
    assert chances("igw", [4, 2, 0], gamma=0) == pytest.approx([1 / 3] * 3)
    assert chances("igw", [1e308, -1e308], gamma=0) == [0.5, 0.5]
    assert chances("igw", [1e308, -1e308], gamma=1e9) == [1.0, 0.0]


def test_igw_lets_the_first_of_equals_have_the_rest() -> None:
    assert chances("igw", [1, 1, 0], gamma=5) == pytest.approx([1 - 1 / 3 - 1 / 8, 1 / 3, 1 / 8])


def test_tables_renormalise_over_what_is_feasible() -> None:
    weights = [0.1, 0.3, 0.2, 0.4]
    assert chances("table", [9, 1, 1, 1], [True, True, True, False], weights) == pytest.approx([1 / 6, 3 / 6, 2 / 6, 0])


def test_tables_without_any_probability_take_the_best() -> None:
    assert chances("table", [1, 2, 3], [True, True, False], [0.0, 0.0, 1.0]) == [0, 1, 0]
    assert chances("table", [1, 2], None, [0.0, 0.0], floor=0.1) == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    ("name", "params"), [("softmax", {"temperature": 0.1}), ("igw", {"gamma": 100}), ("table", {})]
)
def test_a_floor_is_mixed_in(name: str, params: dict[str, float]) -> None:
    values, weights, feasible = [1.0, 0.0, 0.5, 0.7], [0.9, 0.0, 0.05, 0.05], [True, True, True, False]
    bare = chances(name, values, feasible, weights, **params)
    floored = chances(name, values, feasible, weights, **params, floor=0.05)
    expected = [0.05 + (1 - 3 * 0.05) * chance for chance in bare[:3]]
    assert floored == pytest.approx([*expected, 0.0], rel=1e-14)
    assert floored[3] == 0.0


@pytest.mark.parametrize("floor", [1 / 3, 0.34, 1.0])
def test_a_floor_that_cannot_hold_draws_evenly(floor: float) -> None:
    told = chances("softmax", [1, 2, 9, 9], [True, True, True, False], temperature=0.1, floor=floor)
    assert told == pytest.approx([1 / 3] * 3 + [0.0], rel=1e-14)


def test_every_number_picks_by_its_place_among_the_cumulated_propensities() -> None:
    chances = np.array([0.0, 0.25, 0.0, 0.75, 0.0])
    assert picked(chances, np.array([0.0, 0.24, 0.25, 0.9, 1 - 2**-53])).tolist() == [1, 1, 3, 3, 3]
    assert int(picked(np.full(10, 0.1), 1 - 2**-53)) == 9  # ten times 0.1 falls short of 1
    assert int(picked(np.array([0.0, 1e-300, 0.0]), 0.999)) == 1


def by_table(policy: PolicySpec = BY_COLUMN, **changes: object) -> Shop:
    return Shop(
        slots=(slot(policy=policy, kind="choice", size=1, **changes),), table=TABLES, live=("chance", "by_device")
    )


def stated(decided: Decisions) -> tuple[str, float | None, str]:
    decision, trace = decided.decisions[0], decided.traces[0]
    return decision.answer[0], decision.propensity, trace.problem


def with_chances(loaded: LoadedBundle, as_of: int = NOW - 10, **values: Value | None) -> Snapshot:
    deltas = [
        FeatureDelta(table="products", seq=seq, entity=item, as_of=as_of, values={"chance": value})
        for seq, (item, value) in enumerate(values.items(), 1)
    ]
    return loaded.snapshot.with_deltas(deltas, Cursor(epoch="e", positions={"products": len(deltas)}))


def drawn_chances(loaded: LoadedBundle, snapshot: Snapshot | None = None) -> tuple[dict[str, float], set[str]]:
    """The propensity of each item that some request was shown, and all problems that were told."""
    decided = [run(loaded, request(units={}, request_id=str(n)), snapshot) for n in range(200)]
    told = [stated(each) for each in decided]
    return {answer: chance or 0.0 for answer, chance, _ in told}, {problem for _, _, problem in told}


def test_probabilities_are_read_off_the_column() -> None:
    told, problems = drawn_chances(by_table().load())
    assert told == pytest.approx(dict(zip("abcde", [0.1, 0.2, 0.3, 0.15, 0.25], strict=True)))
    assert problems == {""}


def test_probabilities_follow_the_feed() -> None:
    loaded = by_table().load()
    told, problems = drawn_chances(loaded, with_chances(loaded, a=0.0, b=1.0, c=0.5, d=0.0, e=0.0))
    assert told == pytest.approx({"b": 1 / 1.5, "c": 0.5 / 1.5})
    assert problems == {""}


UNUSABLE: dict[str, Value | None] = {
    "missing": None,
    "negative": -0.1,
    "above one": 1.5,
    "nan": math.nan,
    "inf": math.inf,
}


@pytest.mark.parametrize("value", UNUSABLE.values(), ids=UNUSABLE)
def test_a_candidate_without_a_usable_probability_has_none_and_it_is_told(value: Value | None) -> None:
    loaded = by_table().load()
    told, problems = drawn_chances(loaded, with_chances(loaded, c=value))
    assert told == pytest.approx({"a": 0.1 / 0.7, "b": 0.2 / 0.7, "d": 0.15 / 0.7, "e": 0.25 / 0.7})
    assert problems == {"policy table: 1 of 5 candidates have no usable chance"}


def test_a_probability_of_the_future_is_missing() -> None:
    loaded = by_table().load()
    assert set(drawn_chances(loaded, with_chances(loaded, NOW + 1, c=0.9))[0]) == set("abde")
    assert set(drawn_chances(loaded, with_chances(loaded, NOW, c=0.9))[0]) == set("abcde")


def test_what_is_too_old_is_missing_and_what_came_with_the_bundle_does_not_age() -> None:
    loaded = by_table(PolicySpec(name="table", weights=Weights(column="chance", max_age_s=60))).load()
    assert set(drawn_chances(loaded, with_chances(loaded, NOW - 60_000_000, c=0.9))[0]) == set("abcde")
    told, problems = drawn_chances(loaded, with_chances(loaded, NOW - 60_000_001, c=0.9))
    assert set(told) == set("abde")
    assert problems == {"policy table: 1 of 5 candidates have no usable chance"}


@pytest.mark.parametrize("value", [None, 0.0], ids=["missing", "zero"])
def test_without_any_probability_the_best_is_shown_at_the_best_tier(value: Value | None) -> None:
    loaded = by_table().load()
    decided = run(loaded, snapshot=with_chances(loaded, **dict.fromkeys("abcde", value)))
    problem = "policy table: 5 of 5 candidates have no usable chance" if value is None else ""
    assert stated(decided) == ("e", 1.0, problem)
    assert (decided.decisions[0].tier, decided.decisions[0].cause) == ("rules", None)


def test_a_floor_keeps_exploring_what_has_no_probability() -> None:
    loaded = by_table(PolicySpec(name="table", params={"floor": 0.04}, weights=Weights(column="chance"))).load()
    told, _ = drawn_chances(loaded, with_chances(loaded, c=None))
    assert told["c"] == pytest.approx(0.04)


def test_a_ranking_by_table_goes_on_with_the_best_of_the_rest() -> None:
    loaded = Shop(slots=(slot(policy=BY_COLUMN, size=5),), table=TABLES, live=("chance",)).load()
    decided = run(loaded, snapshot=with_chances(loaded, a=1.0, b=0.0, c=0.0, d=0.0, e=0.0))
    assert decided.decisions[0].answer == tuple("aedcb")
    assert [draw.propensity for draw in decided.traces[0].draws] == [1.0] * 5


@pytest.mark.parametrize(
    ("context", "weights"),
    [
        ({"device": "phone"}, [0.75, 0.25, 0.5, 0, 0]),
        ({"device": "desktop"}, [0.5, 0, 0.5, 0, 1.0]),
        ({}, [0.75, 0.25, 0.5, 0, 0]),  # phone is the default
    ],
)
def test_probabilities_by_context_fall_back_to_the_star(context: dict[str, Value], weights: list[float]) -> None:
    loaded = by_table(BY_CONTEXT).load()
    decided = [run(loaded, request(units={}, request_id=str(n), context=context)) for n in range(200)]
    told = {answer: chance for answer, chance, _ in map(stated, decided)}
    assert told == pytest.approx({item: w / sum(weights) for item, w in zip("abcde", weights, strict=True) if w})


def test_weights_are_read_in_the_order_of_the_rows() -> None:
    loaded = by_table().load()
    weights, unusable = read_weights(LoadedWeights(Weights(column="chance")), batch(loaded, "e", "b"), "*")
    assert (weights.tolist(), unusable) == ([0.2, 0.25], 0)


def test_replays_read_the_probabilities_of_their_cursor() -> None:
    loaded = by_table().load()
    first = run(loaded, snapshot=with_chances(loaded, a=0.9, b=0.05))
    again = run(by_table().load(), snapshot=with_chances(by_table().load(), a=0.9, b=0.05))
    assert encode(first) == encode(again)
    assert encode(first) != encode(run(loaded))


EVERY = {
    "greedy": PolicySpec(name="greedy"),
    "epsilon": PolicySpec(name="epsilon", params={"epsilon": 0.5}),
    "softmax": PolicySpec(name="softmax", params={"temperature": 150.0}),
    "igw": PolicySpec(name="igw", params={"gamma": 0.01}),
    "table": BY_COLUMN,
}
ORDERS = ["abcde", "edcba", "cadbe"]


def test_every_policy_is_run_below() -> None:
    assert EVERY.keys() == POLICIES.keys()


@pytest.mark.parametrize("policy", EVERY.values(), ids=EVERY)
def test_the_order_of_the_pool_does_not_matter(policy: PolicySpec) -> None:
    loaded = [
        Shop(slots=(slot(policy=policy, retrieve=(Pool(ids=tuple(order)),)),), table=TABLES, live=("chance",)).load()
        for order in ORDERS
    ]
    for n in range(10):
        assert len({encode(run(each, request(units={"session": str(n)}))) for each in loaded}) == 1


@pytest.mark.parametrize("policy", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("sticky", ["request", "session", "visitor"])
def test_a_page_reloaded_within_its_scope_shows_the_same(policy: PolicySpec, sticky: str) -> None:
    loaded = Shop(slots=(slot(policy=policy, sticky=sticky),), table=TABLES, live=("chance",)).load()
    units = {"visitor": "v", "session": "s"}
    kept = {"request": {}, "session": {"session": "s"}, "visitor": units}[sticky]
    asked = [request(request_id="r" if sticky == "request" else str(n), units=kept) for n in range(8)]
    assert len({run(loaded, each).decisions[0].answer for each in asked}) == 1


@pytest.mark.parametrize("policy", EVERY.values(), ids=EVERY)
def test_a_shadow_is_logged_and_changes_nothing(policy: PolicySpec) -> None:
    bare = Shop(slots=(slot(), slot("other", is_deduplicated=True)), table=TABLES, live=("chance",)).load()
    shadowed = Shop(
        slots=(slot(shadow=policy), slot("other", is_deduplicated=True)), table=TABLES, live=("chance",)
    ).load()
    as_policy = Shop(slots=(slot(policy=policy),), table=TABLES, live=("chance",)).load()
    for n in range(10):
        asked = request(units={"session": str(n)}, slots=("shelf", "other"))
        served, alone = run(shadowed, asked), run(as_policy, request(units={"session": str(n)}))
        assert served.decisions == run(bare, asked).decisions
        told = served.traces[0].shadow
        assert told is not None
        assert (told.policy, told.answer) == (policy.name, alone.decisions[0].answer)
        assert (told.draws, told.propensity) == (alone.traces[0].draws, alone.decisions[0].propensity)
        assert run(bare, asked).traces[0].shadow is None


def test_what_a_shadow_would_have_shown_is_not_taken_from_later_slots() -> None:
    everything = PolicySpec(name="epsilon", params={"epsilon": 1.0})
    later = slot("other", size=4, is_deduplicated=True, shadow=PolicySpec(name="greedy"))
    loaded = Shop(slots=(slot(size=1, shadow=everything), later)).load()
    for n in range(10):
        decided = run(loaded, request(units={"session": str(n)}, slots=("shelf", "other")))
        assert [decision.answer for decision in decided.decisions] == [("e",), tuple("dcba")]
        assert [trace.shadow.answer for trace in decided.traces if trace.shadow][1] == tuple("dcba")


def test_a_held_out_page_keeps_its_shadow_and_a_lower_tier_has_none() -> None:
    loaded = Shop(slots=(slot(shadow=EVERY["softmax"]),), fallbacks={"shelf": {(): ("a",)}}).load()
    assert run(loaded).traces[0].shadow is not None
    late = run(loaded, late_at=("shelf", "render"))
    assert (late.decisions[0].tier, late.traces[0].shadow) == ("fallback", None)


def test_a_policy_that_is_not_asked_states_no_propensity() -> None:
    pins = (Pin(item="b", position=0), Pin(item="a", position=1))
    decided = run(Shop(slots=(slot(size=2, pins=pins, policy=EVERY["softmax"]),)).load())
    assert (decided.decisions[0].answer, decided.decisions[0].propensity) == (("b", "a"), None)
    assert [draw.is_pinned for draw in decided.traces[0].draws] == [True, True]


def test_an_arm_may_draw_by_a_table_of_its_slot() -> None:
    arms = (Arm(name="thompson", share=1.0, policy=BY_COLUMN),)
    experiment = Experiment(name="x", layer="l", start=0.0, end=1.0, slots=("shelf",), arms=arms)
    spec = ExperimentSpec(experiments=(experiment,))
    loaded = Shop(table=TABLES, live=("chance",), experiments=spec, slots=(slot(size=1),)).load()
    told = {
        run(loaded, request(units={"visitor": str(n), "session": str(n)})).decisions[0].answer[0] for n in range(60)
    }
    assert told == set("abcde")


BROKEN = {
    "unknown number": (PolicySpec(name="softmax", params={"temperature": 1, "floors": 0.1}), "takes .*, not floors"),
    "no temperature": (PolicySpec(name="softmax", params={"temperature": 0.0}), "temperature must be within 1e-06"),
    "floor": (PolicySpec(name="igw", params={"gamma": 1.0, "floor": 1.1}), "floor must be within 0.0 to 1.0"),
    "needs": (PolicySpec(name="igw"), "slot shelf: policy igw needs gamma"),
    "needs weights": (PolicySpec(name="table"), "policy table needs weights"),
    "takes none": (PolicySpec(name="greedy", weights=Weights(column="chance")), "policy greedy takes no weights"),
    "no column": (
        PolicySpec(name="table", weights=Weights(column="chanc")),
        "column chanc, which table products lacks",
    ),
    "not numbers": (PolicySpec(name="table", weights=Weights(column="price")), "column price, .* in type double"),
    "not by context": (
        PolicySpec(name="table", weights=Weights(column="chance", by="device")),
        "column chance, .* in type numbers",
    ),
    "not one number": (PolicySpec(name="table", weights=Weights(column="by_device")), "by_device, .* in type double"),
    "context": (
        PolicySpec(name="table", weights=Weights(column="by_device", by="zip")),
        "keyed by zip, which is no request feature",
    ),
    "age": (PolicySpec(name="table", weights=Weights(column="chance", max_age_s=-1)), "max_age_s is at least 0"),
}


@pytest.mark.parametrize("place", ["policy", "shadow"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_policy_that_cannot_run_is_refused(case: str, place: str) -> None:
    policy, message = BROKEN[case]
    with pytest.raises(NotRunnableError, match=message):
        Shop(slots=(slot(**{place: policy}),), table=TABLES, live=("chance",)).load()


def test_numbers_left_out_have_their_defaults() -> None:
    loaded = Shop(slots=(slot(policy=PolicySpec(name="igw", params={"gamma": 3.0})),)).load()
    assert loaded.slots["shelf"].policy.params == {"gamma": 3.0, "floor": 0.0}


def test_a_column_section_without_values_is_no_table() -> None:
    sections = {"column/products/chance": ColumnData(type=ValueType.DOUBLE, values=np.array([math.nan] * 5).tobytes())}
    with pytest.raises(NotRunnableError, match="not finite"):
        Shop(slots=(slot(policy=BY_COLUMN),), table=TABLES, sections=sections).load()


def test_the_guide_names_every_policy_with_its_numbers() -> None:
    guide = (Path(__file__).parents[3] / "docs/how-to/explore-safely.md").read_text()
    for policy in POLICIES.values():
        assert f"\n| `{policy.name}` | {', '.join(sorted(policy.kinds))} |" in guide
        for name, param in policy.params.items():
            row = [line for line in guide.splitlines() if line.startswith(f"| `{name}` |")][-1]
            assert policy.name in row.split("|")[2]
            assert f"{param.least:.6f}".rstrip("0").rstrip(".") in row
            assert f" {param.most:.0f}" in row
            assert row.endswith(f"| {param.doc} |")
