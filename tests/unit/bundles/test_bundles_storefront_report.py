import math

import numpy as np
import pytest
from calibrating import Reliability
from report import Quality, Ranking, Report, judge, render

STARTS = np.array([0, 3, 5])


def test_a_perfect_order_has_full_marks() -> None:
    labels = np.array([False, True, True, False, True])
    quality = judge("best", labels.astype(float), labels, STARTS)
    assert (quality.auc, quality.ndcg, quality.hits) == (1.0, 1.0, 1.0)


def test_ndcg_leaves_out_requests_with_nothing_to_find_and_hits_do_not() -> None:
    labels = np.array([False, True, False, False, False])
    quality = judge("some", np.array([3.0, 2.0, 1.0, 2.0, 1.0]), labels, STARTS)
    assert quality.ndcg == pytest.approx(1 / math.log2(3))
    assert quality.hits == 0.5


def test_ties_go_by_item_id() -> None:
    quality = judge("flat", np.zeros(12), np.arange(12) == 10, np.array([0, 12]))
    assert (quality.ndcg, quality.hits) == (0.0, 0.0)


def test_no_request_at_all_is_no_error() -> None:
    quality = judge("none", np.zeros(0), np.zeros(0, dtype=bool), np.array([0]))
    assert (quality.auc, quality.ndcg, quality.hits) == (0.5, 0.0, 0.0)


def test_the_table_names_each_way_and_each_model() -> None:
    report = Report(
        train_requests=6000,
        train_rows=10,
        test_requests=2900,
        test_rows=500_000,
        positives=0.0275,
        qualities=(Quality("popularity", 0.514, 0.1255, 0.463),),
        calibrations=(Reliability("discount", 15_000, 0.958, (0.03, 0.02), (0.073, 0.072)),),
        rankings=(Ranking("likelihood alone", 0.3376, 0.674, 1.171, 1.888),),
        redemption=Reliability("redemption", 900, 0.8, (0.04, 0.03), (0.1, 0.09)),
    )
    text = render(report)
    assert "popularity        0.5140    0.1255    0.463" in text
    assert "2,900 test requests of weeks 48-52 with 500,000 candidates, 2.75% bought" in text
    assert "discount: AUC 0.9580 on 15,000 rows; calibration takes the expected error from 0.0300 to 0.0200" in text
    assert "shelf by likelihood alone: NDCG@10 0.3376, Hit@10 0.674, expected margin of an item $1.17" in text
    assert "redemption: AUC 0.8000 on 900 household-campaign pairs, expected calibration error 0.0300" in text
