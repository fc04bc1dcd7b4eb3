"""Fallback: the precomputed answer of a request's bucket. Its ids go through `engine.guard` like any other."""

from contracts.fallback import ANY
from contracts.features import Value
from engine.loaded import LoadedSlot
from engine.programs.values import Scope


def look_up(slot: LoadedSlot, scope: Scope) -> tuple[str, ...]:
    """The ids precomputed for this request's bucket, or else those of the `*` row; none without a table."""
    table = slot.fallback
    if table is None:
        return ()
    key = tuple(
        key_text(scope.request[name]) if name in scope.request else default
        for name, default in zip(table.keys, table.defaults, strict=True)
    )
    rest = table.answers[(ANY,) * len(table.keys)]
    return table.answers.get(key, rest)


def key_text(value: Value | None) -> str:
    """How a request value is spelled in a bucket's key: strings as they are, `true` and `false`, whole numbers."""
    if value is None:
        return ANY
    return str(value).lower() if isinstance(value, bool) else str(value)
