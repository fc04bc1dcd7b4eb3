"""Trains the storefront's three models on rows that the engine itself computes, and writes `models.lock`.

The purchase and the discount model learn from baskets of weeks 38 to 46, are calibrated on week 47 and judged on weeks
48 to 52; every week's requests read the snapshot that the origin publishes at its start. The redemption model learns
from campaigns. Rows of different weeks are computed by different processes. What was trained stays until data, code or
expressions change; then `python train.py` trains again.

    python train.py [--sample N]     on N households only: for tests
"""

import argparse
import gc
import hashlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import msgspec
import numpy as np
import sklearn
import xgboost
from baskets import Basket, read_baskets, sampled
from calibrating import reliability, sigmoid
from calibrating import write as write_line
from data import prepare
from fitting import Fitted, Split, fit_discount, fit_purchase
from fitting_offers import fit_redemption, judge_redemption
from ibis.backends import BaseBackend
from redemption import Campaign, CampaignRows, campaign_rows, campaigns_of, redemption_model
from report import Report, judge, render
from tqdm import tqdm
from tradeoff import compare
from training_rows import WeekRows, joined, read_week, snapshot_as_of, trained_slot, week_rows, write_week
from weeks import CATALOG_WEEK, FIRST_RANKED_WEEK, LAST_WEEK, week_start

import engine
import origin
from compiler.build import without_models
from contracts.bundle import read_file, write_file
from engine.load import load
from engine.loaded import LoadedBundle, LoadedModel
from origin.profiles import connect

TRAIN_WEEKS, TEST_WEEKS = range(FIRST_RANKED_WEEK, CATALOG_WEEK - 1), range(CATALOG_WEEK, LAST_WEEK)
CALIBRATION_WEEKS = range(CATALOG_WEEK - 1, CATALOG_WEEK)
TRAIN_REQUESTS, CALIBRATION_REQUESTS, TEST_REQUESTS = 6_100, 700, 2_900
PURCHASE, DISCOUNT, REDEMPTION = "models/purchase.txt", "models/discount.txt", "models/redemption.json"
PURCHASE_LINE, DISCOUNT_LINE = "models/purchase.calibration.csv", "models/discount.calibration.csv"
REDEMPTION_LINE = "models/redemption.calibration.csv"
FILES = (DISCOUNT_LINE, DISCOUNT, PURCHASE_LINE, PURCHASE, REDEMPTION_LINE, REDEMPTION)
LOCK = "models.lock"
LIBRARIES = (lightgbm, xgboost, sklearn, np)
PROCESSES = 2


def train(folder: Path, sample: int | None = None) -> Report:
    """Prepares data and trains, unless nothing has changed since; writes models, `models.lock` and the report."""
    data = prepare(folder, sample)
    kept, digest = data / "report.json", _digest(folder)
    if (report := _kept_report(folder, kept, digest)) is not None:
        return report
    report = _trained(folder)
    (folder / LOCK).write_text(_lock(folder), encoding="utf-8")
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(Kept(digest=digest, report=report))))
    return report


class Kept(msgspec.Struct, frozen=True):
    """What `data/report.json` holds: the report, and the digest of all that it came from."""

    digest: str
    report: Report


def _kept_report(folder: Path, file: Path, digest: str) -> Report | None:
    if not file.exists() or not all((folder / name).exists() for name in (*FILES, LOCK)):
        return None
    kept = msgspec.json.decode(file.read_bytes(), type=Kept)
    return kept.report if kept.digest == digest and _lock(folder) == (folder / LOCK).read_text("utf-8") else None


def _digest(folder: Path) -> str:
    """Of everything that the rows depend on: data, the bundle's sources, the engine's programs, the libraries."""
    sources = [*folder.glob("*.py"), *folder.glob("*.toml"), *folder.glob("*/*.toml"), *folder.glob("arms/*.csv")]
    core = Path(str(engine.__path__[0]))
    sources += [*core.rglob("*.py"), Path(str(origin.__path__[0])) / "profiles.py", folder / "data/stamp"]
    state = hashlib.sha256(" ".join(f"{each.__name__} {each.__version__}" for each in LIBRARIES).encode())
    for source in sorted(sources, key=lambda file: (file.name, str(file))):
        state.update(hashlib.sha256(source.read_bytes()).digest())
    return state.hexdigest()


def _trained(folder: Path) -> Report:
    """Computes the rows, fits the three models, writes them with their lines."""
    loaded, weeks, campaigns = _all_rows(folder)
    rows, cut = _split(weeks), week_start(TEST_WEEKS.start)
    _, purchase, discount = trained_slot(loaded)
    offers = _names(redemption_model(loaded))
    bought, reduced = fit_purchase(rows, _names(purchase)), fit_discount(rows, _names(discount))
    redeemed = fit_redemption(campaigns, offers, cut)
    bought.booster.save_model(folder / PURCHASE)
    reduced.booster.save_model(folder / DISCOUNT)
    redeemed.save_model(folder / REDEMPTION)
    lines = {PURCHASE_LINE: bought.line, DISCOUNT_LINE: reduced.line, REDEMPTION_LINE: sigmoid()}
    for file, points in lines.items():
        write_line(points, folder / file)
    report = _report(rows, bought, reduced, loaded)
    return msgspec.structs.replace(report, redemption=judge_redemption(campaigns, offers, cut))


