"""Slots, their rules and policies, with every name looked up. Part of `engine.load`; errors name slot and rule."""

import numpy as np
from numpy.typing import NDArray

from contracts.errors import NotRunnableError
from contracts.fallback import ANY
from contracts.features import FeatureSchema, Root, ValueType
from contracts.rule_ir import Form, Place, Read, Rule
from contracts.slots import Diversity, Filter, Generator, PayloadField, PerVisitor, Pool, SlotSet, SlotSpec
from engine.fallback import key_text
from engine.kinds import KINDS
from engine.load_parts import BOOL, NUMBER, TEXT, Parts, load_model
from engine.load_policies import load_policy
from engine.loaded import (
    LoadedFallback,
    LoadedField,
    LoadedFilter,
    LoadedGenerator,
    LoadedPerVisitor,
    LoadedPool,
    LoadedSlot,
)
from engine.programs.plan import plan_request
from engine.programs.values import RequestProgram
from engine.snapshot import Table

_STRINGS = "list(string)"
_PROPS: dict[ValueType, tuple[str, ...]] = {
    ValueType.BOOL: BOOL,
    ValueType.INT: ("int",),
    ValueType.DOUBLE: ("double",),
    ValueType.STRING: TEXT,
    ValueType.TIMESTAMP: ("timestamp",),
    ValueType.STRINGS: (_STRINGS,),
}
_MAX_POSITIONS = 1000


def load_slots(parts: Parts, slots: SlotSet) -> dict[str, LoadedSlot]:
    """All slots by name. Raises `NotRunnableError` naming the slot at fault."""
    loaded: dict[str, LoadedSlot] = {}
    for spec in slots.slots:
        try:
            _check_slot(parts, spec)
            loaded[spec.name] = _slot(parts, spec)
        except NotRunnableError as error:
            raise NotRunnableError(f"slot {spec.name}: {error}") from None
    for page, names in slots.pages.items():
        if unknown := [name for name in names if name not in loaded]:
            raise NotRunnableError(f"page {page} lists {unknown[0]}, which is no slot")
    return loaded


def _check_slot(parts: Parts, spec: SlotSpec) -> None:
    if spec.table not in parts.tables:
        raise NotRunnableError(f"names table {spec.table}, which the catalog lacks")
    if spec.kind not in KINDS:
        raise NotRunnableError(f"is of kind {spec.kind}, which this engine lacks")
    if not 1 <= spec.size <= _MAX_POSITIONS or spec.cap_candidates < 1:
        raise NotRunnableError(f"size must be 1 to {_MAX_POSITIONS}, cap_candidates at least 1")
    if unknown := [pin.item for pin in spec.pins if pin.item not in parts.tables[spec.table].row_of]:
        raise NotRunnableError(f"pins {unknown[0]}, which table {spec.table} lacks")
    if spec.diversity is not None:
        _check_diversity(spec.diversity, parts.tables[spec.table])


def _check_diversity(diversity: Diversity, table: Table) -> None:
    column = table.columns.get(diversity.column)
    if column is None or column.offsets is not None:
        raise NotRunnableError(f"diversity needs a column of single values, {diversity.column} is none")
    if diversity.at_most < 1:
        raise NotRunnableError("diversity allows at least 1 answer of a kind")


def _slot(parts: Parts, spec: SlotSpec) -> LoadedSlot:
    table = spec.table
    return LoadedSlot(
        spec=spec,
        kind=KINDS[spec.kind],
        policy=load_policy(parts, spec.policy, spec),
        shadow=None if spec.shadow is None else load_policy(parts, spec.shadow, spec),
        generators=tuple(_generator(parts, spec, at) for at in range(len(spec.retrieve))),
        eligible=None if spec.eligible is None else parts.request(spec.eligible, None, BOOL),
        guards=tuple(parts.columns(name, table, BOOL) for name in spec.guards),
        model=None if spec.model is None else load_model(parts, spec.model, table),
        score=None if spec.score is None else parts.columns(spec.score, table, NUMBER),
        objective=None if spec.objective is None else parts.columns(spec.objective, table, NUMBER, reads_score=True),
        boosts=tuple(parts.columns(name, table, NUMBER, reads_score=True) for name in spec.boosts),
        payload=tuple(_field(parts, table, name, spec.payload[name]) for name in spec.payload),
        offer=None if spec.offer is None else parts.request(spec.offer, table, TEXT),
        why=None if spec.why is None else parts.request(spec.why, table, TEXT),
        fallback=_fallback(parts, spec),
    )


def _generator(parts: Parts, spec: SlotSpec, at: int) -> LoadedGenerator:
    generator: Generator = spec.retrieve[at]
    name = f"retrieve[{at}]"
    if not isinstance(generator, Pool) and generator.limit < 1:
        raise NotRunnableError("a generator's limit is at least 1")
    match generator:
        case Pool():
            return LoadedPool(name, _pool_rows(parts.tables[spec.table], generator.ids))
        case Filter():
            return LoadedFilter(
                name,
                where=parts.columns(generator.where, spec.table, BOOL),
                order=None if generator.order is None else parts.columns(generator.order, spec.table, NUMBER),
                match=None if generator.match is None else parts.columns(generator.match, spec.table, BOOL),
                limit=generator.limit,
            )
        case PerVisitor():
            return LoadedPerVisitor(name, _visitor_list(parts.schema, generator.feature), generator.limit)


def _pool_rows(table: Table, ids: tuple[str, ...]) -> NDArray[np.int64]:
    if unknown := [name for name in ids if name not in table.row_of]:
        raise NotRunnableError(f"its pool names {unknown[0]}, which table {table.name} lacks")
    rows = [table.row_of[name] for name in ids] if ids else range(len(table.ids))
    return np.array(rows, dtype=np.int64)


def _visitor_list(schema: FeatureSchema, feature: str) -> RequestProgram:
    """Reading a feature is a rule of one node, so ages, consent and defaults hold here as anywhere."""
    if feature not in {spec.name for spec in schema.of(Root.VISITOR) if spec.type is ValueType.STRINGS}:
        raise NotRunnableError(f"retrieves by visitor.{feature}, which is no feature of type strings")
    node = Read(type=_STRINGS, root=Root.VISITOR, field=feature)
    place = Place(file="slots", line=1, column=1)
    rule = Rule(name=f"visitor.{feature}", form=Form.REQUEST, type=_STRINGS, place=place, nodes=(node,))
    return plan_request(rule, schema, None)


def _field(parts: Parts, table: str, name: str, spec: PayloadField) -> LoadedField:
    if spec.type not in _PROPS:
        raise NotRunnableError(f"payload {name} cannot be of type {spec.type}")
    return LoadedField(name, parts.request(spec.rule, table, _PROPS[spec.type]))


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
