"""Assign: who is held out, and which arm of which experiment a visitor is in. Once per page.

Every split is a hash of the visitor's pseudonym (`engine.hashing`). Without a pseudonym there is no assignment. Only
signed QA requests pass by the holdouts; they are excluded from measurement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.decision import DecisionRequest
from contracts.experiments import Arm, Experiment
from engine import hashing
from engine.loaded import LoadedBundle, LoadedPolicy
from engine.snapshot import VISITOR


@dataclass(frozen=True, slots=True)
class Assigned:
    """Slots that are held out, arms by experiment, and the policies that those arms put in place of slots' own."""

    held_out: frozenset[str] = frozenset()
    arms: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, LoadedPolicy] = field(default_factory=dict)


def assign(loaded: LoadedBundle, request: DecisionRequest) -> Assigned:
    """The holdouts and arms of this visitor that concern the slots asked for."""
    unit = request.units.get(VISITOR)
    if unit is None:
        return Assigned()
    held_out = frozenset() if request.is_qa else _held_out(loaded, unit, request.slots)
    arms: dict[str, str] = {}
    policies: dict[str, LoadedPolicy] = {}
    for experiment in loaded.experiments.experiments:
        slots = [name for name in experiment.slots if name in request.slots]
        arm = _arm(experiment, unit) if slots else None
        if arm is None:
            continue
        if not held_out.issuperset(slots):
            arms[experiment.name] = arm.name
        if arm.policy is not None:
            policies.update(dict.fromkeys(slots, loaded.arm_policies[experiment.name, arm.name]))
    return Assigned(held_out, arms, policies)


def _held_out(loaded: LoadedBundle, unit: str, slots: tuple[str, ...]) -> frozenset[str]:
    holdouts = [each for each in loaded.experiments.holdouts if hashing.split(each.salt, unit) < each.share]
    use_cases = {holdout.use_case for holdout in holdouts}
    if None in use_cases:
        return frozenset(slots)
    return frozenset(name for name in slots if not use_cases.isdisjoint(loaded.slots[name].spec.use_cases))


def _arm(experiment: Experiment, unit: str) -> Arm | None:
    """The layer says who is in the experiment, a second, independent hash which arm they get."""
    if not experiment.start <= hashing.split(f"layer/{experiment.layer}", unit) < experiment.end:
        return None
    u = hashing.split(f"experiment/{experiment.name}", unit)
    upper = 0.0
    for arm in experiment.arms:
        upper += arm.share
        if u < upper:
            return arm
    return experiment.arms[-1] if experiment.arms else None
