"""The prebound forest: where each tree ends up, from bit masks that are ANDed instead of splits that are walked.

A tree's leaves are numbered from true to false. Between its thresholds an input's value lies in an interval, and each
interval has a mask per tree of the leaves that it leaves possible. The lowest bit in the AND of all inputs' masks is
the leaf (QuickScorer: Lucchese et al., SIGIR 2015). So masks of what the item decides are ANDed once per item, of what
the request decides once per request. Leaves are summed in float32 tree after tree, as ONNX Runtime sums them: the bits
are the same. The graph stays the truth: a forest that does not agree with it when it is loaded is not used.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ScoringError
from engine.scorers import Scorer, finite
from engine.scorers.forest import Forest, read_forest
from engine.scorers.leaf_sums import Column, Masks, Places, bind, leaf_sums

_BITS = 32
_ALL = np.uint32(0xFFFFFFFF)
_MOST_CELLS = 1 << 22  # of four bytes each
_PROBES, _GOLDEN = 256, (5**0.5 - 1) / 2
_CORNERS = np.array([-np.inf, np.nan, 0.0], np.float32)


class _UnfitError(Exception):
    """A forest that masks of 32 bits, or not too many of them, cannot hold."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """A split: below it stand the leaves from `start` to `end`, those from `middle` where it does not hold."""

    split: int
    start: int
    middle: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Prebound:
    """A forest by intervals of its inputs.

    Per input, `edges` are its thresholds and then infinity; `firsts` says where each input's begin, and where all end.
    `masks` has a row of all trees' masks for each interval that ends at an edge and, behind an input's last, for NaN.
    `leaves` are the weights, tree after tree; `before` each tree's first place, less one.
    """

    edges: Column
    firsts: Places
    masks: Masks
    leaves: Column
    before: Places

    def bound(self, places: Places, columns: Column, rows: int) -> Masks:
        """The leaves that these inputs leave possible: rows x trees."""
        bound = np.full((rows, len(self.before)), _ALL)
        bind(self.edges, self.firsts, self.masks, bound, places, columns)
        return bound

    def score(
        self, bound: Masks, once_places: Places, once: Column, places: Places, columns: Column
    ) -> NDArray[np.float64]:
        """One score per row of `bound`, given inputs that are the same for all rows, and columns of further inputs.

        Raises `ScoringError`.
        """
        own = (self.edges, self.firsts, self.masks, self.leaves, self.before)
        sums = np.empty(len(bound))
        are_finite = leaf_sums(*own, bound, once_places, once, places, columns, sums)
        return sums if are_finite else finite(sums)


def prebind(graph: bytes, n_inputs: int, scorer: Scorer) -> Prebound | None:
    """The forest of a graph that is nothing else and agrees with its scorer to the bit; else None."""
    forest = read_forest(graph, is_all=True, most_splits=_BITS - 1)
    if forest is None:
        return None
    try:
        made = _made(forest, n_inputs)
        return made if _agrees(made, n_inputs, scorer) else None
    except (_UnfitError, IndexError, ScoringError):
        return None


def _made(forest: Forest, n_inputs: int) -> Prebound:
    thresholds = forest.thresholds.astype(np.float32)
    is_known = (forest.features >= 0) & (forest.features < n_inputs)
    if not len(forest.roots) or not is_known.all() or np.isnan(thresholds).any():
        raise _UnfitError
    edges = [
        np.append(np.unique(thresholds[forest.features == place]), np.float32(np.inf)) for place in range(n_inputs)
    ]
    firsts = np.cumsum([0, *(len(each) for each in edges)])
    starts = (firsts + np.arange(n_inputs + 1)).tolist()
    if starts[-1] * len(forest.roots) > _MOST_CELLS:
        raise _UnfitError
    trees = [_cuts(forest, root) for root in forest.roots.tolist()]
    masks = np.full((starts[-1], len(trees)), _ALL)
    for tree, (_, cuts) in enumerate(trees):
        for cut in cuts:
            feature = forest.features[cut.split]
            interval = edges[feature].searchsorted(thresholds[cut.split])
            _cut(masks[starts[feature] : starts[feature + 1], tree], cut, interval, forest.is_missing_true[cut.split])
    sizes = [len(leaves) for leaves, _ in trees]
    return Prebound(
        edges=np.concatenate(edges),
        firsts=firsts,
        masks=masks,
        leaves=forest.leaves.astype(np.float32)[[leaf for leaves, _ in trees for leaf in leaves]],
        before=np.cumsum([0, *sizes[:-1]]) - 1,
    )


def _cut(masks: Masks, cut: _Cut, interval: int, is_missing_true: bool) -> None:
    """Takes away what this split rules out: from its true side up to its interval, from its false side beyond."""
    if_true, if_false = _ALL ^ _between(cut.middle, cut.end), _ALL ^ _between(cut.start, cut.middle)
    masks[: interval + 1] &= if_true
    masks[interval + 1 : -1] &= if_false
    masks[-1] &= if_true if is_missing_true else if_false


def _between(start: int, end: int) -> np.uint32:
    return np.uint32((1 << end) - (1 << start))


def _cuts(forest: Forest, root: int) -> tuple[list[int], list[_Cut]]:
    """The leaves of a tree from true to false, and its splits."""
    leaves: list[int] = []
    cuts: list[_Cut] = []

    def visit(split: int, depth: int) -> None:
        start, middle = len(leaves), 0
        for children, are_leaves in ((forest.on_true, forest.is_true_leaf), (forest.on_false, forest.is_false_leaf)):
            middle, child = len(leaves), int(children[split])
            if are_leaves[split]:
                leaves.append(child)
            elif depth < _BITS:
                visit(child, depth + 1)
            if len(leaves) > _BITS or depth == _BITS:
                raise _UnfitError
        cuts.append(_Cut(split, start, middle, len(leaves)))

    visit(root, 0)
    return leaves, cuts


def _agrees(made: Prebound, n_inputs: int, scorer: Scorer) -> bool:
    """Whether both give the same bits on rows at, below and above thresholds, at infinity and NaN."""
    columns = np.empty((n_inputs, _PROBES), np.float32)
    for place, edges in enumerate(np.split(made.edges, made.firsts[1:-1])):
        near = np.concatenate([edges, np.nextafter(edges, np.float32(-np.inf)), _CORNERS])
        steps = np.arange(_PROBES) * _GOLDEN * (place + 1) % 1.0  # spread evenly, for each input in another order
        columns[place] = near[(steps * len(near)).astype(np.int64)]
    bound, nothing = np.full((_PROBES, len(made.before)), _ALL), np.zeros(0, np.int64)
    scores = made.score(bound, nothing, nothing.astype(np.float32), np.arange(n_inputs), columns)
    return np.array_equal(scores, scorer.score(np.ascontiguousarray(columns.T)))
