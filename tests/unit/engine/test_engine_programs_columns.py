"""Column programs over a small table; that they agree with closures is a property test."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from contracts.catalog import ColumnSpec, TableSpec
from contracts.errors import ExpiredError, MissingError, RuleError
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, OnExpired, Root, Value, ValueType
from contracts.rule_ir import Call, Const, Form, Has, ListOf, MapOf, Node, Place, Read, Rule
from engine.column import Column
from engine.programs.columns import plan_columns
from engine.programs.gathering import item_column
from engine.programs.plan import plan_request
from engine.programs.steps import per_word
from engine.programs.values import Batch, Operand, Scope, Texts
from engine.snapshot import Table

KINDS = ("fruit", "dairy", "bakery")
COLUMNS = {
    "id": Column(ValueType.STRING, np.arange(4, dtype=np.int32), dictionary=("a", "b", "c", "d", "z")),
    "kind": Column(ValueType.STRING, np.array([0, 1, 0, 2], dtype=np.int32), dictionary=KINDS),
    "price": Column(ValueType.INT, np.array([100, 250, 2**62, 400])),
    "floor": Column(ValueType.INT, np.array([90, 300, 0, 0]), np.array([0, 0, 0, 4], dtype=np.uint8)),
    "added": Column(ValueType.TIMESTAMP, np.array([0, 10, 20, 30])),
    "tags": Column(
        ValueType.STRINGS,
        np.array([0, 1, 1, 0], dtype=np.int32),
        dictionary=("organic", "local"),
        offsets=np.array([0, 2, 3, 3, 4]),
    ),
    "shares": Column(
        ValueType.NUMBERS,
        np.array([0, 1, 1], dtype=np.int32),
        dictionary=("home", "web"),
        offsets=np.array([0, 2, 3, 3, 3]),
        numbers=np.array([0.25, 0.75, 1.0]),
    ),
}
TABLE = Table("items", COLUMNS)
SPEC = TableSpec(
    name="items", rows=4, columns=tuple(ColumnSpec(name=name, type=column.type) for name, column in COLUMNS.items())
)
SCHEMA = FeatureSchema(
    purposes=(),
    features=(
        FeatureSpec(name="affinity", root=Root.VISITOR, type=ValueType.NUMBERS),
        FeatureSpec(name="own", root=Root.VISITOR, type=ValueType.STRINGS),
        FeatureSpec(name="name", root=Root.VISITOR, type=ValueType.STRING),
        FeatureSpec(name="aged", root=Root.VISITOR, type=ValueType.NUMBERS, max_age_s=1, on_expired=OnExpired.FALLBACK),
        FeatureSpec(name="old", root=Root.VISITOR, type=ValueType.INT, max_age_s=1, on_expired=OnExpired.BLOCK),
    ),
)
NOW = 10_000_000
TYPES = {bool: "bool", int: "int", float: "double", str: "string"}


class Writer:
    """Lays a nested tuple `(type, function, *args)` out as nodes."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(self, tree: object) -> int:
        if isinstance(tree, tuple):
            kind, function, *args = tree
            tree = Call(type=kind, function=function, args=tuple([self.add(arg) for arg in args]))
        elif not isinstance(tree, Read | Has | Const | ListOf | MapOf):
            tree = Const(type=TYPES[type(tree)], value=tree)
        self.nodes.append(tree)
        return len(self.nodes) - 1


def lowered(kind: str, tree: object) -> Rule:
    writer = Writer()
    writer.add(tree)
    return Rule(
        name="r", form=Form.COLUMNS, type=kind, place=Place(file="x", line=1, column=1), nodes=tuple(writer.nodes)
    )


def item(name: str, kind: str) -> Read:
    return Read(type=kind, root=Root.ITEM, field=name)


