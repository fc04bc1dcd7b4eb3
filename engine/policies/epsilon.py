"""Epsilon-greedy: with probability `epsilon` an even draw, else the best. Every feasible candidate has epsilon / n."""

import numpy as np

from engine.policies.policy import Field, Mask, Param, Params, Policy, Step, Values, best


def _over(field: Field, params: Params) -> Step:
    epsilon = params["epsilon"]

    def step(feasible: Mask) -> Values:
        count = int(np.count_nonzero(feasible))
        share = epsilon / count
        chances: Values = np.multiply(feasible, share, dtype=np.float64)
        chances[best(field.values, feasible)] = 1.0 - share * (count - 1)
        return chances

    return step


EPSILON = Policy(
    "epsilon",
    frozenset({"choice", "ranking"}),
    _over,
    {"epsilon": Param(0.0, 1.0, "the share of even draws")},
)
