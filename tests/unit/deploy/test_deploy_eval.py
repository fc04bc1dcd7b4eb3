import json
import shutil
from pathlib import Path

import pytest

from deploy.cli import main

VALUES = {
    "now": "2017-11-20T14:00:00Z",
    "request": {"device": "phone"},
    "visitor": {"affinity": {"tea": 0.4}, "orders": 3},
    "visitor_state": {"cart": ["x"]},
    "item": {"category": "tea", "price": 349, "is_new": True, "tags": ["a"], "bought_with": {"x": 1.5}},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "values.json"
    path.write_text(json.dumps(VALUES))
    return path


@pytest.mark.parametrize(
    ("expression", "value", "kind"),
    [
        ("visitor.affinity[item.category] > 0.2", True, "bool"),
        ("now.getHours('America/New_York')", 9, "int"),
        ("double(item.price) / 100.0", 3.49, "double"),
        ("item.tags", ["a"], "list(string)"),
        ("item.is_new && request.device == 'phone'", True, "bool"),
        ("get(item.bought_with, visitor_state.cart[0], 0.0)", 1.5, "double"),
        ("now", "2017-11-20T14:00:00Z", "timestamp"),
        ("now - timestamp('2017-11-20T13:00:00Z')", "3600s", "duration"),
        ("[1, dyn('a')].map(x, type(x) == int)", [True, False], "list(bool)"),
        ("visitor_state.cart[?3]", {"optional": []}, "optional(string)"),
        ("{1: b'ab', 2: b''}", {"1": "ab", "2": ""}, "map(int,bytes)"),
        ("[now, now][?0]", {"optional": ["2017-11-20T14:00:00Z"]}, "optional(timestamp)"),
        ("[type(1), type(2u)]", ["int", "uint"], "list(type)"),
        ("3u", 3, "uint"),
        ("0.0 / 0.0", "NaN", "double"),
        ("dyn(item.price) < 350.5", True, "dyn"),
    ],
)
def test_expressions_give_their_values(
    expression: str, value: object, kind: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", expression, "--with", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"type": kind, "value": value}


def test_without_a_file_constants_can_be_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "1 + 2"]) == 0
    assert capsys.readouterr().out == "3  (int)\n"


@pytest.mark.parametrize(
    ("expression", "message"),
    [("visitor.affinity['x']", "error: the map has no key 'x'"), ("9223372036854775807 + 1", "integer overflow")],
)
def test_errors_of_a_rule_are_told(
    expression: str, message: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", expression, "--with", str(file)]) == 1
    assert message in capsys.readouterr().out


def test_what_does_not_check_is_shown_with_a_caret(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "item.pric > 1", "--with", str(file)]) == 1
    assert capsys.readouterr().err == (
        "expression:1:6: E203: `item` has no field `pric`\n  | item.pric > 1\n  |      ^\n  = did you mean `price`?\n"
    )


def test_malformed_values_name_their_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "values.json"
    for body, place in (('{"item": {"price": 1e999}}', ""), ('{"now": "2017-11-20"}', "$.now"), ('{"itm": {}}', "itm")):
        path.write_text(body)
        assert main(["eval", "1", "--with", str(path)]) == 2
        assert place in capsys.readouterr().err
    path.write_text('{"item": {"price": 9223372036854775808}}')
    assert main(["eval", "item.price", "--with", str(path)]) == 2
    assert "$.item.price" in capsys.readouterr().err


def test_nothing_to_try_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval"]) == 2
    assert "give an expression, or --batch FILE" in capsys.readouterr().err


TEA = {
    "now": "2026-01-05T19:30:00Z",
    "visitor": {"affinity": {"green": 1}},
    "item": {"kind": "green", "price": 790, "caffeine": 30, "added": "2026-01-01T00:00:00Z"},
}


