from dataclasses import replace
from pathlib import Path

import pytest

from compiler.build import check
from compiler.cel.check import check_expressions
from compiler.cel.lower import lower, lower_rules
from compiler.diagnostics import CompileError, Problem
from compiler.places import SourceText, Text
from compiler.reading.expressions import RERANK, Expression, Use
from compiler.sources import Sources, read_sources
from contracts.codec import decode, encode
from contracts.features import Root
from contracts.rule_ir import Call, Const, Form, Has, ListOf, MacroCall, MapOf, Read, Rule
from engine.programs.functions import FUNCTIONS
from engine.programs.macros import MACROS
from engine.programs.plan import plan_request
from engine.programs.values import Scope

TEA = Path(__file__).parents[3] / "deploy/template"
ANYTHING = Use(
    Form.REQUEST,
    tuple(Root),
    ("bool", "int", "double", "string", "timestamp", "duration", "null", "list(string)", "map(string,double)"),
)


@pytest.fixture(scope="module")
def tea() -> Sources:
    return read_sources(TEA)


def lowered(tea: Sources, text: str, use: Use = ANYTHING) -> tuple[Rule | None, list[Problem]]:
    written = Text(text, SourceText("rules/r.toml", text), range(len(text) + 1))
    checked, wrong = check_expressions(replace(tea, rules={"r": Expression("r", written, use, ("teas",))}))
    rules, refused = lower_rules(checked, tea)
    return rules.get("r"), wrong + refused


def rules_of(sources: Sources) -> dict[str, Rule]:
    checked, wrong = check_expressions(sources)
    rules, refused = lower_rules(checked, sources)
    assert not [*wrong, *refused]
    return rules


def nodes_of(tea: Sources, text: str, use: Use = ANYTHING) -> tuple[object, ...]:
    rule, problems = lowered(tea, text, use)
    assert rule is not None, problems
    return rule.nodes


def test_children_stand_before_their_parents(tea: Sources) -> None:
    assert nodes_of(tea, "item.stock > 0") == (
        Read(type="int", root=Root.ITEM, field="stock", at=4),
        Const(type="int", value=0, at=13),
        Call(type="bool", function="greater_int64", args=(0, 1), at=11),
    )


def test_roots_are_read_as_a_whole_or_by_field(tea: Sources) -> None:
    assert nodes_of(tea, "now") == (Read(type="timestamp", root=Root.NOW),)
    assert nodes_of(tea, "score", RERANK) == (Read(type="double", root=Root.SCORE),)
    assert nodes_of(tea, "visitor_state.cart_items") == (
        Read(type="list(string)", root=Root.VISITOR_STATE, field="cart_items", at=13),
    )


def test_has_of_a_field_and_of_a_key(tea: Sources) -> None:
    assert nodes_of(tea, "has(item.award)") == (Has(root=Root.ITEM, field="award", at=3),)
    mapping, key, call = nodes_of(tea, "has(visitor.affinity.green)")
    assert mapping == Read(type="map(string,double)", root=Root.VISITOR, field="affinity", at=11)
    assert isinstance(key, Const)
    assert key.value == "green"
    assert isinstance(call, Call)
    assert (call.function, call.args, call.type) == ("has_key", (0, 1), "bool")


def test_a_field_of_a_map_is_its_key(tea: Sources) -> None:
    call = nodes_of(tea, "visitor.affinity.green")[-1]
    assert isinstance(call, Call)
    assert (call.function, call.type) == ("index_map", "double")


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("true", "bool", True),
        ("-7", "int", -7),
        ("0x1F", "int", 31),
        ("1.5", "double", 1.5),
        ("null", "null", None),
        ("'é\\u00e9'", "string", "éé"),
        ("-9223372036854775808", "int", -(2**63)),
    ],
)
def test_literals(tea: Sources, text: str, type_: str, value: object) -> None:
    assert nodes_of(tea, text) == (Const(type=type_, value=value),)  # type: ignore[arg-type]


def test_lists_and_maps(tea: Sources) -> None:
    items = nodes_of(tea, "['a', item.kind]")[-1]
    assert isinstance(items, ListOf)
    assert (items.items, items.type) == ((0, 1), "list(string)")
    entries = nodes_of(tea, "{'a': 1.0, 'b': 2.0}")[-1]
    assert isinstance(entries, MapOf)
    assert (entries.keys, entries.values, entries.type) == ((0, 1), (2, 3), "map(string,double)")


def test_each_node_but_the_last_has_one_parent(tea: Sources) -> None:
    for rule in rules_of(tea).values():
        parents: list[int] = []
        for place, node in enumerate(rule.nodes):
            match node:
                case Call():
                    children = node.args
                case ListOf():
                    children = node.items
                case MapOf():
                    children = node.keys + node.values
                case MacroCall():
                    children = (node.over, *node.bodies)
                case _:
                    children = ()
            assert all(child < place for child in children)
            parents += children
        assert sorted(parents) == list(range(len(rule.nodes) - 1))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_example_of_every_function_compiles_to_it_and_holds(tea: Sources, name: str) -> None:
    rule, problems = lowered(tea, FUNCTIONS[name].example)
    assert rule is not None, problems
    assert name in {node.function for node in rule.nodes if isinstance(node, Call)}
    run = plan_request(rule, tea.schema)
    assert run(Scope(0, frozenset(), {}, {}, {})) is True


