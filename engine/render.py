"""Render: the answered rows as typed payload, offer id and the sentence a shopper may read. The client escapes."""

import math
from collections.abc import Iterable

from contracts.decision import Prop, RankedItem
from contracts.errors import RuleError
from engine.loaded import LoadedSlot
from engine.programs.values import NANOSECONDS_PER_MICROSECOND, CelValue, RequestProgram, Scope, Timestamp
from engine.snapshot import Table


def render(slot: LoadedSlot, scope: Scope, table: Table, rows: Iterable[int]) -> tuple[RankedItem, ...]:
    """One item per row, in the order of the answer. Raises `RuleError`."""
    return tuple(_item(slot, scope.at(table, row), table.ids[row]) for row in rows)


def _item(slot: LoadedSlot, scope: Scope, identity: str) -> RankedItem:
    return RankedItem(
        id=identity,
        props={field.name: _prop(field.run(scope), field.name) for field in slot.payload},
        offer_id=_text(slot.offer, scope),
        why=_text(slot.why, scope),
    )


def _prop(value: CelValue, name: str) -> Prop:
    """A CEL value as contracts hold it: timestamps in microseconds, no number that is not finite."""
    if isinstance(value, Timestamp):
        return int(value) // NANOSECONDS_PER_MICROSECOND
    if isinstance(value, float) and not math.isfinite(value):
        raise RuleError(f"payload {name} is not a finite number")
    if isinstance(value, tuple):
        return tuple(str(each) for each in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise RuleError(f"payload {name} is of a type that no payload holds")


def _text(program: RequestProgram | None, scope: Scope) -> str | None:
    """A text, or none where the rule gives an empty one."""
    return None if program is None else str(program(scope)) or None
