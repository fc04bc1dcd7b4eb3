"""Co-occurrence -> a column of neighbours: for each item of a table the items that go with it, the strongest ones.

A line of the CSV file says `item,other,strength`: that, and how strongly, `other` goes with `item`. Whoever counts
decides what strength means; here it is only ranked. Lines about items that the table lacks are passed over: counts
outlive the catalog.
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from compiler.cells import encoded
from compiler.diagnostics import Problem, Where, catalog_messages, source_messages
from compiler.reading.tables import Cooccurrence
from contracts.catalog import ColumnData
from contracts.features import ValueType

HEADER = ["item", "other", "strength"]
_MAX_SHOWN = 20


def neighbours(source: Cooccurrence, ids: Sequence[str], file: str, where: Where) -> tuple[ColumnData, list[Problem]]:
    """The column for these ids, and what is wrong with the file. `file` names it, `where` is what names the file."""
    found: dict[str, dict[str, float]] = {identity: {} for identity in ids}
    problems: list[Problem] = []
    try:
        for line, cells in _lines(source.csv, file):
            problems += _add(cells, found, Where(file, line, 1, ",".join(cells)))
    except _UnreadableError as error:
        problems.append(error.problem or catalog_messages.no_file(where, file))
    kept = [_strongest(found[identity], source.strongest) for identity in ids]
    return encoded(ValueType.NUMBERS, kept, []), problems[:_MAX_SHOWN]


class _UnreadableError(Exception):
    """No line of the file can be used; without a problem there is no file."""

    def __init__(self, problem: Problem | None = None) -> None:
        super().__init__()
        self.problem = problem


def _lines(path: Path, file: str) -> Iterator[tuple[int, list[str]]]:
    """The lines after the header with their numbers."""
    reader = csv.reader(io.StringIO(_text(path, file), newline=""), strict=True)
    try:
        if next(reader, None) != HEADER:
            raise _UnreadableError(catalog_messages.no_cooccurrence(Where(file, 1, 1), HEADER))
        yield from ((reader.line_num, cells) for cells in reader if cells)
    except csv.Error as error:
        raise _UnreadableError(catalog_messages.not_csv(Where(file, reader.line_num, 1), str(error))) from None


def _text(path: Path, file: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise _UnreadableError from None
    except UnicodeDecodeError:
        raise _UnreadableError(source_messages.not_utf8(Where(file, 1, 1))) from None


def _add(cells: list[str], found: dict[str, dict[str, float]], where: Where) -> Iterator[Problem]:
    """Adds a line to what is known, or says what is wrong with it."""
    if len(cells) != len(HEADER):
        yield catalog_messages.row_of_another_width(where, len(cells), len(HEADER))
        return
    item, other, written = cells
    strength = _number(written)
    if strength is None:
        yield catalog_messages.bad_strength(where, written)
    elif item in found and other in found and item != other:
        if other in found[item]:
            yield catalog_messages.pair_twice(where, item, other)
        found[item][other] = strength


def _number(written: str) -> float | None:
    try:
        number = float(written)
    except ValueError:
        return None
    return number if 0.0 < number < math.inf else None


def _strongest(others: dict[str, float], most: int) -> dict[str, float]:
    """The strongest, ties by id; sorted by id, as every map of the catalog."""
    kept = sorted(others, key=lambda other: (-others[other], other))[:most]
    return {other: others[other] for other in sorted(kept)}
