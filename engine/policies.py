"""Policies: how an answer is drawn from scores. Each gives the exact probability of every candidate at one position.

Candidates stand in the order of their ids, so among equal values the first is the best. What is not feasible at a
position has probability zero; the rest sum to one. `engine.explore` draws from these numbers and logs them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Propensities = Callable[[NDArray[np.float64], NDArray[np.bool_], Mapping[str, float]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Policy:
    """One entry of `POLICIES`: the slot kinds it supports, and the range of each of its numbers."""

    name: str
    kinds: frozenset[str]
    params: Mapping[str, tuple[float, float]]
    propensities: Propensities


def _greedy(
    values: NDArray[np.float64], feasible: NDArray[np.bool_], _params: Mapping[str, float]
) -> NDArray[np.float64]:
    chances = np.zeros(len(values))
    chances[int(np.where(feasible, values, -np.inf).argmax())] = 1.0
    return chances


def _epsilon(
    values: NDArray[np.float64], feasible: NDArray[np.bool_], params: Mapping[str, float]
) -> NDArray[np.float64]:
    n = int(np.count_nonzero(feasible))
    share = params["epsilon"] / n
    chances = np.where(feasible, share, 0.0)
    chances[int(np.where(feasible, values, -np.inf).argmax())] = 1.0 - share * (n - 1)
    return chances


POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("greedy", frozenset({"choice", "ranking", "value"}), {}, _greedy),
        Policy("epsilon", frozenset({"choice", "ranking"}), {"epsilon": (0.0, 1.0)}, _epsilon),
    )
}
