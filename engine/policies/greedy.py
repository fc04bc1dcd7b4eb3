"""Greedy: the best candidate, always."""

from engine.policies.policy import Field, Params, Policy, Step, certain


def _over(field: Field, _params: Params) -> Step:
    return lambda feasible: certain(field.values, feasible)


GREEDY = Policy("greedy", frozenset({"choice", "ranking", "value"}), _over, is_certain=True)
