"""`[[holdouts]]`, `[[experiments]]` and `unit` -> who is withheld, which splits run where, and what they divide."""

import math
from collections.abc import Mapping
from itertools import combinations

from compiler.diagnostics import Where
from compiler.diagnostics import declaration_messages as misfit
from compiler.places import Value
from compiler.reading import fields
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.policies import Drawing, policy_for
from compiler.reading.tables import TableSource
from contracts.experiments import Arm, Experiment, Holdout
from contracts.features import FeatureSchema, Root
from contracts.slots import SlotSpec
from engine.assign import SALT_PREFIXES, is_unit, shared_slots

_SHARE = fields.number(0.0, 1.0)
_TOLERANCE = 1e-9


def holdouts_of(slots: Mapping[str, SlotSpec]) -> Reader[tuple[Holdout, ...]]:
    """A reader of holdouts over these slots' use cases."""
    use_cases = sorted({name for slot in slots.values() for name in slot.use_cases})

    def read(value: Value, log: Log) -> Holdout:
        holdout = Fields(value, "a holdout", log)
        spec = Holdout(
            salt=holdout.need("salt", fields.text, ""),
            share=holdout.need("share", _SHARE, 0.0),
            use_case=holdout.take("use_case", fields.known(use_cases, "use case"), None),
        )
        holdout.close()
        return spec

    return _salted(fields.many(read))


def unit_of(schema: FeatureSchema) -> Reader[str]:
    """A reader of the visitor feature by which the feed tells the unit of a profile."""
    visitor = {spec.name: spec for spec in schema.of(Root.VISITOR)}

    def read(value: Value, log: Log) -> str | None:
        name = fields.known(visitor, "visitor feature")(value, log)
        if name in visitor and not is_unit(visitor[name]):
            log.append(misfit.unsteady_unit(value.where, name))
        return name

    return read


def experiments_of(
    slots: Mapping[str, SlotSpec], tables: Mapping[str, TableSource], schema: FeatureSchema
) -> Reader[tuple[Experiment, ...]]:
    """A reader of experiments over these slots."""

    known_slots = fields.distinct(fields.many(fields.known(slots, "slot")))

    def read(value: Value, log: Log) -> Experiment:
        experiment = Fields(value, "an experiment", log)
        names: tuple[str, ...] = experiment.need("slots", known_slots, ())
        kinds = tuple(slots[name].kind for name in names if slots[name].kind)
        drawing = Drawing(kinds, tuple(tables[slots[name].table] for name in names if slots[name].table), schema)
        spec = Experiment(
            name=experiment.need("name", fields.text, ""),
            layer=experiment.need("layer", fields.text, ""),
            start=experiment.need("start", _SHARE, 0.0),
            end=experiment.need("end", _SHARE, 1.0),
            slots=names,
            arms=experiment.need("arms", fields.many(_arm_of(drawing)), ()),
        )
        experiment.close()
        _check_shares(experiment, spec, log)
        return spec

    return _apart(fields.many(read))


def _arm_of(drawing: Drawing) -> Reader[Arm]:
    def read(value: Value, log: Log) -> Arm:
        arm = Fields(value, "an arm", log)
        spec = Arm(
            name=arm.need("name", fields.text, ""),
            share=arm.need("share", _SHARE, 0.0),
            policy=arm.take("policy", policy_for(drawing), None),
        )
        arm.close()
        return spec

    return read


def _check_shares(experiment: Fields, spec: Experiment, log: Log) -> None:
    total = math.fsum(arm.share for arm in spec.arms)
    if experiment.has("arms") and abs(total - 1.0) > _TOLERANCE:
        log.append(misfit.shares_do_not_sum(experiment.where("arms"), spec.name, total))
    if spec.start >= spec.end:
        log.append(misfit.empty_experiment(experiment.where("end"), spec.name))


def _apart(reader: Reader[tuple[Experiment, ...]]) -> Reader[tuple[Experiment, ...]]:
    """Experiments of one layer that share units would confound each other, those of two would undo each other."""

    def read(value: Value, log: Log) -> tuple[Experiment, ...]:
        experiments = reader(value, log) or ()
        for (_, first), (where, second) in combinations(zip(_places(value), experiments, strict=True), 2):
            if first.layer == second.layer and first.start < second.end and second.start < first.end:
                log.append(misfit.experiments_overlap(where, first.name, second.name, first.layer))
            if first.name == second.name:
                log.append(misfit.salt_of_two(where, second.name))
            if shared := shared_slots(first, second):
                log.append(misfit.policy_of_two_layers(where, first.name, second.name, shared[0]))
        return experiments

    return read


def _salted(reader: Reader[tuple[Holdout, ...]]) -> Reader[tuple[Holdout, ...]]:
    """Holdouts of one salt would hold the same visitors out."""

    def read(value: Value, log: Log) -> tuple[Holdout, ...]:
        holdouts = reader(value, log) or ()
        seen: set[str] = set()
        for where, holdout in zip(_places(value), holdouts, strict=True):
            if holdout.salt in seen:
                log.append(misfit.salt_of_two(where, holdout.salt))
            if holdout.salt.startswith(SALT_PREFIXES):
                log.append(misfit.salt_of_experiments(where, holdout.salt))
            seen.add(holdout.salt)
        return holdouts

    return read


def _places(value: Value) -> list[Where]:
    return [entry.where for entry in value.raw] if isinstance(value.raw, tuple) else []
