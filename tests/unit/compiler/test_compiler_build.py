import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.build import build, check, without_models
from compiler.diagnostics import CompileError
from compiler.exporters import Native
from compiler.exporters import lightgbm as lightgbm_room
from contracts.bundle import Bundle, Certificates, ModelSet, read_file, write_file
from contracts.fallback import FallbackTable
from contracts.rule_ir import RuleIR
from engine.load import load


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tea_folder, tmp_path / "elsewhere/tea"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_same_sources_in_two_folders_give_the_same_bytes(tea_bundle: Bundle, tea: Path) -> None:
    again = build(tea).bundle
    assert again.revision == tea_bundle.revision
    assert write_file(again) == write_file(tea_bundle)


def test_stages_are_told_in_order_and_timed(tea: Path) -> None:
    told: list[str] = []
    report = build(tea, told.append).report
    assert told == ["check", "prove", "export", "model parity", "precompute", "pack"]
    assert list(report.stage_s) == told


def test_the_report_measures_what_the_bundle_certifies(tea: Path) -> None:
    built = build(tea)
    certificates = built.bundle.read("certificates", Certificates).parity
    assert [(one.name, one.points) for one in built.report.models] == [(one.model, one.points) for one in certificates]
    assert all(one.largest_difference <= 1e-5 for one in built.report.models)
    assert [one.verdict for one in certificates] == ["equal", "equal"]
    digests = dict(line.split("  ")[::-1] for line in (tea / "models.lock").read_text().splitlines())
    assert {one.source_digest for one in certificates} == set(digests.values())
    assert built.report.revision == built.bundle.revision
    assert (built.report.fallback_rows, built.report.empty_fallback_rows) == (11, 0)


