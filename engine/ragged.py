"""Columns of lists and maps, one after the other in flat arrays: giving some rows other entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Entries = tuple[tuple[str, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Ragged:
    """Codes into a dictionary, cut into rows by `offsets`; `numbers` are the values of maps, None for lists."""

    values: NDArray[Any]
    offsets: NDArray[np.int64]
    numbers: NDArray[np.float64] | None
    dictionary: tuple[str, ...]


def with_rows(column: Ragged, changes: Mapping[int, Entries]) -> Ragged:
    """The column in which these rows hold these entries: their strings, and for maps their numbers."""
    code_of = {text: code for code, text in enumerate(column.dictionary)}
    rows = sorted(changes)
    codes = [code_of.setdefault(text, len(code_of)) for row in rows for text in changes[row][0]]
    lengths = np.diff(column.offsets)
    is_changed = np.zeros(len(lengths), dtype=np.bool_)
    is_changed[rows] = True
    is_kept = np.repeat(~is_changed, lengths)
    lengths[rows] = [len(changes[row][0]) for row in rows]
    is_new = np.repeat(is_changed, lengths)
    values = np.empty(len(is_new), dtype=column.values.dtype)
    values[~is_new], values[is_new] = column.values[is_kept], codes
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    numbers = None
    if column.numbers is not None:
        numbers = np.empty(len(is_new))
        numbers[~is_new] = column.numbers[is_kept]
        numbers[is_new] = [number for row in rows for number in changes[row][1]]
    return Ragged(values, offsets, numbers, tuple(code_of))
