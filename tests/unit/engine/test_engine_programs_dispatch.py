"""Calls that are told apart when they run."""

import pytest

from contracts.errors import RuleError
from engine.programs.dispatch import as_bool, dispatched, kind_of
from engine.programs.plan import NOTHING
from engine.programs.values import CelValue, OptionalValue, RequestProgram, Scope, Timestamp, Uint


def given(value: CelValue) -> RequestProgram:
    return lambda scope: value


def failing(scope: Scope) -> CelValue:
    raise RuleError("fails")


def call(name: str, *values: CelValue) -> CelValue:
    return dispatched(name, [given(value) for value in values])(NOTHING)


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("_+_", (1, 2), 3),
        ("_+_", ("a", "b"), "ab"),
        ("_+_", (Uint(1), Uint(2)), Uint(3)),
        ("_<_", (1, 1.5), True),
        ("_>=_", (Uint(3), 3), True),
        ("_<=_", (2.0**63, 2**63 - 1), True),
        ("_[_]", ((7, 8), 1.0), 8),
        ("_[_]", ((7, 8), Uint(0)), 7),
        ("_[?_]", ((7,), 0.0), OptionalValue((7,))),
        ("_[?_]", (OptionalValue(((7,),)), 0), OptionalValue((7,))),
        ("size", ({},), 0),
        ("int", (Timestamp(2_000_000_000),), 2),
        ("_==_", (1, "a"), False),
        ("_?_:_", (True, 1, "a"), 1),
    ],
)
def test_the_overload_is_chosen_by_the_arguments(name: str, values: tuple[CelValue, ...], wanted: CelValue) -> None:
    assert call(name, *values) == wanted


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("_+_", (1, "a"), r"there is no _\+_ of \(int, string\)"),
        ("_<_", (True, 1), r"there is no _<_ of \(bool, int\)"),
        ("_[_]", ((7,), 0.5), r"there is no _\[_\] of \(list, double\)"),
        ("launch", (), r"there is no launch of \(\)"),
        ("price_band", (1, {"a": "bc"}), r"there is no price_band of \(int, map\)"),
        ("_&&_", (1, True), "a bool is wanted, not a int"),
    ],
)
def test_what_no_overload_takes_is_an_error(name: str, values: tuple[CelValue, ...], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        call(name, *values)


def test_logic_absorbs_what_is_no_bool() -> None:
    assert dispatched("_&&_", [given("horses"), given(False)])(NOTHING) is False
    assert dispatched("_||_", [failing, given(True)])(NOTHING) is True


def test_a_bool_is_asked_for() -> None:
    assert as_bool(given(False))(NOTHING) is False
    with pytest.raises(RuleError, match="a bool is wanted, not a map"):
        as_bool(given({}))(NOTHING)


def test_every_value_has_a_kind() -> None:
    values = (None, True, 1, Uint(1), 1.0, "", b"", (), {}, Timestamp(0), OptionalValue())
    kinds = "null bool int uint double string bytes list map timestamp optional"
    assert [kind_of(value) for value in values] == kinds.split()
