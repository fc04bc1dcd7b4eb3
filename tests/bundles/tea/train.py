"""Trains the tea shop's two tiny models on made-up rows, deterministically, and writes `models.lock`."""

import hashlib
import sys
from pathlib import Path

import joblib
import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

ROWS = 800


def train(folder: Path) -> None:
    """Writes `models/likes.txt`, `models/story.joblib` and their digests."""
    chance = np.random.default_rng(7)
    _train_likes(chance).save_model(folder / "models/likes.txt")
    joblib.dump(_train_story(chance), folder / "models/story.joblib")
    files = ("models/likes.txt", "models/story.joblib")
    lines = [f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in files]
    (folder / "models.lock").write_text("".join(lines), encoding="utf-8")


def _train_likes(chance: np.random.Generator) -> lightgbm.Booster:
    affinity = chance.random(ROWS)
    is_own = (chance.random(ROWS) < 0.2 + 0.3 * affinity).astype(float)
    viewed = np.where(chance.random(ROWS) < 0.5, np.nan, chance.integers(1, 6, ROWS))
    orders = chance.integers(0, 40, ROWS)
    price, caffeine = chance.integers(400, 2500, ROWS) / 100, chance.integers(0, 71, ROWS)
    rows = _rounded([affinity, is_own, viewed, orders, price, caffeine])
    margin = 2 * affinity + 2 * is_own + 0.3 * np.nan_to_num(viewed) - 0.1 * price - 1
    labels = chance.random(ROWS) < 1 / (1 + np.exp(-margin))
    settings = {
        "objective": "binary",
        "num_leaves": 7,
        "num_threads": 1,
        "deterministic": True,
        "verbose": -1,
        "seed": 7,
    }
    return lightgbm.train(settings, lightgbm.Dataset(rows, labels), num_boost_round=12)


def _train_story(chance: np.random.Generator) -> LogisticRegression:
    affinity, weight = chance.random(ROWS), chance.random(ROWS)
    is_phone = (chance.random(ROWS) < 0.4).astype(float)
    labels = chance.random(ROWS) < 1 / (1 + np.exp(-(3 * affinity + weight - 0.5 * is_phone - 1.5)))
    return LogisticRegression().fit(_rounded([affinity, weight, is_phone]), labels)


def _rounded(columns: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Rows rounded to float32 before training, because serving reads float32."""
    return np.column_stack(columns).astype(np.float32).astype(np.float64)


if __name__ == "__main__":
    train(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent))
