"""README, tutorial and reference say what is true: commands run, links lead somewhere, every part is mentioned."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_the_readme_fits_two_screens_and_shows_the_map() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 110
    for part in (
        "make run",
        "make test",
        "images/storefront.jpg)",
        *(f"{name}/" for name in ("contracts", "engine", "compiler", "edge")),
    ):
        assert part in text


def test_the_readme_leads_to_every_how_to() -> None:
    text = (ROOT / "README.md").read_text()
    guides = sorted((ROOT / "docs/how-to").glob("*.md"))
    assert [guide.name for guide in guides if f"(docs/how-to/{guide.name})" not in text] == []
    assert len(guides) > 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_in_documents_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z]+)", page.read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs/reference/commands.md").read_text()
    for command in COMMANDS:
        assert f"## edgewise {command}" in text


def test_nothing_names_this_machine() -> None:
    files = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True).stdout.split()
    for name in files:
        if (
            name.endswith((".md", ".py", ".toml", ".txt", "Makefile", ".js", ".html", ".css"))
            and "handbook" not in name
        ):
            text = (ROOT / name).read_text(errors="replace")
            assert not re.search(r"/work/|/opt/pypi|/tmp/scratch|index-url", text), name
