"""Where our engine differs from the library on purpose. Aim: an empty table.

Each line has a reason that convinces a user, a test that is as narrow as can be, and an example that must differ, so
that a line which is true no more is found.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .outcomes import ERROR, GIVEN_UP, Outcome


@dataclass(frozen=True)
class Deviation:
    """A known difference: `holds` is asked with the shrunk expression, our outcome and the library's."""

    name: str
    reason: str
    example: str
    holds: Callable[[str, Outcome, Outcome], bool]


_YEAR = re.compile(r"(?<!\d)(\d{1,3})(?=-\d\d-\d\dT)")
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
        "the least duration can be subtracted",
        "the library negates it first, which overflows, though the difference is in range",
        "timestamp(0) - duration('-9223372036.854775808s')",
        lambda text, ours, theirs: theirs == ERROR and "- duration('-9223372036.854775808s')" in text,
    ),
    Deviation(
        "substring may end where the string ends",
        "the library takes an end equal to the size as outside; the end is exclusive, as in cel-go",
        "'ab'.substring(0, 2) == 'ab'",
        lambda text, ours, theirs: ".substring(" in text and theirs == ERROR,
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
