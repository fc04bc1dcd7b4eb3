"""Policies of slots and experiment arms: looked up, numbers within their ranges, columns there. Part of `engine.load`.

The compiler has said the same with places; here nothing that arrived is trusted.
"""

from collections.abc import Mapping
from itertools import product

from contracts.errors import NotRunnableError
from contracts.experiments import ExperimentSpec
from contracts.features import Root, ValueType
from contracts.slots import PolicySpec, SlotSpec, Weights
from engine.fallback import key_text
from engine.load_parts import Parts
from engine.loaded import LoadedPolicy, LoadedSlot
from engine.policies import POLICIES, LoadedWeights, Policy


def load_policy(parts: Parts, spec: PolicySpec, slot: SlotSpec) -> LoadedPolicy:
    """A policy for a slot. Raises `NotRunnableError`."""
    policy = POLICIES.get(spec.name)
    if policy is None:
        raise NotRunnableError(f"needs policy {spec.name}, which this engine lacks")
    if slot.kind not in policy.kinds:
        raise NotRunnableError(f"policy {spec.name} does not support kind {slot.kind}")
    if policy.is_by_column != (spec.weights is not None):
        raise NotRunnableError(f"policy {spec.name} {'needs' if policy.is_by_column else 'takes no'} weights")
    weights = None if spec.weights is None else _weights(parts, spec.weights, slot.table)
    return LoadedPolicy(policy, _params(policy, spec.params), weights)


def arm_policies(
    parts: Parts, experiments: ExperimentSpec, slots: Mapping[str, LoadedSlot]
) -> dict[tuple[str, str], LoadedPolicy]:
    """The policies of arms that have one, by experiment and arm."""
    loaded: dict[tuple[str, str], LoadedPolicy] = {}
    for experiment in experiments.experiments:
        if unknown := [name for name in experiment.slots if name not in slots]:
            raise NotRunnableError(f"experiment {experiment.name} names {unknown[0]}, which is no slot")
        drawn = [(arm.name, arm.policy) for arm in experiment.arms if arm.policy is not None]
        for (arm, policy), slot in product(drawn, experiment.slots):
            loaded[experiment.name, arm] = load_policy(parts, policy, slots[slot].spec)
    return loaded


def _params(policy: Policy, given: Mapping[str, float]) -> dict[str, float]:
    """All of the policy's numbers: those given, and defaults for the rest."""
    if unknown := sorted(set(given) - set(policy.params)):
        raise NotRunnableError(f"policy {policy.name} takes {sorted(policy.params)}, not {unknown[0]}")
    params = {}
    for name, param in policy.params.items():
        value = given.get(name, param.default)
        if value is None:
            raise NotRunnableError(f"policy {policy.name} needs {name}")
        if not param.least <= value <= param.most:
            raise NotRunnableError(f"policy {policy.name}: {name} must be within {param.least} to {param.most}")
        params[name] = value
    return params


def _weights(parts: Parts, spec: Weights, table: str) -> LoadedWeights:
    column = parts.tables[table].columns.get(spec.column)
    needed = ValueType.DOUBLE if spec.by is None else ValueType.NUMBERS
    if column is None or column.type is not needed:
        raise NotRunnableError(f"draws by column {spec.column}, which table {table} lacks in type {needed}")
    if spec.max_age_s is not None and spec.max_age_s < 0:
        raise NotRunnableError(f"weights by column {spec.column}: max_age_s is at least 0")
    if spec.by is None:
        return LoadedWeights(spec)
    declared = {each.name: each for each in parts.schema.of(Root.REQUEST)}
    if spec.by not in declared:
        raise NotRunnableError(f"its weights are keyed by {spec.by}, which is no request feature")
    return LoadedWeights(spec, key_text(declared[spec.by].default))
