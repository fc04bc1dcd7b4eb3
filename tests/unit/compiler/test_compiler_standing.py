"""One run tells every problem of a bundle, and none that only follows from another one."""

import shutil
from pathlib import Path

import pytest

from compiler.build import check
from compiler.diagnostics import CompileError

LAX = 'purposes = ["personalisation"]'
CASES = "[a]\nslot = 'delivery'\nexpect = { tier = 'model' }\n[b]\nslot = 'for-you'\nexpect = { first = 'zzz' }\n"
DELIVERY, SHELF = ("tests/more.toml", 3, "E112"), ("tests/more.toml", 6, "E501")
CONSENT = "E504"


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    """The tea shop: its shelf requires no purpose, and two of its cases are wrong."""
    folder = Path(shutil.copytree(tea_folder, tmp_path / "tea"))
    edit(folder / "slots/for-you.toml", LAX, "purposes = []")
    (folder / "tests/more.toml").write_text(CASES)
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def found(folder: Path) -> set[tuple[str, int, str]]:
    with pytest.raises(CompileError) as caught:
        check(folder)
    return {(each.file, each.line, each.code) for each in caught.value.problems}


def codes(problems: set[tuple[str, int, str]]) -> set[str]:
    return {code for _, _, code in problems}


def test_proofs_and_cases_are_told_together(tea: Path) -> None:
    problems = found(tea)
    assert codes(problems) == {CONSENT, "E112", "E501"}
    assert {DELIVERY, SHELF} < problems


def test_a_rule_that_cannot_be_checked_hides_no_other_slot(tea: Path) -> None:
    edit(tea / "slots/delivery.toml", "expr = 'item.text'", "expr = 'item.txt'")
    problems = found(tea)
    assert codes(problems) == {"E203", CONSENT, "E112", "E501"}
    assert {DELIVERY, SHELF} < problems


def test_a_rule_that_cannot_be_checked_is_no_proof_of_its_slot(tea: Path) -> None:
    edit(tea / "rules/guards.toml", "item.stock > 0", "item.stok > 0")
    assert codes(found(tea)) == {"E203", "E112", "E501"}


def test_a_slot_file_that_is_wrong_is_not_judged_further_and_the_others_are(tea: Path) -> None:
    edit(tea / "slots/delivery.toml", "component", "komponent")
    problems = found(tea)
    assert codes(problems) == {"E104", "E105", CONSENT, "E501"}
    assert SHELF in problems


def test_a_slot_without_a_table_leaves_no_case_of_its_rules_to_read(tea: Path) -> None:
    (tea / "tests/rules.toml").write_text("[c]\nrule = 'in_stock'\nexpect = { value = true }\n")
    edit(tea / "slots/for-you.toml", 'table = "teas"\n', "")
    assert "E105" in codes(found(tea))


@pytest.mark.parametrize("text", [b"kind = 'choice\n", b"kind = '\xff'\n"], ids=["no TOML", "no UTF-8"])
def test_a_slot_file_that_cannot_be_read_is_still_a_slot(tea: Path, text: bytes) -> None:
    (tea / "slots/delivery.toml").write_bytes(text)
    problems = found(tea)
    assert codes(problems) - {"E102", "E103"} == {CONSENT, "E501"}
    assert len([code for _, _, code in problems if code in ("E102", "E103")]) == 1


def test_rules_that_cannot_be_read_are_not_called_unknown(tea: Path) -> None:
    (tea / "rules/guards.toml").write_text("[in_stock\n")
    edit(tea / "slots/delivery.toml", "expr = 'item.text'", "expr = 'item.txt'")
    assert codes(found(tea)) == {"E102", "E203"}


def test_a_model_that_cannot_be_read_is_still_a_model(tea: Path) -> None:
    (tea / "models/likes.toml").write_text("exporter = \n")
    assert codes(found(tea)) == {"E102", "E112", "E501"}


def test_rows_that_are_wrong_hide_cases_and_the_slots_of_their_table(tea: Path) -> None:
    (tea / "data/teas.csv").write_text("id,title\nt-01\n")
    assert codes(found(tea)) == {"E304", "E305"}


def test_declarations_that_are_wrong_hide_what_rests_on_them(tea: Path) -> None:
    edit(tea / "edgewise.toml", 'max_staleness = "8d"', 'max_staleness = "8 days"')
    assert codes(found(tea)) == {"E108"}


def test_what_nothing_uses_is_told_only_of_a_whole_bundle(tea: Path) -> None:
    edit(tea / "slots/for-you.toml", "purposes = []", LAX)
    (tea / "tests/more.toml").unlink()
    (tea / "rules/more.toml").write_text("[spare]\nexpr = 'item.price > 3'\n[wrong]\nexpr = 'item.prize > 3'\n")
    assert codes(found(tea)) == {"E203"}
    (tea / "rules/more.toml").write_text("[spare]\nexpr = 'item.price > 3'\n")
    assert [each.code for each in check(tea).warnings] == ["W606"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('price = { type = "int", live = true', 'price = { type = "money", default = 3, live = true'),
        ('caffeine = { type = "double"', "caffeine = { live = true"),
        ('[visitor.orders]\ntype = "int"', '[visitor.orders]\ntype = "float"'),
        ('[visitor_state.viewed_kinds]\ntype = "numbers"', '[visitor_state.viewed_kinds]\ntype = "float"'),
    ],
)
def test_a_type_that_nobody_knows_is_one_problem(tea: Path, old: str, new: str) -> None:
    edit(tea / "edgewise.toml", old, new)
    assert len(found(tea)) == 1
