"""What reading an item's column or a score gives for all candidates at once: steps of column programs.

The rules are those of `engine.programs.reading`, row by row; each column is gathered once per batch.
"""

import numpy as np
from numpy.typing import NDArray

from contracts.errors import MissingError
from contracts.features import Root, Status, ValueType
from engine.column import Column
from engine.programs.arrays import some, union
from engine.programs.values import Batch, ColumnStep, ColumnValues, Lists, Mask, Operand, Texts

_READABLE = int(Status.DEFAULT)


def score_column(batch: Batch) -> Operand:
    """The candidates' scores."""
    if batch.score is None:
        raise MissingError("score is not known here")
    return batch.score, None


def score_of_column(model: str) -> ColumnStep:
    """A column step that reads what one model says of the candidates."""

    def step(batch: Batch) -> Operand:
        if batch.scores is None or model not in batch.scores:
            count = len(batch.rows)
            return np.zeros(count), some(np.ones(count, dtype=np.bool_))
        return batch.scores[model], None

    return step


def item_column(name: str) -> ColumnStep:
    """A column step that reads one column of the batch's rows, once per batch."""
    key = f"{Root.ITEM}.{name}"

    def step(batch: Batch) -> Operand:
        found = batch.gathered.get(key)
        if found is None:
            column = batch.table.columns[name]
            found = (_gathered(column, batch.rows), unreadable(column, batch.rows, batch.scope.now))
            batch.gathered[key] = found
        return found

    return step


def has_column(read: ColumnStep) -> ColumnStep:
    """A column step for `has` of what a step reads."""

    def step(batch: Batch) -> Operand:
        _, errors = read(batch)
        return np.ones(len(batch.rows), dtype=np.bool_) if errors is None else np.logical_not(errors), None

    return step


def unreadable(column: Column, rows: NDArray[np.int64], now_us: int) -> Mask | None:
    """Which of these rows have no value at `now_us` that may be read; None: all have."""
    errors = None if column.status is None else some(column.status.take(rows) > _READABLE)
    if column.as_of is not None and column.newest > now_us:
        errors = union(errors, some(column.as_of.take(rows) > now_us))
    return errors


def _gathered(column: Column, rows: NDArray[np.int64]) -> ColumnValues:
    if column.offsets is not None:
        return Lists(column.offsets.take(rows), column.offsets.take(rows + 1), column)
    if column.type is ValueType.STRING:
        return Texts(column.values.take(rows), column.dictionary, column)
    return column.values.take(rows)
