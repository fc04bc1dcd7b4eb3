"""The how-tos on rules are true: what they say to write is written, what to run is run, what they show is compared.

In the order of a page: a `toml`, `json` or `csv` block is added to the file that its fence names, a `diff` block is
applied to its file, the commands of a `sh` block are run, and a `text` block is what the last of them prints. A command
that fails must be followed by what it prints. What asks a running node is only compared with the reference.
"""

import argparse
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from compiler.reading.givens import Circumstances, Given, Signal
from compiler.reading.slot_cases import SlotExpectation
from deploy.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
TASKS = (
    "write-a-guardrail",
    "test-a-rule",
    "debug-a-rule",
    "hold-out-and-experiment",
    "retrieve-candidates",
    "score-with-models",
)
PAGES = [ROOT / f"docs/how-to/{task}.md" for task in TASKS]
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"http://127\.0\.0\.1:\d+(/[\w/]*/)[A-Z_]+")


@pytest.fixture
def shop(tea_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands run, with a trained tea shop of its own."""
    shutil.copytree(tea_folder, tmp_path / "tea")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Language, file and text of each fenced block."""
    for found in _BLOCK.finditer(page.read_text()):
        yield found[1], found[2] or "", found[3]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_how_to_is_true_from_top_to_bottom(page: Path, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = 0, ""
    for language, file, text in blocks(page):
        if language == "text":
            assert printed == text
            code = 0
            continue
        assert code == 0, f"before this block a command fails, and the page does not show how: {text}"
        if language != "sh":
            write(shop / file, language, text)
        for line in text.splitlines() if language == "sh" else ():
            assert code == 0, line
            code = run(line)
            captured = capsys.readouterr()
            printed = captured.out + captured.err
    assert code == 0


def write(file: Path, language: str, text: str) -> None:
    """Adds a block to its file; a `diff` replaces the lines with `-` by those with `+`."""
    if language != "diff":
        assert language in ("toml", "json", "csv")
        file.write_text((file.read_text() if file.exists() else "") + text)
        return
    old, new = ("".join(line[1:] for line in text.splitlines(True) if line[0] == sign) for sign in "-+")
    before = file.read_text()
    assert before.count(old) == 1
    file.write_text(before.replace(old, new))


def run(line: str) -> int:
    """Runs a command, unless it needs a running node: its options or its endpoint must then exist."""
    words = shlex.split(line)
    if words[0] == "curl":
        reference = (ROOT / "docs/reference/http.md").read_text()
        assert all(path in reference for path in _PATH.findall(line))
        return 0 if _PATH.search(line) else 1
    assert words[0] == "edgewise"
    if "http://" not in line:
        return main(words[1:])
    parser = argparse.ArgumentParser()
    import_module(f"deploy.commands.{words[1]}").configure(parser)
    parser.parse_args(words[2:])
    return 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_how_to_is_short(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 220


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_commands_in_sentences_exist(page: Path, shop: Path) -> None:
    sentences = _BLOCK.sub("", page.read_text())
    written = {file for _, file, _ in blocks(page)}
    for file in re.findall(r"`(tea/[\w./-]+\.\w+)`", sentences):
        assert file in written or (shop / file).exists(), file
    for command in re.findall(r"`edgewise (\w+)", sentences):
        assert command in COMMANDS


def test_everything_that_a_case_can_say_is_explained() -> None:
    text = (ROOT / "docs/how-to/test-a-rule.md").read_text()
    given = [each.name for kind in (Given, Circumstances, SlotExpectation) for each in fields(kind)]
    for key in (
        *given,
        *Signal,
        "slot",
        "rule",
        "description",
        "candidates",
        "items",
        "item",
        "score",
        "scores",
        "value",
        "error",
    ):
        assert f"`{key}`" in text or re.search(rf"^{key} = |\{{ {key} = ", text, re.MULTILINE), key
