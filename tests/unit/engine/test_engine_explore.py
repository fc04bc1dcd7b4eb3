from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from builders import NOW, TABLE, Shop, batch, slot
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.features import Cursor, FeatureDelta, Value, ValueType
from contracts.slots import Diversity, Pin, PolicySpec
from engine.explore import Drawn, explore
from engine.load import LoadedBundle
from engine.programs.values import Batch
from engine.rerank import Ranked
from engine.snapshot import Table

EPSILON = PolicySpec(name="epsilon", params={"epsilon": 0.6})
KINDS: list[Value | None] = ["x", "x", "y", "x", "y"]


def shop(**changes: object) -> LoadedBundle:
    return Shop(slots=(slot(**changes),), table={**TABLE, "kind": (ValueType.STRING, KINDS)}).load()


def drawn(
    loaded: LoadedBundle,
    values: Sequence[float] = (5, 4, 3, 2, 1),
    seed: str = "s",
    taken: Sequence[str] = (),
    among: str = "abcde",
) -> Drawn:
    chosen = loaded.slots["shelf"]
    given_values = [float(values["abcde".index(name)]) for name in among]
    ranked = Ranked(batch(loaded, *among), np.array(given_values))
    return explore(chosen, chosen.policy, ranked, seed, taken)


def answer(loaded: LoadedBundle, **how: object) -> str:
    return "".join("abcde"[row] for row in drawn(loaded, **how).rows)  # type: ignore[arg-type]


def test_greedy_takes_the_best_ties_by_id() -> None:
    assert answer(shop(size=5)) == "abcde"
    assert answer(shop(size=5), values=(1, 2, 2, 1, 3)) == "ebcad"
    result = drawn(shop(size=2))
    assert (result.propensity, [draw.propensity for draw in result.draws]) == (1.0, [1.0, 1.0])


def test_what_earlier_slots_show_is_not_feasible() -> None:
    assert answer(shop(size=5), taken=("a", "c", "zz")) == "bde"
    assert drawn(shop(), taken=tuple("abcde")) == Drawn(())


def test_pins_hold_their_positions() -> None:
    assert answer(shop(size=3, pins=(Pin(item="e", position=1),))) == "aeb"
    assert answer(shop(size=3, pins=(Pin(item="a", position=2), Pin(item="e", position=0)))) == "eba"
    assert answer(shop(size=3, pins=(Pin(item="e", position=1), Pin(item="d", position=1)))) == "adb"


def test_pins_are_placed_among_survivors_only() -> None:
    pinned = shop(size=3, pins=(Pin(item="c", position=0),))
    assert answer(pinned, among="abde") == "abd"
    assert answer(pinned, taken=("c",)) == "abd"
    assert answer(shop(size=2, pins=(Pin(item="e", position=5),))) == "ab"


def test_a_pin_moves_up_when_nothing_else_is_left() -> None:
    pins = (Pin(item="a", position=2), Pin(item="b", position=4))
    assert answer(shop(size=5, pins=pins), among="ab") == "ab"
    assert answer(shop(size=5, pins=pins), among="abc") == "cab"


def test_a_pinned_position_is_certain_and_said_to_be_pinned() -> None:
    result = drawn(shop(size=3, policy=EPSILON, pins=(Pin(item="e", position=1),)))
    assert [draw.propensity == 1.0 for draw in result.draws] == [False, True, False]
    assert [draw.is_pinned for draw in result.draws] == [False, True, False]
    assert result.propensity == result.draws[0].propensity * result.draws[2].propensity


def test_pins_alone_have_no_propensity() -> None:
    result = drawn(shop(size=1, policy=EPSILON, pins=(Pin(item="e", position=0),)))
    assert (result.rows, result.propensity, len(result.draws)) == ((4,), None, 1)
    moved_up = drawn(shop(size=2, policy=EPSILON, pins=(Pin(item="e", position=1),)), among="e")
    assert (moved_up.rows, moved_up.propensity) == ((4,), None)


def test_diversity_masks_each_draw() -> None:
    assert answer(shop(size=5, diversity=Diversity(column="kind", at_most=1))) == "ac"
    assert answer(shop(size=5, diversity=Diversity(column="kind", at_most=2))) == "abce"
    assert answer(shop(size=3, diversity=Diversity(column="kind", at_most=2))) == "abc"


def test_pins_count_towards_diversity_from_the_start() -> None:
    one = {"size": 3, "diversity": Diversity(column="kind", at_most=1)}
    assert answer(shop(**one, pins=(Pin(item="d", position=1),))) == "cd"
    assert answer(shop(**one, pins=(Pin(item="d", position=0), Pin(item="b", position=1)))) == "dc"


