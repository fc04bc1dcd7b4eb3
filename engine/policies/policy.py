"""What a policy is: a name, the slot kinds it draws for, its numbers with their ranges, and its propensities.

Candidates stand in the order of their ids, so among equal values the first is the best. What is not feasible at a
position has probability exactly zero; the rest sum to one. Only sequential or exactly rounded float64 arithmetic and
`math` functions, so a replay gives the same bits on any machine.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Params: TypeAlias = Mapping[str, float]
Step: TypeAlias = Callable[[Mask], Values]


@dataclass(frozen=True, slots=True)
class Field:
    """What is drawn from: a finite value per candidate and, for policies that draw by a column, a weight in 0..1."""

    values: Values
    weights: Values


@dataclass(frozen=True, slots=True)
class Param:
    """One number of a policy, within `least` and `most`, both included. Without a default it must be given."""

    least: float
    most: float
    doc: str
    default: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One entry of `POLICIES`.

    `over` takes the field once per answer and gives the step, which is asked once per position: from what is feasible
    there (at least one candidate) to the propensity of every candidate. `is_by_column` says that it draws by weights,
    `is_certain` that it always takes the best, so that nobody need ask for a step.
    """

    name: str
    kinds: frozenset[str]
    over: Callable[[Field, Params], Step]
    params: Mapping[str, Param] = field(default_factory=dict)
    is_by_column: bool = False
    is_certain: bool = False


FLOOR = Param(0.0, 1.0, "the least propensity of every feasible candidate", default=0.0)


def certain(values: Values, feasible: Mask) -> Values:
    """Everything on the best feasible candidate."""
    chances = np.zeros(len(values))
    chances[best(values, feasible)] = 1.0
    return chances


def best(values: Values, feasible: Mask) -> int:
    """The place of the highest feasible value, the first of equals."""
    return int(np.where(feasible, values, -np.inf).argmax())


def shared(weights: Values, feasible: Mask, floor: float) -> Values:
    """Propensities in proportion to weights, then mixed with an even draw so that nobody falls below the floor.

    p = floor + (1 - n floor) w / sum(w) over the n feasible candidates. A floor that n candidates cannot all have
    (n floor >= 1) leaves an even draw. The sum is `math.fsum`: exactly rounded, so the candidates' order is all one.
    """
    count = int(np.count_nonzero(feasible))
    left = 1.0 - count * floor
    if left <= 0.0:
        return np.where(feasible, 1.0 / count, 0.0)
    own = np.where(feasible, weights, 0.0)
    return np.where(feasible, floor + left * (own / math.fsum(own.tolist())), 0.0)


def picked(chances: Values, u: float | Values) -> NDArray[np.intp]:
    """The place that each number u in [0, 1) draws: the first whose cumulated propensity is above it.

    Divided by their last, the cumulated propensities end at exactly 1, so no u falls through.
    """
    upper = np.add.accumulate(chances)  # sequential, unlike np.sum
    places: NDArray[np.intp] = (upper / upper[-1]).searchsorted(u, side="right")
    return places