@pytest.mark.parametrize(
    ("text", "code", "column", "message"),
    [
        ("item == item", "E214", 1, "`item` cannot be used as a whole"),
        ("google.protobuf.Timestamp{seconds: 1} == now", "E217", 1, "`google.protobuf.Timestamp` cannot be used"),
        ("[1, 'a'][0] + 1 == 2", "E215", 13, "the types that `+` works on are not known here"),
        ("dyn(item.price) > 1.0", "E215", 17, "the types that `>` works on are not known here"),
        ("item.title.matches(item.kind)", "E216", 24, "`matches` takes a literal here"),
        ("item.title.matches('(')", "E216", 20, "'(' is no pattern of RE2: missing ): ("),
        ("1e400 > 1.0", "E201", 1, "this is no double that can be held"),
        ("{1.5: 'a'}[1.5] == 'a'", "E2", 1, ""),
    ],
)
def test_what_the_engine_lacks_is_refused_at_its_place(
    tea: Sources, text: str, code: str, column: int, message: str
) -> None:
    rule, problems = lowered(tea, text)
    assert rule is None
    assert problems[0].code.startswith(code)
    if message:
        assert problems[0].column == column
        assert message in problems[0].message


def test_what_only_planning_shows_is_refused_too(tea: Sources) -> None:
    use = Use(Form.COLUMNS, ANYTHING.roots, ("string", "bool", "list(string)"))
    rule, problems = lowered(tea, "item.tags", use)
    assert rule is None
    assert [problem.code for problem in problems] == ["E216"]


def test_one_rule_alone_raises_what_is_wrong_with_it(tea: Sources) -> None:
    text = "[item.tags, 1][0] == item.tags && item == item"
    written = Text(text, SourceText("rules/r.toml", text), range(len(text) + 1))
    checked, _ = check_expressions(replace(tea, rules={"r": Expression("r", written, ANYTHING, ("teas",))}))
    with pytest.raises(CompileError, match="`item` cannot be used as a whole"):
        lower(checked["r"])


def test_the_same_sources_give_the_same_rules(tea: Sources) -> None:
    assert rules_of(tea) == rules_of(read_sources(TEA))


def test_problems_of_all_stages_come_together(tmp_path: Path) -> None:
    for file in [path for path in TEA.rglob("*") if path.suffix in (".toml", ".csv")]:
        target = tmp_path / file.relative_to(TEA)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    (tmp_path / "rules/more.toml").write_text(
        "[a]\nexpr = 'item.stok > 0'\nnote = 1\n[b]\nexpr = '[item.price, item][0] == 1'\n"
    )
    with pytest.raises(CompileError) as caught:
        check(tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["E203", "E104", "E214"]


@pytest.mark.parametrize("name", sorted(MACROS))
def test_the_example_of_every_macro_compiles_to_it_and_holds(tea: Sources, name: str) -> None:
    rule, problems = lowered(tea, MACROS[name].example)
    assert rule is not None, problems
    assert name in {node.macro for node in rule.nodes if isinstance(node, MacroCall)}
    assert plan_request(rule, tea.schema)(Scope(0, frozenset(), {}, {}, {})) is True


@pytest.mark.parametrize(
    "text",
    [
        "item.tags.all(t, ['a', t].exists(u, u == t))",
        "[1, 2].map(x, x > 1, x + 1).map(x, [x].map(y, x + y)) == [[6]]",
        "{'a': 1}.all(k, v, k == 'a' && v == 1) && ['a'].existsOne(i, v, i == 0)",
        "[3, 1].sortBy(x, -x) == [3, 1] && ['b'].transformList(i, v, v + string(i)) == ['b0']",
        "[1].all(now, now == 1)",
        "optional.of(2).optMap(x, x * 2).orValue(0) == 4 && !optional.none().hasValue()",
        "optional.of(2).optFlatMap(x, x > 3 ? optional.of(x) : optional.none()).orValue(1) == 1",
        "[?optional.of(1), ?optional.none(), 2] == [1, 2] && {?'a': optional.of(1)} == {'a': 1}",
        "{'a': 1}.?b.orValue(7) == 7 && has({'a': {'b': 1}}.?a.b) && {'a': {'b': 1}}.?a.b.orValue(0) == 1",
        "type(1) == int && type([]) == list && type(timestamp(0)) == google.protobuf.Timestamp",
        "{1: 'a', 2: 'b'}[2] == 'b' && {true: 1}[true] == 1 && 1u in {1u: 2}",
        "b'\\x00a' + b'b' == b'\\x00ab' && 'a1'.matches('^[a-z][0-9]$')",
    ],
)
def test_the_whole_language_is_lowered_and_runs(tea: Sources, text: str) -> None:
    rule, problems = lowered(tea, text)
    assert rule is not None, problems
    sent = decode(encode(rule), Rule)
    if "item." not in text:
        assert plan_request(sent, tea.schema)(Scope(0, frozenset(), {}, {}, {})) is True


def test_all_refused_parts_of_a_rule_are_told_each_at_its_place(tea: Sources) -> None:
    text = "item.title.matches(item.kind) && item.title.matches('(') && {1.5: 1}[1.5] == 1 && item == item"
    rule, problems = lowered(tea, text)
    assert rule is None
    assert [(problem.code, problem.column) for problem in problems] == [
        ("E216", 24),
        ("E216", 53),
        ("E216", 62),
        ("E214", 83),
        ("E214", 91),
    ]
