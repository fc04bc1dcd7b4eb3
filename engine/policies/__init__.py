"""Policies: how an answer is drawn from values. Each gives the exact propensity of every candidate at one position.

`engine.explore` draws from these numbers and logs them.
"""

from engine.policies.epsilon import EPSILON
from engine.policies.greedy import GREEDY
from engine.policies.igw import IGW
from engine.policies.policy import Field, Param, Params, Policy, Step, picked
from engine.policies.softmax import SOFTMAX
from engine.policies.tables import TABLE, LoadedWeights, read_weights

__all__ = [
    "POLICIES",
    "Field",
    "LoadedWeights",
    "Param",
    "Params",
    "Policy",
    "Step",
    "picked",
    "read_weights",
]

POLICIES: dict[str, Policy] = {policy.name: policy for policy in (GREEDY, EPSILON, SOFTMAX, IGW, TABLE)}
