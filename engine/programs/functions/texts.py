"""Functions of strings. Lengths count code points; comparison is exact, without case folding or normal forms."""

import operator
from collections.abc import Callable

from engine.programs.functions.declaration import Function
from engine.programs.limits import bounded_text


def _predicate(id_: str, name: str, doc: str, example: str, run: Callable[[str, str], bool]) -> Function:
    return Function(
        id=id_,
        name=name,
        params=("string", "string"),
        result="bool",
        is_member=True,
        doc=doc,
        example=example,
        run=run,
    )


def _size(id_: str, example: str, *, is_member: bool) -> Function:
    return Function(
        id=id_,
        name="size",
        params=("string",),
        result="int",
        is_member=is_member,
        doc="The length of a string in code points.",
        example=example,
        run=len,
    )


TEXTS = (
    _size("size_string", "size('héllo') == 5", is_member=False),
    _size("string_size", "'héllo'.size() == 5", is_member=True),
    _predicate(
        "starts_with_string",
        "startsWith",
        "Whether a string starts with another.",
        "'oat milk'.startsWith('oat')",
        str.startswith,
    ),
    _predicate(
        "ends_with_string",
        "endsWith",
        "Whether a string ends with another.",
        "'oat milk'.endsWith('milk')",
        str.endswith,
    ),
    _predicate(
        "contains_string",
        "contains",
        "Whether a string has another inside.",
        "'oat milk'.contains('t m')",
        operator.contains,
    ),
    Function(
        id="add_string",
        name="_+_",
        params=("string", "string"),
        result="string",
        doc="One string after the other.",
        example="'oat ' + 'milk' == 'oat milk'",
        run=lambda left, right: bounded_text(operator.add(left, right)),
    ),
)
