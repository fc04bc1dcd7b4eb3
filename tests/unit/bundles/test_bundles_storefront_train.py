import hashlib
import shutil
from pathlib import Path

import fitting
import numpy as np
import pytest
import train
from report import Report
from training_rows import read_week

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


@pytest.fixture(scope="module")
def trained(storefront_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with models, learnt from fewer weeks and campaigns."""
    folder = tmp_path_factory.mktemp("trained") / "storefront"
    shutil.copytree(storefront_folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        few(patch)
        train.train(folder, 40)
    return folder


def few(patch: pytest.MonkeyPatch) -> None:
    campaigns_of = train.campaigns_of
    patch.setattr(train, "TRAIN_WEEKS", range(45, 47))
    patch.setattr(train, "TEST_WEEKS", range(48, 49))
    patch.setattr(fitting, "TREES", 5)
    patch.setattr(fitting, "DISCOUNT_TREES", 5)
    patch.setattr(train, "campaigns_of", lambda history: campaigns_of(history)[4:7])


def test_the_lock_names_the_models_by_digest(trained: Path) -> None:
    lines = (trained / "models.lock").read_text(encoding="utf-8").splitlines()
    assert lines == [
        f"{hashlib.sha256((trained / file).read_bytes()).hexdigest()}  {file}"
        for file in (
            "models/discount.calibration.csv",
            "models/discount.txt",
            "models/purchase.calibration.csv",
            "models/purchase.txt",
            "models/redemption.calibration.csv",
            "models/redemption.json",
        )
    ]


def test_what_was_trained_is_not_trained_again(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch)
    monkeypatch.setattr(train, "_all_rows", lambda _: pytest.fail("trained again"))
    report = train.train(trained, 40)
    assert isinstance(report, Report)
    assert [quality.name for quality in report.qualities] == ["popularity", "own frequency", "LightGBM"]
    assert report.test_rows > 1000
    assert [each.name for each in report.calibrations] == ["purchase", "discount"]
    assert report.calibrations[1].rows < report.calibrations[0].rows == report.test_rows
    assert [each.name for each in report.rankings] == ["likelihood alone", "likelihood and profit"]
    assert report.rankings[0].margin < report.rankings[1].margin


@pytest.mark.parametrize(
    "file", ["models/purchase.txt", "models/discount.calibration.csv", "models/discount.toml", "slots/for-you.toml"]
)
def test_a_change_of_model_or_source_trains_again(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    folder = tmp_path / "storefront"
    shutil.copytree(trained, folder)
    (folder / file).write_text((folder / file).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    monkeypatch.setattr(train, "_all_rows", lambda _: pytest.fail("trained again"))
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        train.train(folder, 40)


def test_rows_are_candidates_of_real_requests_without_the_cart(trained: Path) -> None:
    rows = read_week(trained / "data/rows/week-48.npz")
    assert rows.inputs.dtype == np.float32
    assert rows.starts[0] == 0
    assert rows.starts[-1] == len(rows.items) == len(rows.labels) == len(rows.inputs)
    assert 0 < rows.labels.mean() < 0.5
    assert rows.discount_inputs.dtype == np.float32
    assert len(rows.discount_inputs) == len(rows.items)
    assert not (rows.reduced & ~rows.labels).any()
    assert 0 < rows.reduced.sum() < rows.labels.sum()
    assert ((rows.paid > 0) == rows.labels).all()
    sizes = np.diff(rows.starts)
    assert 60 < np.median(sizes) < 230


def test_the_same_data_gives_the_same_models(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "storefront"
    shutil.copytree(trained, folder)
    (folder / "data/report.json").unlink()
    few(monkeypatch)
    train.train(folder, 40)
    assert (folder / "models.lock").read_bytes() == (trained / "models.lock").read_bytes()
