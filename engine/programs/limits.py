"""How much rules may hold, make and do. Checked when a rule is verified where that can be known, else when it runs."""

from collections.abc import Sized
from typing import Final, TypeVar

from contracts.errors import RuleError

MAX_NODES: Final = 2_000
MAX_DEPTH: Final = 64
MAX_SLOTS: Final = 64

MAX_TEXT: Final = 64 * 1024
"""Characters of a string or bytes that a rule makes, and of all its literals together."""

MAX_ENTRIES: Final = 10_000
"""Entries of a list or map that a rule makes."""

MAX_ROUNDS: Final = 300
"""Entries of a list or map that one macro goes through."""

MAX_STEPS: Final = 100_000
"""Rounds that the macros of one run may take together, those of nested macros multiplied."""

MAX_STEPS_PER_CANDIDATE: Final = 4_000
"""The same for what runs for each candidate; counted when it runs, so that long lists are the exception."""

T = TypeVar("T", bound=Sized)


def bounded_text(made: T) -> T:
    """A string or bytes that a rule made. Raises `RuleError` when it is too long."""
    if len(made) > MAX_TEXT:
        raise RuleError(f"a string of {len(made)} characters is made; at most {MAX_TEXT} may be")
    return made


def bounded(made: T) -> T:
    """A list or map that a rule made. Raises `RuleError` when it has too many entries."""
    if len(made) > MAX_ENTRIES:
        raise RuleError(f"a list of {len(made)} entries is made; at most {MAX_ENTRIES} may be")
    return made
