"""`[decision_rights]` of `edgewise.toml` -> who may be decided for: everybody, nobody, or a condition."""

from collections.abc import Mapping
from typing import TypeAlias

from compiler.places import Value
from compiler.reading import fields
from compiler.reading.expressions import ELIGIBLE, Expression
from compiler.reading.fields import Log
from contracts.slots import DecisionRight

Grant: TypeAlias = bool | Expression
SECTION = "decision_rights"


def read_rights(value: Value, log: Log) -> dict[str, Grant]:
    """What is said of each right; one that is not named is not granted."""
    granted: dict[str, Grant] = {}
    for name, entry in fields.table_of(value, log).items():
        if fields.known(DecisionRight, "decision right")(_named(entry, name), log) == name:
            grant = _read(name, entry, log)
            granted |= {} if grant is None else {name: grant}
    return granted


def conditions(rights: Mapping[str, Grant]) -> dict[str, Expression]:
    """The rights that are granted on a condition, by the name of its rule."""
    found = [grant for grant in rights.values() if isinstance(grant, Expression)]
    return {expression.name: expression for expression in found}


def _named(entry: Value, name: str) -> Value:
    """A key as a value, at its place."""
    return Value(raw=name, path=entry.path, key=entry.key, where=entry.key)


def _read(name: str, entry: Value, log: Log) -> Grant | None:
    if isinstance(entry.raw, bool):
        return entry.raw
    written = fields.written(entry, log)
    return None if written is None else Expression(f"{SECTION}/{name}", written, ELIGIBLE, ())
