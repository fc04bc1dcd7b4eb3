"""Our two forms of one rule: the column program must say of each row what the closure says, errors included."""

from collections.abc import Sequence

from contracts.errors import ExpiredError, RuleError
from engine.programs.values import CelValue, Computed

from .ours import Compiled, computed
from .outcomes import ERROR, Outcome, outcome_of, readable
from .worlds import ROWS, World

_IN_MICROSECONDS = ("timestamp", "duration")


def disagreement(
    compiled: Compiled, world: World, values: Sequence[CelValue | RuleError]
) -> tuple[str, str, int] | None:
    """What the column program says, what the closure says, and of which row; None when they agree on all rows.

    It is asked of all rows, then of a few in the same request, for which it may know what the words of columns give.
    """
    for rows in (range(ROWS), range(0, ROWS, 4)):
        if found := _disagreement(compiled, world, rows, [values[row] for row in rows]):
            return found
    return None


def _disagreement(
    compiled: Compiled, world: World, rows: range, values: Sequence[CelValue | RuleError]
) -> tuple[str, str, int] | None:
    assert compiled.columns is not None
    answer = computed(compiled.columns, world.batch(rows))
    if any(isinstance(value, ExpiredError) for value in values):
        return None if isinstance(answer, ExpiredError) else ("no EXPIRED", "EXPIRED", 0)
    if isinstance(answer, RuleError):
        return (f"raises {answer}", "does not", 0)
    for at, value in enumerate(values):
        own, wanted = _outcome(answer, at, compiled.rule.type), outcome_of(value)
        if own != wanted:
            return (readable(own), readable(wanted), rows[at])
    return _problem_disagreement(answer, values)


def _problem_disagreement(answer: Computed, values: Sequence[CelValue | RuleError]) -> tuple[str, str, int] | None:
    """The first row's error is told in the closure's words, and a mask that marks nothing is no mask."""
    first = next((value for value in values if isinstance(value, RuleError)), None)
    ours, theirs = _worded(answer.problem), _worded(first)
    if answer.errors is not None and not answer.errors.any():
        return ("a mask of errors that marks none", "no error", 0)
    return (ours, theirs, 0) if ours != theirs else None


def _worded(error: RuleError | None) -> str:
    return "no problem" if error is None else f"{type(error).__name__} of {error.rule}: {error}"


def _outcome(answer: Computed, row: int, kind: str) -> Outcome:
    if answer.errors is not None and answer.errors[row]:
        return ERROR
    value = answer.values[row]
    plain = value.item() if hasattr(value, "item") else value
    return (kind, plain) if kind in _IN_MICROSECONDS else outcome_of(plain)
