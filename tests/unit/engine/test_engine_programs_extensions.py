"""What the functions of CEL's extensions give at their edges: strings, math, lists, sets, optionals, bytes, uint."""

import math

import pytest

from contracts.errors import RuleError
from engine.programs.functions import FUNCTIONS, Function
from engine.programs.limits import MAX_ENTRIES, MAX_TEXT
from engine.programs.values import CelValue, Duration, KeyedMap, OptionalValue, Timestamp, TypeValue, Uint

GREATEST_UINT = Uint(2**64 - 1)
NONE = OptionalValue()


def _vast() -> CelValue:
    """A list of lists that share their parts: small to hold, endless to go through."""
    made: CelValue = (1,) * 10
    for _ in range(12):
        made = (made,) * 10
    return made


VAST = _vast()

GIVES: list[tuple[str, tuple[CelValue, ...], CelValue]] = [
    ("add_uint64", (Uint(1), Uint(2)), Uint(3)),
    ("double_to_uint64", (-0.0,), Uint(0)),
    ("int64_to_uint64", (7,), Uint(7)),
    ("uint64_to_string", (GREATEST_UINT,), "18446744073709551615"),
    ("uint64_to_double", (Uint(3),), 3.0),
    ("string_to_bytes", ("é😀",), "é😀".encode()),
    ("bytes_to_string", (b"\xc3\xa9",), "é"),
    ("base64_decode_string", ("",), b""),
    ("base64_decode_string", ("aGk",), b"hi"),
    ("size_bytes", (b"\xc3\xa9",), 2),
    ("string_char_at_int", ("é😀", 1), "😀"),
    ("string_char_at_int", ("a", 1), ""),
    ("string_index_of_string_int", ("abc", "", 3), 3),
    ("string_last_index_of_string_int", ("aXbX", "X", 2), 1),
    ("string_last_index_of_string", ("abc", ""), 3),
    ("string_substring_int", ("abc", 3), ""),
    ("string_replace_string_string_int", ("aaa", "a", "b", 0), "aaa"),
    ("string_replace_string_string", ("ab", "", "-"), "-a-b-"),
    ("string_split_string", ("", ""), ()),
    ("string_split_string_int", ("abc", "", 2), ("a", "bc")),
    ("string_split_string_int", ("a,b,c", ",", 0), ()),
    ("string_split_string_int", ("a,b", ",", -1), ("a", "b")),
    ("string_split_string_int", ("a,b", ",", 1), ("a,b",)),
    ("list_join", ((),), ""),
    ("string_trim", ("\u2000\x85 a b\t\u3000",), "a b"),
    ("string_trim", ("\u200ba\x1f",), "\u200ba\x1f"),
    ("string_lower_ascii", ("ÉA",), "Éa"),
    ("string_upper_ascii", ("ßa",), "ßA"),
    ("strings_quote", ('a"\n\\é',), '"a\\"\\n\\\\é"'),
    ("string_format", ("%%", ()), "%"),
    ("string_format", ("%d %d", (1, Uint(2))), "1 2"),
    ("string_format", ("%.1f|%.0f", (0.25, 2.5)), "0.2|2"),
    ("string_format", ("%e", (1234.5,)), "1.234500e+03"),
    ("string_format", ("%b %o %x %X", (5, 8, "hi", b"\xff")), "101 10 6869 FF"),
    ("string_format", ("%s", ((None, True, b"a", TypeValue("int"), 1.5),)), "[null, true, a, int, 1.5]"),
    ("string_format", ("%s", (Duration(1_500_000_000),)), "1.5s"),
    ("string_format", ("%s", (Timestamp(0),)), "1970-01-01T00:00:00Z"),
    ("string_format", ("%s", ({"b": 1, "a": 1e30},)), "{a: 1000000000000000000000000000000, b: 1}"),
    ("string_format", ("%s", (OptionalValue((1,)),)), "optional.of(1)"),
    ("matches_string", ("a\nb", "^b"), False),
    ("matches", ("tea", "^t.a$"), True),
    ("regex_extract_string_string", ("none", "[0-9]+"), NONE),
    ("regex_extract_string_string", ("a", "a(b)?"), NONE),
    ("regex_extractAll_string_string", ("a1b2", "[a-z]([0-9])"), ("1", "2")),
    ("regex_replace_string_string_string", ("ab", "(a)(b)", "\\2\\1\\\\"), "ba\\"),
    ("regex_replace_string_string_string_int", ("aaa", "a", "b", 2), "bba"),
    ("regex_replace_string_string_string_int", ("aaa", "a", "b", 0), "aaa"),
    ("regex_replace_string_string_string_int", ("aaa", "a", "\\1", 0), "aaa"),
    ("math_round_double", (-2.5,), -3.0),
    ("math_round_double", (0.49999999999999994,), 0.0),
    ("math_round_double", (-0.2,), -0.0),
    ("math_round_double", (math.inf,), math.inf),
    ("math_ceil_double", (-0.5,), -0.0),
    ("math_trunc_double", (math.nan,), math.nan),
    ("math_sqrt_double", (-1.0,), math.nan),
    ("math_sqrt_int", (9,), 3.0),
    ("math_abs_uint", (Uint(3),), Uint(3)),
    ("math_abs_double", (-0.0,), 0.0),
    ("math_sign_int", (-5,), -1),
    ("math_sign_uint", (Uint(5),), Uint(1)),
    ("math_sign_double", (math.nan,), math.nan),
    ("math_@max_list_int", ((1, 3, 2),), 3),
    ("math_@min_int_double", (1, 1.0), 1),
    ("math_bitNot_int_int", (0,), -1),
    ("math_bitNot_uint_uint", (Uint(0),), GREATEST_UINT),
    ("math_bitXor_int_int", (-1, 1), -2),
    ("math_bitShiftLeft_int_int", (1, 63), -(2**63)),
    ("math_bitShiftLeft_int_int", (1, 64), 0),
    ("math_bitShiftRight_int_int", (-1024, 3), 2305843009213693824),
    ("math_bitShiftRight_uint_int", (Uint(8), 64), Uint(0)),
    ("list_slice", ((1, 2, 3), 1, 1), ()),
    ("list_flatten_int", (((1, ((2,),)),), 2), (1, (2,))),
    ("list_flatten_int", ((1, (2,)), 0), (1, (2,))),
    ("list_distinct", ((1, Uint(1), 1.0, True),), (1, True)),
    ("list_distinct", (((1,), (1.0,), "1", TypeValue("1")),), ((1,), "1", TypeValue("1"))),
    ("in_list", ("int", (TypeValue("int"),)), False),
    ("select_optional_field_of_optional", (OptionalValue(({"a": 1},)), "a"), OptionalValue((1,))),
    ("list_double_sort", ((2.0, -1.0),), (-1.0, 2.0)),
    ("list_int_sortByAssociatedKeys", (("a", "b", "c"), (2, 1, 2)), ("b", "a", "c")),
    ("list_sets_contains_list", ((1,), ()), True),
    ("list_sets_equivalent_list", ((1, 2), (1.0, Uint(2))), True),
    ("list_sets_intersects_list", ((), ()), False),
    ("list_first", ((),), NONE),
    ("list_last", ((None,),), OptionalValue((None,))),
    ("optional_ofNonZeroValue", (0.0,), NONE),
    ("optional_ofNonZeroValue", (OptionalValue((1,)),), OptionalValue((OptionalValue((1,)),))),
    ("optional_ofNonZeroValue", (NONE,), OptionalValue((NONE,))),
    ("select_optional_field", (OptionalValue(({"a": 1},)), "b"), NONE),
    ("optional_map_optindex_optional_value", (NONE, "a"), NONE),
    ("list_optindex_optional_int", ((1,), -1), NONE),
    ("has_optional_key", (NONE, "a"), False),
    ("index_map", (KeyedMap([(True, "yes"), (1, "one")]), True), "yes"),
    ("index_map", (KeyedMap([(True, "yes"), (1, "one")]), 1.0), "one"),
    ("in_map", (b"a", {"a": 1.0}), False),
    ("int64_to_duration", (-90,), Duration(-90_000_000_000)),
    ("duration_to_int64", (Duration(-1_500_000_000),), -1),
    ("type", (Timestamp(0),), TypeValue("google.protobuf.Timestamp")),
    ("type", ({},), TypeValue("map")),
    ("string_to_double", ("-Infinity",), -math.inf),
    ("share_string_string", ("spring", "item-1"), 0.8706476656144299),
    ("decayed_double_duration_duration", (8.0, Duration(-5), Duration(10)), 8.0),
    ("price_band_int64_map", (300, {"low": (0, 300), "middle": (300, 1000)}), "middle"),
    ("price_ending_int64", (-1299,), 99),
    ("is_within_string_string", ("Dairy", "Dairy/"), True),
    ("is_within_string_string", ("Dairying", "Dairy"), False),
    ("is_within_string_string", ("Dairy/Milk", "Dairy"), True),
    ("ancestors_string", ("",), ("",)),
    ("by_zip_map_string_double", ({"1": 5.0, "100": 3.5}, "10001", 9.0), 3.5),
    ("by_zip_map_string_double", ({"1": 5.0}, "2", 9.0), 9.0),
]
FAILS: list[tuple[str, tuple[CelValue, ...], str]] = [
    ("subtract_uint64", (Uint(1), Uint(2)), "unsigned integer overflow"),
    ("multiply_uint64", (GREATEST_UINT, Uint(2)), "unsigned integer overflow"),
    ("divide_uint64", (Uint(1), Uint(0)), "division by zero"),
    ("modulo_uint64", (Uint(1), Uint(0)), "modulus by zero"),
    ("int64_to_uint64", (-1,), "unsigned integer overflow"),
    ("double_to_uint64", (2.0**64,), "double outside uint64"),
    ("double_to_uint64", (math.nan,), "double outside uint64"),
    ("double_to_uint64", (-0.1,), "double outside uint64"),
    ("string_to_uint64", ("-1",), "'-1' is not a uint"),
    ("string_to_uint64", ("٣",), "'٣' is not a uint"),
    ("uint64_to_int64", (GREATEST_UINT,), "uint outside int64"),
    ("bytes_to_string", (b"\xff",), "the bytes are no text in UTF-8"),
    ("base64_decode_string", ("a!",), "'a!' is not base64"),
    ("base64_decode_string", ("a",), "'a' is not base64"),
    ("string_char_at_int", ("a", 2), "place 2 is outside the string of 1 characters"),
    ("string_index_of_string_int", ("a", "a", -1), "place -1 is outside the string"),
    ("string_last_index_of_string_int", ("a", "a", 2), "place 2 is outside the string"),
    ("string_substring_int_int", ("abc", 2, 1), "2 to 1 is no part of a string of 3 characters"),
    ("string_format", ("%d", ()), "nothing is left to format for '%d'"),
    ("string_format", ("%q", (1,)), "'%q' is no clause of a format"),
    ("string_format", ("%", ()), "'%' is no clause of a format"),
    ("string_format", ("%.9999f", (1.0,)), "at most 1000 digits"),
    ("string_format", ("%d", ("a",)), "%d does not format a str"),
    ("string_format", ("%f", (True,)), "%f does not format a bool"),
    ("string_format", ("%b", (1.0,)), "%b does not format a float"),
    ("string_format", ("%x", (None,)), "%x does not format a NoneType"),
    ("string_format", ("%o", ("a",)), "%o does not format a str"),
    ("matches", ("a", "(?=a)"), "'(?=a)' is no pattern of RE2"),
    ("matches", ("a", "a" * 1001), "a pattern has at most 1000 characters"),
    ("regex_extract_string_string", ("a", "(a)(b)"), "a pattern to extract by has at most one group"),
    ("regex_replace_string_string_string", ("a", "a", "\\1"), "'\\\\1' is no group of the pattern"),
    ("regex_replace_string_string_string", ("b", "a", "\\1"), "'\\\\1' is no group of the pattern"),
    ("math_@max_list_int", ((),), "there is no greatest or least of an empty list"),
    ("math_@max_list_int", ((1, "a"),), "greatest and least are of numbers alone"),
    ("math_abs_int", (-(2**63),), "integer overflow"),
    ("math_bitShiftLeft_int_int", (1, -1), "bits are shifted by 0 or more"),
    ("math_bitShiftRight_int_int", (1, -1), "bits are shifted by 0 or more"),
    ("list_range", (-1,), "lists.range makes 0 to 2000 numbers, not -1"),
    ("list_int_sortByAssociatedKeys", ((1, 2), (5,)), "2 entries are not sorted by 1 keys"),
    ("base64_decode_string", ("YQ=====",), "'YQ=====' is not base64"),
    ("equals", (VAST, VAST), "more than 20000 entries would be looked at"),
    ("in_list", (VAST, (VAST,)), "more than 20000 entries would be looked at"),
    ("list_distinct", ((VAST, VAST),), "more than 20000 entries would be looked at"),
    ("list_flatten_int", (VAST, 9), "a list of"),
    ("string_format", ("%s", (VAST,)), "a string of"),
    ("regex_replace_string_string_string", ("a" * 1000, "", "b" * 1000), "a string of"),
    ("string_to_double", ("1" * 1001,), f"'{'1' * 40}' is not a double"),
    ("list_slice", ((1,), 0, 2), "0 to 2 is no part of the list of 1"),
    ("list_flatten_int", ((1,), -1), "a list is flattened 0 times or more"),
    ("list_range", (MAX_ENTRIES + 1,), "lists.range makes 0 to 2000 numbers, not 2001"),
    ("list_int_sort", ((1, "a"),), "a list is sorted by values of one kind that has an order"),
    ("list_join", ((1,),), "strings alone are joined"),
    ("optional_value", (NONE,), "the optional holds nothing"),
    ("select_optional_field", (OptionalValue((None,)), "a"), "`.?` selects from a map"),
    ("map_optindex_optional_value", (1, "a"), "only a map has keys"),
    ("int64_to_duration", (2**62,), "duration out of range"),
    ("add_string", ("a" * MAX_TEXT, "b"), "a string of 16385 characters is made; at most 16384 may be"),
    ("add_list", ((1,) * MAX_ENTRIES, (1,)), "a list of 2001 entries is made; at most 2000 may be"),
    ("string_replace_string_string", ("a" * 1000, "a", "b" * 1000), "a string of 1000000 characters is made"),
    ("list_join_string", (("a",) * 100, "b" * 1000), "a string of 99100 characters is made"),
    ("share_string_string", ("a\0", "b"), "salts and ids contain no NUL"),
    ("decayed_double_duration_duration", (1.0, Duration(1), Duration(0)), "a half-life is longer than nothing"),
    ("price_band_int64_map", (1000, {"low": (0, 300)}), "price 1000 is in no band"),
    ("price_band_int64_map", (1, {"low": (0,)}), "price band 'low' is not [from, below]"),
]


def _run(function_id: str, args: tuple[CelValue, ...]) -> CelValue:
    function = FUNCTIONS[function_id]
    assert isinstance(function, Function)
    return function.run(*args)


@pytest.mark.parametrize(("function_id", "args", "wanted"), GIVES)
def test_an_extension_gives(function_id: str, args: tuple[CelValue, ...], wanted: CelValue) -> None:
    given = _run(function_id, args)
    assert (type(given), repr(given)) == (type(wanted), repr(wanted))


@pytest.mark.parametrize(("function_id", "args", "message"), FAILS)
def test_an_extension_fails(function_id: str, args: tuple[CelValue, ...], message: str) -> None:
    with pytest.raises(RuleError) as caught:
        _run(function_id, args)
    assert str(caught.value).startswith(message)


def test_a_map_of_mixed_keys_is_a_mapping() -> None:
    mapping = KeyedMap([(1, "one"), (True, "yes"), ("1", "text")])
    assert list(mapping) == [1, True, "1"]
    assert (len(mapping), mapping[Uint(1)], (1,) in mapping) == (3, "one", False)
