"""Decisions whose objective combines what two models say: made, replayed, and made without them."""

import shutil
from dataclasses import replace as replaced
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from records import DELTAS, record_of, recording

from compiler.build import build
from contracts.decision import Cause, Tier
from contracts.record import DecisionRecord
from deploy.replays.replayer import Verdict, replay
from engine.load import load
from engine.loaded import LoadedBundle, LoadedSlot
from engine.programs.values import Batch
from engine.records import sealed
from engine.score import Scored, score

MODEL = """exporter = "sklearn"
file = "models/story.joblib"
output = "probability"

[inputs]
affinity = { expr = 'visitor.affinity[item.kind]', missing = 0.0 }
weight = 'double(item.price) / 10000.0'
is_phone = 'request.device == "phone"'
"""
OBJECTIVE = "'score * (double(item.price - item.cost) - scores.sent_back * double(item.price))'"


@pytest.fixture(scope="module")
def loaded(tea_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    """The tea shop, its shelf sorted by conversion x margin after what is sent back."""
    folder = Path(shutil.copytree(tea_folder, tmp_path_factory.mktemp("two") / "tea"))
    (folder / "models/sent_back.toml").write_text(MODEL)
    slot = folder / "slots/for-you.toml"
    lines = slot.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("model =", "objective =", "boosts ="))]
    slot.write_text("\n".join(['model = "likes"\nother_models = ["sent_back"]', f"objective = {OBJECTIVE}", *kept]))
    return load(build(folder).bundle)


def nudged(slot: LoadedSlot, tier: Tier, batch: Batch) -> Scored:
    """The score stage of an engine whose second model gives other last digits."""
    scored = score(slot, tier, batch)
    return replace(scored, others={name: scores + 2.0**-30 for name, scores in scored.others.items()})


def verdict(loaded: LoadedBundle, record: DecisionRecord) -> Verdict:
    [only] = replay(recording(record), {loaded.revision: loaded})
    return only


def test_the_value_is_what_both_models_make_of_it(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1)
    trace = next(each for each in record.result.traces if each.slot == "for-you")
    table = loaded.snapshot.with_deltas(DELTAS, record.cursor).tables["teas"]
    rows = np.array([table.row_of[item] for item in trace.survivors])
    price, cost = (table.columns[name].values.take(rows).astype(float) for name in ("price", "cost"))
    expected = np.array(trace.scores) * (price - cost - np.array(trace.other_scores["sent_back"]) * price)
    assert trace.values == tuple(expected.tolist())
    assert verdict(loaded, record).outcome == "identical"


def test_on_another_engine_the_recorded_scores_of_every_model_are_read(loaded: LoadedBundle) -> None:
    made = record_of(loaded, 1, score=nudged)
    assert verdict(loaded, made).outcome == "different"
    told = verdict(loaded, sealed(replace(made, fingerprint={**made.fingerprint, "numpy": "1.0"})))
    assert told.outcome == "identical from recorded scores"
    assert told.score_difference == pytest.approx(2.0**-30, rel=1e-6)


def test_without_its_models_the_slot_shows_its_fallback(loaded: LoadedBundle) -> None:
    slot = loaded.slots["for-you"]
    assert slot.model
    without = replaced(slot, model=replaced(slot.model, scorer=None))
    record = record_of(replaced(loaded, slots={**loaded.slots, "for-you": without}), 1)
    decision = next(each for each in record.result.decisions if each.slot == "for-you")
    assert (decision.tier, decision.cause) == (Tier.FALLBACK, Cause.NO_MODEL)
    trace = next(each for each in record.result.traces if each.slot == "for-you")
    assert "scores.sent_back has no value: in tier rules no model scores" in trace.problem
