import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from compiler.build import build
from compiler.calibration import read_points
from compiler.diagnostics import CompileError, Where
from contracts.bundle import ModelSet
from engine.load import load

WHERE = Where("models/likes.toml", 4, 15)
FILE = "models/likes.calibration.csv"


def points(text: str) -> tuple[tuple[float, float], ...]:
    return read_points(text.encode(), FILE, WHERE)


def refused(text: str) -> str:
    with pytest.raises(CompileError) as found:
        points(text)
    (problem,) = found.value.problems
    assert (problem.code, problem.file, problem.line) == ("E408", "models/likes.toml", 4)
    return problem.message


def test_points_are_read_in_order() -> None:
    assert points("output,probability\n-1.5,0\n0,0.25\n2,0.25\n3e1,1\n") == (
        (-1.5, 0.0),
        (0.0, 0.25),
        (2.0, 0.25),
        (30.0, 1.0),
    )


@pytest.mark.parametrize("text", ["", "output,probability\n", "output,probability\n1,0.5\n", "x,y\n1,0\n2,1\n"])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    assert "is no calibration: it needs the header output,probability" in refused(text)


@pytest.mark.parametrize("line", ["0,0.7", "1,0.6", "2,0.4", "2,1.1", "2,-0.1", "2,nan", "inf,0.9", "2", "two,0.9"])
def test_a_line_that_does_not_go_on_rising_is_refused(line: str) -> None:
    assert refused(f"output,probability\n0,0.1\n1,0.5\n{line}\n").startswith(f"line 4 of {FILE}")


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    """The tea shop, whose likes are calibrated by isotonic regression."""
    folder = Path(shutil.copytree(tea_folder, tmp_path / "tea"))
    margins = np.linspace(-3, 3, 50)
    fitted = IsotonicRegression(out_of_bounds="clip").fit(margins, margins > 0.3 * np.sin(9 * margins))
    lines = [
        f"{x!r},{y!r}" for x, y in zip(map(float, fitted.X_thresholds_), map(float, fitted.y_thresholds_), strict=True)
    ]
    (folder / FILE).write_text("\n".join(["output,probability", *lines, ""]))
    model = folder / "models/likes.toml"
    model.write_text(model.read_text().replace('output = "margin"', f'output = "margin"\ncalibration = "{FILE}"'))
    lock(folder)
    return folder


def lock(folder: Path) -> None:
    known = [line for line in (folder / "models.lock").read_text().splitlines() if not line.endswith(FILE)]
    digest = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    (folder / "models.lock").write_text("\n".join([*known, f"{digest}  {FILE}", ""]))


def test_a_calibration_is_part_of_the_bundle_and_gives_what_isotonic_regression_gives(tea: Path) -> None:
    bundle = build(tea).bundle
    (likes,) = (model for model in bundle.read("models", ModelSet).models if model.name == "likes")
    assert len(likes.calibration) > 2
    line = load(bundle).slots["for-you"].model
    assert line is not None
    assert line.calibration is not None
    written = [list(map(float, row.split(","))) for row in (tea / FILE).read_text().splitlines()[1:]]
    outputs = np.linspace(-5, 5, 200)
    expected = IsotonicRegression(out_of_bounds="clip").fit(*np.array(written).T).predict(outputs)
    assert np.interp(outputs, line.calibration.outputs, line.calibration.probabilities) == pytest.approx(expected)


def test_a_calibration_is_locked_like_a_model(tea: Path) -> None:
    (tea / FILE).write_text((tea / FILE).read_text() + "99,1\n")
    with pytest.raises(CompileError) as found:
        build(tea)
    assert [problem.code for problem in found.value.problems] == ["E403"]
    (tea / FILE).unlink()
    with pytest.raises(CompileError) as found:
        build(tea)
    assert [(problem.code, problem.file) for problem in found.value.problems] == [("E401", "models/likes.toml")]
