"""The rule IR: checked CEL as data. The compiler lowers to it; the engine verifies it, then plans it once.

A rule is a tree held in one flat tuple of nodes: each node's children stand before it, each node but the last
(the root) has exactly one parent. So it is read, bounded and verified in one pass, without recursion. New node kinds
and functions raise `IR_VERSION` or name a capability that the manifest then lists.
"""

from enum import StrEnum
from typing import TypeAlias

from contracts.codec import Contract
from contracts.features import Root

IR_VERSION = 1


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
    """A literal. `type` is a CEL type name; timestamps and durations are int nanoseconds, bytes are base64."""

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


class ListOf(Contract, frozen=True, tag="list", tag_field="op"):
    """A list of earlier nodes."""

    type: str
    items: tuple[int, ...]
    at: int = 0


class MapOf(Contract, frozen=True, tag="map", tag_field="op"):
    """A map from earlier nodes to earlier nodes, pair by pair."""

    type: str
    keys: tuple[int, ...]
    values: tuple[int, ...]
    at: int = 0


Node: TypeAlias = Const | Read | Has | Call | ListOf | MapOf


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
