"""A checked CEL expression as a typed tree: what `lower` reads. Protobuf ends here.

Every node has its CEL type as our IR spells it and its offset in the text in code points (0 where the parser gave
none). What we do not run, macros for one, stays in the tree as `Foreign`, so that it is refused with its place.
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.message import Message

from compiler.cel.checked_proto import parse_checked

_MACRO = re.compile(r"\b(all|exists_one|exists|filter|map)(?:\s|//[^\n]*\n)*\Z")
_PRIMITIVES = ("dyn", "bool", "int", "uint", "double", "string", "bytes")
_WELL_KNOWN = ("dyn", "any", "timestamp", "duration")


@dataclass(frozen=True)
class Node:
    """What all nodes have."""

    type: str
    at: int


@dataclass(frozen=True)
class Literal(Node):
    """A constant; bytes are base64."""

    value: bool | int | float | str | None


@dataclass(frozen=True)
class Name(Node):
    """A variable, or a type."""

    name: str


@dataclass(frozen=True)
class Select(Node):
    """`operand.field`, or `has(operand.field)` when `is_test`."""

    operand: "Tree"
    field: str
    is_test: bool


@dataclass(frozen=True)
class Apply(Node):
    """A call; more than one overload where the types of the arguments are not known."""

    function: str
    overloads: tuple[str, ...]
    args: "tuple[Tree, ...]"


@dataclass(frozen=True)
class Items(Node):
    """A list."""

    items: "tuple[Tree, ...]"


@dataclass(frozen=True)
class Entries(Node):
    """A map, pair by pair."""

    entries: "tuple[tuple[Tree, Tree], ...]"


@dataclass(frozen=True)
class Foreign(Node):
    """A macro (`all`, `map`, ...), whose word stands at `name_at`, or, with a dotted name, the making of a message."""

    name: str
    name_at: int


Tree: TypeAlias = Literal | Name | Select | Apply | Items | Entries | Foreign


def read_tree(text: str, serialized: bytes) -> Tree:
    """The tree of a checked expression."""
    checked = parse_checked(serialized)
    return _Reading(text, checked).node(checked.expr)


def symbol(function: str) -> str:
    """A function as it is written: `_+_` -> `+`, `@in` -> `in`, `_[_]` -> `[]`, `size` -> `size`."""
    return function if function.isidentifier() else function.replace("_", "").replace("@", "")


class _Reading:
    """One expression while it is read: types, references and places are looked up by node id."""

    def __init__(self, text: str, checked: Message) -> None:
        self._text = text
        self._types = checked.type_map
        self._references = checked.reference_map
        self._positions = checked.source_info.positions

    def node(self, expr: Message) -> Tree:
        """A node and all below it."""
        type_, at = self._type_at(expr.id), max(self._positions.get(expr.id, 0), 0)
        match expr.WhichOneof("kind"):
            case "const_expr":
                return Literal(type_, at, _constant(expr.const_expr))
            case "ident_expr":
                return Name(type_, at, expr.ident_expr.name)
            case "select_expr":
                return self._select(expr, type_, at)
            case "call_expr":
                return self._call(expr, type_, at)
            case "list_expr":
                return Items(type_, at, tuple(map(self.node, expr.list_expr.elements)))
            case "struct_expr" if not expr.struct_expr.message_name:
                entries = expr.struct_expr.entries
                return Entries(type_, at, tuple((self.node(each.map_key), self.node(each.value)) for each in entries))
            case "struct_expr":
                return Foreign(type_, at, expr.struct_expr.message_name, at)
            case _:
                return Foreign(type_, at, *self._macro(at))

    def _select(self, expr: Message, type_: str, at: int) -> Tree:
        reference = self._references.get(expr.id)
        if reference is not None and reference.name:  # a dotted name that is one thing
            return Name(type_, at, reference.name)
        select = expr.select_expr
        return Select(type_, at, self.node(select.operand), select.field, select.test_only)

    def _call(self, expr: Message, type_: str, at: int) -> Tree:
        call, reference = expr.call_expr, self._references.get(expr.id)
        target = [call.target] if call.HasField("target") else []
        overloads = tuple(reference.overload_id) if reference is not None else ()
        return Apply(type_, at, call.function, overloads, tuple(map(self.node, [*target, *call.args])))

    def _macro(self, at: int) -> tuple[str, int]:
        """The macro before the parenthesis at which its expansion stands: the library keeps nothing else."""
        found = _MACRO.search(self._text[:at])
        return (found[1], found.start()) if found else ("a macro", at)

    def _type_at(self, node_id: int) -> str:
        kind = self._types.get(node_id)
        return "dyn" if kind is None else _type_name(kind)  # the serialiser leaves dyn out


def _type_name(kind: Message) -> str:
    match kind.WhichOneof("kind"):
        case "primitive":
            return _PRIMITIVES[kind.primitive]
        case "well_known":
            return _WELL_KNOWN[kind.well_known]
        case "null":
            return "null"
        case "list_type":
            return f"list({_type_name(kind.list_type.elem_type)})"
        case "map_type":
            return f"map({_type_name(kind.map_type.key_type)},{_type_name(kind.map_type.value_type)})"
        case "message_type":
            return str(kind.message_type)
        case _:
            return "dyn"


def _constant(constant: Message) -> bool | int | float | str | None:
    match constant.WhichOneof("kind"):
        case "null_value":
            return None
        case "bytes_value":
            return b64encode(constant.bytes_value).decode()
        case kind:
            value: bool | int | float | str = getattr(constant, kind)
            return value
