"""A calibration file -> points on the line from a model's outputs to calibrated probabilities.

The CSV file is written by the bundle's train.py, from isotonic regression (its thresholds) or Platt's sigmoid
(sampled), and locked like a model file. The engine reads scores off the line: what is between two points lies on the
straight line between them.
"""

import csv
import io
import math
from itertools import pairwise

from compiler.diagnostics import CompileError, Where, model_messages

HEADER = ["output", "probability"]
MOST_POINTS = 10_000


def read_points(data: bytes, file: str, where: Where) -> tuple[tuple[float, float], ...]:
    """The points, in order. Raises `CompileError` for a line that is none."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline="")))
    if not rows or rows[0] != HEADER or not 2 <= len(rows) - 1 <= MOST_POINTS:
        problem = model_messages.no_calibration(
            where, file, f"the header {','.join(HEADER)} and 2 to {MOST_POINTS} points"
        )
        raise CompileError([problem])
    points = [_point(row) for row in rows[1:]]
    for number, (one, other) in enumerate(pairwise([None, *points]), 2):
        if other is None or (one is not None and not (one[0] < other[0] and one[1] <= other[1])):
            raise CompileError([model_messages.bad_calibration(where, file, number)])
    return tuple(point for point in points if point is not None)


def _point(row: list[str]) -> tuple[float, float] | None:
    try:
        output, probability = map(float, row)
    except ValueError:
        return None
    return (output, probability) if math.isfinite(output) and 0.0 <= probability <= 1.0 else None
