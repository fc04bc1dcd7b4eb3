from pathlib import Path

import numpy as np
import pytest
from calibrating import Points, calibrated, line, reliability, write
from hypothesis import given
from hypothesis import strategies as st

from compiler.calibration import read_points
from compiler.diagnostics import Where


def drawn(slope: float, offset: float, rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Margins, and labels that come true by a sigmoid of them."""
    margins = np.linspace(-4.0, 4.0, rows)
    chances = 1 / (1 + np.exp(-(slope * margins + offset)))
    return margins, np.modf(np.arange(rows) * 0.6180339887498949)[0] < chances


def test_the_line_is_the_sigmoid_that_the_labels_follow() -> None:
    points = line(*drawn(0.5, -1.0))
    for margin in (-3.0, 0.0, 2.0):
        wanted = 1 / (1 + np.exp(-(0.5 * margin - 1.0)))
        assert calibrated(points, np.array([margin]))[0] == pytest.approx(wanted, abs=0.01)


@given(st.lists(st.floats(-8, 8), min_size=2, max_size=30, unique=True))
def test_calibration_never_swaps_two_candidates(margins: list[float]) -> None:
    values = np.array(sorted(margins))
    apart = values[np.concatenate([[True], np.diff(values) > 1e-9])]
    assert (np.diff(calibrated(line(*drawn(1.2, -2.0)), apart)) > 0).all()


def test_a_model_that_sorts_worse_than_chance_is_refused() -> None:
    margins, labels = drawn(1.0, 0.0)
    with pytest.raises(ValueError, match="worse than chance"):
        line(-margins, labels)


def test_calibration_mends_what_is_overconfident() -> None:
    margins, labels = drawn(0.4, 0.0)
    told = reliability("some", line(margins, labels), margins, labels)
    assert told.ece[0] > 0.1
    assert told.ece[1] < 0.01
    assert told.brier[1] < told.brier[0]
    assert 0.5 < told.auc < 1.0


def test_the_compiler_reads_what_is_written(tmp_path: Path) -> None:
    points: Points = line(*drawn(1.0, -3.0))
    write(points, tmp_path / "m.calibration.csv")
    read = read_points((tmp_path / "m.calibration.csv").read_bytes(), "m.calibration.csv", Where("m.toml", 1, 1, ""))
    assert read == tuple(map(tuple, points.tolist()))