def _names(model: LoadedModel) -> list[str]:
    return [each.name for each in model.inputs]


def _all_rows(folder: Path) -> tuple[LoadedBundle, dict[int, WeekRows], list[CampaignRows]]:
    """The rows of all weeks and campaigns, computed by two processes; the longest tasks come first."""
    untrained = folder / "data/untrained.zip"
    bundle = without_models(folder)
    untrained.write_bytes(write_file(bundle))
    history = connect(folder / "data/history")
    baskets, campaigns = _sampled_baskets(history), campaigns_of(history)
    history.disconnect()
    jobs: list[WeekJob | Campaign] = [WeekJob(week, baskets[week]) for week in sorted(baskets, reverse=True)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn, initializer=_begin, initargs=(folder,)) as pool:
        tasks = [pool.submit(_run, job) for job in [*jobs, *campaigns]]
        for done in tqdm(as_completed(tasks), "rows", len(tasks), leave=False, unit="task"):
            done.result()
    weeks = {week: read_week(_week_file(folder, week)) for week in sorted(baskets)}
    return load(bundle), weeks, [rows for task in tasks if (rows := task.result()) is not None]


def _sampled_baskets(history: BaseBackend) -> dict[int, list[Basket]]:
    """Per week, the baskets whose requests are computed."""
    chosen: dict[int, list[Basket]] = {}
    wanted_of = (
        (TRAIN_WEEKS, TRAIN_REQUESTS),
        (CALIBRATION_WEEKS, CALIBRATION_REQUESTS),
        (TEST_WEEKS, TEST_REQUESTS),
    )
    for weeks, wanted in wanted_of:
        known = {week: read_baskets(history, week_start(week), week_start(week + 1)) for week in weeks}
        kept = {basket.id for basket in sampled([basket for week in weeks for basket in known[week]], wanted)}
        chosen |= {week: [basket for basket in known[week] if basket.id in kept] for week in weeks}
    return chosen


@dataclass(frozen=True)
class WeekJob:
    """The requests of one week."""

    week: int
    baskets: list[Basket]


class _Process:
    """What one of the row processes holds: the bundle, loaded once."""

    folder: Path
    loaded: LoadedBundle


def _begin(folder: Path) -> None:
    gc.disable()  # a snapshot is millions of values, none of them in cycles: collected once per week
    _Process.folder = folder
    _Process.loaded = load(read_file((folder / "data/untrained.zip").read_bytes()))


def _run(job: WeekJob | Campaign) -> CampaignRows | None:
    """One job in its process. A week's rows go to a file, a campaign's few come back."""
    folder, loaded = _Process.folder, _Process.loaded
    if isinstance(job, Campaign):
        return campaign_rows(job, loaded, folder)
    snapshot = snapshot_as_of(loaded, folder, folder / "batch.py", week_start(job.week))
    write_week(week_rows(job.baskets, loaded, snapshot), _week_file(folder, job.week))
    gc.collect()
    return None


def _week_file(folder: Path, week: int) -> Path:
    return folder / f"data/rows/week-{week}.npz"


def _split(weeks: dict[int, WeekRows]) -> Split:
    parts = (TRAIN_WEEKS, CALIBRATION_WEEKS, TEST_WEEKS)
    train, calibration, test = (joined([weeks[week] for week in part]) for part in parts)
    return Split(train, calibration, test)


def _report(rows: Split, purchase: Fitted, discount: Fitted, loaded: LoadedBundle) -> Report:
    """How the models did on the test weeks: beside popularity and own frequency, calibrated, and in the objective."""
    test, names = rows.test, purchase.booster.feature_name()
    margins, bought = purchase.margins(test.inputs), test.labels
    scores = {
        "popularity": test.inputs[:, names.index("baskets_12w")].astype(np.float64),
        "own frequency": np.nan_to_num(test.inputs[:, names.index("item_visits")]).astype(np.float64),
        "LightGBM": margins,
    }
    discounts = discount.margins(test.discount_inputs[bought])
    return Report(
        train_requests=len(rows.train.baskets),
        train_rows=len(rows.train.labels),
        test_requests=len(test.baskets),
        test_rows=len(bought),
        positives=float(bought.mean()),
        qualities=tuple(judge(name, values, bought, test.starts) for name, values in scores.items()),
        calibrations=(
            reliability("purchase", purchase.line, margins, bought),
            reliability("discount", discount.line, discounts, test.reduced[bought]),
        ),
        rankings=compare(test, purchase, discount, loaded),
    )


def _lock(folder: Path) -> str:
    return "".join(f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in FILES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Trains the storefront's models.")
    parser.add_argument("--sample", type=int, help="train on this many households only")
    print(render(train(Path(__file__).resolve().parent, parser.parse_args().sample)))
