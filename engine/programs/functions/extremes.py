"""CEL's `math.greatest` and `math.least`: of one number, of two of any kinds, of a list.

NaN is neither greater nor less, so it is taken only where it stands first.
"""

from collections.abc import Callable, Iterable

import numpy as np

from contracts.errors import RuleError
from engine.column import Array
from engine.programs.functions.declaration import Function

_LITERALS = {"int": ("1", "2"), "uint": ("1u", "2u"), "double": ("1.5", "2.5")}


def greatest(first: float, second: float) -> float:
    """The greater of two numbers of any kind, the first when they are equal."""
    return second if second > first else first


def least(first: float, second: float) -> float:
    """The lesser of two numbers of any kind, the first when they are equal."""
    return second if second < first else first


def _greatest_columns(first: Array, second: Array) -> Array:
    return np.where(np.greater(second, first), second, first)


def _least_columns(first: Array, second: Array) -> Array:
    return np.where(np.less(second, first), second, first)


def _over_list(pick: Callable[[float, float], float]) -> Callable[[tuple[float, ...]], float]:
    def run(numbers: tuple[float, ...]) -> float:
        if not numbers:
            raise RuleError("there is no greatest or least of an empty list")
        found, *others = numbers
        for number in (found, *others):
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise RuleError("greatest and least are of numbers alone")
            found = pick(found, number)
        return found

    return run


def _extremes() -> Iterable[Function]:
    for word, name, pick, columns in (
        ("greatest", "math.@max", greatest, _greatest_columns),
        ("least", "math.@min", least, _least_columns),
    ):
        yield from _of_one(word, name)
        yield from _of_lists(word, name, pick)
        for kind in _LITERALS:
            yield from _of_two(word, name, kind, pick, columns)


def _of_one(word: str, name: str) -> Iterable[Function]:
    for kind, (low, _) in _LITERALS.items():
        yield Function(
            id=f"{name.replace('.', '_')}_{kind}",
            name=name,
            params=(kind,),
            result=kind,
            doc="The number itself.",
            example=f"math.{word}({low}) == {low}",
            run=lambda number: number,
        )


def _of_lists(word: str, name: str, pick: Callable[[float, float], float]) -> Iterable[Function]:
    for kind, (low, _) in _LITERALS.items():
        yield Function(
            id=f"{name.replace('.', '_')}_list_{kind}",
            name=name,
            params=(f"list({kind})",),
            result=kind,
            doc=f"The {word} of a list, or of three and more, written `math.{word}(x, y, z)`.",
            example=f"math.{word}([{low}]) == {low}",
            run=_over_list(pick),
        )


def _of_two(
    word: str, name: str, kind: str, pick: Callable[[float, float], float], columns: Callable[[Array, Array], Array]
) -> Iterable[Function]:
    for other, (_, high) in _LITERALS.items():
        low = _LITERALS[kind][0]
        yield Function(
            id=f"{name.replace('.', '_')}_{kind}_{other}",
            name=name,
            params=(kind, other),
            result=kind if kind == other else "dyn",
            doc=f"The {word} of the two; the first when they are equal.",
            example=f"math.{word}({low}, {high}) == {high if word == 'greatest' else low}",
            run=pick,
            numeric=columns if kind == other else None,
        )


EXTREMES = tuple(_extremes())
