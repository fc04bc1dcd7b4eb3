"""Where our engine differs from the library on purpose. Aim: an empty table.

Each line has a reason that convinces a user, a test that is as narrow as can be, and an example that must differ, so
that a line which is true no more is found.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .outcomes import GIVEN_UP, Outcome


@dataclass(frozen=True)
class Deviation:
    """A known difference: `holds` is asked with the expression, our outcome and the library's."""

    name: str
    reason: str
    example: str
    holds: Callable[[str, Outcome, Outcome], bool]


DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "a repeated key is an error like any other",
        "the library ends the evaluation at a repeated key of a map literal, even where && or || has its answer "
        "already; the language definition has && and || absorb any error",
        "{'a': 1, 'a': 2} == {} || true",
        lambda text, ours, theirs: theirs[0] == GIVEN_UP and "duplicate key" in str(theirs[1]),
    ),
)


def known(text: str, ours: Outcome, theirs: Outcome) -> str | None:
    """The name of the deviation that this difference is an instance of."""
    return next((each.name for each in DEVIATIONS if each.holds(text, ours, theirs)), None)
