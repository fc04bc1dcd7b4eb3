"""Render: the answered rows as typed payload, offer id and the sentence a shopper may read. The client escapes.

A payload or offer id that fails ends the tier. A sentence that fails is left out, and the problem is noted.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from contracts.decision import Prop, RankedItem
from contracts.errors import ExpiredError, RuleError
from contracts.features import ValueType
from engine.loaded import LoadedField, LoadedSlot, Rows
from engine.programs.values import NANOSECONDS_PER_MICROSECOND, CelValue, RequestProgram, Scope, Timestamp
from engine.snapshot import Table

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def render(slot: LoadedSlot, scope: Scope, table: Table, rows: Sequence[int]) -> tuple[tuple[RankedItem, ...], str]:
    """One item per row, in the order of the answer, and what failed of their sentences. Raises `RuleError`."""
    here, places, ids = scope.at(table, -1), np.array(rows, dtype=np.int64), table.ids
    payloads: list[dict[str, Prop]] = [{} for _ in rows]
    for field in slot.payload:
        name = field.name
        for payload, value in zip(payloads, _field(field, here, table, places), strict=True):
            payload[name] = value
    offers, (whys, problem) = _texts(slot.offer, here, rows), _sentences(slot.why, here, rows)
    return tuple(map(RankedItem, [ids[row] for row in rows], payloads, offers, whys)), problem


def _field(field: LoadedField, here: Scope, table: Table, rows: Rows) -> Sequence[Prop]:
    """One field of all items; a column that is shown as it is, and lacks nothing, needs no rule."""
    column = None if field.column is None else table.columns[field.column]
    if column is None or column.status is not None or column.newest > here.now:
        return [_prop(value, field.name) for value in _of_each(field.run, here, rows.tolist())]
    shown: list[int] = column.values.take(rows).tolist()
    words = column.dictionary
    return [words[code] for code in shown] if column.type is ValueType.STRING else shown


def _of_each(program: RequestProgram, here: Scope, rows: Sequence[int]) -> Iterator[CelValue]:
    for row in rows:
        here.row = row  # nothing keeps a scope, so one goes from row to row
        yield program(here)


def _prop(value: CelValue, name: str) -> Prop:
    """A CEL value as contracts hold it: timestamps in microseconds, no number that is not finite."""
    if type(value) in _AS_THEY_ARE:
        return value  # type: ignore[return-value]
    if isinstance(value, Timestamp):
        return int(value) // NANOSECONDS_PER_MICROSECOND
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RuleError(f"payload {name} is not a finite number")
        return value
    if isinstance(value, tuple):
        return tuple([str(each) for each in value])
    raise RuleError(f"payload {name} is of a type that no payload holds")


def _texts(program: RequestProgram | None, here: Scope, rows: Sequence[int]) -> Sequence[str | None]:
    """A text of each item, or none where the rule gives an empty one."""
    return [None] * len(rows) if program is None else [str(text) or None for text in _of_each(program, here, rows)]


def _sentences(program: RequestProgram | None, here: Scope, rows: Sequence[int]) -> tuple[Sequence[str | None], str]:
    """The why text of each item, none where there is none or it fails, and the first failure."""
    if program is None:
        return [None] * len(rows), ""
    said: list[str | None] = []
    problem = ""
    for row in rows:
        here.row = row
        try:
            said.append(str(program(here)) or None)
        except ExpiredError:
            raise
        except RuleError as error:
            said.append(None)
            problem = problem or str(error)
    return said, problem
