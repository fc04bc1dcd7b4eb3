"""Every message about CEL text (E2xx), each worded as a named function; `compiler.cel` says where."""

import re
from collections.abc import Collection, Sequence

from compiler.diagnostics.problem import Problem, Where, listed, nearest, problem, suggestion

_REFERENCE = "the reference of rule functions lists what there is"
_GRAMMAR = (
    (re.compile(r"'<EOF>'|<EOF>"), "the end"),
    (
        re.compile(r"^(mismatched input|extraneous input|no viable alternative at input|token recognition error at:)"),
        "unexpected",
    ),
)


_OTHER_LANGUAGES = (
    (re.compile("[\u2018\u2019\u201c\u201d]"), "write straight quotes"),
    (re.compile(r"(?i)\b(and|or|not)\b"), "write && for and, || for or, ! for not"),
    (re.compile(r"\bif\b"), "write condition ? one : other"),
    (re.compile(r"(?<![=!<>])=(?!=)"), "write == to compare"),
    (re.compile(r"\\[dDwWsSbB.]"), 'write the backslash twice, or a raw string: r"\\d+"'),
    (re.compile(r"#"), "comments begin with //"),
)


def syntax(where: Where, what: str, text: str) -> Problem:
    """The text is no CEL expression."""
    hint = next((hint for sign, hint in _OTHER_LANGUAGES if sign.search(text)), "mend the expression at the caret")
    return problem("E201", where, f"this is not a CEL expression: {_without_grammar(what)}", hint)


def bad_literal(where: Where, kind: str) -> Problem:
    """A number that its type cannot hold."""
    return problem("E201", where, f"this is no {kind} that can be held in 64 bits", f"write a smaller {kind}")


def unreadable(where: Where) -> Problem:
    """A character that may not stand in a rule."""
    return problem("E201", where, "this character cannot stand in an expression", "remove it")


def too_deep(where: Where) -> Problem:
    """More nesting than parser or engine take."""
    return problem(
        "E202",
        where,
        "this expression is nested too deeply",
        "split it into several rules, or compute a part of it as a feature",
    )


def unknown_field(where: Where, root: str, name: str, known: Collection[str], owners: Collection[str]) -> Problem:
    """A feature or column that is not declared."""
    if owners:
        return problem("E203", where, f"`{root}` has no field `{name}`", f"did you mean {listed(owners)}?")
    nothing = f"nothing is declared for `{root}` in this bundle"
    return problem("E203", where, f"`{root}` has no field `{name}`", suggestion(name, known, nothing))


def unknown_word(where: Where, name: str, owners: Collection[str], roots: Collection[str]) -> Problem:
    """A name that is no root."""
    hint = f"did you mean {listed(owners)}?" if owners else suggestion(name, roots)
    if not owners and nearest(name, roots) is None:
        hint += f'; a text stands in quotes: "{name}"'
    return problem("E204", where, f"unknown name `{name}`", hint)


def root_not_here(where: Where, name: str, roots: Collection[str]) -> Problem:
    """A root that this kind of expression may not read."""
    return problem("E205", where, f"`{name}` cannot be read in this place", f"this expression may read {listed(roots)}")


def unknown_function(where: Where, name: str, known: Collection[str]) -> Problem:
    """A function that is not CEL's and not ours."""
    by_last_word = {each.rpartition(".")[2]: each for each in known}
    meant = by_last_word.get(name) or nearest(name, known)
    return problem("E206", where, f"unknown function `{name}`", f"did you mean `{meant}`?" if meant else _REFERENCE)


def mixed_numbers(where: Where, symbol: str, types: Collection[str], hint: str) -> Problem:
    """Int and double in one operation."""
    return problem("E207", where, f"`{symbol}` cannot mix {' and '.join(types)}", hint)


def write_double(literal: str, other: str) -> str:
    """A hint: how a literal becomes a double."""
    return f"write {literal}.0: `{other}` is a double" if other else f"write {literal}.0"


def convert(word: str, kind: str) -> str:
    """A hint: how a value becomes one of another type."""
    return f"write {kind}({word})" if word else f"convert it with {kind}(...)"


def added_to_string(where: Where, types: Collection[str], hint: str) -> Problem:
    """A string and something else, put together."""
    return problem("E208", where, f"`+` cannot put {' and '.join(types)} together", hint)


def no_overload(where: Where, symbol: str, types: Collection[str], takes: Collection[str]) -> Problem:
    """A function applied to types that it does not take."""
    hint = f"it takes {' or '.join(takes)}" if takes else _REFERENCE
    return problem("E208", where, f"`{symbol}` cannot be applied to ({', '.join(types)})", hint)


def macro_condition(where: Where, kind: str) -> Problem:
    """A macro's condition that is no bool."""
    return problem("E208", where, f"the condition of this macro is {kind}, not bool", "compare it with something")


