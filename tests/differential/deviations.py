"""Where our engine differs from the library on purpose. Aim: an empty table.

Each line has a reason that convinces a user, a test that is as narrow as can be, and an example that must differ, so
that a line which is true no more is found.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .outcomes import ERROR, GIVEN_UP, Outcome, unordered


@dataclass(frozen=True)
class Deviation:
    """A known difference: `holds` is asked with the shrunk expression, our outcome and the library's."""

    name: str
    reason: str
    example: str
    holds: Callable[[str, Outcome, Outcome], bool]


_YEAR = re.compile(r"(?<!\d)(\d{1,3})(?=-\d\d-\d\dT)")
_OPTIONAL_INDEX = re.compile(r"(optional\.\w+\(.*\)|\.(first|last)\(\)|\.\?\w+|\[\?.*\]|\.or\(.*\))\[")
_OVER = re.compile(r"\.(map|filter|transformList)\(")
_READER = re.compile(r"(int|uint|double)\('")
DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "a repeated key is an error like any other",
        "the library ends the evaluation at a repeated key of a map literal, even where && or || has its answer "
        "already; the language definition has && and || absorb any error",
        "{'a': 1, 'a': 2} == {} || true",
        lambda text, ours, theirs: theirs[0] == GIVEN_UP and "duplicate key" in str(theirs[1]),
    ),
    Deviation(
        "numbers are read strictly",
        "the library's readers skip blanks and take '+7' as a uint and '0x1F' as a double; cel-go's do not",
        "double(' 7')",
        lambda text, ours, theirs: ours == ERROR and bool(_READER.match(text)),
    ),
    Deviation(
        "base64 is read strictly",
        "the library skips blanks between the characters; RFC 4648 has decoders refuse them",
        "base64.decode('YW I=')",
        lambda text, ours, theirs: ours == ERROR and text.startswith("base64.decode("),
    ),
    Deviation(
        "the longest durations can be had",
        "the library negates the subtrahend, which overflows for the least duration, and errs in the last second of "
        "the range, though the difference fits int64 nanoseconds",
        "timestamp(0) - duration('-9223372036.854775808s')",
        lambda text, ours, theirs: theirs == ERROR and " - " in text and "9223372036" in f"{text}{ours[1]}",
    ),
    Deviation(
        "NaN has no sign",
        "the library writes the sign bit of a NaN, which differs from machine to machine",
        "string(-double('NaN'))",
        lambda text, ours, theirs: ours == (theirs[0], str(theirs[1]).replace("-nan", "nan")),
    ),
    Deviation(
        "NaN has no place in an order",
        "what sorts a NaN may put it anywhere: it is neither less nor greater than any number",
        "[0.1, double('NaN'), 0.0].sort()",
        lambda text, ours, theirs: ".sort" in text and "'nan'" in repr(ours),
    ),
    Deviation(
        "maps are gone through in the order in which they were made",
        "the library goes through them in any order, and the language definition leaves it open; ours must repeat",
        "{'A': 1, '': 2, 'b': 3, 'é': 4, 'ab': 5, 'x': 6}.map(key, key)",
        lambda text, ours, theirs: bool(_OVER.search(text)) and unordered(ours) == unordered(theirs),
    ),
    Deviation(
        "an empty match is one match",
        "the library replaces an empty match as often as the count allows, and extracts none; RE2 itself finds one",
        "regex.extractAll('', '')",
        lambda text, ours, theirs: text.startswith(("regex.replace(", "regex.extractAll(")),
    ),
    Deviation(
        "what is outside an optional list is absent",
        "the library makes an optional that holds an error: hasValue() is true, value() fails",
        "optional.of([])[0].hasValue()",
        lambda text, ours, theirs: bool(_OPTIONAL_INDEX.search(text)),
    ),
    Deviation(
        "substring may end where the string ends",
        "the library takes an end equal to the size as outside; the end is exclusive, as in cel-go",
        "'ab'.substring(0, 2) == 'ab'",
        lambda text, ours, theirs: ".substring(" in text and theirs == ERROR,
    ),
    Deviation(
        "nothing is split into nothing",
        "the library splits the empty string by the empty string into one empty string; cel-go into none",
        "''.split('')",
        lambda text, ours, theirs: ".split(" in text and (ours, theirs) == (("list", ()), ("list", (("string", ""),))),
    ),
    Deviation(
        "format takes integers alone as %d",
        "the library formats a double as %d with six decimals; cel-go refuses it",
        "'%d'.format([0.5])",
        lambda text, ours, theirs: ours == ERROR and text.startswith("'%d'.format("),
    ),
    Deviation(
        "format writes doubles as %s in full",
        "the library writes small and large ones with an exponent and six digits, and so loses some; cel-go in full",
        "'%s'.format([1.25e-7])",
        lambda text, ours, theirs: "%s" in text and ".format(" in text and "e-" in str(theirs[1]),
    ),
    Deviation(
        "format writes years with four digits",
        "the library formats the year 1 as 1-01-01, which RFC 3339 does not allow and timestamp() does not read",
        "'%s'.format([timestamp('0001-01-01T00:00:00Z')])",
        lambda text, ours, theirs: ours == _padded(theirs),
    ),
)


def _padded(outcome: Outcome) -> Outcome:
    kind, value = outcome
    return (kind, _YEAR.sub(lambda found: found[1].zfill(4), value)) if isinstance(value, str) else outcome


def known(text: str, ours: Outcome, theirs: Outcome) -> str | None:
    """The name of the deviation that this difference is an instance of."""
    return next((each.name for each in DEVIATIONS if each.holds(text, ours, theirs)), None)
