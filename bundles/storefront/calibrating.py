"""From a model's margins to probabilities that mean what they say, and how far they do.

The line is Platt's sigmoid, fitted on a week that lies between training and test, and sampled into points that the
engine reads scores off. It rises everywhere, so calibration never changes which of two candidates is the likelier.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

POINTS, BINS = 129, 20
LOWEST, HIGHEST = -12.0, 12.0  # log odds: beyond them every probability is as good as 0 or 1
Points = NDArray[np.float64]


class Reliability(msgspec.Struct, frozen=True):
    """What a model's probabilities are worth on rows that judge, before calibration and after.

    `ece` is the expected calibration error over bins with equally many rows, `brier` the mean squared error.
    """

    name: str
    rows: int
    auc: float
    ece: tuple[float, float]
    brier: tuple[float, float]


def line(margins: NDArray[np.float64], labels: NDArray[np.bool_]) -> Points:
    """Points (margin, probability) on the sigmoid that fits best, evenly spread over its log odds."""
    fitted = LogisticRegression(C=np.inf).fit(margins.reshape(-1, 1), labels)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0.0:
        raise ValueError("the model sorts worse than chance: its margins cannot be calibrated")
    return sigmoid(slope, offset)


def sigmoid(slope: float = 1.0, offset: float = 0.0) -> Points:
    """Points on one sigmoid; by default that of margins which are log odds already."""
    odds = np.linspace(LOWEST, HIGHEST, POINTS)
    return np.column_stack([(odds - offset) / slope, _chances(odds)])


def calibrated(points: Points, margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities that the engine gives for these margins."""
    return np.interp(margins, points[:, 0], points[:, 1])


def write(points: Points, file: Path) -> None:
    """The file that a model names as its `calibration`."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("output", "probability"))
        writer.writerows((repr(float(output)), repr(float(chance))) for output, chance in points)


def reliability(name: str, points: Points, margins: NDArray[np.float64], labels: NDArray[np.bool_]) -> Reliability:
    """How well the probabilities fit what happened."""
    before, after = _chances(margins), calibrated(points, margins)
    return Reliability(
        name=name,
        rows=len(labels),
        auc=float(roc_auc_score(labels, margins)) if 0 < labels.sum() < len(labels) else 0.5,
        ece=(_ece(before, labels), _ece(after, labels)),
        brier=(float(np.mean((before - labels) ** 2)), float(np.mean((after - labels) ** 2))),
    )


def bins(chances: NDArray[np.float64], labels: NDArray[np.bool_]) -> Sequence[tuple[float, float, int]]:
    """Mean probability, share that came true and number of rows, per bin; bins rise and are equally large."""
    order = np.array_split(np.argsort(chances, kind="stable"), BINS)
    return [(float(chances[rows].mean()), float(labels[rows].mean()), len(rows)) for rows in order if len(rows)]


def _ece(chances: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    return sum(abs(said - came) * rows for said, came, rows in bins(chances, labels)) / max(1, len(labels))


def _chances(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-odds))