def test_a_model_that_scores_otherwise_than_its_export_gives_no_bundle(
    tea: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = lightgbm_room.load

    def off(data: bytes, output: str, n_inputs: int) -> Native:
        native = own(data, output, n_inputs)
        return replace(native, predict=lambda rows: native.predict(rows) + 0.0001 * (rows[:, 3] > 4.5))

    monkeypatch.setattr(lightgbm_room, "load", off)
    with pytest.raises(CompileError, match=r"likes\.txt answers otherwise in ONNX"):
        build(tea)


def test_a_built_bundle_survives_its_file_and_is_runnable(tea_bundle: Bundle) -> None:
    loaded = load(read_file(write_file(tea_bundle)))
    assert list(loaded.slots) == ["delivery", "for-you", "hero"]
    assert all(slot.model.scorer is not None for slot in loaded.slots.values() if slot.model is not None)


def test_rules_that_no_slot_uses_are_checked_but_not_shipped(tea: Path) -> None:
    (tea / "rules/spare.toml").write_text("[spare]\nexpr = 'item.price > 5'\n")
    assert "spare" not in build(tea).bundle.read("rules", RuleIR).rules
    (tea / "rules/spare.toml").write_text("[spare]\nexpr = 'item.prize > 5'\n")
    with pytest.raises(CompileError, match="prize"):
        build(tea)


def test_before_training_inputs_are_lowered_and_no_model_file_is_read(tea: Path) -> None:
    shutil.rmtree(tea / "models.lock", ignore_errors=True)
    for file in ("models.lock", "models/likes.txt", "models/story.joblib"):
        (tea / file).unlink()
    bundle = without_models(tea)
    assert not [name for name in bundle.sections if name.startswith("model/")]
    loaded = load(bundle)
    model = loaded.slots["for-you"].model
    assert model is not None
    assert model.scorer is None
    assert [each.name for each in model.inputs] == ["affinity", "is_own", "viewed", "orders", "price", "caffeine"]
    assert bundle.read("models", ModelSet).models[0].name == "likes"


def test_a_model_file_that_the_lock_does_not_mean_is_refused(tea: Path) -> None:
    file = tea / "models/likes.txt"
    expected = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(file.read_bytes() + b"\n")
    actual = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(CompileError) as refused:
        build(tea)
    assert str(refused.value) == (
        "models/likes.toml:3:8: E403: models/likes.txt is not the file that models.lock names: "
        f"its SHA-256 is {actual}, expected {expected}\n"
        '  | file = "models/likes.txt"\n  |        ^\n  = run train.py, or restore the file'
    )


def test_untrained_models_are_all_named(tea: Path) -> None:
    (tea / "models/likes.txt").unlink()
    edit(tea / "models.lock", "models/story.joblib", "models/other.joblib")
    with pytest.raises(CompileError) as refused:
        build(tea)
    assert str(refused.value) == (
        "models/likes.toml:3:8: E401: there is no model file models/likes.txt\n"
        '  | file = "models/likes.txt"\n  |        ^\n  = run train.py: `build` never trains\n\n'
        "models/story.toml:3:8: E402: models.lock does not name models/story.joblib\n"
        '  | file = "models/story.joblib"\n  |        ^\n  = run train.py: it writes the models and models.lock'
    )


def test_a_model_whose_inputs_do_not_match_is_refused(tea: Path) -> None:
    edit(tea / "models/likes.toml", "caffeine = 'item.caffeine'\n", "")
    with pytest.raises(CompileError) as refused:
        build(tea)
    (problem,) = refused.value.problems
    assert (problem.file, problem.code) == ("models/likes.toml", "E405")
    assert problem.message == (
        "models/likes.txt was trained on 6 inputs, [inputs] declares 5: "
        "`affinity`, `is_own`, `viewed`, `orders` and `price`"
    )


def test_inputs_in_another_order_than_training_are_refused(tea: Path) -> None:
    file = tea / "models/likes.txt"
    edit(file, "Column_0 Column_1 Column_2 Column_3 Column_4 Column_5", "affinity is_own orders viewed price caffeine")
    relock(tea)
    with pytest.raises(CompileError) as refused:
        build(tea)
    assert [(one.line, one.code, one.message) for one in refused.value.problems] == [
        (9, "E405", "this input is `viewed`, models/likes.txt was trained on `orders` in its place"),
        (10, "E405", "this input is `orders`, models/likes.txt was trained on `viewed` in its place"),
    ]


def test_a_file_of_another_library_is_refused_with_advice(tea: Path) -> None:
    (tea / "models/likes.txt").write_text("scikit-learn")
    relock(tea)
    with pytest.raises(CompileError) as refused:
        build(tea)
    assert str(refused.value) == (
        "models/likes.toml:3:8: E404: models/likes.txt cannot be exported: this is no LightGBM text model\n"
        '  | file = "models/likes.txt"\n  |        ^\n  = write it with `Booster.save_model(file)`'
    )


def test_problems_of_config_rules_and_rows_come_in_one_run(tea: Path) -> None:
    edit(tea / "slots/delivery.toml", 'sticky = "request"', 'sticky = "reqest"')
    edit(tea / "rules/guards.toml", "item.stock > 0", "item.stok > 0")
    edit(tea / "data/teas.csv", "black,590,300", "black,,300")
    with pytest.raises(CompileError) as refused:
        check(tea)
    found = {(one.file, one.line) for one in refused.value.problems}
    assert found == {("slots/delivery.toml", 4), ("rules/guards.toml", 3), ("data/teas.csv", 2)}


def test_check_needs_no_models_and_proves_what_build_proves(tea: Path) -> None:
    (tea / "models.lock").unlink()
    assert set(check(tea).sources.slots) == {"hero", "for-you", "delivery"}
    edit(tea / "slots/hero.toml", 'purposes = ["personalisation"]\n', "")
    with pytest.raises(CompileError, match="E504"):
        check(tea)


def test_fallbacks_are_computed_for_the_declared_instant(tea_bundle: Bundle) -> None:
    assert tea_bundle.read("fallbacks", FallbackTable).now == 1_767_600_000_000_000


def relock(folder: Path) -> None:
    files = ("models/likes.txt", "models/story.joblib")
    lines = [f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in files]
    (folder / "models.lock").write_text("".join(lines))
