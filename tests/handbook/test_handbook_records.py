"""The how-tos on records are true: their commands are run on a recording of the tea shop, their outputs compared.

Blocks mean what `test_handbook_how_to` says. `monday.rec` is there already: fetching it needs an origin.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
from records import DELTAS, record_of
from test_handbook_how_to import blocks, run, write

from contracts.bundle import Bundle
from contracts.decision import Tier
from contracts.record import Recording
from deploy.cli import COMMANDS
from deploy.commands.replay import _text
from deploy.replays.jobs import ReplayReport
from deploy.replays.recording_files import write_recording
from engine.load import load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / f"docs/how-to/{task}.md" for task in ("replay-decisions", "explain-a-decision")]


@pytest.fixture
def shop(tea_folder: Path, tea_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands run: a trained tea shop, and a recording of it."""
    shutil.copytree(tea_folder, tmp_path / "tea")
    loaded = load(tea_bundle)
    records = tuple(record_of(loaded, number) for number in range(40))
    write_recording(tmp_path / "monday.rec", [Recording(records=records, deltas=DELTAS, epoch="e")])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def play(page: Path, shop: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Runs a page from top to bottom. Returns what its commands printed."""
    printed: list[str] = []
    for language, file, text in blocks(page):
        if language == "text":
            assert printed[-1] == text
        elif language == "sh":
            for line in text.splitlines():
                assert run(line) == 0, line
                printed.append(capsys.readouterr().out)
        elif language != "toml":
            write(shop / file, language, text)
    return printed


def test_the_page_on_replays_is_true(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(play(PAGES[0], shop, capsys)[-1])
    shelf = told["slots"]["for-you"]
    assert shelf["changed"] == shelf["lost"]["t-07"] == shelf["stages"]["guard"] >= 30
    assert any("now t-07 was blocked by above_margin_floor" in example["why"] for example in told["examples"])


def test_the_page_on_explanations_is_true(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *_, text, told = play(PAGES[1], shop, capsys)
    assert "\nt-04 was blocked by in_stock\n" in text or "\nt-04 was retrieved by no generator\n" in text
    assert "gate: granted personalisation\n" in text
    report = json.loads(told)
    assert report["decision"]["tier"] == Tier.MODEL
    (added,) = report["contributions"]
    score = report["details"]["candidates"][0]["score"]
    assert added["base"] + sum(added["inputs"].values()) == pytest.approx(score, abs=1e-6)


def test_the_table_of_outcomes_has_every_one() -> None:
    page = PAGES[0].read_text()
    for outcome in ("identical", "identical from recorded scores", "different"):
        assert f"\n| {outcome} | " in page
        report = ReplayReport(records=1, outcomes={outcome: 1}, stages={}, score_difference=None, differences=())
        assert f"1 of 1 {outcome}" in _text(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_exists(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 120
    for command in re.findall(r"`edgewise (\w+)", page.read_text()):
        assert command in COMMANDS
    for module in re.findall(r"python -m ([\w.]+)", page.read_text()):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()
