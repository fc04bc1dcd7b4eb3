"""Static guarantees, proved over checked rules before a bundle ships.

- Consent: a slot reads only features whose purpose its gate requires, through every rule and model input it uses.
- Sensitive features: no slot reads them.
- Plain content references no item, price or offer: it is shown unguarded.
- Every slot has candidates: its generators name existing items and are not all empty.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.catalog import Catalog
from compiler.diagnostics import CompileError, Problem, Where, proof_messages
from compiler.sources import SlotSource, Sources
from contracts.features import FeatureSpec, Root
from contracts.rule_ir import Has, Read, Rule
from contracts.slots import Filter, PerVisitor

_AMOUNT = re.compile(r"[$€£¥]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:€|EUR|USD|GBP)")
_SEGMENTS = re.compile(r"[/?#=&]")


@dataclass(frozen=True)
class _Reading:
    """A feature that a slot reads, and where."""

    root: Root
    field: str
    where: Where


def prove(sources: Sources, rules: Mapping[str, Rule], catalog: Catalog) -> None:
    """Raises `CompileError` with everything that does not hold."""
    problems = [problem for slot in sources.slots.values() for problem in _broken(slot, sources, rules, catalog)]
    if problems:
        raise CompileError(problems)


def rules_of(slot: SlotSource, sources: Sources) -> tuple[str, ...]:
    """The names of all rules that a slot runs, those of its model's inputs included."""
    spec = slot.spec
    filters = [generator for generator in spec.retrieve if isinstance(generator, Filter)]
    inputs = sources.models[spec.model].inputs if spec.model is not None else ()
    names = [
        spec.eligible,
        *(name for each in filters for name in (each.where, each.match, each.order)),
        *spec.guards,
        *(each.rule for each in inputs),
        spec.score,
        spec.objective,
        *spec.boosts,
        *(field.rule for field in spec.payload.values()),
        spec.offer,
        spec.why,
    ]
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _broken(slot: SlotSource, sources: Sources, rules: Mapping[str, Rule], catalog: Catalog) -> Iterator[Problem]:
    yield from _consent(slot, sources, rules)
    yield from _plain(slot, sources, rules, catalog.ids[slot.spec.table])
    yield from _candidates(slot, catalog.ids[slot.spec.table])


def _consent(slot: SlotSource, sources: Sources, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    features: dict[tuple[Root, str], FeatureSpec] = {(spec.root, spec.name): spec for spec in sources.schema.features}
    name = slot.spec.name
    for reading in _readings(slot, sources, rules):
        feature = features.get((reading.root, reading.field))
        if feature is None:
            continue
        written = f"{reading.root}.{reading.field}"
        if feature.purpose is not None and feature.purpose not in slot.spec.purposes:
            yield proof_messages.purpose_not_required(reading.where, name, written, feature.purpose)
        if feature.is_sensitive:
            yield proof_messages.sensitive(reading.where, name, written)


def _readings(slot: SlotSource, sources: Sources, rules: Mapping[str, Rule]) -> Iterator[_Reading]:
    for name in rules_of(slot, sources):
        for node in rules[name].nodes:
            if isinstance(node, Read | Has):
                yield _Reading(node.root, node.field, sources.rules[name].written.at(node.at))
    for index, generator in enumerate(slot.spec.retrieve):
        if isinstance(generator, PerVisitor):
            where = slot.places.get(f"retrieve[{index}].feature", slot.where)
            yield _Reading(Root.VISITOR, generator.feature, where)


def _plain(slot: SlotSource, sources: Sources, rules: Mapping[str, Rule], ids: tuple[str, ...]) -> Iterator[Problem]:
    spec, known = slot.spec, frozenset(ids)
    live = {column.name for column in sources.tables[spec.table].columns if column.is_live}
    for prop, value in spec.plain.items():
        where = slot.places.get(f"plain.{prop}", slot.where)
        if (item := _item_in(str(value), known)) is not None:
            yield proof_messages.plain_names_item(where, spec.name, prop, item)
        if isinstance(value, str) and (amount := _AMOUNT.search(value)):
            yield proof_messages.plain_amount(where, spec.name, prop, amount[0])
        if prop in spec.payload and (reads := live & _item_fields(rules[spec.payload[prop].rule])):
            yield proof_messages.plain_computed(where, spec.name, prop, [f"item.{name}" for name in sorted(reads)])


def _item_in(text: str, ids: frozenset[str]) -> str | None:
    """The id that a text is, or holds as a part of a link."""
    parts = _SEGMENTS.split(text) if "/" in text else (text,)
    return next((part for part in parts if part in ids), None)


def _item_fields(rule: Rule) -> set[str]:
    return {node.field for node in rule.nodes if isinstance(node, Read | Has) and node.root is Root.ITEM}


def _candidates(slot: SlotSource, ids: tuple[str, ...]) -> Iterator[Problem]:
    spec = slot.spec
    where = slot.places.get("retrieve", slot.where)
    if not spec.retrieve:
        yield proof_messages.no_candidates(where, spec.name, "it declares no generator")
    elif not ids:
        yield proof_messages.no_candidates(where, spec.name, f"table `{spec.table}` has no rows")
