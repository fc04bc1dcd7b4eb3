import json
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
