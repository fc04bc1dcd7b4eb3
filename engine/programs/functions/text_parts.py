"""CEL's `strings` extension, first half: parts of strings, and where they stand. Places count code points.

What makes a string another one stands in `text_changes`, `format` in `formatting`.
"""

from collections.abc import Callable

from contracts.errors import RuleError
from engine.programs.functions.declaration import Function
from engine.programs.values import CelValue


def _char_at(text: str, place: int) -> str:
    if 0 <= place <= len(text):
        return text[place : place + 1]
    raise _outside(place, text)


def _index_of(text: str, part: str, start: int = 0) -> int:
    if 0 <= start <= len(text):
        return text.find(part, start)
    raise _outside(start, text)


def _last_index_of(text: str, part: str) -> int:
    return text.rfind(part)


def _last_index_from(text: str, part: str, start: int) -> int:
    """The last place at or before `start`."""
    if 0 <= start <= len(text):
        return text.rfind(part, 0, start + len(part))
    raise _outside(start, text)


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if 0 <= start <= stop <= len(text):
        return text[start:stop]
    raise RuleError(f"{start} to {stop} is no part of a string of {len(text)} characters")


def _outside(place: int, text: str) -> RuleError:
    return RuleError(f"place {place} is outside the string of {len(text)} characters")


def of_string(
    id_: str, name: str, params: tuple[str, ...], result: str, doc: str, example: str, run: Callable[..., CelValue]
) -> Function:
    """A function that is called on a string, or on a list of them."""
    owner = () if params and params[0].startswith("list") else ("string",)
    return Function(
        id=id_, name=name, params=(*owner, *params), result=result, is_member=True, doc=doc, example=example, run=run
    )


TEXT_PARTS = (
    of_string(
        "string_char_at_int",
        "charAt",
        ("int",),
        "string",
        "The character at a place, empty right after the last one; an error beyond.",
        "'tea'.charAt(1) == 'e'",
        _char_at,
    ),
    of_string(
        "string_index_of_string",
        "indexOf",
        ("string",),
        "int",
        "Where a part first stands; -1 when it does not.",
        "'tea pot'.indexOf('t') == 0",
        _index_of,
    ),
    of_string(
        "string_index_of_string_int",
        "indexOf",
        ("string", "int"),
        "int",
        "Where a part first stands from a place on; -1 when it does not.",
        "'tea pot'.indexOf('t', 1) == 6",
        _index_of,
    ),
    of_string(
        "string_last_index_of_string",
        "lastIndexOf",
        ("string",),
        "int",
        "Where a part last stands; -1 when it does not.",
        "'tea pot'.lastIndexOf('t') == 6",
        _last_index_of,
    ),
    of_string(
        "string_last_index_of_string_int",
        "lastIndexOf",
        ("string", "int"),
        "int",
        "Where a part last stands up to a place; -1 when it does not.",
        "'tea pot'.lastIndexOf('t', 5) == 0",
        _last_index_from,
    ),
    of_string(
        "string_substring_int",
        "substring",
        ("int",),
        "string",
        "From a place to the end; an error outside.",
        "'tea pot'.substring(4) == 'pot'",
        _substring,
    ),
    of_string(
        "string_substring_int_int",
        "substring",
        ("int", "int"),
        "string",
        "From one place to before another; an error outside.",
        "'tea pot'.substring(0, 3) == 'tea'",
        _substring,
    ),
)
