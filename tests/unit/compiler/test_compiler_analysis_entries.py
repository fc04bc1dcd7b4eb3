"""Guardrails that read entries of maps and lists: asked first, read with a default, or told."""

import shutil
from pathlib import Path

import pytest

from compiler.build import check


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tea_folder, tmp_path / "tea"))


def told(folder: Path, text: str) -> list[str]:
    """The messages about entries when this is one more guardrail of the shelf."""
    (folder / "rules/more.toml").write_text(f"[extra]\nexpr = '''{text}'''\n")
    shelf = folder / "slots/for-you.toml"
    shelf.write_text(shelf.read_text().replace('"not_in_cart"]', '"not_in_cart", "extra"]'))
    return [each.message for each in check(folder).warnings if each.code == "W617"]


@pytest.mark.parametrize(
    "text",
    [
        "item.kind in visitor.affinity && visitor.affinity[item.kind] > 0.1",
        "visitor.affinity[item.kind] > 0.1 && item.kind in visitor.affinity",
        "!(item.kind in visitor.affinity) || visitor.affinity[item.kind] > 0.1",
        "!(item.kind in visitor.affinity && item.price > 3) || visitor.affinity[item.kind] > 0.1",
        "item.kind in visitor.affinity ? visitor.affinity[item.kind] > 0.1 : item.price > 3",
        "has(visitor.affinity.green) && visitor.affinity.green > 0.1",
        "has(visitor.affinity.green) && visitor.affinity['green'] > 0.1",
        "get(visitor.affinity, item.kind, 0.0) > 0.1",
        "visitor.affinity[?item.kind].orValue(0.0) > 0.1",
        "visitor.affinity.exists(kind, visitor.affinity[kind] > 0.9)",
        "size(visitor.own_teas) > 0 && visitor.own_teas[0] != item.id",
        "visitor.own_teas.size() == 0 || visitor.own_teas[0] != item.id",
        "{'green': 1}[item.kind] == 1",
    ],
)
def test_what_is_asked_for_may_be_read(tea: Path, text: str) -> None:
    assert told(tea, text) == []


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("visitor.affinity[item.kind] > 0.1", "visitor.affinity[item.kind]"),
        ("item.kind in visitor.affinity || visitor.affinity[item.kind] > 0.1", "visitor.affinity[item.kind]"),
        ("item.title in visitor.affinity && visitor.affinity[item.kind] > 0.1", "visitor.affinity[item.kind]"),
        ("item.kind in item.notes && visitor.affinity[item.kind] > 0.1", "visitor.affinity[item.kind]"),
        ("item.kind in visitor.affinity ? item.price > 3 : visitor.affinity[item.kind] > 0.1", None),
        ("visitor.affinity.green > 0.1", 'visitor.affinity["green"]'),
        ("item.notes[item.tags[0]] > 0.1 && size(item.tags) > 0", "item.notes[item.tags[0]]"),
        ("visitor.own_teas[0] != item.id", "visitor.own_teas[0]"),
    ],
)
def test_what_is_not_asked_for_is_told(tea: Path, text: str, read: str | None) -> None:
    (message,) = told(tea, text)
    where = read or "visitor.affinity[item.kind]"
    assert message == f"guardrail `extra` reads `{where}`, which may be absent: the item is blocked then"


def test_only_guardrails_are_warned(tea: Path) -> None:
    assert "visitor.affinity[item.kind]" in (tea / "models/likes.toml").read_text()
    assert check(tea).warnings == ()
