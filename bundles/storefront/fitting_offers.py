"""Fits the model of the offers: which household redeems a campaign that it got.

XGBoost on campaigns that are over, since others may still be redeemed. Settings and the number of trees were chosen by
the log loss of the early campaigns, over folds of households. The late ones judge; they were in view when XGBoost was
chosen, so they say "no worse" and not "better". Its margins are log odds as they are: a line fitted to margins of
unseen households made nothing better.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import xgboost
from calibrating import Reliability, reliability, sigmoid
from numpy.typing import NDArray
from redemption import CampaignRows

LATE_FROM = datetime(2017, 10, 1, tzinfo=UTC)
TREES = 100
SETTINGS: dict[str, object] = {
    "objective": "binary:logistic",
    "grow_policy": "lossguide",
    "max_depth": 0,
    "max_leaves": 4,
    "learning_rate": 0.06,
    "min_child_weight": 4.0,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    "seed": 0,
    "nthread": 1,
}


def fit_redemption(rows: Sequence[CampaignRows], names: Sequence[str], cut: datetime) -> xgboost.Booster:
    """The model of all campaigns that ended before the cut. `names` are those of its inputs."""
    return _fit([each for each in rows if each.campaign.ends_at <= cut], names)


def judge_redemption(rows: Sequence[CampaignRows], names: Sequence[str], cut: datetime) -> Reliability | None:
    """How a model of the early campaigns did on the late ones; None where there are none of either."""
    early = [each for each in rows if each.campaign.ends_at <= LATE_FROM]
    late = [each for each in rows if LATE_FROM <= each.campaign.starts_at < cut]
    if not early or not late:
        return None
    inputs, labels = _joined(late)
    data = xgboost.DMatrix(inputs, feature_names=list(names), nthread=1)
    margins = np.asarray(_fit(early, names).predict(data, output_margin=True), np.float64)
    return reliability("redemption", sigmoid(), margins, labels)


def _fit(rows: Sequence[CampaignRows], names: Sequence[str]) -> xgboost.Booster:
    """The trees, which begin at the share that redeemed, counted so that it is never nought."""
    inputs, labels = _joined(rows)
    share = (float(labels.sum()) + 1.0) / (len(labels) + 2.0)
    data = xgboost.DMatrix(inputs, labels, feature_names=list(names), nthread=1)
    return xgboost.train({**SETTINGS, "base_score": share}, data, TREES)


def _joined(rows: Sequence[CampaignRows]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    return np.concatenate([each.inputs for each in rows]), np.concatenate([each.labels for each in rows])
