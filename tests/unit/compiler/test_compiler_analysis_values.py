import math
from itertools import product

import pytest

from compiler.analysis.functions import applied
from compiler.analysis.relations import ALL, APART, EQUAL, GREATER, LESS, limited, possible
from compiler.analysis.spelling import Spelling
from compiler.analysis.values import (
    ANYTHING,
    MAX_VALUES,
    NOTHING,
    Among,
    Between,
    Values,
    among,
    between,
    exact,
    join,
    meet,
    of_type,
)
from contracts.features import INT64_MAX, INT64_MIN, Root
from contracts.rule_ir import Call, Const, Has, ListOf, MapOf, Read, Variable
from engine.programs.functions import FUNCTIONS

ZEROS = join(among([0.0]), among([-0.0]))
NAN = among([math.nan])


def test_doubles_are_ranges_because_zeros_differ() -> None:
    assert exact(ZEROS) is None
    assert exact(among([0.5])) == {0.5}
    assert applied("divide_double", [among([1.0]), ZEROS], "double") == of_type("double")


def test_nan_is_a_double_beside_every_range() -> None:
    assert Between(math.inf, -math.inf, has_nan=True) == NAN
    assert join(NAN, among([1.0])) == Between(1.0, 1.0, has_nan=True)
    assert meet(join(NAN, among([1.0])), of_type("double")) == Between(1.0, 1.0, has_nan=True)
    assert applied("add_double", [among([1.0, 2.0]), join(NAN, among([1.0]))], "double") == of_type("double")
    assert exact(NAN) is None


def test_ints_stay_in_int64_or_fail() -> None:
    assert applied("add_int64", [Between(0, INT64_MAX), among([1])], "int") == Between(1, INT64_MAX)
    assert applied("add_int64", [among([INT64_MAX]), among([1])], "int") == NOTHING
    assert applied("multiply_int64", [Between(2, INT64_MAX), among([INT64_MAX])], "int") == NOTHING
    assert applied("divide_int64", [Between(-9, 9), among([0])], "int") == NOTHING
    assert applied("negate_int64", [Between(INT64_MIN, 3)], "int") == Between(-3, INT64_MAX)
    assert applied("double_to_int64", [among([0.5, 2.0**70])], "int") == Between(0, INT64_MAX)


def test_what_always_fails_gives_nothing_to_others() -> None:
    assert applied("add_int64", [NOTHING, of_type("int")], "int") == NOTHING
    assert applied("no_such_function", [NOTHING], "int") == of_type("int")


def test_day_parts_are_those_of_the_engine() -> None:
    run, hour_ns = FUNCTIONS["day_part_timestamp_string"].run, 3_600_000_000_000
    named = applied("day_part_timestamp_string", [of_type("timestamp"), ANYTHING], "string")
    assert named == Among(frozenset(run(quarter * hour_ns // 4, "UTC") for quarter in range(24 * 4)))


def test_many_values_become_a_range_or_anything() -> None:
    one, other = among(range(MAX_VALUES)), among(range(MAX_VALUES, 2 * MAX_VALUES))
    assert join(one, other) == Between(0, 2 * MAX_VALUES - 1)
    texts = [among(map(str, values.values)) for values in (one, other) if isinstance(values, Among)]
    assert join(*texts) == ANYTHING


@pytest.mark.parametrize(
    ("left", "right", "kind", "expected"),
    [
        (between(0, 5), between(5, 9), "int", {LESS, EQUAL}),
        (between(0, 4), between(5, 9), "int", {LESS}),
        (between(0.0, 4.0, True), between(5.0, 9.0), "double", {LESS, APART}),
        (among(["a", "b"]), among(["b"]), "string", {LESS, EQUAL}),
        (ANYTHING, among(["b"]), "string", {LESS, EQUAL, GREATER}),
        (ANYTHING, ANYTHING, "list(double)", ALL),
    ],
)
def test_relations_follow_from_values(left: Values, right: Values, kind: str, expected: set[str]) -> None:
    assert possible(left, right, (kind, kind)) == expected


def test_an_int_and_a_double_are_compared_by_value() -> None:
    assert possible(between(0, 4), between(4.5, 9.0), ("int", "double")) == {LESS}
    assert possible(among([True]), among([1]), ("bool", "int")) == ALL


def test_strict_comparisons_leave_out_the_bound() -> None:
    below, above = frozenset({LESS}), frozenset({GREATER})
    assert limited(of_type("int"), among([5]), below, "int") == Between(INT64_MIN, 4)
    assert limited(between(0.0, 9.0), among([5.0]), above, "double") == Between(math.nextafter(5.0, 9.0), 9.0)
    assert limited(between(5, 9), among([5]), frozenset({LESS, GREATER}), "int") == Between(6, 9)
    assert limited(of_type("double"), among([5.0]), below | {APART}, "double") == Between(
        -math.inf, math.nextafter(5.0, 0.0), has_nan=True
    )


def test_nodes_are_spelled_as_they_were_written() -> None:
    nodes = (
        Read(type="int", root=Root.ITEM, field="price"),
        Const(type="int", value=2),
        Call(type="int", function="add_int64", args=(0, 1)),
        Call(type="int", function="multiply_int64", args=(2, 1)),
        Call(type="int", function="negate_int64", args=(3,)),
        ListOf(type="list(int)", items=(0, 1, 1, 1, 1)),
        Call(type="int", function="index_list", args=(5, 1)),
        Has(root=Root.ITEM, field="award"),
        Call(type="int", function="conditional", args=(7, 0, 6)),
        Variable(type="int", slot=0, at=4),
        Call(type="int", function="math_@max_int_int", args=(9, 0)),
        Call(type="bool", function="ends_with_string", args=(9, 9)),
        MapOf(type="map(string,int)", keys=(), values=()),
        Read(type="timestamp", root=Root.NOW),
    )
    spelling = Spelling(nodes, "abs(tag)")
    assert [spelling.of(place) for place in (2, 3, 4, 6, 7, 9, 10, 11, 12, 13)] == [
        "item.price + 2",
        "(item.price + 2) * 2",
        "-((item.price + 2) * 2)",
        "[item.price, 2, 2, 2, ...][2]",
        "has(item.award)",
        "tag",
        "math.greatest(tag, item.price)",
        "tag.endsWith(tag)",
        "...",
        "now",
    ]
    assert spelling.of(8) == "has(item.award) ? item.price : [item.price, 2, 2, 2, ...][2]"
    long = Spelling((Const(type="string", value="x" * 99),), "").of(0)
    assert (len(long), long[-3:]) == (60, "...")


def test_every_pair_of_small_sets_meets_and_joins_as_sets_do() -> None:
    sets = [frozenset(each) for each in ((), (1,), (1, 2), (2, 3))]
    for one, other in product(sets, sets):
        assert meet(Among(one), Among(other)) == Among(one & other)
        assert join(Among(one), Among(other)) == Among(one | other)
    assert meet(Among(frozenset({1, 5})), between(2, 9)) == Among(frozenset({5}))
