from dataclasses import replace
from pathlib import Path

import pytest

from compiler.cel.check import Checked, check_expressions
from compiler.diagnostics import Problem
from compiler.places import SourceText, Text
from compiler.reading.expressions import GUARD, RERANK, SENTENCE, STATIC_SCORE, UNUSED, Expression, Use, payload_use
from compiler.sources import Sources, read_sources
from contracts.features import ValueType

TEA = Path(__file__).parents[3] / "deploy/template"


@pytest.fixture(scope="module")
def tea() -> Sources:
    return read_sources(TEA)


def check(tea: Sources, text: str, use: Use = GUARD, tables: tuple[str, ...] = ("teas",)) -> Checked | list[Problem]:
    written = Text(text, SourceText("rules/r.toml", text), range(len(text) + 1))
    checked, problems = check_expressions(replace(tea, rules={"r": Expression("r", written, use, tables)}))
    return checked.get("r", problems)


def types_in(checked: Checked | list[Problem]) -> str:
    assert isinstance(checked, Checked), checked
    return checked.tree.type


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("item.stock > 0", "bool"),
        ("item.price", "int"),
        ("item.caffeine * 1.5", "double"),
        ("item.title", "string"),
        ("item.added", "timestamp"),
        ("now - item.added", "duration"),
        ("item.tags", "list(string)"),
        ("item.notes", "map(string,double)"),
        ("visitor.affinity[item.kind]", "double"),
        ("item.id in visitor_state.cart_items", "bool"),
        ("has(item.award)", "bool"),
        ("request.device", "string"),
        ("get(visitor.affinity, item.kind, 0.0)", "double"),
        ("days(now - item.added)", "double"),
    ],
)
def test_declared_fields_have_their_types(tea: Sources, text: str, type_: str) -> None:
    use = replace(GUARD, results=(type_,))
    assert types_in(check(tea, text, use)) == type_


MISTAKES = [
    ("item.stok > 0", "E203", 6, "`item` has no field `stok`", "did you mean `stock`?"),
    ("item . stok > 0", "E203", 8, "`item` has no field `stok`", "did you mean `stock`?"),
    ("stock > 0", "E204", 1, "unknown name `stock`", "did you mean `item.stock`?"),
    ("score > 0.0", "E205", 1, "`score` cannot be read in this place", "this expression may read"),
    ("siz(item.title) > 3", "E206", 1, "unknown function `siz`", "did you mean `size`?"),
    ("item.title.startWith('a')", "E206", 12, "unknown function `startWith`", "did you mean `startsWith`?"),
    ("item.caffeine > 1", "E207", 15, "`>` cannot mix double and int", "write 1.0: `item.caffeine` is a double"),
    ("1 < item.caffeine", "E207", 3, "`<` cannot mix int and double", "write 1.0: `item.caffeine` is a double"),
    ("item.caffeine > item.price", "E207", 15, "`>` cannot mix double and int", "write double(item.price)"),
    ("item.caffeine > (1 + 2)", "E207", 15, "`>` cannot mix double and int", "convert it with double(...)"),
    ("item.title + 1 == ''", "E208", 12, "`+` cannot put string and int together", "convert it with string(...)"),
    (
        "size(item.price) > 1",
        "E208",
        1,
        "`size` cannot be applied to (int)",
        "it takes (string) or (bytes) or (list) or (map)",
    ),
    ("item.price ? true : false", "E208", 12, "the condition before `?` is int, not bool", "compare it"),
    ("(true ? 1 : 1.0) > 0.0", "E208", 7, "the outcomes of `? :` are int and double", "write 1.0 for 1"),
    ("item.title.x == ''", "E209", 12, "a string has no fields", "remove the dot"),
    ("has(item.tags[0])", "E209", 14, "has() takes a field", "write has("),
    ("item.title.x.y == ''", "E209", 12, "a string has no fields", "remove the dot"),
    ("item.tags.all(item.x, true)", "E211", 19, "variable name must be a simple identifier", "mend"),
    ("item.stock", "E210", 1, "`r` must give bool, this gives int", "compare it with something"),
    ("item.stock >", "E201", 13, "this is not a CEL expression: it ends too early", "mend"),
    ("item.stock > 0)", "E201", 15, "this is not a CEL expression: unexpected ')'", "mend"),
    ("item.stock @ 0", "E201", 12, "this is not a CEL expression: unexpected '@'", "mend"),
    ("item.stock > 9223372036854775808", "E201", 14, "this is no int that can be held in 64 bits", "smaller"),
    ("item.title == 'a\0b'", "E201", 17, "this character cannot stand in an expression", "remove it"),
    ("(" * 40 + "true" + ")" * 40, "E202", 1, "nested too deeply", "split it"),
    ("true" + " && (true" * 40 + ")" * 40, "E202", 1, "nested too deeply", "split it"),
    ("item.stock > 0 ? true : " * 90 + "true", "E202", 1, "nested too deeply", "split it"),
]


