"""How good the models are: areas under the curve, ranking quality, and the table that `make run` prints."""

from itertools import pairwise

import msgspec
import numpy as np
from calibrating import Reliability
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

TOP = 10


class Quality(msgspec.Struct, frozen=True):
    """How a way of sorting candidates did: AUC over all rows; NDCG and hits in the first ten over all requests.

    Ties go by item id. NDCG counts requests that had something to find among their candidates, hits count all.
    """

    name: str
    auc: float
    ndcg: float
    hits: float


class Ranking(msgspec.Struct, frozen=True):
    """How a way of sorting did: relevance, and dollars.

    `margin` is what the items on the first places are expected to earn, each if it is bought and as far as the
    objective counts it; `earned` what those of them that were bought did earn, per request.
    """

    name: str
    ndcg: float
    hits: float
    margin: float
    earned: float


class Report(msgspec.Struct, frozen=True):
    """What training saw and how it did. `rankings` judge the shelf's objective, `redemption` the offers' model."""

    train_requests: int
    train_rows: int
    test_requests: int
    test_rows: int
    positives: float
    qualities: tuple[Quality, ...]
    calibrations: tuple[Reliability, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    redemption: Reliability | None = None


def judge(name: str, scores: NDArray[np.float64], labels: NDArray[np.bool_], starts: NDArray[np.int64]) -> Quality:
    """Compares scores with what was bought, request by request. Rows of a request stand in the order of their ids."""
    gains, found = [], []
    for start, end in pairwise(starts.tolist()):
        bought = labels[start:end]
        top = bought[np.argsort(-scores[start:end], kind="stable")[:TOP]]
        found.append(bool(top.any()))
        if bought.any():
            gains.append(_dcg(top) / _dcg(np.ones(min(TOP, int(bought.sum())), dtype=bool)))
    both = bool(labels.any()) and not bool(labels.all())
    auc = float(roc_auc_score(labels, scores)) if both else 0.5
    return Quality(name, auc, float(np.mean(gains)) if gains else 0.0, float(np.mean(found)) if found else 0.0)


def render(report: Report) -> str:
    """The model table."""
    lines = [
        f"{'model':<16}{'AUC':>8}{'NDCG@10':>10}{'Hit@10':>9}",
        *(f"{each.name:<16}{each.auc:>8.4f}{each.ndcg:>10.4f}{each.hits:>9.3f}" for each in report.qualities),
        f"{report.test_requests:,} test requests of weeks 48-52 with {report.test_rows:,} candidates,"
        f" {report.positives:.2%} bought; trained on {report.train_requests:,} of weeks 38-46",
        *map(_calibration, report.calibrations),
        *map(_ranking, report.rankings),
    ]
    if (offers := report.redemption) is not None:
        told = f"expected calibration error {offers.ece[1]:.4f}, Brier {offers.brier[1]:.4f}"
        lines.append(f"{offers.name}: AUC {offers.auc:.4f} on {offers.rows:,} household-campaign pairs, {told}")
    return "\n".join(lines)


def _calibration(of: Reliability) -> str:
    return (
        f"{of.name}: AUC {of.auc:.4f} on {of.rows:,} rows; calibration takes the expected error from {of.ece[0]:.4f}"
        f" to {of.ece[1]:.4f}, Brier from {of.brier[0]:.4f} to {of.brier[1]:.4f}"
    )


def _ranking(of: Ranking) -> str:
    return (
        f"shelf by {of.name}: NDCG@10 {of.ndcg:.4f}, Hit@10 {of.hits:.3f}, expected margin of an item ${of.margin:.2f},"
        f" earned per request ${of.earned:.2f}"
    )


def _dcg(found: NDArray[np.bool_]) -> float:
    return float(np.sum(found / np.log2(np.arange(len(found)) + 2)))
