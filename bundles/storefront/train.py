"""Trains the storefront's two models on rows that the engine itself computes, and writes `models.lock`.

The purchase model learns from baskets of weeks 38 to 46 and is judged on weeks 48 to 52; every week's requests read
the snapshot that the origin publishes at its start. Rows of different weeks are computed by different processes. What
was trained stays until data, code or expressions change; then `python train.py` trains again.

    python train.py [--sample N]     on N households only: for tests
"""

import argparse
import gc
import hashlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import joblib
import lightgbm
import msgspec
import numpy as np
import sklearn
from baskets import Basket, read_baskets, sampled
from data import prepare
from ibis.backends import BaseBackend
from redemption import Campaign, CampaignRows, campaign_rows, campaigns_of
from redemption import train as train_redemption
from report import Report, judge, render
from tqdm import tqdm
from training_rows import WeekRows, joined, read_week, snapshot_as_of, trained_slot, week_rows, write_week
from weeks import CATALOG_WEEK, FIRST_RANKED_WEEK, LAST_WEEK, week_start

import engine
import origin
from compiler.build import without_models
from contracts.bundle import read_file, write_file
from engine.load import load
from engine.loaded import LoadedBundle
from origin.profiles import connect

TRAIN_WEEKS, TEST_WEEKS = range(FIRST_RANKED_WEEK, CATALOG_WEEK - 1), range(CATALOG_WEEK, LAST_WEEK)
TRAIN_REQUESTS, TEST_REQUESTS = 6_100, 2_900
TREES = 150
SETTINGS = {
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
PURCHASE, REDEMPTION, LOCK = "models/purchase.txt", "models/redemption.joblib", "models.lock"
LIBRARIES = (lightgbm, sklearn, np)
PROCESSES = 2


def train(folder: Path, sample: int | None = None) -> Report:
    """Prepares data and trains, unless nothing has changed since; writes models, `models.lock` and the report."""
    data = prepare(folder, sample)
    kept, digest = data / "report.json", _digest(folder)
    if (report := _kept_report(folder, kept, digest)) is not None:
        return report
    loaded, weeks, campaigns = _all_rows(folder)
    names = [each.name for each in trained_slot(loaded)[1].inputs]
    purchase, figures = _train_purchase(weeks, names)
    redemption, redemption_figures = train_redemption(campaigns, week_start(TEST_WEEKS.start))
    purchase.save_model(folder / PURCHASE)
    joblib.dump(redemption, folder / REDEMPTION)
    report = msgspec.structs.replace(figures, redemption=redemption_figures)
    (folder / LOCK).write_text(_lock(folder), encoding="utf-8")
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(Kept(digest=digest, report=report))))
    return report


class Kept(msgspec.Struct, frozen=True):
    """What `data/report.json` holds: the report, and the digest of all that it came from."""

    digest: str
    report: Report


def _kept_report(folder: Path, file: Path, digest: str) -> Report | None:
    if not file.exists() or not all((folder / name).exists() for name in (PURCHASE, REDEMPTION, LOCK)):
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
    for weeks, wanted in ((TRAIN_WEEKS, TRAIN_REQUESTS), (TEST_WEEKS, TEST_REQUESTS)):
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


def _train_purchase(weeks: dict[int, WeekRows], names: list[str]) -> tuple[lightgbm.Booster, Report]:
    """The model, and how it sorts the test weeks' candidates beside popularity and own frequency."""
    train, test = joined([weeks[week] for week in TRAIN_WEEKS]), joined([weeks[week] for week in TEST_WEEKS])
    with tqdm(total=TREES, desc="trees", unit="tree", leave=False) as bar:
        data = lightgbm.Dataset(train.inputs, train.labels, feature_name=names)
        model = lightgbm.train(SETTINGS, data, TREES, callbacks=[lambda _: bar.update() and None])
    scores = {
        "popularity": test.inputs[:, names.index("baskets_12w")].astype(np.float64),
        "own frequency": np.nan_to_num(test.inputs[:, names.index("item_visits")]).astype(np.float64),
        "LightGBM": np.asarray(model.predict(test.inputs, raw_score=True)),
    }
    qualities = tuple(judge(name, values, test.labels, test.starts) for name, values in scores.items())
    return model, Report(
        train_requests=len(train.baskets),
        train_rows=len(train.labels),
        test_requests=len(test.baskets),
        test_rows=len(test.labels),
        positives=float(test.labels.mean()),
        qualities=qualities,
    )


def _lock(folder: Path) -> str:
    files = (PURCHASE, REDEMPTION)
    return "".join(f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in files)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Trains the storefront's models.")
    parser.add_argument("--sample", type=int, help="train on this many households only")
    print(render(train(Path(__file__).resolve().parent, parser.parse_args().sample)))