def unlike_sides(where: Where, sign: str, types: Sequence[str], word: str) -> Problem:
    """Values of two types compared for equality."""
    hint = "let both sides have one type"
    for kind, other in (types, types[::-1]):
        if kind == f"list({other})":
            hint = "ask whether the list holds it: value in list"
        elif {kind, other} == {"bool", "string"}:
            hint = "write true or false without quotes"
    return problem("E208", where, f"`{sign}` cannot compare {' with '.join(types)}{f' ({word})' if word else ''}", hint)


def never_null(where: Where, word: str) -> Problem:
    """A value compared with null."""
    read = f"`{word}`" if word else "the value"
    return problem(
        "E208", where, f"{read} is never null", f"write has({word}), or !has({word})" if word else _REFERENCE
    )


def unequal_outcomes(where: Where, types: Collection[str]) -> Problem:
    """A conditional whose outcomes have different types."""
    condition, *outcomes = types
    if condition != "bool":
        return problem("E208", where, f"the condition before `?` is {condition}, not bool", "compare it with something")
    hint = "write 1.0 for 1, or double(...)" if set(outcomes) == {"int", "double"} else "let both have the same type"
    return problem("E208", where, f"the outcomes of `? :` are {' and '.join(outcomes)}", hint)


def nothing_inside(where: Where, kind: str) -> Problem:
    """A field of something that has none."""
    hint = 'remove the dot and what follows; keys of maps are read with ["key"]'
    return problem("E209", where, f"{'an' if kind.startswith(('int', 'o')) else 'a'} {kind} has no fields", hint)


def has_without_field(where: Where) -> Problem:
    """`has` of something that is always there."""
    return problem(
        "E209",
        where,
        "has() takes a field or a key of a map",
        "write has(visitor.orders), or has(visitor.affinity.snacks)",
    )


def wrong_result(where: Where, place: str, given: str, wanted: Collection[str]) -> Problem:
    """An expression of the wrong type."""
    choices = " or ".join(wanted)
    return problem("E210", where, f"`{place}` must give {choices}, this gives {given}", _conversion(given, wanted))


def other(where: Where, message: str) -> Problem:
    """What the checker says that is not worded here."""
    return problem("E211", where, message, "mend the expression at the caret")


def types_differ(where: Where, rule: str, first: str, second: str) -> Problem:
    """A named rule whose types depend on the table."""
    return problem(
        "E212",
        where,
        f"rule `{rule}` has other types for table `{first}` than for `{second}`",
        "write one rule for each table",
    )


def not_gone_through(where: Where, macro: str, kind: str) -> Problem:
    """A macro of something that has no elements."""
    is_optional = kind.startswith("optional")
    hint = "make an optional a value with orValue(...), or use optMap(...)" if is_optional else _REFERENCE
    return problem("E213", where, f"{macro} goes through lists and maps, not through {kind}", hint)


def function_not_supported(where: Where, symbol: str, types: Collection[str]) -> Problem:
    """A function of CEL that the engine lacks."""
    message = f"`{symbol}` of ({', '.join(types)}) cannot be used in rules"
    return problem("E213", where, message, _REFERENCE)


def value_not_supported(where: Where, what: str) -> Problem:
    """A value that has no place in the engine."""
    return problem(
        "E213",
        where,
        f"{what} cannot be used in rules",
        "use values of bool, int, uint, double, string, bytes, timestamp, duration, lists, maps or optionals",
    )


def message_made(where: Where, name: str) -> Problem:
    """A protobuf message."""
    return problem("E217", where, f"`{name}` cannot be used in rules", "rules have no protobuf messages; use a map")


def whole_root(where: Where, root: str) -> Problem:
    """A root without a field."""
    return problem("E214", where, f"`{root}` cannot be used as a whole", f"read one of its fields: {root}.<name>")


def unknown_types(where: Where, symbol: str) -> Problem:
    """A call over values whose types are not known."""
    return problem(
        "E215",
        where,
        f"the types that `{symbol}` works on are not known here",
        "rules need types that are known when the bundle is built: no dyn(), no mixed types in one list or map",
    )


def not_runnable(where: Where, reason: str) -> Problem:
    """What the engine itself refuses."""
    return problem("E216", where, f"the engine cannot run this: {reason}", "change the expression as it says")


def _without_grammar(what: str) -> str:
    """ANTLR's complaint in plain words, without the list of everything that it would have taken."""
    words = what.partition(" expecting {")[0].strip()
    for pattern, plain in _GRAMMAR:
        words = pattern.sub(plain, words)
    return words.replace("unexpected the end", "it ends too early")


def _conversion(given: str, wanted: Collection[str]) -> str:
    if given == "bool" and "double" in wanted:
        return "write ... ? 1.0 : 0.0"
    if "bool" in wanted:
        return "compare it with something"
    if given == "int" and "double" in wanted:
        return "write 1.0 for 1, or convert with double(...)"
    if given == "double" and "int" in wanted:
        return "convert it with int(...)"
    return "convert it with string(...)" if "string" in wanted else "change the expression, or what is declared"