PRICE, FLOOR, KIND, ID = item("price", "int"), item("floor", "int"), item("kind", "string"), item("id", "string")
TAGS, SHARES = item("tags", "list(string)"), item("shares", "map(string,double)")
AFFINITY = Read(type="map(string,double)", root=Root.VISITOR, field="affinity")
OWN = Read(type="list(string)", root=Root.VISITOR, field="own")
OLD = Read(type="int", root=Root.VISITOR, field="old")
NAME = Read(type="string", root=Root.VISITOR, field="name")
AGED = Read(type="map(string,double)", root=Root.VISITOR, field="aged")
SCORE = Read(type="double", root=Root.SCORE)
SCORE_OF_M = Read(type="double", root=Root.SCORES, field="m")
SCORE_OF_N = Read(type="double", root=Root.SCORES, field="n")
SCORED_BY_M, SCORED_BY_N = Has(root=Root.SCORES, field="m"), Has(root=Root.SCORES, field="n")


BY_MODEL = {"m": np.array([0.5, 0.25, 0.0, 1.0])}


def batch(score: list[float] | None = None, rows: tuple[int, ...] = (0, 1, 2, 3), **visitor: Value) -> Batch:
    values = {name: FeatureValue(value=value, as_of=0) for name, value in visitor.items()}
    scope = Scope(NOW, frozenset(), {}, {}, values)
    return Batch(scope, TABLE, np.array(rows, dtype=np.int64), None if score is None else np.array(score))


def computed(kind: str, tree: object, on: Batch) -> list[object]:
    """The values, an error being None."""
    result = plan_columns(lowered(kind, tree), SCHEMA, SPEC)(on)
    errors = np.zeros(len(on.rows), bool) if result.errors is None else result.errors
    return [None if error else value for value, error in zip(result.values.tolist(), errors.tolist(), strict=True)]