def tried(
    expression: str, values: object, folder: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The exit code, and what was printed."""
    (folder / "tea.json").write_text(json.dumps(values))
    code = main(["eval", expression, "--with", str(folder / "tea.json"), "--bundle", str(bundle)])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("visitor.affinity[item.kind]", "1 "),
        ("item.caffeine * 0.5", "15 "),
        ("item.added", "2026-01-01T00:00:00Z"),
        ("days(now - item.added) > 4.8", "true"),
        ("visitor.orders", "0  (int)"),
        ("item.is_organic || item.tags.size() == 0", "true"),
        ("has(item.award)", "false"),
        ("size(visitor_state.cart_items)", "0"),
        ("request.device", '"desktop"'),
        ("get(visitor.purchased, 't-01', 0.0)", "0 "),
    ],
)
def test_in_a_bundle_values_are_what_it_declares(
    expression: str, printed: str, tmp_path: Path, tea_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = tried(expression, TEA, tmp_path, tea_folder, capsys)
    assert (code, told[: len(printed)]) == (0, printed)


def test_in_a_bundle_purposes_count(tmp_path: Path, tea_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "size(visitor.affinity)"
    assert tried(asked, TEA, tmp_path, tea_folder, capsys) == (0, "1  (int)\n")
    assert tried(asked, {**TEA, "granted": ["personalisation"]}, tmp_path, tea_folder, capsys) == (0, "1  (int)\n")
    assert tried(asked, {**TEA, "granted": []}, tmp_path, tea_folder, capsys) == (0, "0  (int)\n")


def test_in_a_bundle_an_absent_value_is_an_error(
    tmp_path: Path, tea_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried("item.award == 'gold'", TEA, tmp_path, tea_folder, capsys) == (1, "error: item.award has no value\n")


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("item.kind.matches(item.title)", "E216"),
        ("[1, 'a'][0] + 1 == 2", "E215"),
        ("visitor.affinty.size() > 0", "E203"),
        ("item.hours + item.weight > 1", "E203"),
    ],
)
def test_in_a_bundle_an_expression_is_refused_as_its_rules_are(
    expression: str, code: str, tmp_path: Path, tea_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, told = tried(expression, {}, tmp_path, tea_folder, capsys)
    assert exit_code == 1
    assert told.startswith("expression:1:")
    assert f": {code}: " in told


def test_in_a_bundle_the_table_is_one_that_fits(
    tmp_path: Path, tea_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried("item.hours > 3", {"item": {"hours": 4}}, tmp_path, tea_folder, capsys) == (0, "true  (bool)\n")
    assert tried("item.weight > 3.0", {"item": {"title": "a", "weight": 4}}, tmp_path, tea_folder, capsys)[0] == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"item": {"price": "790"}}, "expected int, got str - at $.item.price"),
        ({"item": {"added": "yesterday"}}, "'yesterday' is no instant"),
        ({"item": {"added": "2026-01-01T00:00:00"}}, "lacks its zone"),
        ({"item": {"prize": 790}}, "did you mean `price`? - at $.item.prize"),
        ({"item": {"hours": 4, "weight": 1.0}}, "no table has it together with the others"),
        (
            {"request": {"device": "phnoe"}},
            "'phnoe' is none of its values: `desktop` and `phone` - at $.request.device",
        ),
        ({"visitor": {"affinty": {}}}, "did you mean `affinity`? - at $.visitor.affinty"),
        ({"granted": ["personalization"]}, "did you mean `personalisation`? - at $.granted[0]"),
    ],
)
def test_in_a_bundle_values_must_be_what_it_declares(
    values: object, told: str, tmp_path: Path, tea_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = tried("1", values, tmp_path, tea_folder, capsys)
    assert code == 2
    assert told in printed


def test_purposes_are_a_bundles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "values.json").write_text('{"granted": []}')
    assert main(["eval", "1", "--with", str(tmp_path / "values.json")]) == 2
    assert "name it with --bundle" in capsys.readouterr().err


def test_a_bundle_whose_declarations_are_wrong_says_so(
    tmp_path: Path, tea_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tea_folder, tmp_path / "tea")
    config = tmp_path / "tea/edgewise.toml"
    config.write_text(config.read_text().replace('type = "int"', 'type = "itn"', 1))
    code, printed = tried("1", {}, tmp_path, tmp_path / "tea", capsys)
    assert code == 1
    assert "E112: unknown type: `itn`" in printed
