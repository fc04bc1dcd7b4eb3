"""The rule IR: checked CEL as data. The compiler lowers to it; the engine verifies it, then plans it once.

A rule is a tree held in one flat tuple of nodes: each node's children stand before it, each node but the last
(the root) has exactly one parent. So it is read, bounded and verified in one pass, without recursion. A new node kind
raises `IR_VERSION`; a new function or macro is a capability that the manifest then lists.
"""

from enum import StrEnum
from typing import TypeAlias

from contracts.codec import Contract
from contracts.features import Root

IR_VERSION = 2


class Form(StrEnum):
    """How a rule is run: once per request as a closure, or over all candidates as a column program."""

    REQUEST = "request"
    COLUMNS = "columns"


class Place(Contract, frozen=True):
    """Where a rule was written: a file relative to the bundle's folder, line and column counted from 1."""

    file: str
    line: int
    column: int


class Const(Contract, frozen=True, tag="const", tag_field="op"):
    """A literal. `type` is a CEL type name; bytes are base64, and the value of type `type` is the name of a type."""

    type: str
    value: bool | int | float | str | None
    at: int = 0


class Read(Contract, frozen=True, tag="read", tag_field="op"):
    """A read of `root.field`, or of the root itself (`now`, `score`) when `field` is empty."""

    type: str
    root: Root
    field: str = ""
    at: int = 0


class Has(Contract, frozen=True, tag="has", tag_field="op"):
    """True exactly when a read of `root.field` would succeed."""

    root: Root
    field: str
    type: str = "bool"
    at: int = 0


class Call(Contract, frozen=True, tag="call", tag_field="op"):
    """A function by its id in `engine.programs.functions`, applied to earlier nodes."""

    type: str
    function: str
    args: tuple[int, ...]
    at: int = 0


class Dispatch(Contract, frozen=True, tag="dispatch", tag_field="op"):
    """A call by the function's CEL name; which overload it is shows when it runs. Its type is `dyn`.

    Only for trying expressions (`edgewise eval`, conformance): no bundle may hold one.
    """

    name: str
    args: tuple[int, ...]
    type: str = "dyn"
    at: int = 0


class ListOf(Contract, frozen=True, tag="list", tag_field="op"):
    """A list of earlier nodes. `optional` are places in `items`: optionals, left out when they hold nothing."""

    type: str
    items: tuple[int, ...]
    optional: tuple[int, ...] = ()
    at: int = 0


class MapOf(Contract, frozen=True, tag="map", tag_field="op"):
    """A map from earlier nodes to earlier nodes, pair by pair; `optional` are places in `values` as in a list."""

    type: str
    keys: tuple[int, ...]
    values: tuple[int, ...]
    optional: tuple[int, ...] = ()
    at: int = 0


class Variable(Contract, frozen=True, tag="variable", tag_field="op"):
    """A read of what a macro bound: variables are numbered by `slot`, and an inner macro's never hide an outer's."""

    type: str
    slot: int
    at: int = 0


class MacroCall(Contract, frozen=True, tag="macro", tag_field="op"):
    """A macro of `engine.programs.macros`, such as `all`: its bodies are run for each element of `over`.

    The element is bound to the first slot; with two, they are the place and the element, or the key and the value.
    """

    type: str
    macro: str
    over: int
    slots: tuple[int, ...]
    bodies: tuple[int, ...]
    at: int = 0


Node: TypeAlias = Const | Read | Has | Call | Dispatch | ListOf | MapOf | Variable | MacroCall


class Rule(Contract, frozen=True):
    """A CEL expression with a name, lowered. `type` is its result; `at` of its nodes is an offset in code points.

    The name of a rule written where it is used is that place: `slots/hero:payload.title`.
    """

    name: str
    form: Form
    type: str
    place: Place
    nodes: tuple[Node, ...]


class RuleIR(Contract, frozen=True):
    """All rules of a bundle, by name."""

    ir_version: int
    rules: dict[str, Rule]