AT_LEAST_FLOOR = ("bool", "greater_equals_int64", PRICE, FLOOR)
CASES = {
    "numbers": (AT_LEAST_FLOOR, "bool", [True, False, True, None]),
    "overflow": (("int", "multiply_int64", PRICE, 2), "int", [200, 500, None, 800]),
    "an error absorbed by false": (
        ("bool", "logical_and", AT_LEAST_FLOOR, ("bool", "less_int64", PRICE, 400)),
        "bool",
        [True, False, False, False],
    ),
    "an error absorbed by true": (
        ("bool", "logical_or", ("bool", "equals", KIND, "bakery"), AT_LEAST_FLOOR),
        "bool",
        [True, False, True, True],
    ),
    "a cross lookup": (("double", "index_map", AFFINITY, KIND), "double", [0.5, 0.0, 0.5, None]),
    "a lookup with a default": (("double", "get", AFFINITY, KIND, 9.0), "double", [0.5, 0.0, 0.5, 9.0]),
    "a lookup by id": (("bool", "in_list", ID, OWN), "bool", [True, False, False, True]),
    "a key by id": (("bool", "in_map", KIND, AFFINITY), "bool", [True, True, True, False]),
    "a key as has": (("bool", "has_key", AFFINITY, KIND), "bool", [True, True, True, False]),
    "equality of codes": (("bool", "not_equals", "dairy", KIND), "bool", [True, False, True, True]),
    "equality with a stranger": (("bool", "equals", KIND, "fish"), "bool", [False] * 4),
    "a predicate": (("bool", "starts_with_string", KIND, "fr"), "bool", [True, False, True, False]),
    "a failing reader": (("int", "string_to_int64", ID), "int", [None] * 4),
    "text of text": (
        ("string", "add_string", "my ", KIND),
        "string",
        ["my fruit", "my dairy", "my fruit", "my bakery"],
    ),
    "two columns of text": (("bool", "less_string", ID, KIND), "bool", [True, True, True, False]),
    "a tag": (("bool", "in_list", "local", TAGS), "bool", [True, True, False, False]),
    "a tag that none has": (("bool", "in_list", "new", TAGS), "bool", [False] * 4),
    "how many tags": (("int", "size_list", TAGS), "int", [2, 1, 0, 1]),
    "a key of an item's map": (("bool", "in_map", "home", SHARES), "bool", [True, False, False, False]),
    "has of an item's map": (("bool", "has_key", SHARES, "home"), "bool", [True, False, False, False]),
    "a value of an item's map": (("double", "index_map", SHARES, "web"), "double", [0.75, 1.0, None, None]),
    "a value or a default": (("double", "get", SHARES, "web", 0.5), "double", [0.75, 1.0, 0.5, 0.5]),
    "a tag by place": (("string", "index_list", TAGS, 0), "string", ["organic", "local", None, "organic"]),
    "a branch by row": (
        ("string", "conditional", ("bool", "in_list", "local", TAGS), "here", KIND),
        "string",
        ["here", "here", "fruit", "bakery"],
    ),
    "a branch of two columns": (
        ("string", "conditional", ("bool", "less_int64", PRICE, 200), KIND, ID),
        "string",
        ["fruit", "b", "c", "d"],
    ),
    "a branch of one column": (
        ("string", "conditional", ("bool", "less_int64", PRICE, 200), KIND, KIND),
        "string",
        ["fruit", "dairy", "fruit", "bakery"],
    ),
    "a branch for all": (("int", "conditional", ("bool", "in_list", "b", OWN), PRICE, 7), "int", [7] * 4),
    "a rule that reads no item": (("bool", "in_list", "a", OWN), "bool", [True] * 4),
    "text that reads no item": ("offer", "string", ["offer"] * 4),
    "an instant": (item("added", "timestamp"), "timestamp", [0, 10, 20, 30]),
    "an age in days": (
        (
            "double",
            "days_duration",
            (
                "duration",
                "subtract_timestamp_timestamp",
                Read(type="timestamp", root=Root.NOW),
                item("added", "timestamp"),
            ),
        ),
        "double",
        [(NOW - added) / 86_400e6 for added in (0, 10, 20, 30)],
    ),
    "an instant later": (
        ("timestamp", "add_timestamp_duration", item("added", "timestamp"), Const(type="duration", value=2**52 * 1000)),
        "timestamp",
        [2**52 + added for added in (0, 10, 20, 30)],
    ),
    "an instant out of range": (
        ("timestamp", "add_duration_timestamp", Const(type="duration", value=3 * 10**20), item("added", "timestamp")),
        "timestamp",
        [None] * 4,
    ),
    "a difference": (("int", "subtract_int64", FLOOR, PRICE), "int", [-10, 50, -(2**62), None]),
    "a negation": (("int", "negate_int64", FLOOR), "int", [-90, -300, 0, None]),
    "a quotient": (("int", "divide_int64", PRICE, FLOOR), "int", [1, 0, None, None]),
    "a rest": (("int", "modulo_int64", -7, FLOOR), "int", [-7, -7, None, None]),
    "a double": (("double", "int64_to_double", FLOOR), "double", [90.0, 300.0, 0.0, None]),
    "an int": (
        ("int", "double_to_int64", ("double", "multiply_double", SCORE, 1e19)),
        "int",
        [5 * 10**18, None, 0, None],
    ),
    "a logarithm": (("double", "log1p_double", SCORE), "double", [math.log1p(0.5), math.log1p(1.0), 0.0, None]),
    "the lesser": (("int", "math_@min_int_int", PRICE, 300), "int", [100, 250, 300, 300]),
    "the greater": (("double", "math_@max_double_double", 0.25, SCORE), "double", [0.5, 1.0, 0.25, 0.25]),
    "a list of two columns": (
        ("bool", "in_list", KIND, ListOf(type="list(string)", items=())),
        "bool",
        [False] * 4,
    ),
    "has": (Has(root=Root.ITEM, field="floor"), "bool", [True, True, True, False]),
    "the score": (("double", "add_double", SCORE, 1.0), "double", [1.5, 2.0, 1.0, 0.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_column_program_gives(name: str) -> None:
    tree, kind, wanted = CASES[name]
    on = batch([0.5, 1.0, 0.0, -1.0], affinity={"fruit": 0.5, "dairy": 0.0}, own=("a", "d", "x"))
    assert computed(kind, tree, on) == wanted


@pytest.mark.parametrize("name", CASES)
def test_no_candidates_give_nothing(name: str) -> None:
    tree, kind, _ = CASES[name]
    on = batch([], (), affinity={"fruit": 0.5}, own=())
    assert computed(kind, tree, on) == []


BY_NAME = {
    "a product": (("double", "multiply_double", SCORE, SCORE_OF_M), [0.25, 0.25, 0.0, -1.0]),
    "a model that did not score": (("double", "multiply_double", SCORE, SCORE_OF_N), [None] * 4),
    "has": (("double", "conditional", SCORED_BY_M, SCORE_OF_M, 9.0), [0.5, 0.25, 0.0, 1.0]),
    "has not": (("double", "conditional", SCORED_BY_N, SCORE_OF_N, 9.0), [9.0] * 4),
}


@pytest.mark.parametrize("name", BY_NAME)
def test_what_models_say_is_read_by_their_names(name: str) -> None:
    tree, wanted = BY_NAME[name]
    on = replace(batch([0.5, 1.0, 0.0, -1.0]), scores=BY_MODEL)
    assert computed("double", tree, on) == wanted


def test_a_request_s_error_is_every_candidate_s() -> None:
    tree = ("bool", "less_double", ("double", "index_map", AFFINITY, KIND), 1.0)
    result = plan_columns(lowered("bool", tree), SCHEMA, SPEC)(batch())
    assert result.errors is not None
    assert result.errors.all()
    assert isinstance(result.problem, MissingError)
    assert str(result.problem) == "r (x:1:1): visitor.affinity has no value"


def test_a_request_s_error_is_absorbed_where_a_side_settles() -> None:
    failing = ("bool", "in_list", ID, OWN)
    cheap = ("bool", "less_int64", PRICE, 200)
    assert computed("bool", ("bool", "logical_and", failing, cheap), batch()) == [None, False, False, False]
    assert computed("bool", ("bool", "logical_or", cheap, failing), batch()) == [True, None, None, None]
    assert computed("int", ("int", "conditional", cheap, 1, ("int", "size_list", OWN)), batch()) == [
        1,
        None,
        None,
        None,
    ]
    assert computed("int", ("int", "conditional", cheap, ("int", "size_list", OWN), 1), batch()) == [None, 1, 1, 1]
    both = ("int", "conditional", cheap, ("int", "size_list", OWN), ("int", "size_map", AFFINITY))
    assert computed("int", both, batch()) == [None] * 4


def test_the_problem_is_the_first_failing_candidate_s() -> None:
    tree = ("int", "multiply_int64", PRICE, ("int", "subtract_int64", FLOOR, -2))
    result = plan_columns(lowered("int", tree), SCHEMA, SPEC)(batch())
    assert result.errors is not None
    assert result.errors.tolist() == [False, False, True, True]
    assert str(result.problem) == "r (x:1:1): integer overflow"
    assert type(result.problem) is RuleError


def test_an_expired_value_ends_the_program_if_a_candidate_reads_it() -> None:
    expired = ("bool", "less_int64", OLD, PRICE)
    guarded = ("bool", "logical_and", ("bool", "less_int64", PRICE, 0), expired)
    assert computed("bool", guarded, batch(old=1)) == [False] * 4
    for reading in (expired, ("bool", "logical_and", ("bool", "less_int64", PRICE, 200), expired)):
        with pytest.raises(ExpiredError) as caught:
            plan_columns(lowered("bool", reading), SCHEMA, SPEC)(batch(old=1))
        assert (caught.value.rule, caught.value.is_blocking) == ("r", True)


def test_an_expired_value_is_met_before_an_error_to_its_right() -> None:
    tree = ("double", "index_map", AGED, ("string", "add_string", KIND, NAME))
    with pytest.raises(ExpiredError):
        plan_columns(lowered("double", tree), SCHEMA, SPEC)(batch(aged={"fruit": 1.0}))
    with pytest.raises(ExpiredError):
        plan_request(replace(lowered("double", tree), form=Form.REQUEST), SCHEMA, SPEC)(
            batch(aged={"fruit": 1.0}).scope.at(TABLE, 0)
        )


def test_has_spares_an_expired_value() -> None:
    tree = ("bool", "logical_and", Has(root=Root.VISITOR, field="old"), ("bool", "less_int64", OLD, PRICE))
    assert computed("bool", tree, batch(old=1)) == [False] * 4
    or_else = ("bool", "logical_or", ("bool", "logical_not", Has(root=Root.VISITOR, field="old")), tree)
    assert computed("bool", or_else, batch(old=1)) == [True] * 4


def test_a_map_without_numbers_holds_nothing() -> None:
    empty = Column(ValueType.NUMBERS, np.zeros(0, np.int32), dictionary=(), offsets=np.zeros(5, np.int64))
    on = Batch(batch().scope, Table("items", {**COLUMNS, "shares": empty}), np.arange(4))
    assert computed("double", ("double", "get", SHARES, "web", 0.5), on) == [0.5] * 4


def test_words_of_a_column_are_asked_once_per_request() -> None:
    asked: list[list[str]] = []

    def lengths(texts: Texts, more: int) -> Operand:
        asked.append(texts.strings)
        failed = np.array([text == "bakery" for text in texts.strings])
        return np.array([len(text) + more for text in texts.strings]), failed if failed.any() else None

    step = per_word(lengths, [item_column("kind"), lambda _: (1, None)], 0, "lengths of kind")  # type: ignore[arg-type]
    values, errors = step(on := batch())
    assert isinstance(values, np.ndarray)
    assert values.tolist() == [6, 6, 6, 7]
    assert errors is not None
    assert errors.tolist() == [False, False, False, True]
    few, no_errors = step(Batch(on.scope, TABLE, np.array([1, 2])))
    assert isinstance(few, np.ndarray)
    assert (few.tolist(), no_errors, asked) == ([6, 6], None, [list(KINDS)])
    step(batch(rows=(0, 1)))  # another request, with fewer candidates than words
    assert asked == [list(KINDS), ["fruit", "dairy"]]


def test_strings_once_known_go_on_to_the_candidates_that_are_left() -> None:
    texts = Texts(np.array([1, 0, 1]), ("a", "b"))
    assert texts.at(np.array([0, 1])).known is None
    assert texts.strings == ["b", "a", "b"]
    left = texts.at(np.array([1, 2]))
    assert left.known == left.strings == ["a", "b"]


def test_texts_without_a_column_know_their_codes() -> None:
    texts = Texts(np.array([1, 0]), ("a", "b"))
    assert [texts.code("b"), texts.code("c")] == [1, -1]


def test_a_map_literal_that_repeats_a_key_is_an_error() -> None:
    nodes = (
        *[Const(type="string", value="a")] * 2,
        *[Const(type="int", value=1)] * 2,
        MapOf(type="map(string,int)", keys=(0, 1), values=(2, 3)),
        Call(type="int", function="size_map", args=(4,)),
    )
    repeated = Rule(name="r", form=Form.REQUEST, type="int", place=Place(file="x", line=1, column=1), nodes=nodes)
    with pytest.raises(RuleError, match=r"r \(x:1:1\): a map literal repeats a key"):
        plan_request(repeated, SCHEMA, None)(batch().scope)


@pytest.mark.parametrize("absorbing", [False, True])
def test_closures_absorb_an_error_on_either_side(absorbing: bool) -> None:
    function = "logical_or" if absorbing else "logical_and"
    failing = ("bool", "equals", ("int", "divide_int64", 1, 0), 1)
    scope = batch().scope
    for sides in ((failing, absorbing), (absorbing, failing)):
        assert plan_request(lowered("bool", ("bool", function, *sides)), SCHEMA)(scope) is absorbing
    for sides in ((failing, not absorbing), (not absorbing, failing), (failing, failing)):
        with pytest.raises(RuleError, match=r"r \(x:1:1\): division by zero"):
            plan_request(lowered("bool", ("bool", function, *sides)), SCHEMA)(scope)


@pytest.mark.parametrize("function", ["logical_or", "logical_and"])
def test_no_closure_absorbs_an_expired_value(function: str) -> None:
    tree = ("bool", function, ("bool", "less_int64", OLD, 1), function == "logical_or")
    with pytest.raises(ExpiredError):
        plan_request(lowered("bool", tree), SCHEMA)(batch(old=1).scope)
