"""Render: the answered rows as typed payload, offer id and the sentence a shopper may read. The client escapes."""

import math
from collections.abc import Iterable
from typing import cast

from contracts.decision import Prop, RankedItem
from contracts.errors import RuleError
from engine.loaded import LoadedSlot
from engine.programs.values import NANOSECONDS_PER_MICROSECOND, CelValue, RequestProgram, Scope, Timestamp
from engine.snapshot import Table

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def render(slot: LoadedSlot, scope: Scope, table: Table, rows: Iterable[int]) -> tuple[RankedItem, ...]:
    """One item per row, in the order of the answer. Raises `RuleError`."""
    here, items = scope.at(table, -1), []
    for row in rows:
        here.row = row  # nothing keeps a scope, so one goes from row to row
        items.append(_item(slot, here, table.ids[row]))
    return tuple(items)


def _item(slot: LoadedSlot, scope: Scope, identity: str) -> RankedItem:
    return RankedItem(
        id=identity,
        props={field.name: _prop(field.run(scope), field.name) for field in slot.payload},
        offer_id=_text(slot.offer, scope),
        why=_text(slot.why, scope),
    )


def _prop(value: CelValue, name: str) -> Prop:
    """A CEL value as contracts hold it: timestamps in microseconds, no number that is not finite."""
    if type(value) in _AS_THEY_ARE:
        return cast(Prop, value)
    if isinstance(value, Timestamp):
        return int(value) // NANOSECONDS_PER_MICROSECOND
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RuleError(f"payload {name} is not a finite number")
        return value
    if isinstance(value, tuple):
        return tuple([str(each) for each in value])
    raise RuleError(f"payload {name} is of a type that no payload holds")


def _text(program: RequestProgram | None, scope: Scope) -> str | None:
    """A text, or none where the rule gives an empty one."""
    return None if program is None else str(program(scope)) or None
