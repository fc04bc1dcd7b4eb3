"""CEL's `strings` extension but for `format`: parts of strings, where they stand, joining and splitting.

Places and lengths count code points. Only ASCII letters change their case; white space is what Unicode calls so.
"""

from collections.abc import Callable, Sequence

from contracts.errors import RuleError
from engine.programs.functions.declaration import Function
from engine.programs.limits import bounded, bounded_text
from engine.programs.values import CelValue

_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_UPPER = {letter: letter - 32 for letter in range(ord("a"), ord("z") + 1)}
_LOWER = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}
_QUOTED = str.maketrans(
    {
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        "\\": "\\\\",
        '"': '\\"',
    }
)


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


def _replace(text: str, old: str, new: str, most: int = -1) -> str:
    times = text.count(old) if most < 0 else min(most, text.count(old))
    bounded_text(range(len(text) + times * (len(new) - len(old))))
    return text.replace(old, new, most)


def _split(text: str, separator: str, most: int = -1) -> tuple[str, ...]:
    if most == 0:
        return ()
    if separator:
        return bounded(tuple(text.split(separator, most - 1 if most > 0 else -1)))
    whole = len(text) if most < 0 else min(most - 1, len(text))
    rest = text[whole:]
    return bounded((*text[:whole], rest) if rest else tuple(text[:whole]))


def _join(parts: Sequence[str], separator: str = "") -> str:
    if any(type(part) is not str for part in parts):
        raise RuleError("strings alone are joined")
    bounded_text(range(sum(map(len, parts)) + len(separator) * max(len(parts) - 1, 0)))
    return separator.join(parts)


def _trim(text: str) -> str:
    return text.strip(_WHITE_SPACE)


def _lower(text: str) -> str:
    return text.translate(_LOWER)


def _upper(text: str) -> str:
    return text.translate(_UPPER)


def _reverse(text: str) -> str:
    return text[::-1]


def quoted(text: str) -> str:
    """The text as a CEL literal in double quotes."""
    return bounded_text(f'"{text.translate(_QUOTED)}"')


def _outside(place: int, text: str) -> RuleError:
    return RuleError(f"place {place} is outside the string of {len(text)} characters")


def _part(
    id_: str, name: str, params: tuple[str, ...], result: str, doc: str, example: str, run: Callable[..., CelValue]
) -> Function:
    owner = () if params and params[0].startswith("list") else ("string",)
    return Function(
        id=id_, name=name, params=(*owner, *params), result=result, is_member=True, doc=doc, example=example, run=run
    )


TEXT_PARTS = (
    _part(
        "string_char_at_int",
        "charAt",
        ("int",),
        "string",
        "The character at a place, empty right after the last one; an error beyond.",
        "'tea'.charAt(1) == 'e'",
        _char_at,
    ),
    _part(
        "string_index_of_string",
        "indexOf",
        ("string",),
        "int",
        "Where a part first stands; -1 when it does not.",
        "'tea pot'.indexOf('t') == 0",
        _index_of,
    ),
    _part(
        "string_index_of_string_int",
        "indexOf",
        ("string", "int"),
        "int",
        "Where a part first stands from a place on; -1 when it does not.",
        "'tea pot'.indexOf('t', 1) == 6",
        _index_of,
    ),
    _part(
        "string_last_index_of_string",
        "lastIndexOf",
        ("string",),
        "int",
        "Where a part last stands; -1 when it does not.",
        "'tea pot'.lastIndexOf('t') == 6",
        _last_index_of,
    ),
    _part(
        "string_last_index_of_string_int",
        "lastIndexOf",
        ("string", "int"),
        "int",
        "Where a part last stands up to a place; -1 when it does not.",
        "'tea pot'.lastIndexOf('t', 5) == 0",
        _last_index_from,
    ),
    _part(
        "string_substring_int",
        "substring",
        ("int",),
        "string",
        "From a place to the end; an error outside.",
        "'tea pot'.substring(4) == 'pot'",
        _substring,
    ),
    _part(
        "string_substring_int_int",
        "substring",
        ("int", "int"),
        "string",
        "From one place to before another; an error outside.",
        "'tea pot'.substring(0, 3) == 'tea'",
        _substring,
    ),
    _part(
        "string_replace_string_string",
        "replace",
        ("string", "string"),
        "string",
        "With one part replaced by another wherever it stands.",
        "'tea'.replace('t', 'p') == 'pea'",
        _replace,
    ),
    _part(
        "string_replace_string_string_int",
        "replace",
        ("string", "string", "int"),
        "string",
        "With one part replaced by another, at most that many times; below 0 everywhere.",
        "'tet'.replace('t', 'p', 1) == 'pet'",
        _replace,
    ),
    _part(
        "string_split_string",
        "split",
        ("string",),
        "list(string)",
        "The parts between a separator; with an empty one, the characters.",
        "'a,b'.split(',') == ['a', 'b']",
        _split,
    ),
    _part(
        "string_split_string_int",
        "split",
        ("string", "int"),
        "list(string)",
        "At most that many parts, the last one whole; below 0 all.",
        "'a,b,c'.split(',', 2) == ['a', 'b,c']",
        _split,
    ),
    _part(
        "list_join",
        "join",
        ("list(string)",),
        "string",
        "The strings one after the other.",
        "['a', 'b'].join() == 'ab'",
        _join,
    ),
    _part(
        "list_join_string",
        "join",
        ("list(string)", "string"),
        "string",
        "The strings with a separator between them.",
        "['a', 'b'].join(', ') == 'a, b'",
        _join,
    ),
    _part("string_trim", "trim", (), "string", "Without white space at both ends.", "' tea '.trim() == 'tea'", _trim),
    _part(
        "string_lower_ascii",
        "lowerAscii",
        (),
        "string",
        "With ASCII letters in lower case.",
        "'TeA'.lowerAscii() == 'tea'",
        _lower,
    ),
    _part(
        "string_upper_ascii",
        "upperAscii",
        (),
        "string",
        "With ASCII letters in upper case.",
        "'TeA'.upperAscii() == 'TEA'",
        _upper,
    ),
    _part(
        "string_reverse",
        "reverse",
        (),
        "string",
        "From the last character to the first.",
        "'tea'.reverse() == 'aet'",
        _reverse,
    ),
    Function(
        id="strings_quote",
        name="strings.quote",
        params=("string",),
        result="string",
        doc="As a literal in double quotes, with what needs it escaped.",
        example="strings.quote('a\"b') == '\"a\\\\\"b\"'",
        run=quoted,
    ),
)
