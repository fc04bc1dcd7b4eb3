"""CEL's `strings` extension, second half: strings made of others: replaced, split, joined, trimmed, quoted.

Only ASCII letters change their case; white space is what Unicode calls so. Lengths count code points.
"""

from collections.abc import Sequence

from contracts.errors import RuleError
from engine.programs.functions.declaration import Function
from engine.programs.functions.text_parts import of_string
from engine.programs.limits import bounded, bounded_text

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


TEXT_CHANGES = (
    of_string(
        "string_replace_string_string",
        "replace",
        ("string", "string"),
        "string",
        "With one part replaced by another wherever it stands.",
        "'tea'.replace('t', 'p') == 'pea'",
        _replace,
    ),
    of_string(
        "string_replace_string_string_int",
        "replace",
        ("string", "string", "int"),
        "string",
        "With one part replaced by another, at most that many times; below 0 everywhere.",
        "'tet'.replace('t', 'p', 1) == 'pet'",
        _replace,
    ),
    of_string(
        "string_split_string",
        "split",
        ("string",),
        "list(string)",
        "The parts between a separator; with an empty one, the characters.",
        "'a,b'.split(',') == ['a', 'b']",
        _split,
    ),
    of_string(
        "string_split_string_int",
        "split",
        ("string", "int"),
        "list(string)",
        "At most that many parts, the last one whole; below 0 all.",
        "'a,b,c'.split(',', 2) == ['a', 'b,c']",
        _split,
    ),
    of_string(
        "list_join",
        "join",
        ("list(string)",),
        "string",
        "The strings one after the other.",
        "['a', 'b'].join() == 'ab'",
        _join,
    ),
    of_string(
        "list_join_string",
        "join",
        ("list(string)", "string"),
        "string",
        "The strings with a separator between them.",
        "['a', 'b'].join(', ') == 'a, b'",
        _join,
    ),
    of_string(
        "string_trim", "trim", (), "string", "Without white space at both ends.", "' tea '.trim() == 'tea'", _trim
    ),
    of_string(
        "string_lower_ascii",
        "lowerAscii",
        (),
        "string",
        "With ASCII letters in lower case.",
        "'TeA'.lowerAscii() == 'tea'",
        _lower,
    ),
    of_string(
        "string_upper_ascii",
        "upperAscii",
        (),
        "string",
        "With ASCII letters in upper case.",
        "'TeA'.upperAscii() == 'TEA'",
        _upper,
    ),
    of_string(
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
