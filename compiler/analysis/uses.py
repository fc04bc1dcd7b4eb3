"""What a slot runs: rules, each in its role, and policies. What follows a value through a slot starts here."""

from collections.abc import Iterator
from enum import StrEnum

from compiler.reading.expressions import Expression
from compiler.sources import SlotSource, Sources
from contracts.slots import Filter, Neighbours, PolicySpec, Trending


class Role(StrEnum):
    """What a slot runs a rule as."""

    ELIGIBLE = "eligible"
    RETRIEVE = "retrieve"
    WHERE = "where"
    MATCH = "match"
    ORDER = "order"
    GUARD = "guard"
    INPUT = "input"
    SCORE = "score"
    OBJECTIVE = "objective"
    BOOST = "boost"
    PAYLOAD = "payload"
    OFFER = "offer"
    WHY = "why"


def uses_of(slot: SlotSource, sources: Sources) -> Iterator[tuple[Role, str]]:
    """The names of all rules that a slot runs with their roles, of its models' inputs and its right too."""
    spec = slot.spec
    models = [sources.models[name] for name in spec.models]
    filters = [generator for generator in spec.retrieve if isinstance(generator, Filter)]
    right = sources.rights.get(spec.decision_right)
    named: list[tuple[Role, str | None]] = [
        (Role.ELIGIBLE, spec.eligible),
        (Role.ELIGIBLE, right.name if isinstance(right, Expression) else None),
        *((Role.RETRIEVE, each.of) for each in spec.retrieve if isinstance(each, Neighbours)),
        *((Role.RETRIEVE, each.key) for each in spec.retrieve if isinstance(each, Trending)),
        *((Role.WHERE, each.where) for each in filters),
        *((Role.MATCH, each.match) for each in filters),
        *((Role.ORDER, each.order) for each in filters),
        *((Role.GUARD, name) for name in spec.guards),
        *((Role.INPUT, each.rule) for each in [one for model in models for one in model.inputs]),
        (Role.SCORE, spec.score),
        (Role.OBJECTIVE, spec.objective),
        *((Role.OBJECTIVE, term.rule) for term in spec.terms),
        *((Role.BOOST, name) for name in spec.boosts),
        *((Role.PAYLOAD, field.rule) for field in spec.payload.values()),
        (Role.OFFER, spec.offer),
        (Role.WHY, spec.why),
    ]
    return ((role, name) for role, name in named if name is not None)


def policies_of(slot: SlotSource, sources: Sources) -> Iterator[tuple[str, PolicySpec]]:
    """The policies that may draw for a slot, each with its path in the slot file.

    One of an experiment stands elsewhere: it has the path of the policy that it stands in for.
    """
    yield "policy", slot.spec.policy
    if slot.spec.shadow is not None:
        yield "shadow", slot.spec.shadow
    for experiment in sources.experiments.experiments:
        if slot.spec.name in experiment.slots:
            yield from (("policy", arm.policy) for arm in experiment.arms if arm.policy is not None)
