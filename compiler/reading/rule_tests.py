"""`tests/*.toml` -> cases: what a slot decides, or what one rule gives, for a given request, visitor and items.

Strict like all sources: unknown keys, names and items, wrong types and cases that cannot fail are problems with their
places. `deploy.cases.runner` runs the cases; they are no part of a bundle.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from compiler.diagnostics import Problem, proof_messages, source_messages
from compiler.diagnostics import test_messages as say
from compiler.places import Value
from compiler.reading import fields, names
from compiler.reading.expressions import CEL_TYPES, Expression
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.givens import Given, Heading, Row, defaults_of, read_given, row_of
from compiler.reading.slot_cases import SlotCase, read_slot_case
from compiler.reading.tables import TableSource
from compiler.reading.values import places_of, value_of
from compiler.sources import Sources, read_folder
from contracts import features
from contracts.catalog import ID
from contracts.features import ValueType

FOLDER = "tests"
_MADE_UP = "made-up"
_SCORE = fields.number()


@dataclass(frozen=True)
class RuleCase:
    """One rule alone. `item` None: there is no item; else its id, and what its row says other than the table's."""

    heading: Heading
    rule: str
    given: Given
    item: str | None
    row: Row
    score: float | None
    scores: Mapping[str, float]
    value: features.Value | None
    error: str | None


Case: TypeAlias = SlotCase | RuleCase
Ids: TypeAlias = Mapping[str, Collection[str]]
_Item: TypeAlias = tuple[str | None, Row]
_Expected: TypeAlias = tuple[features.Value | None, str | None]


def read_rule_tests(
    sources: Sources, ids: Ids, broken: Collection[str] = ()
) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """The cases of all files as far as they can be read, and what is wrong; `ids` are those of each table.

    Cases of `broken` slots, and of rules that these might use, are left out: they might be right.
    """
    log: Log = []
    cases: dict[str, Case] = {}
    seen: dict[str, Value] = {}
    for document in read_folder(sources.folder, FOLDER, log).values():
        for name, value in fields.table_of(document, log).items():
            names.check_name(value, name, "case", log)
            if seen.setdefault(name, value) is not value:
                log.append(say.case_named_twice(value.key, name, seen[name].key))
            case = _read_case(name, value, sources, ids, broken, log)
            if case is not None:
                cases.setdefault(name, case)
    return tuple(cases.values()), tuple(log)


def _read_case(name: str, value: Value, sources: Sources, ids: Ids, broken: Collection[str], log: Log) -> Case | None:
    case = Fields(value, "a case", log)
    heading = Heading(name, case.take("description", fields.text, ""), value.key, places_of(value))
    slot: str | None = case.take("slot", fields.known(sources.slots, "slot"), None)
    rule: str | None = case.take("rule", fields.known(sources.rules, "rule"), None)
    if case.has("slot") == case.has("rule"):
        log.append(say.no_subject(value.key, name))
        return None
    if slot in broken or (rule is not None and broken and sources.rules[rule].table not in sources.tables):
        return None
    if slot is not None:
        return read_slot_case(heading, slot, case, sources, ids[sources.slots[slot].spec.table])
    return None if rule is None else _read_rule_case(heading, sources.rules[rule], case, sources, ids, log)


def _read_rule_case(
    heading: Heading, rule: Expression, case: Fields, sources: Sources, ids: Ids, log: Log
) -> RuleCase | None:
    """A case of a rule. Everything is granted unless it says otherwise: rules run after the gate."""
    if rule.table is None:
        log.append(say.unused_rule(case.where("rule"), rule.name))
        return None
    given = read_given(case, sources, granted=sources.schema.purposes)
    no_item: _Item = (None, {})
    item, row = case.take("item", _item_of(sources.tables[rule.table], ids[rule.table]), no_item)
    score: float | None = case.take("score", _SCORE, None)
    scores: dict[str, float] = case.take("scores", _scores_of(sources.models), {})
    nothing_expected: _Expected = (None, None)
    value, error = case.need("expect", _expectation(heading.name, rule), nothing_expected)
    case.close()
    return RuleCase(heading, rule.name, given, item, row, score, scores, value, error)


def _item_of(table: TableSource, ids: Collection[str]) -> Reader[_Item]:
    """An id of the table, or a row: one of the table with other values, or a made-up one."""

    def read(value: Value, log: Log) -> _Item | None:
        if not isinstance(value.raw, Mapping):
            name = fields.text(value, log)
            if name is not None and name not in ids:
                log.append(proof_messages.unknown_item(value.where, table.name, name, ids))
            return name, {}
        row = row_of(table, with_id=True)(value, log) or {}
        name = str(row.pop(ID, _MADE_UP))
        return name, row if name in ids else defaults_of(table) | row

    return read


def _scores_of(models: Collection[str]) -> Reader[dict[str, float]]:
    """What models say of the item, by their names; a rule reads a model that is not named as one that did not score."""

    def read(value: Value, log: Log) -> dict[str, float] | None:
        for name, entry in fields.table_of(value, log).items():
            if name not in models:
                log.append(source_messages.unknown_name(entry.key, "model", name, models))
        return fields.table(_SCORE)(value, log)

    return read


def _expectation(name: str, rule: Expression) -> Reader[_Expected]:
    def read(value: Value, log: Log) -> _Expected:
        expect = Fields(value, "what is expected of a rule", log)
        result: features.Value | None = expect.take("value", _result_of(rule), None)
        error: str | None = expect.take("error", fields.text, None)
        expect.close()
        if expect.has("value") and expect.has("error"):
            log.append(say.value_or_error(value.key, name))
        elif not expect.has("value") and not expect.has("error"):
            log.append(say.nothing_expected(value.key, name, ("value", "error")))
        return result, error

    return read


def _result_of(rule: Expression) -> Reader[features.Value]:
    """A value that the rule's place allows."""
    kinds = [kind for kind, name in CEL_TYPES.items() if name in rule.use.results]

    def read(value: Value, log: Log) -> features.Value | None:
        if isinstance(value.raw, bool) and ValueType.BOOL in kinds:
            return value.raw
        return value_of(ValueType.DOUBLE if ValueType.DOUBLE in kinds else kinds[0])(value, log)

    return read
