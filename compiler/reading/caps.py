"""`caps` of a slot -> frequency caps (`limit`, `window`) and recency caps (`apart`).

`apart` is a duration, or a number of exposures of the slot. What a cap cannot promise is refused here, with a reason.
"""

from typing import TypeAlias

from compiler.diagnostics import declaration_messages as misfit
from compiler.places import Value
from compiler.reading import fields
from compiler.reading.fields import Fields, Log
from contracts.slots import AnyCap, Cap, CapPer, CapWindow, RecencyCap

_PER = fields.member(CapPer, "value of `per`")
_MOST_APART = 1000
_Apart: TypeAlias = tuple[int | None, int | None]  # seconds, or exposures
_A_SECOND: _Apart = (1, None)


def read_cap(value: Value, log: Log) -> AnyCap:
    """One cap: of recency where it says `apart`, else of frequency."""
    if "apart" in fields.table_of(value, log):
        return _read_recency(value, log)
    cap = Fields(value, "a cap", log)
    spec = Cap(
        name=cap.need("name", fields.text, ""),
        limit=cap.need("limit", fields.whole(1), 1),
        window=cap.need("window", fields.member(CapWindow, "window"), CapWindow.VISIT),
        per=cap.take("per", _PER, CapPer.ITEM),
        overshoot=cap.take("overshoot", fields.whole(1), 1),
        is_synced=cap.take("synced", fields.flag, False),
        spares=cap.take("spares", fields.many(fields.text), ()),
    )
    cap.close()
    if spec.is_synced and spec.window is CapWindow.VISIT:
        log.append(misfit.visit_synced(cap.where("synced"), spec.name))
    return spec


def _read_recency(value: Value, log: Log) -> RecencyCap:
    cap = Fields(value, "a recency cap", log)
    apart_s, apart = cap.need("apart", _apart, _A_SECOND)
    spec = RecencyCap(
        name=cap.need("name", fields.text, ""),
        apart_s=apart_s,
        apart=apart,
        per=cap.take("per", _PER, CapPer.ITEM),
        overshoot=cap.take("overshoot", fields.whole(1), 1),
        is_synced=cap.take("synced", fields.flag, False),
        spares=cap.take("spares", fields.many(fields.text), ()),
    )
    cap.close()
    if apart is not None and (spec.is_synced or spec.per is CapPer.SLOT):
        key = "synced" if spec.is_synced else "per"
        log.append(misfit.exposures_apart(cap.where(key), spec.name, key))
    return spec


def _apart(value: Value, log: Log) -> _Apart | None:
    if isinstance(value.raw, str):
        seconds = fields.duration_s(value, log)
        return None if not seconds else (seconds, None)
    exposures = fields.whole(1, _MOST_APART)(value, log)
    return None if exposures is None else (None, exposures)
