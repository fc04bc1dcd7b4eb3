import inspect

import pytest

from compiler import diagnostics
from compiler.diagnostics import CompileError, Where, problem, render, rule_messages, source_messages
from compiler.diagnostics.problem import listed, nearest, suggestion
from contracts.rule_ir import Place

SPOT = Where("rules/guards.toml", 4, 14, "expr = 'item.stok > 0'")


def test_a_problem_reads_as_place_line_caret_and_hint() -> None:
    assert render([problem("E203", SPOT, "`item` has no field `stok`", "did you mean `stock`?")]) == (
        "rules/guards.toml:4:14: E203: `item` has no field `stok`\n"
        "  | expr = 'item.stok > 0'\n"
        "  |              ^\n"
        "  = did you mean `stock`?"
    )


def test_the_caret_follows_tabs() -> None:
    text = render([problem("E203", Where("f.toml", 1, 4, "\ta = 1"), "m", "h")])
    assert text.split("\n")[1:3] == ["  | \ta = 1", "  | \t  ^"]


def test_a_place_without_a_line_has_no_caret() -> None:
    assert render([problem("E101", Where("f.toml", 1, 1), "m", "h")]) == "f.toml:1:1: E101: m\n  = h"


def test_an_error_holds_all_problems_sorted_and_once() -> None:
    late, early = problem("E1", Where("b", 1, 1), "m", "h"), problem("E1", Where("a", 10, 1), "m", "h")
    error = CompileError([late, early, late])
    assert error.problems == (early, late)
    assert str(error) == render([early, late])


def test_a_spot_becomes_the_place_of_a_rule() -> None:
    assert SPOT.place == Place(file="rules/guards.toml", line=4, column=14)


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [("stok", ["price", "stock"], "stock"), ("Stock", ["stock"], "stock"), ("x", ["price"], None), ("x", [], None)],
)
def test_the_nearest_name_is_found(name: str, known: list[str], meant: str | None) -> None:
    assert nearest(name, known) == meant


def test_a_suggestion_names_what_there_is() -> None:
    assert suggestion("stok", ["stock"]) == "did you mean `stock`?"
    assert suggestion("zz", ["a", "b", "c"]) == "there is `a`, `b` and `c`"
    assert suggestion("zz", [], "declare one") == "declare one"


def test_long_lists_are_cut() -> None:
    assert listed([str(number) for number in range(20)]).endswith("`11` and 8 more")


@pytest.mark.parametrize("page", [source_messages, rule_messages])
def test_every_message_says_what_it_is_for(page: object) -> None:
    messages = [f for _, f in inspect.getmembers(page, inspect.isfunction) if f.__module__ == page.__name__]  # type: ignore[attr-defined]
    assert messages
    assert all(message.__doc__ for message in messages if not message.__name__.startswith("_"))


def test_the_words_for_callers_are_exported() -> None:
    assert {"CompileError", "Problem", "Where", "render"} <= set(diagnostics.__all__)
