from dataclasses import replace
from datetime import UTC, datetime, timedelta

import fitting_offers
import numpy as np
import pytest
import xgboost
from fitting_offers import fit_redemption, judge_redemption
from redemption import Campaign, CampaignRows

from compiler.exporters import exporter

NAMES = ("visits", "coupons")
MAY, CUT = datetime(2017, 5, 1, tzinfo=UTC), datetime(2017, 11, 20, tzinfo=UTC)
HOUSEHOLDS = 600


def sent(starts_at: datetime = MAY, seed: int = 1, days: int = 30) -> CampaignRows:
    """A campaign that who visits more redeems more often; a tenth of the visits is unknown."""
    rng = np.random.default_rng(seed)
    visits = rng.uniform(0, 10, HOUSEHOLDS)
    labels = rng.uniform(size=HOUSEHOLDS) < 1 / (1 + np.exp(4 - 0.7 * visits))
    visits[:: HOUSEHOLDS // 60] = np.nan
    households = tuple(str(number) for number in range(HOUSEHOLDS))
    redeemers = frozenset(name for name, label in zip(households, labels, strict=True) if label)
    campaign = Campaign("campaign-1", starts_at, starts_at + timedelta(days=days), {}, households, redeemers)
    inputs = np.column_stack([visits, np.full(HOUSEHOLDS, 3.0)]).astype(np.float32)
    return CampaignRows(campaign, inputs, labels)


def bytes_of(rows: list[CampaignRows]) -> bytes:
    return bytes(fit_redemption(rows, NAMES, CUT).save_raw("json"))


def test_training_again_gives_the_same_bytes() -> None:
    assert bytes_of([sent()]) == bytes_of([sent()])
    assert bytes_of([sent()]) != bytes_of([sent(seed=2)])


def test_a_campaign_that_still_runs_at_the_cut_is_not_learnt_from() -> None:
    running = sent(CUT - timedelta(days=10))
    assert bytes_of([sent(), running]) == bytes_of([sent()])
    assert bytes_of([sent(), sent(CUT - timedelta(days=31))]) != bytes_of([sent()])


def test_late_campaigns_judge_what_early_ones_taught() -> None:
    late = sent(fitting_offers.LATE_FROM, seed=2)
    told = judge_redemption([sent(), late], NAMES, CUT)
    assert told is not None
    assert (told.name, told.rows) == ("redemption", HOUSEHOLDS)
    assert told.auc > 0.8
    assert told.brier[1] < 0.2
    assert judge_redemption([sent()], NAMES, CUT) is judge_redemption([late], NAMES, CUT) is None


@pytest.mark.parametrize("is_redeemed", [False, True])
def test_a_sample_that_agrees_teaches_no_certainty(is_redeemed: bool) -> None:
    rows = replace(sent(), labels=np.full(HOUSEHOLDS, is_redeemed))
    model = fit_redemption([rows], NAMES, CUT)
    chances = model.predict(xgboost.DMatrix(rows.inputs, feature_names=list(NAMES)))
    assert 0 < chances.min() <= chances.max() < 1
    exporter("xgboost")(bytes(model.save_raw("json")), "margin", len(NAMES)).to_onnx()