def test_rows_without_a_value_are_not_limited() -> None:
    table = {**TABLE, "kind": (ValueType.STRING, ["x", None, None, "x", None])}
    loaded = Shop(slots=(slot(size=5, diversity=Diversity(column="kind", at_most=1)),), table=table).load()
    assert answer(loaded) == "abce"


def test_a_value_of_the_future_is_not_limited() -> None:
    loaded = Shop(slots=(slot(size=5, diversity=Diversity(column="stock", at_most=1)),)).load()
    delta = FeatureDelta(table="products", seq=1, entity="c", as_of=NOW + 1, values={"stock": 5})
    table = loaded.snapshot.with_deltas([delta], Cursor()).tables["products"]
    chosen, given_batch = loaded.slots["shelf"], batch(loaded)
    later = Batch(given_batch.scope, table, given_batch.rows)
    assert explore(chosen, chosen.policy, Ranked(later, np.arange(5.0)), "s", ()).rows == (4, 2)


def test_numbers_can_be_limited_too() -> None:
    loaded = Shop(slots=(slot(size=5, diversity=Diversity(column="stock", at_most=2)),)).load()
    assert answer(loaded) == "ab"


def test_what_is_no_number_is_one_group() -> None:
    nan = float("nan")
    loaded = Shop(slots=(slot(size=5, diversity=Diversity(column="margin", at_most=1)),)).load()
    chosen, sound = loaded.slots["shelf"], batch(loaded)
    margin = replace(sound.table.columns["margin"], values=np.array([nan, nan, 1.0, nan, 2.0]), status=None)
    odd = Batch(sound.scope, Table("products", {**sound.table.columns, "margin": margin}), sound.rows)
    assert explore(chosen, chosen.policy, Ranked(odd, np.arange(5.0)), "s", ()).rows == (4, 3, 2)


def test_a_value_takes_the_best_without_a_draw() -> None:
    assert drawn(shop(kind="value"), values=(1, 9, 3, 4, 5)) == Drawn((1,))


def test_seeds_replay_and_matter() -> None:
    loaded = shop(policy=EPSILON)
    assert drawn(loaded, seed="one") == drawn(loaded, seed="one")
    assert len({drawn(loaded, seed=str(n)).rows for n in range(50)}) > 10


def test_frequencies_of_hashed_draws_match_the_logged_propensities() -> None:
    loaded = shop(policy=EPSILON, size=2)
    draws = 4000
    answers = [drawn(loaded, seed=f"seed {n}") for n in range(draws)]
    counts = Counter(each.rows for each in answers)
    stated = {each.rows: each.propensity or 0.0 for each in answers}
    assert len(stated) == 20
    assert sum(stated.values()) == pytest.approx(1.0)
    chi_square = sum((counts[rows] - draws * chance) ** 2 / (draws * chance) for rows, chance in stated.items())
    assert chi_square < 50  # 19 degrees of freedom: one in ten thousand


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-9, 9), min_size=5, max_size=5),
    pins=st.lists(st.builds(Pin, item=st.sampled_from("abcde"), position=st.integers(0, 4)), max_size=3),
    at_most=st.integers(1, 3),
    taken=st.sets(st.sampled_from("abcde"), max_size=3),
    size=st.integers(1, 5),
    epsilon=st.floats(0, 1),
)
def test_what_always_holds(
    values: list[float], pins: list[Pin], at_most: int, taken: set[str], size: int, epsilon: float
) -> None:
    policy = PolicySpec(name="epsilon", params={"epsilon": epsilon})
    loaded = shop(size=size, pins=tuple(pins), diversity=Diversity(column="kind", at_most=at_most), policy=policy)
    result = drawn(loaded, values=values, taken=tuple(taken))
    names = ["abcde"[row] for row in result.rows]
    assert len(set(names)) == len(names) <= size
    assert not taken & set(names)
    assert all(count <= at_most for count in Counter(KINDS["abcde".index(name)] for name in names).values())
    assert all(0 < draw.propensity <= 1 for draw in result.draws)
    assert names == [draw.item for draw in result.draws]
    if len(names) < size:  # nothing that was feasible is left out
        left = set("abcde") - taken - set(names)
        full = {kind for kind, count in Counter(KINDS["abcde".index(n)] for n in names).items() if count >= at_most}
        assert all(KINDS["abcde".index(name)] in full for name in left)
