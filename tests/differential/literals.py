"""Edge values as CEL text, by type, and the texts and numbers that certain arguments need to mean anything.

No NUL anywhere, for the library cuts strings there, and nothing that `deviations` tells of, where it can be helped.
Whoever adds a function whose arguments are a language of their own (a pattern, a zone, a format) adds a line to
`ARGUMENTS`; others need nothing here.
"""

LITERALS: dict[str, tuple[str, ...]] = {
    "bool": ("true", "false"),
    "int": (
        "0",
        "1",
        "-1",
        "2",
        "7",
        "-3",
        "1000",
        "9007199254740993",
        "4611686018427387904",
        "9223372036854775807",
        "-9223372036854775808",
    ),
    "uint": (
        "0u",
        "1u",
        "2u",
        "7u",
        "9007199254740993u",
        "9223372036854775808u",
        "18446744073709551615u",
    ),
    "double": (
        "0.0",
        "-0.0",
        "1.0",
        "-1.0",
        "0.1",
        "2.5",
        "-2.5",
        "0.5",
        "1e-7",
        "123456.75",
        "999999.5",
        "5e-324",
        "1e300",
        "-1e300",
        "9.3e18",
        "1.8446744073709552e19",
        "9007199254740993.0",
        "double('NaN')",
        "(1.0/0.0)",
    ),
    "string": (
        "''",
        "'a'",
        "'b'",
        "'ab'",
        "'A'",
        "'é😀'",
        r"'e\u0301'",
        "'İß'",
        "'12'",
        "'-7'",
        "'1.5'",
        "'true'",
        "'a b,c'",
        r"'\t\u00a0x\n'",
        "'Hello, World'",
        r"'\'\\'",
    ),
    "bytes": (
        "b''",
        "b'a'",
        "b'ab'",
        r"b'\xff\xfe'",
        "b'é😀'",
        r"b'\xed\xa0\x80'",
    ),
    "null": ("null",),
    "type": ("int", "string", "double", "bool", "list", "map", "type"),
    "timestamp": (
        "timestamp('2017-11-27T05:00:00Z')",
        "timestamp('1969-12-31T23:59:59.5+01:00')",
        "timestamp('2016-02-29T12:00:00.123456789Z')",
        "timestamp('2017-11-05T05:59:59.999999999Z')",
        "timestamp('2017-03-12T07:00:00Z')",
        "timestamp('0001-01-01T00:00:00Z')",
        "timestamp('9999-12-31T23:59:59.999999999Z')",
    ),
    "duration": (
        "duration('0')",
        "duration('1h')",
        "duration('-1.5s')",
        "duration('1ns')",
        "duration('-0.000000999s')",
        "duration('90061.001s')",
        "duration('9223372036s')",
        "duration('-9000000000s')",
    ),
}

_ZONES = (
    "'UTC'",
    "'America/New_York'",
    "'Asia/Kathmandu'",
    "'Australia/Lord_Howe'",
    "'-03:30'",
    "'05:45'",
    "'nowhere'",
    "''",
)
_INSTANTS = (
    "'2017-11-27T05:00:00Z'",
    "'2017-11-27T05:00:00.1234567891+14:00'",
    "'2016-12-31T23:59:60Z'",
    "'2017-02-29T00:00:00Z'",
    "'0000-12-31T23:59:59Z'",
    "'10000-01-01T00:00:00Z'",
    "'2017-11-27 05:00:00Z'",
    "'2017-11-27T05:00:00'",
    "'2017-11-27t05:00:00z'",
)
_LENGTHS = ("'36h'", "'-1.5s'", "'9000000000s'", "'400000000000s'", "'1h1m1s1ms1us1ns'", "'1'", "''", "'1d'", "'.5m'")
_BOOLS = (
    "'true'",
    "'TRUE'",
    "'True'",
    "'tRUE'",
    "'t'",
    "'1'",
    "'0'",
    "'f'",
    "'no'",
    "'False'",
)
_NUMERALS = (
    "'0'",
    "'-0'",
    "'+7'",
    "'1e3'",
    "'-1.5e-7'",
    "'.5'",
    "'5.'",
    "'inf'",
    "'NaN'",
    "'-Infinity'",
    "'1e999'",
    "'9223372036854775807'",
    "'9223372036854775808'",
    "'-9223372036854775808'",
    "'18446744073709551615'",
    "'18446744073709551616'",
    "'1_000'",
)
_PATTERNS = (
    "'a'",
    "'^a.*b$'",
    "'[a-z]+'",
    "'(?i)AB'",
    "'^$'",
    r"'\\pL+'",
    "'a{2,3}|b'",
    "'.'",
    r"'\\d+\\.?\\d*'",
)
_MATCHING = ("matches", "regex.extract", "regex.extractAll", "regex.replace")
_FORMATS = ("''", "'%%'", "'%s'", "'%d'", "'%s %s'", "'%.2f'", "'%.3e'", "'%x'", "'%X'", "'%b'", "'%o'", "'%q'", "'%'")
_SMALL = ("-1", "0", "1", "2", "3", "7")
_KEYS = ("'a'", "'b'", "'ab'", "'é😀'", "''")

# By the function's CEL name and the argument's place and type, a method's target being place 0.
ARGUMENTS: dict[tuple[str, int, str], tuple[str, ...]] = {
    ("timestamp", 0, "string"): _INSTANTS,
    ("duration", 0, "string"): _LENGTHS,
    ("int", 0, "string"): _NUMERALS,
    ("uint", 0, "string"): _NUMERALS,
    ("double", 0, "string"): _NUMERALS,
    ("bool", 0, "string"): _BOOLS,
    ("timestamp", 0, "int"): ("0", "-62135596800", "253402300799", "253402300800", "-62135596801"),
    **{(name, 1, "string"): _PATTERNS for name in _MATCHING},
    ("format", 0, "string"): _FORMATS,
    ("base64.decode", 0, "string"): ("''", "'YWI='", "'YWI'", "'/+8='", "'_-8='", "'*'"),
    ("lists.range", 0, "int"): _SMALL,
    ("_[_]", 1, "int"): _SMALL,
    ("_[?_]", 1, "int"): _SMALL,
    ("_[_]", 1, "string"): _KEYS,
    ("_[?_]", 1, "string"): _KEYS,
    ("charAt", 1, "int"): _SMALL,
    ("substring", 1, "int"): _SMALL,
    ("substring", 2, "int"): _SMALL,
    ("indexOf", 2, "int"): _SMALL,
    ("lastIndexOf", 2, "int"): _SMALL,
    ("replace", 3, "int"): _SMALL,
    ("regex.replace", 3, "int"): _SMALL,
    ("split", 2, "int"): _SMALL,
    ("slice", 1, "int"): _SMALL,
    ("slice", 2, "int"): _SMALL,
    ("flatten", 1, "int"): _SMALL,
    ("math.bitShiftLeft", 1, "int"): (*_SMALL, "63", "64", "65"),
    ("math.bitShiftRight", 1, "int"): (*_SMALL, "63", "64", "65"),
    **{
        (name, 1, "string"): _ZONES
        for name in (
            "getFullYear",
            "getMonth",
            "getDate",
            "getDayOfMonth",
            "getDayOfWeek",
            "getDayOfYear",
            "getHours",
            "getMinutes",
            "getSeconds",
            "getMilliseconds",
        )
    },
}
# Arguments that the compiler wants as literals, and those of which the library would work without end.
LITERAL_ONLY = frozenset(
    {("lists.range", 0, "int"), ("regex.replace", 3, "int"), *((name, 1, "string") for name in _MATCHING)}
)
