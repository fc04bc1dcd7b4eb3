"""Where our engine differs from the library on purpose. Aim: an empty table.

Each line has a reason that convinces a user, a test that is as narrow as can be, and an example that must differ, so
that a line which is true no more is found.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from contracts.rule_ir import Call, Const, MacroCall, Rule
from engine.programs.functions.patterns import pattern

from .orders import other_orders
from .outcomes import ERROR, GIVEN_UP, Outcome, unordered, with_texts


@dataclass(frozen=True)
class Seen:
    """A difference as it was seen: the shrunk expression, its rule, our outcome and the library's.

    `run` tells our outcome of another rule in the same place.
    """

    text: str
    rule: Rule
    ours: Outcome
    theirs: Outcome
    run: Callable[[Rule], Outcome]

    def calls(self, *functions: str) -> bool:
        """Whether it calls one of these functions, by id."""
        return any(getattr(node, "function", "") in functions for node in self.rule.nodes)


@dataclass(frozen=True)
class Deviation:
    """A known difference, and how an instance of it is told."""

    name: str
    reason: str
    example: str
    holds: Callable[[Seen], bool]


_YEAR = re.compile(r"(?<!\d)(\d{1,3})(?=-\d\d-\d\dT)")
_OPTIONAL_INDEX = re.compile(r"(optional\.\w+\(.*\)|\.(first|last)\(\)|\.\?\w+|\[\?.*\]|\.or\(.*\))\[")
_OVER = re.compile(r"\.(map|filter|transformList)\(")
_REPEATING = ("regex_replace_string_string_string_int", "regex_extractAll_string_string")
_SAMPLES = ("", "a b", "é, 1")
_NUMBER = re.compile(r"(?<!\d)(?:0|[1-9]\d*)(?:\.\d+)?(?:e[-+]\d+)?")
_READER = re.compile(r"(int|uint|double)\('")
DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "a repeated key is an error like any other",
        "the library ends the evaluation at a repeated key of a map literal, even where && or || has its answer "
        "already; the language definition has && and || absorb any error",
        "{'a': 1, 'a': 2} == {} || true",
        lambda seen: seen.theirs[0] == GIVEN_UP and "duplicate key" in str(seen.theirs[1]),
    ),
    Deviation(
        "numbers are read strictly",
        "the library's readers skip blanks and take '+7' as a uint and '0x1F' as a double; cel-go's do not",
        "double(' 7')",
        lambda seen: seen.ours == ERROR and bool(_READER.match(seen.text)),
    ),
    Deviation(
        "base64 is read strictly",
        "the library skips blanks between the characters; RFC 4648 has decoders refuse them",
        "base64.decode('YW I=')",
        lambda seen: seen.ours == ERROR and seen.text.startswith("base64.decode("),
    ),
    Deviation(
        "the longest durations can be had",
        "the library negates the subtrahend, which overflows for the least duration, and errs in the last second of "
        "the range, though the difference fits int64 nanoseconds",
        "timestamp(0) - duration('-9223372036.854775808s')",
        lambda seen: seen.theirs == ERROR and " - " in seen.text and "9223372036" in f"{seen.text}{seen.ours[1]}",
    ),
    Deviation(
        "NaN has no sign",
        "the library writes the sign bit of a NaN, which differs from machine to machine",
        "string(-double('NaN'))",
        lambda seen: seen.ours == with_texts(seen.theirs, lambda text: text.replace("-nan", "nan")),
    ),
    Deviation(
        "NaN has no place in an order",
        "what sorts a NaN may put it anywhere: it is neither less nor greater than any number",
        "[0.1, double('NaN'), 0.0].sort()",
        lambda seen: ".sort" in seen.text and "'nan'" in repr(seen.ours),
    ),
    Deviation(
        "maps are gone through in the order in which they were made",
        "the library goes through them in any order, and the language definition leaves it open; ours must repeat",
        "{'A': 1, '': 2, 'b': 3, 'é': 4, 'ab': 5, 'x': 6}.map(key, key)",
        lambda seen: bool(_OVER.search(seen.text)) and unordered(seen.ours) == unordered(seen.theirs),
    ),
    Deviation(
        "what is made of a map's order depends on it",
        "the same, where the order does not come out as a list but decides what does: then another order of the same "
        "literals gives what the library gives",
        "{'A': 1, '': 2, 'b': 3, 'é': 4, 'ab': 5, 'x': 6}.map(key, key).join('')",
        lambda seen: any(seen.run(rule) == seen.theirs for rule in other_orders(seen.rule)),
    ),
    Deviation(
        "an empty match is one match",
        "the library replaces an empty match as often as the count allows, and extracts none; RE2 itself finds one",
        "regex.extractAll('', '')",
        lambda seen: _matches_nothing(seen.rule) and ERROR not in (seen.ours, seen.theirs),
    ),
    Deviation(
        "a bound variable is what it is bound to",
        "the library binds lazily, and finds what an `all` or `exists` that ended early has left in the same place",
        "[1, 2].all(x, false) ? 0 : cel.bind(y, 7, y)",
        lambda seen: _binds_after_early_end(seen.rule),
    ),
    Deviation(
        "what is outside an optional list is absent",
        "the library makes an optional that holds an error: hasValue() is true, value() fails",
        "optional.of([])[0].hasValue()",
        lambda seen: bool(_OPTIONAL_INDEX.search(seen.text)),
    ),
    Deviation(
        "substring may end where the string ends",
        "the library takes an end equal to the size as outside; the end is exclusive, as in cel-go",
        "'ab'.substring(0, 2) == 'ab'",
        lambda seen: ".substring(" in seen.text and seen.theirs == ERROR,
    ),
    Deviation(
        "nothing is split into nothing",
        "the library splits the empty string by the empty string into one empty string; cel-go into none",
        "''.split('')",
        lambda seen: ".split(" in seen.text and (seen.ours, seen.theirs) == (("list", ()), ("list", (("string", ""),))),
    ),
    Deviation(
        "format takes integers alone as %d",
        "the library formats a double as %d with six decimals; cel-go refuses it",
        "'%d'.format([0.5])",
        lambda seen: seen.ours == ERROR and seen.text.startswith("'%d'.format("),
    ),
    Deviation(
        "format writes doubles as %s in full",
        "the library writes small and large ones with an exponent and six digits, and so loses some; cel-go in full",
        "'%s'.format([{'a': 1e300}])",
        lambda seen: seen.calls("string_format") and _shortened(seen.ours) == _shortened(seen.theirs),
    ),
    Deviation(
        "format writes years with four digits",
        "the library formats the year 1 as 1-01-01, which RFC 3339 does not allow and timestamp() does not read",
        "'%s'.format([timestamp('0001-01-01T00:00:00Z')])",
        lambda seen: seen.ours == _padded(seen.theirs),
    ),
)


def _padded(outcome: Outcome) -> Outcome:
    """The outcome with years of four digits."""
    return with_texts(outcome, lambda text: _YEAR.sub(lambda found: found[1].zfill(4), text))


def _shortened(outcome: Outcome) -> Outcome:
    """The outcome with every number in its texts cut to six digits, as C++ prints doubles."""
    return with_texts(outcome, lambda text: _NUMBER.sub(lambda found: f"{float(found[0]):g}", text))


def _matches_nothing(rule: Rule) -> bool:
    """Whether a pattern that is replaced so many times, or extracted everywhere, can match nothing at all."""
    calls = [node for node in rule.nodes if isinstance(node, Call) and node.function in _REPEATING]
    patterns = [node.value for node in (rule.nodes[call.args[1]] for call in calls) if isinstance(node, Const)]
    found = [match for each in patterns for text in _SAMPLES for match in pattern(str(each)).finditer(text)]
    return any(match.start() == match.end() for match in found)


def _binds_after_early_end(rule: Rule) -> bool:
    """Whether a variable is bound after a macro that need not go through all entries."""
    macros = [node.macro for node in rule.nodes if isinstance(node, MacroCall)]
    early = [place for place, name in enumerate(macros) if name in ("all", "exists")]
    return bool(early) and "bind" in macros[early[0] :]


def known(seen: Seen) -> str | None:
    """The name of the deviation that this difference is an instance of."""
    return next((each.name for each in DEVIATIONS if each.holds(seen)), None)
