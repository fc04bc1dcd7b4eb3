"""Inverse gap weighting: the further a value lies below the best, the rarer its draw; the rest goes to the best.

p(a) = 1 / (n + gamma (best - value(a))) for all but the best (SquareCB: Foster and Rakhlin, "Beyond UCB: Optimal and
Efficient Contextual Bandits with Regression Oracles", ICML 2020; the rule is Abe and Long's, 1999). Gamma 0 draws
evenly; it counts per unit of value. A ranking draws each position so, among what is left.
"""

import math

import numpy as np

from engine.policies.policy import FLOOR, Field, Mask, Param, Params, Policy, Step, Values, best, shared

_WIDEST = float(np.finfo(np.float64).max)


def _over(field: Field, params: Params) -> Step:
    values, gamma, floor = field.values, params["gamma"], params["floor"]

    def step(feasible: Mask) -> Values:
        count = int(np.count_nonzero(feasible))
        top = best(values, feasible)
        with np.errstate(over="ignore"):  # what overflows is never drawn
            gaps = np.where(feasible, np.minimum(values[top] - values, _WIDEST), 0.0)
            chances = np.where(feasible, 1.0 / (count + gamma * gaps), 0.0)
        chances[top] = 0.0
        chances[top] = 1.0 - math.fsum(chances.tolist())
        return shared(chances, feasible, floor) if floor else chances

    return step


IGW = Policy(
    "igw",
    frozenset({"choice", "ranking"}),
    _over,
    {
        "gamma": Param(0.0, 1e9, "how quickly propensities fall with the distance from the best, per unit of value"),
        "floor": FLOOR,
    },
)
