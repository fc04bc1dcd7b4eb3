"""Both ways to sum a forest's leaves, by the kernel and by NumPy, keep these promises and give the same bits.

Where no C compiler was, both are NumPy's. That the sums are those of a graph, however inputs are bound, is in
`tests/unit/engine/test_engine_prebound.py`; that the kernel refuses what does not belong together, in
`tests/unit/engine/test_engine_kernel.py`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.scorers.leaf_sums import Column, Masks, Places, by_numpy, leaf_sums

ALL = 0xFFFFFFFF
VALUES = np.array([-np.inf, -1.5, -0.0, 0.0, 1e-45, 0.1, 2.0, 3e38, np.inf, np.nan], np.float32)
SPLITS = st.lists(st.sampled_from([-np.inf, -1.5, -1e-45, 0.0, 0.1, 2.0, 3e38, np.inf]), max_size=4, unique=True)
Way = Callable[..., bool]
WAYS = {"as installed": leaf_sums, "by NumPy": by_numpy}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class Summing(NamedTuple):
    """What leaves are summed from, in the order in which both ways take it."""

    edges: Column
    firsts: Places
    masks: Masks
    leaves: Column
    before: Places
    bound: Masks
    once_places: Places
    once: Column
    places: Places
    columns: Column

    def of(self, rows: Sequence[int]) -> "Summing":
        """The same for some of the rows."""
        return self._replace(bound=self.bound[rows], columns=np.ascontiguousarray(self.columns[:, rows]))

    def by(self, way: Way) -> tuple[NDArray[np.float64], bool]:
        """The sums, and what the way says of them."""
        sums = np.full(len(self.bound), -1.0)
        return sums, way(*self, sums)


def forest_arrays(splits: Sequence[Sequence[float]], trees: int, count: int, seed: int, most: float = 1.0) -> Summing:
    """A forest of three inputs, the first bound in `count` rows, the others given once and by row.

    Masks are any that leave each tree a leaf; those of an input without splits leave all.
    """
    chance = np.random.default_rng(seed)
    sizes = chance.integers(1, 33, trees)
    kept = (1 << chance.integers(0, sizes)).astype(np.uint32)
    masks = [chance.integers(0, ALL, (len(each) + 2, trees), np.uint32) | (kept if each else ALL) for each in splits]
    return Summing(
        edges=np.concatenate([np.array([*each, np.inf], np.float32) for each in splits]),
        firsts=np.cumsum([0, *(len(each) + 1 for each in splits)]),
        masks=np.concatenate(masks).astype(np.uint32),
        leaves=chance.uniform(-most, most, sizes.sum()).astype(np.float32),
        before=np.cumsum([0, *sizes])[:-1] - 1,
        bound=chance.integers(0, ALL, (count, trees), np.uint32) | kept,
        once_places=np.array([1]),
        once=chance.choice(VALUES, 1),
        places=np.array([2]),
        columns=chance.choice(VALUES, (1, count)),
    )


summings = st.builds(
    forest_arrays,
    splits=st.lists(SPLITS.map(sorted), min_size=3, max_size=3),
    trees=st.integers(1, 60),
    count=st.integers(0, 30),
    seed=st.integers(0, 10_000),
)


@given(summing=summings)
def test_both_ways_to_sum_leaves_give_the_same_bits(summing: Summing) -> None:
    (sums, is_finite), (others, is_other_finite) = (summing.by(way) for way in WAYS.values())
    assert sums.tobytes() == others.tobytes()
    assert is_finite is is_other_finite is True


@every_way
def test_leaves_are_summed_in_float32_tree_after_tree(way: Way) -> None:
    summing = forest_arrays([[], [], []], trees=3, count=2, seed=1)
    weights = np.array([1e8, 1.0, -1e8], np.float32)
    sizes = np.diff([*summing.before, len(summing.leaves) - 1])
    assert summing._replace(leaves=np.repeat(weights, sizes)).by(way)[0].tolist() == [0.0, 0.0]


@every_way
@given(summing=summings, chosen=st.lists(st.floats(0, 1, exclude_max=True), max_size=40))
def test_a_sum_has_the_same_bits_in_any_company(way: Way, summing: Summing, chosen: list[float]) -> None:
    count = len(summing.bound)
    rows = [int(share * count) for share in chosen] if count else []
    assert summing.of(rows).by(way)[0].tobytes() == summing.by(way)[0][rows].tobytes()


@every_way
def test_a_row_alone_has_the_sum_that_it_has_in_company(way: Way) -> None:
    summing = forest_arrays([[0.0], [0.1], [2.0]], trees=300, count=9, seed=2)
    alone = [summing.of([row]).by(way)[0][0] for row in range(9)]
    assert alone == summing.by(way)[0].tolist()


@every_way
@given(seed=st.integers(0, 1000), count=st.integers(1, 20))
def test_whether_all_sums_are_finite_is_told(way: Way, seed: int, count: int) -> None:
    summing = forest_arrays([[], [0.0], [0.1, 2.0]], trees=12, count=count, seed=seed, most=3e38)
    sums, is_finite = summing.by(way)
    assert is_finite is bool(np.isfinite(sums).all())
    assert np.isfinite(sums).tolist() == np.isfinite(summing.by(by_numpy)[0]).tolist()


@every_way
def test_summing_leaves_its_arrays_alone(way: Way) -> None:
    summing = forest_arrays([[0.0], [0.1], [2.0]], trees=5, count=20, seed=3)
    before = [array.tobytes() for array in summing]
    first = summing.by(way)[0].tobytes()
    assert [array.tobytes() for array in summing] == before
    assert summing.by(way)[0].tobytes() == first
