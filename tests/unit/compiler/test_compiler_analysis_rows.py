"""What is said of rules, seen with the rows that the catalog has now."""

import shutil
from pathlib import Path

import pytest

from compiler.build import check


@pytest.fixture
def folder(tea_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tea_folder, tmp_path / "tea"))


def warnings(folder: Path, text: str) -> list[tuple[str, str, str]]:
    (folder / "rules/more.toml").write_text(f"[extra]\nexpr = '''{text}'''\n")
    slot = folder / "slots/for-you.toml"
    written = slot.read_text(encoding="utf-8")
    assert 'guards = ["' in written
    slot.write_text(written.replace('guards = ["', 'guards = ["extra", "'), encoding="utf-8")
    return [(each.code, each.message, each.hint) for each in check(folder).warnings]


@pytest.mark.parametrize("text", ['item.kind != "gren"', '!("gren" == item.kind)', '!(item.kind in ["gren", "black"])'])
def test_a_value_that_no_item_has_is_found(folder: Path, text: str) -> None:
    assert warnings(folder, text) == [("W612", 'no item of `teas` has "gren" in `kind`', "did you mean `green`?")]


def test_a_value_of_a_list_that_no_item_has_is_found(folder: Path) -> None:
    ((code, message, hint),) = warnings(folder, '!("smokey" in item.tags)')
    assert (code, hint) == ("W612", "did you mean `smoky`?")
    assert "tags" in message


def test_a_guardrail_that_no_item_passes_is_found(folder: Path) -> None:
    blocking, misspelt = warnings(folder, 'item.kind == "gren"')
    assert misspelt[0] == "W612"
    assert blocking[:2] == ("W613", "guardrail `extra` blocks all 24 items that `teas` has now")


def test_macros_that_long_lists_bring_to_their_limit_are_found(folder: Path) -> None:
    text = "!visitor.own_teas.exists(a, visitor.own_teas.exists(b, a + b == item.id))"
    assert [code for code, _, _ in warnings(folder, text)] == ["W614"]


@pytest.mark.parametrize(
    "text",
    [
        'item.kind != "green"',
        'request.device == "phone" || item.price > 0',
        "item.stock >= 0 && item.price > 100",
        "!visitor.own_teas.exists(a, a == item.id)",
        'item.kind != ""',
        "100.0 / double(item.caffeine) >= 0.0",
    ],
)
def test_what_rows_bear_out_is_left_alone(folder: Path, text: str) -> None:
    assert warnings(folder, text) == []
