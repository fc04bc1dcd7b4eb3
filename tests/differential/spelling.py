"""Terms - typed expressions as trees of text - and how each declared function and macro is written as CEL.

Nothing is drawn here. A function whose name has no known form is not spelled, and whoever asks is told so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.programs.functions import Declaration
from engine.programs.types import CelType

# Written with a bare word in place of the last argument, a string: `has(map.key)`.
_WORDED = {
    "has_key": ("has(", ".{}", ")"),
    "has_optional_key": ("has(", ".{}", ")"),
    "select_optional_field": ("", ".?{}", ""),
}
# Functions that only a macro calls, by the macro's word.
_MACROS_FOR = {"math.@max": "math.greatest", "math.@min": "math.least"}
CALLED_BY_MACROS = frozenset({"@sortByAssociatedKeys"})
_BINARY = re.compile(r"_([^\w\[\]]+)_")
_OPERATORS = {
    "@in": ("", " in ", ""),
    "_[_]": ("", "[", "]"),
    "_[?_]": ("", "[?", "]"),
    "_?_:_": ("", " ? ", " : ", ""),
    "-_": ("-", ""),
    "!_": ("!", ""),
}


@dataclass(frozen=True)
class Term:
    """A typed expression: `spelling` has one piece before, between and after the parts.

    An operator, and a negative number, stands in parentheses wherever it is part of something.
    """

    type: CelType
    spelling: tuple[str, ...]
    parts: "tuple[Term, ...]" = ()
    is_operator: bool = False

    @property
    def text(self) -> str:
        """The expression as CEL."""
        pieces = [self.spelling[0]]
        for part, piece in zip(self.parts, self.spelling[1:], strict=True):
            pieces += [part.as_part, piece]
        return "".join(pieces)

    @property
    def as_part(self) -> str:
        """The expression as CEL, inside another one."""
        return f"({self.text})" if self.is_operator else self.text

    @property
    def size(self) -> int:
        """How many terms it is made of."""
        return 1 + sum(part.size for part in self.parts)

    def below(self) -> "Iterator[Term]":
        """All terms inside, the outer ones first."""
        for part in self.parts:
            yield part
            yield from part.below()


def leaf(kind: CelType, text: str) -> Term:
    """A term without parts."""
    return Term(kind, (text,), is_operator=text.startswith("-"))


def is_spelled(function: Declaration) -> bool:
    """Whether a call of the function can be written."""
    return bool(_pieces(function, "a"))


def call(function: Declaration, kind: CelType, args: tuple[Term, ...], word: str = "") -> Term:
    """A call of the function; the word stands in place of the last argument of one that takes a word."""
    return Term(kind, _pieces(function, word), args, is_operator=_is_operator(function))


def takes_word(function: Declaration) -> bool:
    """Whether the last argument is written as a bare word."""
    return function.id in _WORDED


def _pieces(function: Declaration, word: str) -> tuple[str, ...]:
    if function.id in _WORDED:
        before, dot, after = _WORDED[function.id]
        return (before, dot.format(word) + after)
    count = len(function.params)
    name = _MACROS_FOR.get(function.name, function.name)
    if _is_word(name):
        return _called(name, count, is_member=function.is_member)
    binary = _BINARY.fullmatch(name)
    pieces = ("", f" {binary[1]} ", "") if binary else _OPERATORS.get(name, ())
    return pieces if len(pieces) == count + 1 else ()


def _called(name: str, count: int, *, is_member: bool) -> tuple[str, ...]:
    if is_member:
        return ("", f".{name}(", *[", "] * (count - 2), ")") if count > 1 else ("", f".{name}()")
    return (f"{name}(", *[", "] * (count - 1), ")") if count else (f"{name}()",)


def _is_word(name: str) -> bool:
    return name.replace(".", "").isidentifier()


def _is_operator(function: Declaration) -> bool:
    return "[" not in function.name and "@m" not in function.name and not _is_word(function.name)


@dataclass(frozen=True)
class MacroForm:
    """A macro as it is written. Types are spelled with variables: E the element, K the key, A what is asked for.

    `probe` is an expression that compiles where the language has the macro.
    """

    word: str
    probe: str
    over: str
    variables: tuple[str, ...]
    bodies: tuple[str, ...]
    gives: str

    def term(self, kind: CelType, over: Term, names: tuple[str, ...], bodies: tuple[Term, ...]) -> Term:
        """The macro over a term."""
        bound = "".join(f"{name}, " for name in names)
        if self.word == "cel.bind":
            return Term(kind, (f"cel.bind({names[0]}, ", ", ", ")"), (over, *bodies))
        return Term(kind, ("", f".{self.word}({bound}", *[", "] * (len(bodies) - 1), ")"), (over, *bodies))


def _over_both(word: str, bodies: tuple[str, ...], gives: str, probe: str, two: bool = False) -> tuple[MacroForm, ...]:
    """A macro of lists and of maps."""
    place = ("int", "E") if two else ("E",)
    entry = ("K", "E") if two else ("K",)
    return (
        MacroForm(word, probe, "list(E)", place, bodies, gives.replace("K", "int")),
        MacroForm(word, probe, "map(K,E)", entry, bodies, gives),
    )


# How the engine calls what is written otherwise.
MACRO_NAMES = {
    "cel.bind": "bind",
    "transformMap": "transform_map",
    "transformMapEntry": "transform_map_entry",
}
_ENTRY = "{1: 2}.transformMapEntry(k, v, {v: k}) == {2: 1}"
_FILTERED_ENTRY = "{1: 2}.transformMapEntry(k, v, true, {v: k}) == {2: 1}"
MACROS = (
    *_over_both("all", ("bool",), "bool", "[1].all(x, x == 1)"),
    *_over_both("exists", ("bool",), "bool", "[1].exists(x, x == 1)"),
    *_over_both("exists_one", ("bool",), "bool", "[1].exists_one(x, x == 1)"),
    *_over_both("map", ("A",), "list(A)", "[1].map(x, x) == [1]"),
    *_over_both("map", ("bool", "A"), "list(A)", "[1].map(x, true, x) == [1]"),
    MacroForm("filter", "[1].filter(x, x == 1) == [1]", "list(A)", ("A",), ("bool",), "list(A)"),
    MacroForm("filter", "{1: 1}.filter(x, x == 1) == [1]", "map(A,E)", ("A",), ("bool",), "list(A)"),
    *_over_both("all", ("bool",), "bool", "[1].all(i, x, x == i)", two=True),
    *_over_both("exists", ("bool",), "bool", "[1].exists(i, x, x == i)", two=True),
    *_over_both("existsOne", ("bool",), "bool", "[1].existsOne(i, x, x == i)", two=True),
    *_over_both("transformList", ("A",), "list(A)", "[1].transformList(i, x, i) == [0]", two=True),
    *_over_both("transformList", ("bool", "A"), "list(A)", "[1].transformList(i, x, true, i) == [0]", two=True),
    *_over_both("transformMap", ("A",), "map(K,A)", "{1: 2}.transformMap(k, v, v) == {1: 2}", two=True),
    *_over_both("transformMap", ("bool", "A"), "map(K,A)", "{1: 2}.transformMap(k, v, true, v) == {1: 2}", two=True),
    *_over_both("transformMapEntry", ("map(A,B)",), "map(A,B)", _ENTRY, two=True),
    *_over_both("transformMapEntry", ("bool", "map(A,B)"), "map(A,B)", _FILTERED_ENTRY, two=True),
    MacroForm("sortBy", "[1].sortBy(x, x) == [1]", "list(A)", ("A",), ("K",), "list(A)"),
    MacroForm("cel.bind", "cel.bind(x, 1, x == 1)", "E", ("E",), ("A",), "A"),
    MacroForm("optMap", "optional.of(1).optMap(x, x).hasValue()", "optional(E)", ("E",), ("A",), "optional(A)"),
    MacroForm(
        "optFlatMap",
        "optional.of(1).optFlatMap(x, optional.of(x)).hasValue()",
        "optional(E)",
        ("E",),
        ("optional(A)",),
        "optional(A)",
    ),
)
