"""Assign: who is held out, and which arm of which experiment a visitor is in. Once per page.

Every split is a hash (`engine.hashing`) of one unit: the profile's, where the feed told one, else the browser's own
pseudonym. Without a unit there is no assignment. A verified QA token puts its own word in the place of chance, and
nothing else does; such requests are excluded from measurement.

Shares that grow lose nobody: of holdouts, of an experiment's range, of its first and its last arm, which lie side by
side in declared order. For every arm of three or more no split can promise that which knows a hash and shares alone.
"""

from collections.abc import Mapping
from itertools import combinations

from msgspec import Struct, field

from contracts.decision import DecisionRequest, Override
from contracts.errors import NotRunnableError
from contracts.experiments import Arm, Experiment, ExperimentSpec
from contracts.features import FeatureSchema, FeatureSpec, Root, ValueType
from engine import hashing
from engine.loaded import LoadedBundle, LoadedPolicy
from engine.snapshot import VISITOR

PROFILE = "profile"
_EXPERIMENT, _LAYER = SALT_PREFIXES = ("experiment/", "layer/")


class Assigned(Struct, frozen=True):
    """Slots that are held out, arms by experiment, and the policies that those arms put in place of slots' own."""

    held_out: frozenset[str] = frozenset()
    arms: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, LoadedPolicy] = field(default_factory=dict)


def assign(loaded: LoadedBundle, request: DecisionRequest) -> Assigned:
    """The holdouts and arms of this visitor that concern the slots asked for."""
    unit = unit_of(request)
    held_out = _held_out(loaded, unit, request)
    arms: dict[str, str] = {}
    policies: dict[str, LoadedPolicy] = {}
    for experiment in loaded.experiments.experiments:
        slots = [name for name in experiment.slots if name in request.slots]
        arm = _arm(experiment, unit, request.qa) if slots else None
        if arm is None:
            continue
        if not held_out.issuperset(slots):
            arms[experiment.name] = arm.name
        if arm.policy is not None:
            policies.update(dict.fromkeys(slots, loaded.arm_policies[experiment.name, arm.name]))
    return Assigned(held_out, arms, policies)


def unit_of(request: DecisionRequest) -> str | None:
    """What splits hash: the unit of the visitor's profile, else the visitor; None for nobody in particular."""
    return request.units.get(PROFILE) or request.units.get(VISITOR)


def check_splits(spec: ExperimentSpec, schema: FeatureSchema) -> None:
    """Raises `NotRunnableError` where two splits would depend on each other, or a unit could change by itself."""
    salts = [*(holdout.salt for holdout in spec.holdouts), *(_salt(each) for each in spec.experiments)]
    salts += {_layer_salt(each) for each in spec.experiments}
    if repeated := [salt for salt in salts if salts.count(salt) > 1]:
        raise NotRunnableError(f"{repeated[0]} is the salt of two splits: they would divide visitors alike")
    for one, other in combinations(spec.experiments, 2):
        if one.layer == other.layer and one.start < other.end and other.start < one.end:
            raise NotRunnableError(f"experiments {one.name} and {other.name} overlap in layer {one.layer}")
        if shared := shared_slots(one, other):
            raise NotRunnableError(
                f"experiments {one.name} and {other.name} set the policy of {shared[0]} in two layers"
            )
    unit = next((each for each in schema.of(Root.VISITOR) if each.name == spec.unit), None)
    if spec.unit is not None and (unit is None or not is_unit(unit)):
        raise NotRunnableError(f"the unit visitor.{spec.unit} is no string without purpose, max_age and default")


def shared_slots(one: Experiment, other: Experiment) -> list[str]:
    """The slots whose policy both experiments set although they stand in two layers: one would undo the other."""
    if one.layer == other.layer or not (_sets_policy(one) and _sets_policy(other)):
        return []
    return [slot for slot in one.slots if slot in other.slots]


def is_unit(spec: FeatureSpec) -> bool:
    """Whether a visitor feature may name units: whatever ages, or is granted, would move visitors."""
    is_steady = spec.max_age_s is None and spec.purpose is None and spec.default is None
    return spec.type is ValueType.STRING and spec.fold is None and is_steady


def _held_out(loaded: LoadedBundle, unit: str | None, request: DecisionRequest) -> frozenset[str]:
    if request.qa is not None:
        return frozenset(request.slots) if request.qa.is_held_out else frozenset()
    if unit is None:
        return frozenset()
    holdouts = [each for each in loaded.experiments.holdouts if hashing.split(each.salt, unit) < each.share]
    if not holdouts:
        return frozenset()
    use_cases = {holdout.use_case for holdout in holdouts}
    if None in use_cases:
        return frozenset(request.slots)
    return frozenset(name for name in request.slots if not use_cases.isdisjoint(loaded.slots[name].spec.use_cases))


def _arm(experiment: Experiment, unit: str | None, qa: Override | None) -> Arm | None:
    """The token's arm; else the layer says who is in the experiment, a second, independent hash which arm they get."""
    named = None if qa is None else qa.arms.get(experiment.name)
    forced = next((arm for arm in experiment.arms if arm.name == named), None)
    if forced is not None or unit is None:
        return forced
    if not experiment.start <= hashing.split(_layer_salt(experiment), unit) < experiment.end:
        return None
    u = hashing.split(_salt(experiment), unit)
    upper = 0.0
    for arm in experiment.arms:
        upper += arm.share
        if u < upper:
            return arm
    return experiment.arms[-1] if experiment.arms else None


def _salt(experiment: Experiment) -> str:
    return _EXPERIMENT + experiment.name


def _layer_salt(experiment: Experiment) -> str:
    return _LAYER + experiment.layer


def _sets_policy(experiment: Experiment) -> bool:
    return any(arm.policy is not None for arm in experiment.arms)
