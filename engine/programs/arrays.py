"""CEL values -> arrays, and masks of errors: what every column program is made of.

A mask is None where nothing is in error, so that programs over sound columns never touch one. Arrays of times hold
microseconds. Only strings are evaluated in Python, at most once per candidate and once per distinct value.
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import TypeVar

import numpy as np

from contracts.errors import ExpiredError, RuleError
from engine.column import Array
from engine.programs.values import (
    NANOSECONDS_PER_MICROSECOND,
    CelValue,
    ColumnValues,
    Duration,
    Mask,
    Texts,
    Timestamp,
)

T = TypeVar("T")
quiet = np.errstate(all="ignore")  # doubles follow IEEE 754: who runs column programs is decorated, once for them all
DTYPES: dict[str, type] = {
    "bool": np.bool_,
    "int": np.int64,
    "double": np.float64,
    "timestamp": np.int64,
    "duration": np.int64,
}
TIMES = frozenset({"timestamp", "duration"})
SINGLES = frozenset({*DTYPES, "string"})
_BLANKS: dict[str, CelValue] = {"bool": False, "double": 0.0, "string": ""}


def some(mask: Mask) -> Mask | None:
    """The mask, or None when it marks nothing."""
    return mask if np.count_nonzero(mask) else None


def union(left: Mask | None, right: Mask | None) -> Mask | None:
    """What either mask marks."""
    if left is None:
        return right
    return left if right is None else left | right


def packed(kind: str, values: Sequence[CelValue]) -> Array | Texts:
    """One value per candidate as a column of this kind."""
    if kind == "string":
        return coded([str(value) for value in values])
    if kind in TIMES:
        return np.array(list(map(microseconds, values)), dtype=np.int64)
    return np.array(values, dtype=DTYPES[kind])


def spread(kind: str, value: CelValue, count: int) -> Array | Texts:
    """The same value for every candidate."""
    if kind == "string":
        return Texts(np.zeros(count, dtype=np.int32), (str(value),))
    return np.full(count, microseconds(value) if kind in TIMES else value, dtype=DTYPES[kind])


def blanks(kind: str, count: int) -> Array | Texts:
    """Values that mean nothing, for where all is in error."""
    return spread(kind, _BLANKS.get(kind, 0), count)


def microseconds(time: CelValue) -> int:
    """A timestamp or duration as columns hold it; what is finer was refused when the program was planned."""
    return int(time) // NANOSECONDS_PER_MICROSECOND  # type: ignore[arg-type]


def coded(strings: Sequence[str]) -> Texts:
    """Strings as codes into a dictionary of their own."""
    table: dict[str, int] = {}
    codes = [table.setdefault(text, len(table)) for text in strings]
    return Texts(np.array(codes, dtype=np.int32), tuple(table))


def chosen(condition: Mask, yes: ColumnValues, no: ColumnValues) -> ColumnValues:
    """Per candidate the value of one column or of the other."""
    if not isinstance(yes, Texts) or not isinstance(no, Texts):
        return np.where(condition, yes, no)  # type: ignore[arg-type]
    if yes.dictionary is no.dictionary:
        return Texts(np.where(condition, yes.codes, no.codes), yes.dictionary, yes.column)
    picks = zip(condition.tolist(), yes.strings, no.strings, strict=True)
    return coded([first if holds else second for holds, first, second in picks])


def distinct(texts: Texts) -> tuple[Sequence[str], Array | None]:
    """The strings to evaluate, and where each candidate's result then stands (None: in the order of candidates)."""
    if len(texts.dictionary) <= len(texts.codes):
        return texts.dictionary, texts.codes
    return texts.strings, None


def mapped(function: Callable[[str], CelValue], texts: Texts, dtype: type) -> Array:
    """A function that cannot fail, of each candidate's string."""
    strings, places = distinct(texts)
    results: Array = np.fromiter(map(function, strings), dtype, len(strings))
    return results if places is None else results.take(places)


def looked_up(values: Callable[[str, float], float | None], default: float, texts: Texts) -> Array:
    """`values(string, default)` of each candidate's string, as float64."""
    strings, places = distinct(texts)
    results: Array = np.fromiter(map(values, strings, repeat(default)), np.float64, len(strings))
    return results if places is None else results.take(places)


def per_distinct(function: Callable[[str], CelValue], kind: str, texts: Texts) -> tuple[Array | Texts, Mask | None]:
    """A function of each candidate's string, and where it failed."""
    strings, places = distinct(texts)
    values, failed = attempted(kind, function, strings)
    if places is None:
        return values, failed
    errors = None if failed is None else some(failed.take(places))
    if isinstance(values, Texts):
        return Texts(values.codes.take(places), values.dictionary), errors
    return values.take(places), errors


def per_distinct_number(
    function: Callable[[CelValue], CelValue], kind: str, of: str, values: Array
) -> tuple[Array | Texts, Mask | None]:
    """A function of each candidate's number or time, run once per distinct one, and where it failed."""
    bits = values.view(np.int64) if values.dtype == np.float64 else values  # 0.0 and -0.0 are told apart
    firsts: Array
    places: Array
    _, firsts, places = np.unique(bits, return_index=True, return_inverse=True)
    made, failed = attempted(kind, function, [cel_value(of, value) for value in values.take(firsts).tolist()])
    errors = None if failed is None else some(failed.take(places))
    if isinstance(made, Texts):
        return Texts(made.codes.take(places), made.dictionary), errors
    return made.take(places), errors


def cel_value(kind: str, stored: CelValue) -> CelValue:
    """An entry of a column as closures have it."""
    if kind not in TIMES:
        return stored
    nanoseconds = int(stored) * NANOSECONDS_PER_MICROSECOND  # type: ignore[arg-type]
    return Timestamp(nanoseconds) if kind == "timestamp" else Duration(nanoseconds)


def attempted(kind: str, function: Callable[[T], CelValue], subjects: Sequence[T]) -> tuple[Array | Texts, Mask | None]:
    """A function of each subject as a column, and where it failed. Raises `ExpiredError` at once."""
    try:
        return packed(kind, list(map(function, subjects))), None
    except ExpiredError:
        raise
    except RuleError:
        outcomes = [_outcome(function, subject) for subject in subjects]
    errors = np.array([isinstance(outcome, RuleError) for outcome in outcomes])
    blank = _BLANKS.get(kind, 0)
    return packed(kind, [blank if isinstance(outcome, RuleError) else outcome for outcome in outcomes]), errors


def _outcome(function: Callable[[T], CelValue], subject: T) -> CelValue | RuleError:
    try:
        return function(subject)
    except ExpiredError:
        raise
    except RuleError as error:
        return error
