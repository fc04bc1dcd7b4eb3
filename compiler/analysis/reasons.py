"""Why a condition cannot come out true, or cannot come out false: what follows `because` in a message."""

from collections.abc import Sequence
from itertools import combinations

from compiler.analysis.ranges import NO_FACTS, Facts, Ranges, Term
from compiler.analysis.relations import ALL, APART, EQUAL, GREATER, LESS, OPERATORS, Relations, flipped
from compiler.analysis.spelling import literal
from compiler.analysis.values import Among, Anything, Between, Values
from contracts.features import INT64_MAX, INT64_MIN
from contracts.rule_ir import Call, Const, ListOf
from engine.programs.functions import FUNCTIONS
from engine.programs.verify import children

_WORDS: dict[Relations, str] = {
    frozenset({LESS}): "below ",
    frozenset({LESS, EQUAL}): "at most ",
    frozenset({GREATER}): "above ",
    frozenset({GREATER, EQUAL}): "at least ",
    frozenset({EQUAL}): "",
    frozenset({LESS, GREATER}): "other than ",
}
_TIMES = ("timestamp", "duration")  # nanoseconds say nothing to people
_MOST_VALUES = 6


def of_chain(ranges: Ranges, parts: Sequence[int], outcome: bool, facts: Facts) -> tuple[str, int]:
    """Why the parts of a chain cannot all give this outcome, and the part that completes the contradiction."""
    for place in parts:
        if ranges.suppose(place, outcome, facts) is None:
            return f"`{ranges.spelling.of(place)}` is one of its parts", place
    for one, other in combinations(parts, 2):
        if ranges.suppose_all([one, other], outcome, facts) is None:
            return _contradiction(ranges, one, other, outcome), other
    return f"its parts cannot all be {_word(outcome)} together", parts[-1]


def of_condition(ranges: Ranges, place: int, facts: Facts) -> str:
    """What leaves a condition that is no chain a single outcome."""
    node = ranges.nodes[place]
    args = node.args if isinstance(node, Call) else ()
    if _is_constant(ranges, place):
        return "it is made of constants"
    if operator(node) in OPERATORS and ranges.term(args[0]) == ranges.term(args[1]):
        return "both sides are the same"
    if any(isinstance(each := ranges.nodes[arg], ListOf) and not each.items for arg in args):
        return "the list is empty"
    told = [_limit(ranges, arg, facts) for arg in args if not _is_constant(ranges, arg)]
    known = [text for text in dict.fromkeys(told) if text]
    return " and ".join(known) or "of what is known here"


def operator(node: object) -> str:
    """The operator of a node as CEL names it: `_<_`; empty where it has none."""
    function = FUNCTIONS.get(node.function) if isinstance(node, Call) else None
    return "" if function is None else function.name


def _contradiction(ranges: Ranges, one: int, other: int, outcome: bool) -> str:
    others = {term: words for term, _, words in _demands(ranges, other, outcome)}
    for term, subject, words in _demands(ranges, one, outcome):
        if term not in others:
            continue
        if outcome:
            return f"`{subject}` would have to be {words} and {others[term]}"
        return f"it is false only where `{subject}` is {words} and {others[term]}"
    texts = [ranges.spelling.of(place) for place in (one, other)]
    return f"`{texts[0]}` and `{texts[1]}` cannot both be {_word(outcome)}"


def _demands(ranges: Ranges, place: int, outcome: bool) -> list[tuple[Term, str, str]]:
    """What a condition demands of the terms in it to give this outcome: the term, its spelling, what it must be."""
    node, name = ranges.nodes[place], operator(ranges.nodes[place])
    if isinstance(node, Call) and name == "!_":
        return _demands(ranges, node.args[0], not outcome)
    if isinstance(node, Call) and name in OPERATORS:
        held = OPERATORS[name] if outcome else ALL - OPERATORS[name]
        return [
            _compared(ranges, node.args[0], held, node.args[1]),
            _compared(ranges, node.args[1], flipped(held), node.args[0]),
        ]
    if isinstance(node, Call) and name == "@in" and isinstance(ranges.nodes[node.args[1]], ListOf):
        words = f"{'one' if outcome else 'none'} of `{ranges.spelling.of(node.args[1])}`"
        return [(ranges.term(node.args[0]), ranges.spelling.of(node.args[0]), words)]
    return [(ranges.term(place), ranges.spelling.of(place), _word(outcome))]


def _compared(ranges: Ranges, subject: int, held: Relations, other: int) -> tuple[Term, str, str]:
    text = ranges.spelling.of(other)
    quoted = text if isinstance(ranges.nodes[other], Const) else f"`{text}`"
    return ranges.term(subject), ranges.spelling.of(subject), _WORDS[held - {APART}] + quoted


def _limit(ranges: Ranges, place: int, facts: Facts) -> str:
    """`item.price` is at most 500 here."""
    values = ranges.value(place, facts)
    words = "" if ranges.nodes[place].type in _TIMES else _described(values)
    here = "" if values == ranges.value(place, NO_FACTS) else " here"
    return f"`{ranges.spelling.of(place)}` is {words}{here}" if words else ""


def _described(values: Values) -> str:
    match values:
        case Anything():
            return ""
        case Among():
            shown = [literal(each) for each in sorted(values.values, key=str)[:_MOST_VALUES]]
            more = len(values.values) - len(shown)
            return " or ".join(shown) + (f" or one of {more} more" if more else "") or "absent"
        case Between(low=low, high=high):
            return _between(low, high)


def _between(low: float, high: float) -> str:
    is_open_below, is_open_above = low <= INT64_MIN, high >= INT64_MAX
    if is_open_below and is_open_above:
        return ""
    if is_open_below or is_open_above:
        return f"at most {high}" if is_open_below else f"at least {low}"
    return str(low) if low == high else f"from {low} to {high}"


def _is_constant(ranges: Ranges, place: int) -> bool:
    node = ranges.nodes[place]
    if isinstance(node, Const):
        return True
    return isinstance(node, Call | ListOf) and all(_is_constant(ranges, part) for part in children(node))


def _word(outcome: bool) -> str:
    return "true" if outcome else "false"
