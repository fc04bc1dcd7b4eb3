"""How much rules may hold, make and do. Checked when a rule is verified where that can be known, else when it runs."""

from collections.abc import Sized
from typing import Final, TypeVar

from contracts.errors import RuleError

MAX_NODES: Final = 2_000
MAX_DEPTH: Final = 64
MAX_SLOTS: Final = 64

MAX_TEXT: Final = 16 * 1024
"""Characters of a string or bytes that a rule makes, and of all its literals together."""

MAX_ENTRIES: Final = 2_000
"""Entries of a list or map that a rule makes."""

MAX_ROUNDS: Final = 300
"""Entries of a list or map that one macro goes through."""

MAX_STEPS: Final = 100_000
"""Rounds that the macros of a rule could take, those of nested macros multiplied, as far as its text tells."""

MAX_ROUNDS_PER_RUN: Final = 20_000
"""Rounds that the macros of a rule take in one run: counted, and shared evenly by macros that stand side by side."""

MAX_ROUNDS_PER_CANDIDATE: Final = 4_000
"""The same for a rule that runs for each candidate."""

MAX_COMPARED: Final = 20_000
"""Entries that one comparison of lists or maps, or one text made of them, looks at."""

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


class Budget:
    """Counts entries while nested lists and maps are gone through: they may share parts, and then be vast."""

    def __init__(self) -> None:
        self._left = MAX_COMPARED

    def take(self) -> None:
        """Counts one. Raises `RuleError` when there are too many."""
        self._left -= 1
        if self._left < 0:
            raise RuleError(f"more than {MAX_COMPARED} entries would be looked at")
