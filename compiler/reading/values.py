"""Values of declared types as TOML writes them, and the places of everything in a file."""

from compiler.diagnostics import Where
from compiler.places import Value
from compiler.reading import fields
from compiler.reading.fields import Log, Reader
from contracts import features
from contracts.features import ValueType

_READERS: dict[ValueType, Reader[features.Value]] = {
    ValueType.BOOL: fields.flag,
    ValueType.INT: fields.whole(),
    ValueType.DOUBLE: fields.number(),
    ValueType.STRING: fields.text,
    ValueType.TIMESTAMP: fields.instant_us,
    ValueType.STRINGS: fields.many(fields.text),
    ValueType.NUMBERS: fields.table(fields.number()),
}


def value_of(kind: ValueType) -> Reader[features.Value]:
    """A reader of values of a declared type."""
    return _READERS[kind]


def anything(value: Value, log: Log) -> None:
    """A value of a type that is not known: nothing can be said of it."""


def scalar(value: Value, log: Log) -> bool | int | float | str | None:
    """A static prop: true or false, a number, or a string."""
    if isinstance(value.raw, bool | int | float | str):
        return value.raw
    fields.wrong(value, "a string, a number, true or false", log)
    return None


def places_of(value: Value) -> dict[str, Where]:
    """Where each value stands, by its path."""
    places = {value.path: value.where}
    children = value.raw if isinstance(value.raw, tuple) else value.raw.values() if isinstance(value.raw, dict) else ()
    for child in children:
        places |= places_of(child)
    return places
