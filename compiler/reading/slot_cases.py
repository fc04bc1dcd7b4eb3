"""Cases of a slot: what it decides, given candidates and rows. Only items that come into question may be expected.

An item that the table lacks is made up for the case: it must be one of the candidates, with every value it needs.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from compiler.diagnostics import Problem, proof_messages
from compiler.diagnostics import test_messages as say
from compiler.places import Value
from compiler.reading import fields
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.givens import (
    Circumstances,
    Given,
    Heading,
    Row,
    closed,
    defaults_of,
    read_circumstances,
    read_given,
    row_of,
)
from compiler.reading.values import value_of
from compiler.sources import Sources
from contracts.catalog import ID
from contracts.decision import Cause, Tier

_Items: TypeAlias = tuple[str, ...] | None
_WITHIN = ("includes", "never", "payload", "why")  # what holds of any answer when it is empty
_EXPECTED = ("tier", "cause", "blockers", "order", "first", "includes", "never", "payload", "why")


@dataclass(frozen=True)
class SlotExpectation:
    """What must hold of a decision; None: anything goes. `blockers`, `payload` and `why` go by item."""

    tier: Tier | None = None
    cause: Cause | None = None
    blockers: Mapping[str, str] | None = None
    order: _Items = None
    first: str | None = None
    includes: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    payload: Mapping[str, Row] | None = None
    why: Mapping[str, str] | None = None


@dataclass(frozen=True)
class SlotCase:
    """A decision of one slot. `candidates` None: by its own retrieval; `items` are rows changed or made up for it."""

    heading: Heading
    slot: str
    given: Given
    circumstances: Circumstances
    candidates: _Items
    items: Mapping[str, Row]
    expect: SlotExpectation


def read_slot_case(heading: Heading, slot: str, case: Fields, sources: Sources, ids: Collection[str]) -> SlotCase:
    """A case of a slot; `ids` are those of the slot's table."""
    return _Reading(heading, slot, sources, frozenset(ids)).read(case)


class _Reading:
    """One case while it is read."""

    def __init__(self, heading: Heading, slot: str, sources: Sources, ids: frozenset[str]) -> None:
        self._heading = heading
        self._sources = sources
        self._spec = sources.slots[slot].spec
        self._table = sources.tables[self._spec.table]
        self._ids = ids
        self._made_up: Mapping[str, Value] = {}
        self._candidates: _Items = None
        self._has_items = False

    def read(self, case: Fields) -> SlotCase:
        """All keys, in the order in which they matter."""
        given = read_given(case, self._sources, granted=())
        items: dict[str, Row] = case.take("items", self._read_items, {})
        self._candidates = case.take("candidates", fields.distinct(fields.many(self._existing)), None)
        counts = _by_item(self._existing, fields.whole(0))
        circumstances = read_circumstances(case, self._sources, self._spec, counts)
        self._has_items = bool(items or self._candidates)
        expect = case.need("expect", self._read_expectation, SlotExpectation())
        case.close()
        return SlotCase(self._heading, self._spec.name, given, circumstances, self._candidates, items, expect)

    def _read_items(self, value: Value, log: Log) -> dict[str, Row]:
        entries = fields.table_of(value, log)
        self._made_up = {name: entry for name, entry in entries.items() if name not in self._ids}
        rows = fields.table(row_of(self._table))(value, log) or {}
        return {name: defaults_of(self._table) | row if name in self._made_up else row for name, row in rows.items()}

    def _read_expectation(self, value: Value, log: Log) -> SlotExpectation:
        for name, entry in self._made_up.items():
            self._check_made_up(name, entry, log)
        read = fields.table_of(value, log)
        if all(name in _WITHIN and _is_empty(entry) for name, entry in read.items()):
            log.append(say.nothing_expected(value.key, self._heading.name, _EXPECTED))
        expect, item = Fields(value, "what is expected of a slot", log), self._in_question
        items = fields.distinct(fields.many(item))
        expectation = SlotExpectation(
            tier=expect.take("tier", self._read_tier, None),
            cause=expect.take("cause", fields.member(Cause, "cause"), None),
            blockers=expect.take("blockers", self._read_blockers, None),
            order=expect.take("order", items, None),
            first=expect.take("first", item, None),
            includes=expect.take("includes", items, ()),
            never=expect.take("never", items, ()),
            payload=expect.take("payload", _by_item(item, self._payload()), None),
            why=expect.take("why", _by_item(item, fields.text), None),
        )
        expect.close()
        return expectation

    def _payload(self) -> Reader[Row]:
        payload = {name: value_of(field.type) for name, field in self._spec.payload.items()}
        return closed(f"the payload of slot `{self._spec.name}`", payload)

    def _check_made_up(self, name: str, entry: Value, log: Log) -> None:
        needed = [each.name for each in self._table.columns if each.default is None and not each.is_nullable]
        absent = [column for column in needed if column != ID and column not in fields.table_of(entry, log)]
        if name not in (self._candidates or ()):
            log.append(say.made_up_without_candidates(entry.key, self._table.name, name))
        elif absent:
            log.append(say.made_up_in_part(entry.key, self._table.name, name, absent))

    def _read_tier(self, value: Value, log: Log) -> Tier | None:
        tiers = [tier for tier in Tier if tier is not Tier.MODEL or self._spec.model is not None]
        tier = fields.known(tiers, f"tier of slot `{self._spec.name}`")(value, log)
        return None if tier is None else Tier(tier)

    def _read_blockers(self, value: Value, log: Log) -> dict[str, str] | None:
        if not self._has_items and not fields.table_of(value, log):
            log.append(say.nothing_blocked(value.where, self._heading.name))
        return _by_item(self._in_question, self._read_blocker)(value, log)

    def _read_blocker(self, value: Value, log: Log) -> str | None:
        blockers = [*self._spec.guards, *(f"cap:{cap.name}" for cap in self._spec.caps)]
        return fields.known(blockers, f"guardrail or cap of slot `{self._spec.name}`")(value, log)

    def _existing(self, value: Value, log: Log) -> str | None:
        """An item of the table, or one that the case makes up."""
        if isinstance(value.raw, str) and value.raw in self._made_up:
            return value.raw
        return _member(value, self._ids, log, proof_messages.unknown_item, self._table.name)

    def _in_question(self, value: Value, log: Log) -> str | None:
        """An item that the slot could answer with."""
        if self._candidates is None:
            return _member(value, self._ids, log, proof_messages.unknown_item, self._table.name)
        return _member(value, self._candidates, log, say.not_in_question)


def _member(
    value: Value, known: Collection[str], log: Log, complain: Callable[..., Problem], *about: str
) -> str | None:
    item = fields.text(value, log)
    if item is None or item in known:
        return item
    log.append(complain(value.where, *about, item, known))
    return None


def _by_item(item: Reader[str], reader: Reader[fields.T]) -> Reader[dict[str, fields.T]]:
    """A table whose keys are items."""

    def read(value: Value, log: Log) -> dict[str, fields.T] | None:
        for name, entry in fields.table_of(value, log).items():
            item(Value(name, entry.path, entry.key, entry.key), log)
        return fields.table(reader)(value, log)

    return read


def _is_empty(value: Value) -> bool:
    """Whether there is nothing in a list or table, or only what is empty itself."""
    parts = (
        value.raw.values() if isinstance(value.raw, Mapping) else value.raw if isinstance(value.raw, tuple) else None
    )
    return parts is not None and all(map(_is_empty, parts))
