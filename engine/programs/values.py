"""What programs read and give: the scope of a request, a batch of candidates, a computed column.

Closures work on CEL values: None, bool, int, float, str, tuples, dicts with string keys, and `Timestamp` and
`Duration`, which count nanoseconds. Columns hold times as int64 microseconds, so a column program whose times could
be finer is refused when it is planned. Nothing here knows rules or functions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.errors import RuleError
from contracts.features import FeatureValue, Value
from engine.snapshot import Array, Column, Table

Mask: TypeAlias = NDArray[np.bool_]
CelValue: TypeAlias = bool | int | float | str | tuple["CelValue", ...] | Mapping[str, "CelValue"] | None

NANOSECONDS_PER_MICROSECOND = 1_000


class Timestamp(int):
    """An instant: nanoseconds since 1970-01-01T00:00Z."""

    __slots__ = ()


class Duration(int):
    """A length of time in nanoseconds; it may be negative."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """The values of one request by root; `now` in microseconds. With a `table` and `row`, `item` may be read too.

    `score` is the row's score, once it is known: rules that run over candidates may read it.
    """

    now: int
    granted: frozenset[str]
    request: Mapping[str, Value]
    visitor_state: Mapping[str, Value]
    visitor: Mapping[str, FeatureValue]
    table: Table | None = None
    row: int = -1
    score: float | None = None

    def at(self, table: Table, row: int, score: float | None = None) -> "Scope":
        """The same scope with `item` being one row of a table."""
        return Scope(self.now, self.granted, self.request, self.visitor_state, self.visitor, table, row, score)


@dataclass(frozen=True, eq=False)
class Texts:
    """A string per candidate, as codes into a dictionary of distinct strings; `column` is where they come from."""

    codes: Array
    dictionary: tuple[str, ...]
    column: Column | None = None

    def code(self, text: str) -> int:
        """The code of a string, -1 when no candidate can have it."""
        if self.column is not None:
            return self.column.code_of.get(text, -1)
        return self.dictionary.index(text) if text in self.dictionary else -1

    @cached_property
    def strings(self) -> list[str]:
        """The strings, one per candidate."""
        return [self.dictionary[code] for code in self.codes.tolist()]


@dataclass(frozen=True, eq=False)
class Lists:
    """A list or map per candidate: from where to where each one's entries stand in the arrays of a column."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    column: Column


ColumnValues: TypeAlias = Array | Texts | Lists | bool  # a bool: the same for all candidates
Operand: TypeAlias = tuple[ColumnValues, Mask | None]


@dataclass(frozen=True, slots=True)
class Batch:
    """Candidates: rows of one table, in the order of their ids, read in one scope; `score` once it is known.

    `gathered` keeps what programs have read of these rows, so that each column is gathered once.
    """

    scope: Scope
    table: Table
    rows: NDArray[np.int64]
    score: NDArray[np.float64] | None = None
    gathered: dict[str, Operand] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Computed:
    """A column program's result: a value per candidate, and where it is in error (None: nowhere).

    `values` is bool, int64 (timestamps and durations: microseconds), float64 or, for strings, object; where it is
    in error it means nothing. `problem` is the error of the first candidate in error, for the trace.
    """

    values: Array
    errors: Mask | None = None
    problem: RuleError | None = None


RequestProgram: TypeAlias = Callable[[Scope], CelValue]
ColumnStep: TypeAlias = Callable[[Batch], Operand]
ColumnProgram: TypeAlias = Callable[[Batch], Computed]
