"""Static guarantees, proved over checked rules before a bundle ships.

- Consent: a slot reads only features whose purpose its gate requires: in rules, model inputs, generators, fallback
  keys, and in what its policies, those of experiments too, look up.
- Features of a visitor name a purpose; one without is read without consent, which is worth a warning.
- Sensitive features: no slot reads them, unless their declaration says why it may.
- Plain content references no item, price or offer: it is shown unguarded. And there is some.
- Every slot has candidates: its generators name existing items and are not all empty.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.analysis.plain import plain_problems
from compiler.analysis.spelling import spot
from compiler.analysis.uses import policies_of, uses_of
from compiler.catalog import Catalog
from compiler.diagnostics import Problem, Where, proof_messages
from compiler.sources import FeatureSource, SlotSource, Sources
from contracts.features import Root
from contracts.rule_ir import Has, Read, Rule
from contracts.slots import PerVisitor


@dataclass(frozen=True)
class _Reading:
    """A feature that a slot reads, and where."""

    root: Root
    field: str
    where: Where


def prove(sources: Sources, rules: Mapping[str, Rule], catalog: Catalog) -> Iterator[Problem]:
    """Everything that does not hold of a bundle."""
    for feature in sources.features:
        yield from _permission(feature, sources.experiments.unit)
    for slot in sources.slots.values():
        yield from _consent(slot, sources, rules)
        yield from plain_problems(slot, sources, rules, catalog)
        yield from _candidates(slot, catalog.ids[slot.spec.table])


def _permission(feature: FeatureSource, unit: str | None) -> Iterator[Problem]:
    """A feature that names units is none that slots read, and may have no purpose."""
    name, is_unit = f"{feature.spec.root}.{feature.spec.name}", feature.spec.name == unit
    if feature.spec.purpose is None and feature.spec.root is not Root.REQUEST and not is_unit:
        yield proof_messages.without_purpose(feature.where, name)
    if feature.allowed_because is None:
        return
    if not feature.spec.is_sensitive:
        yield proof_messages.allowed_not_sensitive(feature.where, name)
    elif not feature.allowed_because.strip():
        yield proof_messages.allowed_without_reason(feature.where, name)


def _consent(slot: SlotSource, sources: Sources, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    features = {(each.spec.root, each.spec.name): each for each in sources.features}
    name = slot.spec.name
    for reading in _readings(slot, sources, rules):
        feature = features.get((reading.root, reading.field))
        if feature is None:
            continue
        written, purpose = f"{reading.root}.{reading.field}", feature.spec.purpose
        if purpose is not None and purpose not in slot.spec.purposes:
            yield proof_messages.purpose_not_required(reading.where, name, written, purpose)
        if feature.spec.is_sensitive and feature.allowed_because is None:
            yield proof_messages.sensitive(reading.where, name, written)


def _readings(slot: SlotSource, sources: Sources, rules: Mapping[str, Rule]) -> Iterator[_Reading]:
    for name in dict.fromkeys(_rules_of(slot, sources)):
        for node in rules[name].nodes:
            if isinstance(node, Read | Has):
                yield _Reading(node.root, node.field, spot(sources.rules[name], node))
    for index, generator in enumerate(slot.spec.retrieve):
        if isinstance(generator, PerVisitor):
            where = slot.places.get(f"retrieve[{index}].feature", slot.where)
            yield _Reading(generator.root, generator.feature, where)
    for index, key in enumerate(slot.spec.fallback_keys):
        yield _Reading(Root.REQUEST, key, slot.places.get(f"fallback_keys[{index}]", slot.where))
    for path, policy in policies_of(slot, sources):
        if policy.weights is not None and policy.weights.by is not None:
            where = slot.places.get(f"{path}.by", slot.places.get(path, slot.where))
            yield _Reading(Root.REQUEST, policy.weights.by, where)


def _rules_of(slot: SlotSource, sources: Sources) -> Iterator[str]:
    """The rules that a slot runs, and all that stand in its file."""
    yield from (name for _, name in uses_of(slot, sources))
    yield from (expression.name for expression in slot.expressions)


def _candidates(slot: SlotSource, ids: tuple[str, ...]) -> Iterator[Problem]:
    spec = slot.spec
    where = slot.places.get("retrieve", slot.where)
    if not spec.retrieve:
        yield proof_messages.no_candidates(where, spec.name, "it declares no generator")
    elif not ids:
        yield proof_messages.no_candidates(where, spec.name, f"table `{spec.table}` has no rows")