@pytest.mark.parametrize(("text", "code", "column", "message", "hint"), MISTAKES)
def test_a_mistake_is_told_at_its_place(
    tea: Sources, text: str, code: str, column: int, message: str, hint: str
) -> None:
    problems = check(tea, text)
    assert isinstance(problems, list)
    assert [(problem.code, problem.column) for problem in problems] == [(code, column)]
    assert message in problems[0].message
    assert hint in problems[0].hint


def test_all_mistakes_of_an_expression_are_told(tea: Sources) -> None:
    problems = check(tea, "item.a > 0 &&\n  item.b > 0")
    assert isinstance(problems, list)
    assert [(problem.line, problem.column) for problem in problems] == [(1, 6), (2, 8)]


def test_scores_are_read_in_objectives_and_boosts_alone(tea: Sources) -> None:
    assert types_in(check(tea, "score * 2.0", RERANK)) == "double"
    assert isinstance(check(tea, "score * 2.0", STATIC_SCORE), list)


@pytest.mark.parametrize(
    ("kind", "text", "hint"),
    [
        (ValueType.DOUBLE, "item.price", "write 1.0 for 1, or convert with double(...)"),
        (ValueType.INT, "item.caffeine", "convert it with int(...)"),
        (ValueType.STRING, "item.price", "convert it with string(...)"),
        (ValueType.DOUBLE, "item.is_organic", "write ... ? 1.0 : 0.0"),
        (ValueType.STRINGS, "item.title", "change the expression, or what is declared"),
    ],
)
def test_payloads_give_what_they_declare(tea: Sources, kind: ValueType, text: str, hint: str) -> None:
    problems = check(tea, text, payload_use(kind))
    assert isinstance(problems, list)
    assert [(problem.code, problem.hint) for problem in problems] == [("E210", hint)]


def test_a_rule_is_checked_for_every_table_that_it_is_used_with(tea: Sources) -> None:
    problems = check(tea, "item.stock > 0", GUARD, ("teas", "stories"))
    assert isinstance(problems, list)
    assert [problem.message for problem in problems] == ["`item` has no field `stock`"]


def test_a_rule_whose_types_depend_on_the_table_is_refused(tea: Sources) -> None:
    stories = tea.tables["stories"]
    as_double = tuple(
        replaced if replaced.name != "weight" else type(replaced)(name="price", type=ValueType.DOUBLE)
        for replaced in stories.columns
    )
    odd = replace(tea, tables={**tea.tables, "stories": replace(stories, columns=as_double)})
    problems = check(odd, "item.price == item.price", GUARD, ("teas", "stories"))
    assert isinstance(problems, list)
    assert [problem.code for problem in problems] == ["E212"]


def test_a_rule_that_nothing_uses_is_checked_for_the_table_that_it_fits(tea: Sources) -> None:
    assert isinstance(check(tea, "item.hours > 1", UNUSED, ()), Checked)
    problems = check(tea, "item.hours > item.zz", UNUSED, ())
    assert isinstance(problems, list)
    assert len(problems) == 1


def test_sentences_may_read_the_answered_item(tea: Sources) -> None:
    assert types_in(check(tea, "'You like ' + item.kind", SENTENCE)) == "string"
