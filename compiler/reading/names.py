"""Which names may be given: one word in paths and messages, and for what expressions read, one word in CEL."""

import re
from collections.abc import Iterable, Mapping

from compiler.diagnostics import source_messages as say
from compiler.places import Value
from compiler.reading.fields import Log

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = (
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
)


def check_name(value: Value, name: str, what: str, log: Log) -> None:
    """Logs a name that would not be one word in rule names, paths and messages."""
    if not _NAME.fullmatch(name):
        log.append(say.bad_name(value.key, what, name))


def spellable(given: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that an expression can write after a dot; the first one of twins."""
    kept: dict[str, str] = {}
    for name in given:
        if _is_readable(name):
            kept.setdefault(_folded(name), name)
    return tuple(kept.values())


def readable(entries: Mapping[str, Value], what: str, log: Log) -> dict[str, Value]:
    """The entries whose names an expression can write after a dot; twins by underscores and case are one too many."""
    kept: dict[str, Value] = {}
    seen: dict[str, str] = {}
    for name, value in entries.items():
        twin = seen.setdefault(_folded(name), name)
        if not _is_readable(name):
            log.append(say.bad_identifier(value.key, what, name))
        elif twin != name:
            log.append(say.names_too_alike(value.key, what, name, twin))
        else:
            kept[name] = value
    return kept


def _is_readable(name: str) -> bool:
    return _IDENTIFIER.fullmatch(name) is not None and name not in _RESERVED


def _folded(name: str) -> str:
    """What twins have in common."""
    return name.replace("_", "").lower()
