"""A checked CEL expression as a typed tree: what `lower` reads. Protobuf ends here.

Every node has its CEL type as our IR spells it and its offset in the text in code points (0 where the parser gave
none). Macros, which the parser expands, are recognised by `macros`. What we do not run stays in the tree as `Foreign`,
so that it is refused with its place.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.message import Message

from compiler.cel.checked_proto import parse_checked
from compiler.cel.macros import recognised

_PRIMITIVES = ("dyn", "bool", "int", "uint", "double", "string", "bytes")
_LITERALS = {
    "null_value": "null",
    "bool_value": "bool",
    "int64_value": "int",
    "uint64_value": "uint",
    "double_value": "double",
    "string_value": "string",
    "bytes_value": "bytes",
}
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
    """A list; `optional` are the places of the items written with `?`."""

    items: "tuple[Tree, ...]"
    optional: tuple[int, ...]


@dataclass(frozen=True)
class Entries(Node):
    """A map, pair by pair; `optional` are the places of the pairs written with `?`."""

    entries: "tuple[tuple[Tree, Tree], ...]"
    optional: tuple[int, ...]


@dataclass(frozen=True)
class Expansion(Node):
    """A macro of `engine.programs.macros`: what it goes over, the names it binds, what it runs for each."""

    macro: str
    over: "Tree"
    names: tuple[str, ...]
    bodies: "tuple[Tree, ...]"


@dataclass(frozen=True)
class Foreign(Node):
    """What the engine has no node for: the making of a message, or an expansion of no macro that is known."""

    name: str


Tree: TypeAlias = Literal | Name | Select | Apply | Items | Entries | Expansion | Foreign


def read_tree(serialized: bytes) -> Tree:
    """The tree of a checked expression; of one that was only parsed, with `dyn` for every type."""
    checked = parse_checked(serialized)
    return _Reading(checked).node(checked.expr)


def symbol(function: str) -> str:
    """A function as it is written: `_+_` -> `+`, `@in` -> `in`, `_[_]` -> `[]`, `size` -> `size`."""
    return function if function.isidentifier() else function.replace("_", "").replace("@", "")


class _Reading:
    """One expression while it is read: types, references and places are looked up by node id."""

    def __init__(self, checked: Message) -> None:
        self._types = checked.type_map
        self._references = checked.reference_map
        self._positions = checked.source_info.positions

    def node(self, expr: Message) -> Tree:
        """A node and all below it."""
        type_, at = self._type_at(expr.id), max(self._positions.get(expr.id, 0), 0)
        match expr.WhichOneof("kind"):
            case "const_expr":
                kind, value = _constant(expr.const_expr)
                return Literal(kind, at, value)
            case "ident_expr":
                reference = self._references.get(expr.id)
                return Name(type_, at, (reference and reference.name) or expr.ident_expr.name)
            case "select_expr":
                return self._select(expr, type_, at)
            case "call_expr":
                return self._call(expr, type_, at)
            case "list_expr":
                items = tuple(map(self.node, expr.list_expr.elements))
                return Items(type_, at, items, tuple(expr.list_expr.optional_indices))
            case "struct_expr" if not expr.struct_expr.message_name:
                return self._entries(expr.struct_expr.entries, type_, at)
            case "struct_expr":
                return Foreign(type_, at, expr.struct_expr.message_name)
            case _:
                return self._expansion(expr.comprehension_expr, type_, at)

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

    def _entries(self, entries: Sequence[Message], type_: str, at: int) -> Tree:
        pairs = tuple((self.node(each.map_key), self.node(each.value)) for each in entries)
        return Entries(type_, at, pairs, tuple(place for place, each in enumerate(entries) if each.optional_entry))

    def _expansion(self, expanded: Message, type_: str, at: int) -> Tree:
        found = recognised(expanded)
        if found is None:
            return Foreign(type_, at, "a macro")
        return Expansion(
            type_, at, found.macro, self.node(found.over), found.names, tuple(map(self.node, found.bodies))
        )

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
        case "type":
            return "type"
        case "abstract_type" if kind.abstract_type.name == "optional_type":
            return f"optional({_type_name(kind.abstract_type.parameter_types[0])})"
        case _:
            return "dyn"


def _constant(constant: Message) -> tuple[str, bool | int | float | str | None]:
    field = constant.WhichOneof("kind")
    kind = _LITERALS[field]
    if kind == "null":
        return kind, None
    value = getattr(constant, field)
    return kind, b64encode(value).decode() if kind == "bytes" else value
