"""Softmax: propensities in proportion to exp(value / temperature). Over a ranking's positions: Plackett-Luce.

Drawing without replacement, each time in proportion to what is left, is the Plackett-Luce model of rankings (Luce 1959,
Plackett 1975). Values are measured from the highest, so that exp never overflows.
"""

import math

import numpy as np

from engine.policies.policy import FLOOR, Field, Mask, Param, Params, Policy, Step, Values, best, shared

_FAINT = 1e-200  # below this, weights would lose digits, and then all of them


def _over(field: Field, params: Params) -> Step:
    values, temperature, floor = field.values, params["temperature"], params["floor"]
    weights = _weights(values, values.max(), temperature)

    def step(feasible: Mask) -> Values:
        top = best(values, feasible)
        if weights[top] >= _FAINT:
            return shared(weights, feasible, floor)
        left = np.where(feasible, values, -np.inf)
        return shared(_weights(left, values[top], temperature), feasible, floor)

    return step


def _weights(values: Values, top: float, temperature: float) -> Values:
    with np.errstate(over="ignore"):  # -inf has weight 0
        exponents = (values - top) / temperature
    return np.array([math.exp(exponent) for exponent in exponents.tolist()])


SOFTMAX = Policy(
    "softmax",
    frozenset({"choice", "ranking"}),
    _over,
    {
        "temperature": Param(1e-6, 1e6, "how far apart values are still drawn about as often, in their unit"),
        "floor": FLOOR,
    },
)
