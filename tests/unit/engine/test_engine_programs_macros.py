"""Macros as closures: what they bind, what they absorb, what they refuse to go through."""

import pytest

from contracts.errors import ExpiredError, RuleError
from engine.programs.limits import MAX_ROUNDS
from engine.programs.macros import MACROS, bound_types
from engine.programs.plan import NOTHING
from engine.programs.rounds import Room, planned
from engine.programs.types import CelType, parse
from engine.programs.values import CelValue, KeyedMap, RequestProgram, Scope

NUMBERS = (1, 2, 3)
OUTER, INNER = Room(2, 10, is_outermost=True), Room(2, 10, is_outermost=False)


def run(macro: str, over: CelValue, *bodies: RequestProgram, slots: tuple[int, ...] = (0,)) -> CelValue:
    return planned(MACROS[macro], lambda scope: over, slots, bodies, Room(len(slots), 1_000, is_outermost=True))(
        NOTHING
    )


def read(slot: int) -> RequestProgram:
    return lambda scope: scope.variables[slot]


def above(limit: int) -> RequestProgram:
    return lambda scope: scope.variables[0] > limit  # type: ignore[operator]


def failing_at(*elements: CelValue, gives: bool) -> RequestProgram:
    def body(scope: Scope) -> CelValue:
        if scope.variables[0] in elements:
            raise RuleError(f"no {scope.variables[0]}")
        return gives

    return body


@pytest.mark.parametrize(
    ("macro", "limit", "wanted"),
    [
        ("all", 0, True),
        ("all", 1, False),
        ("exists", 2, True),
        ("exists", 3, False),
        ("exists_one", 2, True),
        ("exists_one", 1, False),
        ("filter", 1, (2, 3)),
    ],
)
def test_a_condition_is_asked_of_each_element(macro: str, limit: int, wanted: CelValue) -> None:
    assert run(macro, NUMBERS, above(limit)) == wanted


def test_a_list_is_made_of_what_a_body_gives() -> None:
    assert run("map", NUMBERS, read(0)) == NUMBERS
    assert run("map", NUMBERS, above(1), read(0)) == (2, 3)
    assert run("map", ("a", "b"), read(0), slots=(0, 1)) == (0, 1)
    assert run("map", {"a": 1, "b": 2}, read(1), slots=(0, 1)) == (1, 2)


def test_a_map_is_made_of_keys_or_entries() -> None:
    assert run("transform_map", {"a": 1}, read(1), slots=(0, 1)) == {"a": 1}
    assert dict(run("transform_map", ("x",), read(1), slots=(0, 1))) == {0: "x"}  # type: ignore[arg-type, call-overload]
    swapped = run("transform_map_entry", {"a": "b"}, lambda scope: {scope.variables[1]: 1}, slots=(0, 1))  # type: ignore[dict-item]
    assert swapped == {"b": 1}
    assert run("transform_map_entry", {"a": 1}, above_key("b"), lambda scope: {"x": 1}, slots=(0, 1)) == {}


def above_key(limit: str) -> RequestProgram:
    return lambda scope: str(scope.variables[0]) > limit


def test_a_key_made_twice_is_an_error() -> None:
    with pytest.raises(RuleError, match="transformMapEntry makes a key twice"):
        run("transform_map_entry", {"a": 1, "b": 2}, lambda scope: {"x": 1}, slots=(0, 1))
    with pytest.raises(RuleError, match="transformMapEntry makes entries of maps alone"):
        run("transform_map_entry", {"a": 1}, read(0), slots=(0, 1))


def test_a_bound_value_is_computed_once() -> None:
    computed = []
    twice = planned(
        MACROS["bind"], lambda scope: computed.append(1) or 7, (0,), (read(0),), Room(1, 9, is_outermost=True)
    )  # type: ignore[func-returns-value]
    assert (twice(NOTHING), computed) == (7, [1])


@pytest.mark.parametrize(("macro", "settling"), [("all", False), ("exists", True)])
def test_an_error_is_absorbed_when_another_round_settles_it(macro: str, settling: bool) -> None:
    assert run(macro, NUMBERS, failing_at(1, gives=settling)) is settling
    with pytest.raises(RuleError, match="no 1"):
        run(macro, NUMBERS, failing_at(1, 2, gives=not settling))


@pytest.mark.parametrize("macro", ["exists_one", "filter"])
def test_other_macros_absorb_nothing(macro: str) -> None:
    with pytest.raises(RuleError, match="no 3"):
        run(macro, NUMBERS, failing_at(3, gives=True))


def test_an_expired_value_is_never_absorbed() -> None:
    def body(scope: Scope) -> CelValue:
        raise ExpiredError("visitor.x is too old")

    with pytest.raises(ExpiredError):
        run("exists", NUMBERS, body)


def test_inner_macros_keep_outer_variables() -> None:
    inner = planned(MACROS["map"], lambda scope: ("a", "b"), (1,), (lambda s: (s.variables[0], s.variables[1]),), INNER)
    pairs = planned(MACROS["map"], lambda scope: (1, 2), (0,), (inner,), OUTER)(NOTHING)
    assert pairs == (((1, "a"), (1, "b")), ((2, "a"), (2, "b")))


def test_what_has_no_elements_or_too_many_is_refused() -> None:
    with pytest.raises(RuleError, match="a macro goes through a list or map alone"):
        run("all", 1, read(0))
    with pytest.raises(RuleError, match="a macro goes through at most 300 entries, not 301"):
        run("all", (1,) * (MAX_ROUNDS + 1), read(0))


@pytest.mark.parametrize(
    ("over", "count", "wanted"),
    [
        ("list(string)", 1, ("string",)),
        ("list(string)", 2, ("int", "string")),
        ("map(string,int)", 1, ("string",)),
        ("map(string,int)", 2, ("string", "int")),
        ("dyn", 2, ("dyn", "dyn")),
        ("int", 1, None),
    ],
)
def test_variables_have_the_types_of_what_is_gone_over(over: str, count: int, wanted: tuple[str, ...] | None) -> None:
    bound = bound_types(MACROS["all"], parse(over), count)
    assert bound == (None if wanted is None else tuple(CelType(name) for name in wanted))


def test_a_map_of_other_keys_is_gone_through_by_key() -> None:
    assert run("map", KeyedMap([(True, 1), (2, 2)]), read(0)) == (True, 2)


def test_rounds_of_nested_macros_are_counted_together() -> None:
    def nested(most: int) -> CelValue:
        rooms = [Room(2, most, is_outermost=outermost) for outermost in (True, False)]
        inner = planned(MACROS["all"], lambda scope: NUMBERS, (1,), (lambda scope: True,), rooms[1])
        return planned(MACROS["all"], lambda scope: NUMBERS, (0,), (inner,), rooms[0])(NOTHING)

    assert nested(12) is True
    with pytest.raises(RuleError, match="its macros take more than 11 rounds"):
        nested(11)
