"""Fits the two models of the shelf: what will be bought, and whether at a reduced price.

Both are LightGBM on rows of the training weeks. The purchase model sees every candidate, the discount model those that
were bought: it answers for a purchase that takes place. A later week, which no tree has seen, gives the calibration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
from calibrating import Points, calibrated, line
from numpy.typing import NDArray
from tqdm import tqdm
from training_rows import WeekRows

TREES, DISCOUNT_TREES = 150, 40
SETTINGS: dict[str, object] = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.06,
    "min_data_in_leaf": 200,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,
    "verbose": -1,
}
DISCOUNT_SETTINGS = {**SETTINGS, "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 100}
Margins = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """The rows that are learnt from, those that calibrate, those that judge."""

    train: WeekRows
    calibration: WeekRows
    test: WeekRows


@dataclass(frozen=True)
class Fitted:
    """A model with the line from its margins to probabilities."""

    booster: lightgbm.Booster
    line: Points

    def margins(self, inputs: NDArray[np.float32]) -> Margins:
        """What its trees add up to."""
        return np.asarray(self.booster.predict(inputs, raw_score=True))

    def chances(self, inputs: NDArray[np.float32]) -> Margins:
        """Its calibrated probabilities, as the engine gives them."""
        return calibrated(self.line, self.margins(inputs))


def fit_purchase(rows: Split, names: Sequence[str]) -> Fitted:
    """Will the candidate be in the basket?"""
    booster = _boosted(rows.train.inputs, rows.train.labels, names, SETTINGS, TREES)
    margins = np.asarray(booster.predict(rows.calibration.inputs, raw_score=True))
    return Fitted(booster, line(margins, rows.calibration.labels))


def fit_discount(rows: Split, names: Sequence[str]) -> Fitted:
    """Will a candidate that is bought be bought at a reduced price?"""
    train, later = rows.train, rows.calibration
    inputs = train.discount_inputs[train.labels]
    booster = _boosted(inputs, train.reduced[train.labels], names, DISCOUNT_SETTINGS, DISCOUNT_TREES)
    margins = np.asarray(booster.predict(later.discount_inputs[later.labels], raw_score=True))
    return Fitted(booster, line(margins, later.reduced[later.labels]))


def _boosted(
    inputs: NDArray[np.float32],
    labels: NDArray[np.bool_],
    names: Sequence[str],
    settings: Mapping[str, object],
    trees: int,
) -> lightgbm.Booster:
    with tqdm(total=trees, desc="trees", unit="tree", leave=False) as bar:
        data = lightgbm.Dataset(inputs, labels, feature_name=list(names))
        return lightgbm.train(dict(settings), data, trees, callbacks=[lambda _: bar.update() and None])
