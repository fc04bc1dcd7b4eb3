"""What programs read and give: the scope of a request, a batch of candidates, a computed column."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from contracts.errors import RuleError
from contracts.features import FeatureValue, Value
from engine.snapshot import Array, Table


@dataclass(frozen=True, slots=True)
class Scope:
    """The values of one request by root; `now` in microseconds. With a `table` and `row`, `item` may be read too."""

    now: int
    granted: frozenset[str]
    request: Mapping[str, Value]
    visitor_state: Mapping[str, Value]
    visitor: Mapping[str, FeatureValue]
    table: Table | None = None
    row: int = -1

    def at(self, table: Table, row: int) -> "Scope":
        """The same scope with `item` being one row of a table."""
        return replace(self, table=table, row=row)


@dataclass(frozen=True, slots=True)
class Batch:
    """Candidates: rows of one table, in the order of their ids, read in one scope; `score` once it is known."""

    scope: Scope
    table: Table
    rows: NDArray[np.int64]
    score: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """A column program's result: a value per candidate, and where it is in error (None: nowhere).

    `values` is bool, int64, float64 or, for strings, object. `problem` is the first error, for the trace.
    """

    values: Array
    errors: NDArray[np.bool_] | None = None
    problem: RuleError | None = None
