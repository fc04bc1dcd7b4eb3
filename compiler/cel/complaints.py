"""What the type checker complains of, recognised by its wording and told in ours, at the character that is meant.

The checker points at dots and parentheses; people look at names. Its texts are matched here and nowhere else: a new
release of it that words something differently shows up as the plain complaint, and in a golden test.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.cel.schema import root_of
from compiler.cel.tree import symbol
from compiler.diagnostics import Problem, Where
from compiler.diagnostics import rule_messages as say
from compiler.reading.expressions import Expression
from contracts.features import Root, ValueType
from engine.programs.functions import FUNCTIONS
from engine.programs.macros import MACROS

Fields = Mapping[Root, Mapping[str, ValueType]]

_NAMES = sorted({each.written_name for each in FUNCTIONS.values() if each.written_name})
_NAMES += sorted({form.split(".", 1)[1].partition("(")[0] for macro in MACROS.values() for form in macro.written})
_LIBRARIES = frozenset({name.partition(".")[0] for name in _NAMES if "." in name})
_CALLED = re.compile(r"([A-Za-z_]\w*(?:\.\w+)?)\s*\(")
_LITERAL_BEFORE = re.compile(r"(?<![\w.])(-?\d+)\s*\Z")
_LITERAL_AFTER = re.compile(r"\s*(-?\d+)(?![\w.])")
_TEXTUAL = {"int", "double", "bool", "timestamp", "duration"}
_WORD = r"[A-Za-z_][\w.]*(?:\[[^\]]*\]|\([^()]*\))?"
_WORD_BEFORE = re.compile(rf"({_WORD})\s*\Z")
_WORD_AFTER = re.compile(rf"\s*({_WORD})")


@dataclass(frozen=True)
class Complaint:
    """One complaint about an expression that could read these fields, at an offset in its text (code points)."""

    expression: Expression
    fields: Fields
    offset: int
    message: str

    def at(self, offset: int) -> Where:
        """The place of a character of the expression."""
        return self.expression.written.at(offset)

    def after_dot(self) -> Where:
        """The place of the name after the dot at which the checker points."""
        text = self.expression.text[self.offset :]
        return self.at(self.offset + len(text) - len(text.removeprefix(".").lstrip()))

    def at_name(self, name: str) -> Where:
        """The place of a name at whose end, or parenthesis, the checker points."""
        start = self.expression.text.rfind(name, 0, self.offset + len(name))
        return self.at(max(start, 0) if name else self.offset)


def problems_of(complaints: list[Complaint]) -> list[Problem]:
    """The complaints as problems, without those that merely follow from another one."""
    causes = [complaint for complaint in complaints if "*error*" not in complaint.message]
    return [_problem_of(complaint) for complaint in causes or complaints]


def _problem_of(complaint: Complaint) -> Problem:
    for pattern, word in _WORDINGS:
        found = pattern.search(complaint.message)
        if found:
            return word(complaint, found)
    return say.other(complaint.at(complaint.offset), complaint.message)


def _unknown_field(complaint: Complaint, found: re.Match[str]) -> Problem:
    root = root_of(found["message"])
    known = list(complaint.fields.get(root, {})) if root else []
    owners = [f"{other}.{found['name']}" for other in _owners(complaint, found["name"])]
    return say.unknown_field(complaint.after_dot(), str(root or "it"), found["name"], known, owners)


def _owners(complaint: Complaint, name: str) -> list[Root]:
    """The roots that may be read here and have such a field."""
    return [root for root in complaint.expression.use.roots if name in complaint.fields.get(root, {})]


def _undeclared(complaint: Complaint, found: re.Match[str]) -> Problem:
    name = found["name"].partition(".")[0]
    where = complaint.at_name(name)
    roots = complaint.expression.use.roots
    text = complaint.expression.text
    called = _CALLED.match(text, text.find(name, max(complaint.offset - len(name), 0)))
    if called and (called[1] == name or name in _LIBRARIES):
        return say.unknown_function(where, called[1], _NAMES)
    if complaint.expression.text[complaint.offset :].removeprefix(name).lstrip().startswith("("):
        return say.unknown_function(where, name, _NAMES)
    if name in list(Root):
        return say.root_not_here(where, name, [str(root) for root in roots])
    owners = [f"{root}.{name}" for root in _owners(complaint, name)]
    return say.unknown_word(where, name, owners, [str(root) for root in roots])


def _no_overload(complaint: Complaint, found: re.Match[str]) -> Problem:
    name, types = found["name"], [_type(word) for word in _split(found["types"])]
    if name == "_?_:_":
        return say.unequal_outcomes(complaint.at(complaint.offset), types)
    if "null_type" in types and name in ("_==_", "_!=_"):
        return say.never_null(complaint.at(complaint.offset), _word(complaint, symbol(name), types[0] == "null_type"))
    if name in ("_==_", "_!=_"):
        return say.unlike_sides(complaint.at(complaint.offset), symbol(name), types, "")
    if name in ("_&&_", "_||_") and not complaint.expression.text.startswith(symbol(name), complaint.offset):
        return say.macro_condition(complaint.at(complaint.offset), types[-1])
    is_operator = not name.replace(".", "").isidentifier()
    where = complaint.at(complaint.offset) if is_operator else complaint.at_name(name)
    sign = symbol(name)
    if is_operator and set(types) == {"int", "double"}:
        return say.mixed_numbers(where, sign, types, _mend(complaint, sign, types))
    if sign == "+" and "string" in types and _TEXTUAL & set(types):
        return say.added_to_string(where, types, say.convert(_word(complaint, sign, types[0] == "string"), "string"))
    takes = [_signature(function.params) for function in FUNCTIONS.values() if function.name == name]
    return say.no_overload(where, sign, types, list(dict.fromkeys(takes)))


def _mend(complaint: Complaint, sign: str, types: list[str]) -> str:
    """How to make a double of the int side."""
    is_right = types[1] == "int"
    before, after = _sides(complaint, sign)
    literal = _LITERAL_AFTER.match(after) if is_right else _LITERAL_BEFORE.search(before)
    if literal:
        return say.write_double(literal[1], _word(complaint, sign, not is_right))
    return say.convert(_word(complaint, sign, is_right), "double")


def _word(complaint: Complaint, sign: str, is_right: bool) -> str:
    """The name or call on one side of an operator, if it is that simple."""
    before, after = _sides(complaint, sign)
    found = _WORD_AFTER.match(after) if is_right else _WORD_BEFORE.search(before)
    return found[1] if found else ""


def _sides(complaint: Complaint, sign: str) -> tuple[str, str]:
    text = complaint.expression.text
    return text[: complaint.offset], text[complaint.offset + len(sign) :]


def _select(complaint: Complaint, found: re.Match[str]) -> Problem:
    return say.nothing_inside(complaint.after_dot(), _type(found["type"]))


def _syntax(complaint: Complaint, found: re.Match[str]) -> Problem:
    return say.syntax(complaint.at(complaint.offset), found["what"], complaint.expression.text)


def _not_gone_through(complaint: Complaint, found: re.Match[str]) -> Problem:
    return say.not_gone_through(complaint.at(complaint.offset), "a macro", _type(found["type"]))


def _too_deep(complaint: Complaint, _found: re.Match[str]) -> Problem:
    return say.too_deep(complaint.expression.where)


def _bad_literal(complaint: Complaint, found: re.Match[str]) -> Problem:
    return say.bad_literal(complaint.at(complaint.offset), found["kind"])


def _bad_has(complaint: Complaint, _found: re.Match[str]) -> Problem:
    return say.has_without_field(complaint.at(complaint.offset))


_WORDINGS: tuple[tuple[re.Pattern[str], Callable[[Complaint, re.Match[str]], Problem]], ...] = (
    (re.compile(r"undefined field '(?P<name>[^']*)' not found in struct '(?P<message>[^']*)'"), _unknown_field),
    (re.compile(r"undeclared reference to '(?P<name>[^']*)'"), _undeclared),
    (re.compile(r"no matching overload for '(?P<name>[^']*)' applied to '\((?P<types>.*)\)'"), _no_overload),
    (re.compile(r"type '(?P<type>.*)' cannot be the range of a comprehension"), _not_gone_through),
    (re.compile(r"type '(?P<type>.*)' cannot be the operand of a select operation"), _select),
    (re.compile(r"has\(\) argument must be a field selection"), _bad_has),
    (re.compile(r"invalid (?P<kind>\w+) literal"), _bad_literal),
    (re.compile(r"recursion"), _too_deep),
    (re.compile(r"Syntax error: (?P<what>.*)", re.DOTALL), _syntax),
)


def _signature(params: tuple[str, ...]) -> str:
    words = [param.replace("list(A)", "list").replace("map(A,B)", "map").replace("A", "any") for param in params]
    return f"({', '.join(words)})"


def _split(types: str) -> list[str]:
    """Cuts `string, map(string, double)` at its outer commas."""
    parts, depth = [""], 0
    for character in types:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _type(word: str) -> str:
    """A type as people know it here."""
    root = root_of(word)
    return (
        f"the whole of `{root}`"
        if root
        else word.replace("google.protobuf.", "").replace("Timestamp", "timestamp").replace("Duration", "duration")
    )
