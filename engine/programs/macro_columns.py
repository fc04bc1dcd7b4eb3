"""Macros over an item's own list or map, as columns: their bodies run over the entries of all candidates at once.

Each entry becomes a row of an inner batch, in which a variable is a column like any other; the answers are then
gathered by candidate. Other macros, and those with macros inside, are run once, or row by row.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ExpiredError, RuleError
from engine.column import Array
from engine.programs.arrays import some, union
from engine.programs.limits import MAX_ROUNDS
from engine.programs.values import Batch, ColumnStep, ColumnValues, Lists, Mask, Operand, Texts

MACROS_OF_COLUMNS = frozenset({"all", "exists", "exists_one"})


def variable_column(slot: int) -> ColumnStep:
    """A column step that reads a variable of the macro around it."""
    return lambda batch: (batch.variables[slot], None)


def gone_through(macro: str, over: ColumnStep, slots: Sequence[int], body: ColumnStep) -> ColumnStep:
    """The column step of a macro over a step of lists or maps."""

    def step(batch: Batch) -> Operand:
        lists, errors = over(batch)
        assert isinstance(lists, Lists)
        lengths = lists.ends - lists.starts
        errors = union(errors, some(lengths > MAX_ROUNDS))
        if errors is not None:
            lengths = np.where(errors, 0, lengths)
        answers, failed = _answers(body, _inner(batch, lists, lengths, slots))
        values, undecided = _gathered(macro, answers, failed, lengths)
        return values, union(errors, undecided)

    return step


def _inner(batch: Batch, lists: Lists, lengths: NDArray[np.int64], slots: Sequence[int]) -> Batch:
    owners = np.repeat(np.arange(len(lengths)), lengths)
    before = np.cumsum(lengths) - lengths
    places = np.arange(len(owners)) - np.repeat(before, lengths)
    entries = places + np.repeat(lists.starts, lengths)
    texts = Texts(lists.column.values.take(entries), lists.column.dictionary, lists.column)
    bound: list[ColumnValues] = [texts]
    if len(slots) > 1:
        numbers = lists.column.numbers
        bound = [places, texts] if numbers is None else [texts, numbers.take(entries)]
    score = None if batch.score is None else batch.score.take(owners)
    scores = None if batch.scores is None else {model: each.take(owners) for model, each in batch.scores.items()}
    variables = dict(zip(slots, bound, strict=True))
    return Batch(batch.scope, batch.table, batch.rows.take(owners), score, variables, scores=scores)


def _answers(body: ColumnStep, inner: Batch) -> tuple[Array, Mask]:
    count = len(inner.rows)
    nowhere = np.zeros(count, dtype=np.bool_)
    try:
        answers, failed = body(inner)
    except ExpiredError:
        raise
    except RuleError:
        return nowhere, np.logical_not(nowhere)  # every entry fails, and a candidate without entries does not
    return np.broadcast_to(np.asarray(answers), (count,)), nowhere if failed is None else failed


def _gathered(macro: str, answers: Array, failed: Mask, lengths: NDArray[np.int64]) -> Operand:
    """By candidate: whether an entry settles the answer, and where none does but one failed."""
    counted = [_counts(mask, lengths) for mask in (answers & ~failed, ~answers & ~failed, failed)]
    holding, failing, erring = counted
    if macro == "exists":
        return holding > 0, some((erring > 0) & (holding == 0))
    if macro == "all":
        return failing == 0, some((erring > 0) & (failing == 0))
    return holding == 1, some(erring > 0)


def _counts(mask: Mask, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many entries of each candidate a mask marks."""
    summed = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(mask)])
    ends = np.cumsum(lengths)
    counts: NDArray[np.int64] = summed.take(ends) - summed.take(ends - lengths)
    return counts
