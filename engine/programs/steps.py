"""Column steps: a function's form over the steps of its arguments, with the errors of all of them.

A step gives an operand: values, and where they are in error. What a form gives where an argument failed means nothing.
"""

from collections.abc import Callable, Sequence

import numpy as np

from engine.column import Array
from engine.programs.arrays import per_distinct, per_distinct_number, union
from engine.programs.values import Batch, CelValue, ColumnStep, ColumnValues, Mask, Operand, Texts, operand_at


def unfailing(form: Callable[..., Array], sources: Sequence[ColumnStep]) -> ColumnStep:
    """A form that cannot fail, of one or two arrays."""
    if len(sources) == 1:
        return _unfailing_unary(form, sources[0])
    left, right = sources

    def step(batch: Batch) -> Operand:
        first, first_errors = left(batch)
        second, second_errors = right(batch)
        return form(first, second), union(first_errors, second_errors)

    return step


def _unfailing_unary(form: Callable[..., Array], source: ColumnStep) -> ColumnStep:
    def step(batch: Batch) -> Operand:
        values, errors = source(batch)
        return form(values), errors

    return step


def checked(form: Callable[..., Operand], sources: Sequence[ColumnStep]) -> ColumnStep:
    """A form that tells where it failed."""

    def step(batch: Batch) -> Operand:
        errors: Mask | None = None
        values = []
        for source in sources:
            value, failed = source(batch)
            values.append(value)
            errors = union(errors, failed)
        result, failed = form(*values)
        return result, union(errors, failed)

    return step


def per_word(form: Callable[..., Operand], sources: Sequence[ColumnStep], moving: int, key: str | None) -> ColumnStep:
    """The same of a column of strings, the argument at `moving`, and of values that are the same for all candidates.

    Where the column has no more words than there are candidates, it is asked of the words, once per request. All other
    arguments are asked each time, in their order, so that the same one fails first.
    """
    if key is None:
        return checked(form, sources)

    def step(batch: Batch) -> Operand:
        operands = [source(batch) for source in sources]
        texts, errors = operands[moving]
        values = [value for value, _ in operands]
        known = _known(form, values, moving, key, batch)
        if known is None:
            result, failed = form(*values)
        else:
            result, failed = operand_at(known, texts.codes)  # type: ignore[union-attr]
        return result, union(errors, failed)

    return step


def _known(
    form: Callable[..., Operand], values: list[ColumnValues], moving: int, key: str, batch: Batch
) -> Operand | None:
    """What a form gives for each word of a column, None where that would be more than is asked for."""
    texts = values[moving]
    if not isinstance(texts, Texts) or texts.column is None:
        return None
    kept = batch.scope.of_words
    known = kept.get((key, texts.column))
    if known is None and len(texts.dictionary) <= len(texts.codes):
        words = Texts(np.arange(len(texts.dictionary)), texts.dictionary, texts.column)
        known = kept[key, texts.column] = form(*values[:moving], words, *values[moving + 1 :])
    return known


def per_string(run: Callable[..., CelValue], kind: str, moving: int, *args: CelValue | Texts) -> Operand:
    """A function of a string per candidate, the argument at `moving`, and of values that are the same for all."""
    before, after = args[:moving], args[moving + 1 :]
    texts: Texts = args[moving]  # type: ignore[assignment]
    return per_distinct(lambda text: run(*before, text, *after), kind, texts)


def per_number(run: Callable[..., CelValue], kind: str, moving: int, of: str, *args: CelValue | Array) -> Operand:
    """The same of a number or time per candidate, of the type `of`."""
    numbers: Array = args[moving]  # type: ignore[assignment]
    before, after = args[:moving], args[moving + 1 :]
    return per_distinct_number(lambda number: run(*before, number, *after), kind, of, numbers)
