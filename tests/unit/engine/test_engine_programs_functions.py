"""What each function gives, at its edges; the agreement with CEL's own library is a property test."""

import math

import pytest

from contracts.errors import RuleError
from engine.programs.functions import FUNCTIONS, Function, LazyFunction
from engine.programs.functions.comparison import equal
from engine.programs.values import CelValue, Duration, KeyedMap, OptionalValue, Timestamp, TypeValue, Uint

SECOND = 1_000_000_000
INSTANT = Timestamp(1_511_758_800 * SECOND + 89_000_001)  # 2017-11-27T05:00:00.089000001Z, a Monday
LEAST = -(2**63)

GIVES: list[tuple[str, tuple[CelValue, ...], CelValue]] = [
    ("divide_int64", (-7, 2), -3),
    ("divide_int64", (7, -2), -3),
    ("modulo_int64", (-7, 2), -1),
    ("modulo_int64", (7, -2), 1),
    ("modulo_int64", (7, -1), 0),
    ("divide_double", (1.0, -0.0), -math.inf),
    ("divide_double", (3.0, 2.0), 1.5),
    ("in_map", ("a", {"a": 1.0}), True),
    ("has_key", ({"a": 1.0}, "b"), False),
    ("math_@min_double_double", (math.nan, 1.0), math.nan),
    ("timestamp_to_int64", (Timestamp(-1),), -1),
    ("int64_to_timestamp", (-1,), Timestamp(-SECOND)),
    ("add_duration_duration", (Duration(1), Duration(-2)), Duration(-1)),
    ("bool_to_string", (False,), "false"),
    ("not_equals", (1, 1.0), False),
    ("string_to_string", ("a",), "a"),
    ("double_to_int64", (-1.9,), -1),
    ("double_to_string", (-0.0,), "-0"),
    ("double_to_string", (100000.0,), "100000"),
    ("double_to_string", (1234567890123.0,), "1.234567890123e+12"),
    ("double_to_string", (1e-7,), "1e-07"),
    ("double_to_string", (1e300,), "1e+300"),
    ("double_to_string", (math.nan,), "nan"),
    ("double_to_string", (math.inf,), "inf"),
    ("double_to_string", (-math.inf,), "-inf"),
    ("string_to_double", (".5",), 0.5),
    ("string_to_int64", ("+12",), 12),
    ("string_to_bool", ("False",), False),
    ("size_string", ("é😀",), 2),
    ("less_string", ("\uffff", "😀"), True),
    ("timestamp_to_hours_with_tz", (INSTANT, "America/New_York"), 0),
    ("timestamp_to_minutes_with_tz", (INSTANT, "-03:30"), 30),
    ("timestamp_to_day_of_week", (INSTANT,), 1),
    ("timestamp_to_day_of_year", (Timestamp(0),), 0),
    ("timestamp_to_milliseconds", (INSTANT,), 89),
    ("timestamp_to_milliseconds", (Timestamp(-1),), 999),
    ("timestamp_to_string", (Timestamp(-62_135_596_800 * SECOND),), "0001-01-01T00:00:00Z"),
    ("timestamp_to_string", (INSTANT,), "2017-11-27T05:00:00.089000001Z"),
    ("string_to_timestamp", ("2017-11-27T05:00:00.0890000019+00:00",), INSTANT),
    ("duration_to_string", (Duration(-1_500_000_000),), "-1.500s"),
    ("string_to_timestamp", ("2016-12-31T23:59:60.5Z",), Timestamp(1_483_228_800 * SECOND)),
    ("timestamp_to_hours_with_tz", (INSTANT, ""), 5),
    ("timestamp_to_year_with_tz", (Timestamp(253_402_300_799 * SECOND), "+01:00"), 10_000),
    ("timestamp_to_year_with_tz", (Timestamp(-62_135_596_800 * SECOND), "America/New_York"), 0),
    ("timestamp_to_day_of_year_with_tz", (Timestamp(-62_135_596_800 * SECOND), "America/New_York"), 365),
    ("string_to_duration", ("1h30m.5s",), Duration(5_400 * SECOND + SECOND // 2)),
    ("string_to_duration", ("-0",), Duration(0)),
    ("day_part_timestamp_string", (INSTANT, "UTC"), "morning"),
    ("day_part_timestamp_string", (INSTANT, "-00:01"), "night"),
    ("day_part_timestamp_string", (INSTANT, "+07:00"), "afternoon"),
    ("day_part_timestamp_string", (INSTANT, "+13:00"), "evening"),
    ("day_part_timestamp_string", (INSTANT, "+17:00"), "night"),
    ("price_text_int64", (123_456,), "$1,234.56"),
    ("price_text_int64", (-5,), "-$0.05"),
    ("log1p_double", (math.e - 1,), 1.0),
    ("days_duration", (Duration(-12 * 3600 * SECOND),), -0.5),
    ("math_@max_double_double", (math.nan, 1.0), math.nan),
    ("get", ({"a": 2.0}, "a", 0.0), 2.0),
]
FAILS: list[tuple[str, tuple[CelValue, ...], str]] = [
    ("add_int64", (2**63 - 1, 1), "integer overflow"),
    ("subtract_int64", (LEAST, 1), "integer overflow"),
    ("multiply_int64", (2**32, 2**31), "integer overflow"),
    ("negate_int64", (LEAST,), "integer overflow"),
    ("divide_int64", (LEAST, -1), "integer overflow"),
    ("modulo_int64", (LEAST, -1), "integer overflow"),
    ("divide_int64", (1, 0), "division by zero"),
    ("modulo_int64", (1, 0), "modulus by zero"),
    ("double_to_int64", (math.nan,), "double outside int64"),
    ("double_to_int64", (-(2.0**63),), "double outside int64"),
    ("string_to_int64", (" 12",), "' 12' is not an int"),
    ("string_to_int64", ("9" * 65,), f"'{'9' * 40}' is not an int"),
    ("string_to_int64", ("9" * 20,), "integer overflow"),
    ("string_to_double", ("nano",), "'nano' is not a double"),
    ("string_to_bool", ("tRue",), "'tRue' is not a bool"),
    ("index_list", (("a",), 1), "place 1 is outside the list of 1"),
    ("index_list", (("a",), -1), "place -1 is outside the list of 1"),
    ("index_map", ({"a": 1.0}, "b"), "the map has no key 'b'"),
    ("log1p_double", (-1.0,), "log1p of -1 or less"),
    ("string_to_timestamp", ("2017-11-27",), "'2017-11-27' is not a timestamp as RFC 3339 writes it"),
    ("string_to_timestamp", ("2017-02-30T00:00:00Z",), "'2017-02-30T00:00:00Z' is not a date that exists"),
    (
        "string_to_timestamp",
        ("2017-02-01T24:00:00Z",),
        "'2017-02-01T24:00:00Z' is not a timestamp as RFC 3339 writes it",
    ),
    ("string_to_timestamp", ("0001-01-01T00:00:00+01:00",), "timestamp out of range"),
    ("int64_to_timestamp", (253_402_300_800,), "timestamp out of range"),
    ("string_to_duration", ("1d",), "'1d' is not a duration such as '90s' or '1h30m'"),
    ("string_to_duration", ("1h" * 101,), f"'{'1h' * 20}' is not a duration such as '90s' or '1h30m'"),
    ("string_to_duration", ("315576000001s",), "duration '315576000001s' is out of range"),
    ("add_timestamp_duration", (INSTANT, Duration(2**63 * 1000)), "timestamp out of range"),
    ("subtract_timestamp_timestamp", (INSTANT, Timestamp(-(2**63))), "integer overflow"),
    ("timestamp_to_hours_with_tz", (INSTANT, "Nowhere/City"), "time zone 'Nowhere/City' is not known"),
    ("timestamp_to_hours_with_tz", (INSTANT, "America"), "time zone 'America' is not known"),
    ("timestamp_to_hours_with_tz", (INSTANT, "../UTC"), "time zone '../UTC' is not known"),
    ("timestamp_to_hours_with_tz", (INSTANT, "+24:00"), "time zone '+24:00' is not known"),
    ("timestamp_to_hours_with_tz", (INSTANT, "\0"), r"time zone '\x00' is not known"),
    ("timestamp_to_year", (Timestamp(2**90),), "timestamp out of range"),
]


def _run(function_id: str, args: tuple[CelValue, ...]) -> CelValue:
    function = FUNCTIONS[function_id]
    assert isinstance(function, Function)
    return function.run(*args)


@pytest.mark.parametrize(("function_id", "args", "wanted"), GIVES)
def test_a_function_gives(function_id: str, args: tuple[CelValue, ...], wanted: CelValue) -> None:
    given = _run(function_id, args)
    assert (type(given), repr(given)) == (type(wanted), repr(wanted))


@pytest.mark.parametrize("dividend", [0.0, -0.0, math.nan])
def test_nothing_by_nothing_is_no_number(dividend: float) -> None:
    given = _run("divide_double", (dividend, 0.0))
    assert isinstance(given, float)
    assert math.isnan(given)


@pytest.mark.parametrize(("function_id", "args", "message"), FAILS)
def test_a_function_fails(function_id: str, args: tuple[CelValue, ...], message: str) -> None:
    with pytest.raises(RuleError) as caught:
        _run(function_id, args)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("left", "right", "is_equal"),
    [
        (True, 1, False),
        (1, 1.0, True),
        (2**53 + 1, float(2**53), True),
        (2**53 + 1, Uint(2**53), False),
        (Uint(1), 1, True),
        (b"a", "a", False),
        (KeyedMap([(True, 1)]), KeyedMap([(1, 1)]), False),
        (KeyedMap([(1, 1), ("a", 2)]), KeyedMap([("a", 2), (Uint(1), 1)]), True),
        (OptionalValue((1,)), OptionalValue((1.0,)), True),
        (OptionalValue((True,)), OptionalValue((1,)), False),
        (OptionalValue(), OptionalValue((None,)), False),
        (TypeValue("int"), "int", False),
        (math.nan, math.nan, False),
        ((1, "a"), (1.0, "a"), True),
        ((math.nan,), (math.nan,), False),
        ((1,), (1, 2), False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": 1}, {"b": 1}, False),
        (None, None, True),
        (None, False, False),
        (Timestamp(1), Duration(1), False),
        ("1", 1, False),
    ],
)
def test_values_equal_by_what_they_are(left: CelValue, right: CelValue, is_equal: bool) -> None:
    assert equal(left, right) is is_equal
    assert equal(right, left) is is_equal


def test_a_nan_is_in_no_list() -> None:
    assert _run("in_list", (math.nan, (math.nan,))) is False
    assert _run("in_list", (1, (1.0,))) is True
    assert _run("in_list", (True, (1,))) is False


@pytest.mark.parametrize(
    ("function_id", "signature"),
    [
        ("add_int64", "int + int -> int"),
        ("negate_double", "-double -> double"),
        ("conditional", "bool ? A : A -> A"),
        ("in_list", "A in list(A) -> bool"),
        ("index_list", "list(A)[int] -> A"),
        ("starts_with_string", "string.startsWith(string) -> bool"),
        ("get", "get(map(string,double), string, double) -> double"),
    ],
)
def test_a_signature_reads_like_cel(function_id: str, signature: str) -> None:
    assert FUNCTIONS[function_id].signature == signature


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_every_entry_is_whole(function: Function | LazyFunction) -> None:
    assert FUNCTIONS[function.id] is function
    assert function.doc.endswith(".")
    assert function.example
    assert len(function.param_types) == len(function.params)
    assert str(function.result_type) == function.result
