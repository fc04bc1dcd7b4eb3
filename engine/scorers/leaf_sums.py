"""The prebound forest's inner loop, masks -> exit leaves -> sums: by `kernel.c` where a C compiler built it, or NumPy.

Both give the same bits; the kernel takes a tenth of the time. Inputs are named by their places in a model's rows. What
the arrays hold of a forest stands in `engine.scorers.prebound`.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "Masks", "Places", "bind", "by_numpy", "leaf_sums"]

Masks: TypeAlias = NDArray[np.uint32]
Column: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.int64]


def by_numpy(
    edges: Column,
    firsts: Places,
    masks: Masks,
    leaves: Column,
    before: Places,
    bound: Masks,
    once_places: Places,
    once: Column,
    places: Places,
    columns: Column,
    sums: NDArray[np.float64],
) -> bool:
    """Writes the sum of each row's exit leaves into `sums`. Returns whether all are finite.

    `bound`, rows x trees, are the masks that the inputs bound so far leave. Of the others, `once` are those that are
    the same for all rows; `columns` has a line of all rows for each of the rest.
    """
    left = bound.copy()
    bind(edges, firsts, masks, left, once_places, once[:, np.newaxis])
    bind(edges, firsts, masks, left, places, columns)
    exits = np.bitwise_count(left ^ (left - 1)).T + before[:, np.newaxis]
    with np.errstate(over="ignore", invalid="ignore"):  # who asked refuses what is not finite
        sums[:] = np.add.accumulate(leaves.take(exits), axis=0)[-1]  # `np.sum` of one row would not go tree after tree
    return bool(np.isfinite(sums).all())


def bind(edges: Column, firsts: Places, masks: Masks, left: Masks, places: Places, columns: Column) -> None:
    """Takes away from `left`, rows x trees, the leaves that these inputs rule out."""
    for place, column in zip(places.tolist(), columns, strict=True):
        first, end = firsts[place], firsts[place + 1]
        if end - first > 1:  # else no split asks for it
            left &= masks.take(first + place + edges[first:end].searchsorted(column), axis=0)


try:
    from engine.scorers.kernel import leaf_sums
except ImportError:
    leaf_sums = by_numpy
