"""Slots, their rules and policies, with every name looked up. Part of `engine.load`; errors name slot and rule."""

import math
from collections.abc import Mapping

from contracts.errors import NotRunnableError
from contracts.fallback import ANY
from contracts.features import Root, ValueType
from contracts.rule_ir import Read, Rule
from contracts.slots import MAX_POSITIONS, Diversity, PayloadField, SlotSet, SlotSpec
from engine.fallback import key_text
from engine.generators import load_generators
from engine.kinds import KINDS
from engine.load_caps import check_cap_names, load_caps
from engine.load_parts import BOOL, NUMBER, TEXT, Parts, load_model
from engine.load_policies import load_policy
from engine.load_rights import load_eligible
from engine.loaded import LoadedFallback, LoadedField, LoadedSlot, LoadedTerm
from engine.snapshot import Table

_PROPS: dict[ValueType, tuple[str, ...]] = {
    ValueType.BOOL: BOOL,
    ValueType.INT: ("int",),
    ValueType.DOUBLE: ("double",),
    ValueType.STRING: TEXT,
    ValueType.TIMESTAMP: ("timestamp",),
    ValueType.STRINGS: ("list(string)",),
}
_STORED = frozenset({"bool", "int", "string"})


def load_slots(parts: Parts, slots: SlotSet) -> dict[str, LoadedSlot]:
    """All slots by name. Raises `NotRunnableError` naming the slot at fault."""
    loaded: dict[str, LoadedSlot] = {}
    for spec in slots.slots:
        try:
            _check_slot(parts, spec)
            loaded[spec.name] = _slot(parts, spec, slots.decision_rights)
        except NotRunnableError as error:
            raise NotRunnableError(f"slot {spec.name}: {error}") from None
    check_cap_names(slots)
    for page, names in slots.pages.items():
        if unknown := [name for name in names if name not in loaded]:
            raise NotRunnableError(f"page {page} lists {unknown[0]}, which is no slot")
    return loaded


def _check_slot(parts: Parts, spec: SlotSpec) -> None:
    if spec.table not in parts.tables:
        raise NotRunnableError(f"names table {spec.table}, which the catalog lacks")
    if spec.kind not in KINDS:
        raise NotRunnableError(f"is of kind {spec.kind}, which this engine lacks")
    if not 1 <= spec.size <= MAX_POSITIONS or spec.cap_candidates < 1:
        raise NotRunnableError(f"size must be 1 to {MAX_POSITIONS}, cap_candidates at least 1")
    if unknown := [pin.item for pin in spec.pins if pin.item not in parts.tables[spec.table].row_of]:
        raise NotRunnableError(f"pins {unknown[0]}, which table {spec.table} lacks")
    _check_models(spec)
    if spec.diversity is not None:
        _check_diversity(spec.diversity, parts.tables[spec.table])


def _check_models(spec: SlotSpec) -> None:
    if spec.other_models and (spec.model is None or len(set(spec.models)) < len(spec.models)):
        raise NotRunnableError("other models need a first one, and each is another")


def _check_diversity(diversity: Diversity, table: Table) -> None:
    column = table.columns.get(diversity.column)
    if column is None or column.offsets is not None:
        raise NotRunnableError(f"diversity needs a column of single values, {diversity.column} is none")
    if diversity.at_most < 1:
        raise NotRunnableError("diversity allows at least 1 answer of a kind")


def _slot(parts: Parts, spec: SlotSpec, rights: Mapping[str, bool | str]) -> LoadedSlot:
    table = spec.table
    guards = tuple(parts.guard(name, table) for name in spec.guards)
    return LoadedSlot(
        spec=spec,
        kind=KINDS[spec.kind],
        policy=load_policy(parts, spec.policy, spec),
        shadow=None if spec.shadow is None else load_policy(parts, spec.shadow, spec),
        generators=load_generators(parts, spec),
        eligible=load_eligible(parts, spec, rights),
        guards=guards,
        guard_reads=tuple(sorted({column for each in guards for column in each.item_reads or ()})),
        caps=load_caps(parts.schema, spec),
        model=None if spec.model is None else load_model(parts, spec.model, table),
        other_models=tuple(load_model(parts, name, table) for name in spec.other_models),
        score=None if spec.score is None else parts.columns(spec.score, table, NUMBER),
        objective=None if spec.objective is None else parts.columns(spec.objective, table, NUMBER, spec.models),
        terms=_terms(parts, spec),
        boosts=tuple(parts.columns(name, table, NUMBER, spec.models) for name in spec.boosts),
        reads_scores=any(map(parts.reads_scores, spec.ranking)),
        payload=tuple(_field(parts, table, name, spec.payload[name]) for name in spec.payload),
        offer=None if spec.offer is None else parts.request(spec.offer, table, TEXT),
        why=None if spec.why is None else parts.why(spec.why, table),
        shows_sensitive=parts.sensitive([*(field.rule for field in spec.payload.values()), spec.offer, spec.why]),
        scores_sensitive=parts.sensitive([spec.score, *spec.ranking, *_inputs(parts, spec)]),
        fallback=_fallback(parts, spec),
    )


def _inputs(parts: Parts, spec: SlotSpec) -> list[str]:
    """The rules of all inputs of its models."""
    return [each.rule for name in spec.models if name in parts.models for each in parts.models[name].inputs]


def _terms(parts: Parts, spec: SlotSpec) -> tuple[LoadedTerm, ...]:
    if spec.terms and spec.objective is not None:
        raise NotRunnableError("its objective is one rule or a sum of terms, not both")
    if not all(math.isfinite(term.weight) for term in spec.terms):
        raise NotRunnableError("the weights of its objective are finite numbers")
    return tuple(
        LoadedTerm(term.weight, parts.columns(term.rule, spec.table, NUMBER, spec.models), term.name)
        for term in spec.terms
    )


def _field(parts: Parts, table: str, name: str, spec: PayloadField) -> LoadedField:
    if spec.type not in _PROPS:
        raise NotRunnableError(f"payload {name} cannot be of type {spec.type}")
    run = parts.request(spec.rule, table, _PROPS[spec.type])
    return LoadedField(name, run, _shown_column(parts.rules.rules[spec.rule]))


def _shown_column(rule: Rule) -> str | None:
    """The column whose values are the rule's as they are stored."""
    match rule.nodes:
        case (Read(root=Root.ITEM, field=column),) if rule.type in _STORED:
            return column
        case _:
            return None


def _fallback(parts: Parts, spec: SlotSpec) -> LoadedFallback | None:
    table = parts.fallbacks.get(spec.name)
    if table is None:
        return None
    declared = {each.name: each for each in parts.schema.of(Root.REQUEST)}
    if unknown := [key for key in table.keys if key not in declared]:
        raise NotRunnableError(f"its fallbacks are keyed by {unknown[0]}, which is no request feature")
    answers = {row.key: tuple(dict.fromkeys(row.answer)) for row in table.rows}
    if (ANY,) * len(table.keys) not in answers:
        raise NotRunnableError(f"its fallbacks lack the row {ANY}")
    return LoadedFallback(table.keys, tuple(key_text(declared[key].default) for key in table.keys), answers)
