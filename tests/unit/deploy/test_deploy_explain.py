"""`edgewise explain`: one decision in full; contributions add up to the score, or are not shown."""

import hashlib
import io
import json
import math
import re
import shutil
import sys
from dataclasses import replace as replaced
from pathlib import Path

import joblib
import numpy as np
import pytest
import xgboost
from msgspec.structs import replace
from records import DELTAS, record_of
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from compiler.build import build
from compiler.exporters import lightgbm as lightgbm_room
from compiler.exporters import sklearn as sklearn_room
from contracts.bundle import Bundle, write_file
from contracts.record import DecisionRecord, Recording
from deploy.cli import main
from deploy.explanations.contributions import Contributions, NotOfferedError, contributions
from deploy.outcome import OperationError
from deploy.publish import publish
from deploy.replays.recording_files import write_recording
from engine.column import Array
from engine.load import LoadedBundle, load
from engine.loaded import LoadedModel
from engine.records import sealed

ROW = np.array([0.7, 1.0, np.nan, 3.0, 7.9, 20.0], dtype=np.float32)


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


@pytest.fixture(scope="module")
def shop(tea_bundle: Bundle, loaded: LoadedBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    (folder / "bundle.zip").write_bytes(write_file(tea_bundle))
    publish(tea_bundle, folder / "registry", note="", now=1)
    keep(folder / "tea.rec", record_of(loaded, 0), record_of(loaded, 1))
    return folder


def keep(path: Path, *records: DecisionRecord) -> None:
    write_recording(path, [Recording(deltas=DELTAS, epoch="e"), Recording(records=records)])


def model_of(loaded: LoadedBundle, slot: str) -> LoadedModel:
    model = loaded.slots[slot].model
    assert model
    return model


def explained(shop: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    source = ["explain", str(shop / "tea.rec"), "--bundle", str(shop / "bundle.zip")]
    assert main([*source, *words]) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


def test_a_decision_is_told_in_full(shop: Path, loaded: LoadedBundle, capsys: pytest.CaptureFixture[str]) -> None:
    shelf = record_of(loaded, 1).result.decisions[1]
    lines = explained(shop, capsys, "--decision", "r1.for-you").splitlines()
    assert lines[0] == f"for-you: {', '.join(shelf.answer)} (tier model)"
    assert "gate: granted personalisation" in lines
    assert any(line.startswith("assigned: explore-more ") for line in lines)
    assert "  visitor.orders PRESENT = 3, 0.0 days old" in lines
    assert "  visitor.own_teas DEFAULT = []" in lines
    at = lines.index(f"{shelf.answer[0]}:")
    assert lines[at + 1].startswith("  score ")
    assert lines[-1].startswith("    caffeine = ")
    assert "    viewed = none" in [line.partition(" (")[0] for line in lines[at:]]


def test_an_item_that_the_catalog_lacks_is_an_error(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(shop, capsys, "--decision", "r1.for-you", "--candidate", "nope", code=2)
    assert "table teas has no item nope" in said


def test_a_blocked_candidate_is_told_with_its_blocker(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = explained(shop, capsys, "--decision", "r1.for-you", "--candidate", "t-15").splitlines()
    assert "t-15 was retrieved by no generator" in lines  # the feed says that it is sold out
    report = json.loads(explained(shop, capsys, "--decision", "r1.for-you", "--candidate", "t-04", "--json"))
    assert report["why_not"].startswith("t-04 was ")
    assert report["details"]["candidates"][0]["item"] == "t-04"
    assert report["details"]["is_same"] is True


def test_every_item_has_its_reason_or_its_position(
    shop: Path, loaded: LoadedBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf, trace = record_of(loaded, 1).result.decisions[1], record_of(loaded, 1).result.traces[1]
    for item in [*trace.survivors, *trace.blockers, "t-15"]:
        words = ["--decision", "r1.for-you", "--candidate", item, "--json"]
        report = json.loads(explained(shop, capsys, *words))
        absent = report["details"]["candidates"][0]["absent"]
        assert (absent is None) == (item in shelf.answer)
        if absent is not None:
            assert report["why_not"] == f"{item} {absent['told']}"


def test_contributions_add_up_to_the_score(
    shop: Path, tea_folder: Path, loaded: LoadedBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = record_of(loaded, 1).result.traces[1]
    for item, score in list(zip(trace.survivors, trace.scores, strict=True))[:6]:
        words = ["--decision", "r1.for-you", "--candidate", item, "--sources", str(tea_folder), "--json"]
        (added,) = json.loads(explained(shop, capsys, *words))["contributions"]
        assert added["base"] + sum(added["inputs"].values()) == pytest.approx(score, abs=1e-6)
        assert set(added["inputs"]) == {"affinity", "is_own", "viewed", "orders", "price", "caffeine"}
    text = explained(shop, capsys, *words[:-1])
    assert f"    margin {added['total']:.6g} = {added['base']:+.6g} for anybody\n" in text


def test_a_probability_is_checked_through_the_link(tea_bundle: Bundle, tea_folder: Path, loaded: LoadedBundle) -> None:
    likes = model_of(loaded, "for-you")
    margin = contributions(tea_folder, tea_bundle, likes, ROW)
    assert isinstance(margin, Contributions)
    assert margin.difference < 1e-6
    pretends = replaced(likes, spec=replace(likes.spec, output="probability"))
    with pytest.raises(OperationError, match="contributions add up to 0"):
        contributions(tea_folder, tea_bundle, pretends, ROW)


def test_contributions_that_do_not_add_up_are_not_shown(
    tea_bundle: Bundle, tea_folder: Path, loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = lightgbm_room.load

    def off(data: bytes, output: str, n_inputs: int) -> object:
        native = own(data, output, n_inputs)
        assert native.contributions
        return replaced(native, contributions=lambda rows: native.contributions(rows) + 0.001)  # type: ignore[misc]

    monkeypatch.setattr(lightgbm_room, "load", off)
    with pytest.raises(OperationError, match="This is a bug"):
        contributions(tea_folder, tea_bundle, model_of(loaded, "for-you"), ROW)


def learnt() -> tuple[Array, Array]:
    """Rows of the shelf's inputs, and who likes: by affinity and by what was viewed."""
    rows = np.random.default_rng(5).random((300, len(ROW))) * [1, 1, 5, 9, 9, 60]
    return rows, rows[:, 0] + rows[:, 2] / 5 > 1


def shelf_by(tea_folder: Path, folder: Path, library: str, data: bytes, output: str) -> Path:
    """The tea shop, its shelf sorted by another model; the folder of its sources."""
    shutil.copytree(tea_folder, folder)
    (folder / "models/likes.trained").write_bytes(data)
    model, lock = folder / "models/likes.toml", folder / "models.lock"
    words = {"lightgbm": library, "likes.txt": "likes.trained", 'output = "margin"': f'output = "{output}"'}
    for old, new in words.items():
        model.write_text(model.read_text().replace(old, new))
    lock.write_text(f"{lock.read_text()}{hashlib.sha256(data).hexdigest()}  models/likes.trained\n")
    return folder


def test_trees_of_xgboost_are_explained_too(tea_folder: Path, tmp_path: Path) -> None:
    told = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    data = bytes(xgboost.train(told, xgboost.DMatrix(*learnt()), 8).save_raw("json"))
    folder = shelf_by(tea_folder, tmp_path / "tea", "xgboost", data, "margin")
    bundle = build(folder).bundle
    added = contributions(folder, bundle, model_of(load(bundle), "for-you"), ROW)
    assert added.base + sum(added.inputs.values()) == pytest.approx(added.score, abs=1e-5)
    assert abs(added.inputs["affinity"]) > 0.1 > abs(added.inputs["orders"])


@pytest.fixture(scope="module", params=["forest", "boosting"])
def sklearn_shop(
    request: pytest.FixtureRequest, tea_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Bundle, str]:
    """Sources and bundle of a shop that sorts by a probability, and what its contributions add up to."""
    model, adds_up_to = {
        "forest": (RandomForestClassifier(6, max_depth=4, random_state=1), "probability"),
        "boosting": (HistGradientBoostingClassifier(max_iter=6, random_state=1), "margin"),
    }[request.param]
    file = io.BytesIO()
    joblib.dump(model.fit(*learnt()), file)
    folder = tmp_path_factory.mktemp(request.param) / "tea"
    shelf_by(tea_folder, folder, "sklearn", file.getvalue(), "probability")
    return folder, build(folder).bundle, adds_up_to


def test_trees_of_sklearn_add_up_in_their_own_space(sklearn_shop: tuple[Path, Bundle, str]) -> None:
    folder, bundle, adds_up_to = sklearn_shop
    added = contributions(folder, bundle, model_of(load(bundle), "for-you"), ROW)
    assert added.adds_up_to == adds_up_to
    assert added.base + sum(added.inputs.values()) == pytest.approx(added.total, abs=1e-12)
    wanted = added.total if adds_up_to == "probability" else 1 / (1 + math.exp(-added.total))
    assert added.score == pytest.approx(wanted, abs=1e-6)
    assert abs(added.inputs["affinity"]) > 0.1 > abs(added.inputs["orders"])


def test_a_sum_in_the_wrong_space_is_not_shown(
    sklearn_shop: tuple[Path, Bundle, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, bundle, adds_up_to = sklearn_shop
    own = sklearn_room.load
    (wrong,) = {"margin", "probability"} - {adds_up_to}
    monkeypatch.setattr(sklearn_room, "load", lambda *told: replaced(own(*told), adds_up_to=wrong))
    with pytest.raises(OperationError, match="This is a bug"):
        contributions(folder, bundle, model_of(load(bundle), "for-you"), ROW)


def test_people_read_what_it_is_that_adds_up(
    sklearn_shop: tuple[Path, Bundle, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, bundle, adds_up_to = sklearn_shop
    text = told_of(folder, bundle, tmp_path, capsys)
    (other,) = {"margin", "probability"} - {adds_up_to}
    assert re.search(rf"\n    {adds_up_to} -?[\d.]+ = [+-][\d.]+ for anybody\n    [+-][\d.]+ by ", text)
    assert f" {other} " not in text


def test_a_probability_that_is_calibrated_afterwards_is_told_as_such(
    tea_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = io.BytesIO()
    joblib.dump(RandomForestClassifier(6, max_depth=4, random_state=1).fit(*learnt()), file)
    folder = shelf_by(tea_folder, tmp_path / "tea", "sklearn", file.getvalue(), "probability")
    line, lock, model = b"output,probability\n0,0.1\n1,0.3\n", folder / "models.lock", folder / "models/likes.toml"
    (folder / "models/likes.csv").write_bytes(line)
    lock.write_text(f"{lock.read_text()}{hashlib.sha256(line).hexdigest()}  models/likes.csv\n")
    model.write_text(model.read_text().replace("[inputs]", 'calibration = "models/likes.csv"\n[inputs]', 1))
    text = told_of(folder, build(folder).bundle, tmp_path, capsys)
    assert re.search(r"\n    probability before calibration 0[\d.]+ = [+-][\d.]+ for anybody\n", text)


def test_without_shap_all_else_is_told(
    sklearn_shop: tuple[Path, Bundle, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    text = told_of(*sklearn_shop[:2], tmp_path, capsys)
    assert (
        "not all can be told: model likes: explaining scikit-learn's trees needs shap, which is not installed:"
        " pip install 'edgewise[shap]'\n"
    ) in text
    assert "    affinity = 0" in text
    assert "for anybody" not in text


def told_of(folder: Path, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What `edgewise explain` says of a shelf."""
    (tmp_path / "bundle.zip").write_bytes(write_file(bundle))
    keep(tmp_path / "shelf.rec", record_of(load(bundle), 1))
    words = ["--decision", "r1.for-you", "--bundle", str(tmp_path / "bundle.zip"), "--sources", str(folder)]
    assert main(["explain", str(tmp_path / "shelf.rec"), *words]) == 0
    return capsys.readouterr().out


def test_other_models_offer_none_and_say_so(
    shop: Path, tea_bundle: Bundle, tea_folder: Path, loaded: LoadedBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotOfferedError):
        contributions(tea_folder, tea_bundle, model_of(loaded, "hero"), np.zeros(3, dtype=np.float32))
    text = explained(shop, capsys, "--decision", "r1.hero", "--sources", str(tea_folder))
    assert "not all can be told: for sklearn models like story no exact contributions are offered" in text
    assert "    weight = " in text


def test_a_model_without_contributions_does_not_hide_those_of_others(
    tea_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = io.BytesIO()
    joblib.dump(make_pipeline(SimpleImputer(), LogisticRegression()).fit(*learnt()), file)
    folder = shelf_by(tea_folder, tmp_path / "tea", "sklearn", file.getvalue(), "probability")
    (folder / "models/trees.toml").write_text((tea_folder / "models/likes.toml").read_text())
    slot = folder / "slots/for-you.toml"
    slot.write_text(slot.read_text().replace('model = "likes"', 'model = "likes"\nother_models = ["trees"]'))
    text = told_of(folder, build(folder).bundle, tmp_path, capsys)
    assert "not all can be told: for sklearn models like likes no exact contributions are offered" in text
    assert re.search(r"\n    margin -?[\d.]+ = [+-][\d.]+ for anybody\n", text)


def test_contributions_come_from_the_file_that_the_bundle_was_made_of(
    shop: Path, tea_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(tea_folder, tmp_path / "tea"))
    file = other / "models/likes.txt"
    file.write_text(file.read_text().replace("tree\n", "tree\n\n", 1))
    told = explained(shop, capsys, "--decision", "r1.for-you", "--sources", str(other), code=4)
    assert "is not the file that this bundle was made from" in told


def test_a_page_without_consent_is_told(shop: Path, loaded: LoadedBundle, capsys: pytest.CaptureFixture[str]) -> None:
    keep(shop / "anonymous.rec", record_of(loaded, 1, granted=(), units={}))
    words = ["--decision", "r1.for-you", "--bundle", str(shop / "bundle.zip")]
    assert main(["explain", str(shop / "anonymous.rec"), *words]) == 0
    text = capsys.readouterr().out
    assert "because the visitor has not granted a purpose that the slot needs" in text
    assert "gate: granted nothing; nobody in particular: no unit, so no assignment" in text
    assert "visitor.orders WITHHELD = 0\n" in text


def test_masked_values_and_missing_deltas_are_told(
    shop: Path, loaded: LoadedBundle, tea_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = record_of(loaded, 1)
    held = {name: value for name, value in record.visitor.items() if name != "orders"}
    keep(shop / "masked.rec", sealed(replace(record, visitor=held, masked=("visitor.orders",))))
    words = ["--decision", "r1.for-you", "--registry", str(shop / "registry")]
    assert main(["explain", str(shop / "masked.rec"), *words, "--sources", str(tea_folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problem"] == "the record does not hold visitor.orders"
    assert report["contributions"] == []
    write_recording(shop / "short.rec", [Recording(records=(record,))])
    assert main(["explain", str(shop / "short.rec"), *words]) == 0
    assert "not all can be told: the recording lacks delta 1 of table teas" in capsys.readouterr().out


def test_a_masked_value_that_no_input_reads_hides_no_contributions(
    shop: Path, loaded: LoadedBundle, tea_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read = {f"{root}.{field}" for each in model_of(loaded, "for-you").inputs for root, field in each.reads}
    unread = next(name for spec in loaded.schema.features if (name := f"{spec.root}.{spec.name}") not in read)
    keep(shop / "unread.rec", sealed(replace(record_of(loaded, 1), masked=(unread,))))
    words = ["--decision", "r1.for-you", "--registry", str(shop / "registry"), "--sources", str(tea_folder), "--json"]
    assert main(["explain", str(shop / "unread.rec"), *words]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problem"] == f"the record does not hold {unread}"
    assert [added["model"] for added in report["contributions"]] == ["likes"]
    assert report["details"]["is_same"] is True


@pytest.mark.parametrize(
    ("decision", "code", "told"),
    [
        ("nobody.hero", 4, "has no decision nobody.hero: records come seconds after answers"),
        ("nobody", 4, "an id is written as an answer's `decision_id`, such as 3f0c.hero"),
        ("r1.heron", 2, "page r1 has no slot heron: type --decision r1.hero; it has `hero`, `for-you` and `delivery`"),
        ("r1.zz", 2, "page r1 has no slot zz: type --decision r1.hero; it has `hero`, `for-you` and `delivery`"),
        (
            "r1",
            2,
            "r1 is a page, and one of its slots is explained: type --decision r1.hero; it has `hero`, `for-you` and",
        ),
        ("r1.", 2, "type --decision r1.hero"),
    ],
)
def test_an_unknown_decision_is_told(
    decision: str, code: int, told: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in explained(shop, capsys, "--decision", decision, code=code)


def test_an_altered_record_explains_nothing(
    shop: Path, loaded: LoadedBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(shop / "altered.rec", replace(record_of(loaded, 1), node="x"))
    words = ["--decision", "r1.hero", "--bundle", str(shop / "bundle.zip")]
    assert main(["explain", str(shop / "altered.rec"), *words]) == 2
    assert "r1.hero explains nothing: the record was altered" in capsys.readouterr().err


def test_without_its_bundle_no_reason_is_guessed(
    shop: Path, loaded: LoadedBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    record = record_of(loaded, 1)
    keep(shop / "foreign.rec", sealed(replace(record, revision="sha256:0")))
    trace, answer = record.result.traces[1], record.result.decisions[1].answer
    beaten = next(item for item in trace.survivors if item not in answer)
    words = ["--decision", "r1.for-you", "--candidate", beaten, "--bundle", str(shop / "bundle.zip")]
    assert main(["explain", str(shop / "foreign.rec"), *words]) == 0
    value = trace.values[trace.survivors.index(beaten)]
    assert f"\n{beaten} was a candidate with value {value:.6g}, ranked " in capsys.readouterr().out


def test_without_its_bundle_the_trace_is_told(
    shop: Path, loaded: LoadedBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(shop / "elsewhere.rec", sealed(replace(record_of(loaded, 1), revision="sha256:0")))
    words = ["--decision", "r1.hero", "--bundle", str(shop / "bundle.zip")]
    assert main(["explain", str(shop / "elsewhere.rec"), *words]) == 0
    text = capsys.readouterr().out
    assert text.startswith("hero: ")
    assert text.endswith("sha256:0 was not given: name its file with --bundle, or a --registry that has it\n")
