"""The check of rule IR before it is planned: what is planned may assume all that is checked here.

Bundles come from outside, so nothing in a rule is believed. One pass over the flat tuple of nodes bounds the rule,
shows that it is a tree, and infers every type from the leaves up; what a node declares must agree.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.catalog import TableSpec
from contracts.errors import NotRunnableError
from contracts.features import INT64_MAX, INT64_MIN, FeatureSchema, FeatureSpec, Root
from contracts.rule_ir import Call, Const, Form, Has, ListOf, MapOf, Node, Read, Rule
from engine.programs.functions import FUNCTIONS
from engine.programs.functions.instants import MAX_DURATION_NS, MAX_TIMESTAMP_NS, MIN_TIMESTAMP_NS
from engine.programs.types import (
    DOUBLE,
    NEVER,
    STRING,
    TIMESTAMP,
    TYPE_OF_VALUES,
    CelType,
    fits,
    join,
    parse,
    result_of,
    settled,
)

MAX_NODES = 2_000
MAX_DEPTH = 64
MAX_TEXT = 64 * 1024
_LITERALS: dict[str, type] = {
    "bool": bool,
    "int": int,
    "double": float,
    "string": str,
    "null": type(None),
    "timestamp": int,
    "duration": int,
}
_INT_RANGES = {
    "int": (INT64_MIN, INT64_MAX),
    "timestamp": (MIN_TIMESTAMP_NS, MAX_TIMESTAMP_NS),
    "duration": (-MAX_DURATION_NS, MAX_DURATION_NS),
}
_UNENCODABLE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Verified:
    """A rule that may be planned: the type of each node, and the types of the item's columns and features it reads."""

    rule: Rule
    types: tuple[CelType, ...]
    features: Mapping[tuple[Root, str], FeatureSpec]


def verify(rule: Rule, schema: FeatureSchema, table: TableSpec | None) -> Verified:
    """Checks a rule. Raises `NotRunnableError` naming the rule, the node and what is wrong."""
    if not 0 < len(rule.nodes) <= MAX_NODES:
        raise NotRunnableError(f"rule {rule.name!r} has {len(rule.nodes)} nodes; 1 to {MAX_NODES} may be run")
    features = {(spec.root, spec.name): spec for spec in schema.features}
    columns = {spec.name: TYPE_OF_VALUES[spec.type] for spec in table.columns} if table else {}
    inference = _Inference(rule.form, features, columns)
    for place, node in enumerate(rule.nodes):
        try:
            inference.add(node)
        except NotRunnableError as error:
            raise NotRunnableError(f"rule {rule.name!r}, node {place}: {error}") from error
    if inference.is_parentless[:-1].count(True):
        raise NotRunnableError(f"rule {rule.name!r} is no tree: a node before the last one has no parent")
    if not fits(inference.types[-1], _parsed(rule)):
        raise NotRunnableError(f"rule {rule.name!r} declares {rule.type!r} but gives {inference.types[-1]}")
    return Verified(rule, tuple(inference.types), features)


def children(node: Node) -> tuple[int, ...]:
    """The places of the nodes that a node is made of, in order of evaluation."""
    match node:
        case Call():
            return node.args
        case ListOf():
            return node.items
        case MapOf():
            return node.keys + node.values
        case _:
            return ()


class _Inference:
    """What the pass knows so far: type, depth and parenthood of the nodes seen, and how much text they hold."""

    def __init__(
        self, form: Form, features: Mapping[tuple[Root, str], FeatureSpec], columns: Mapping[str, CelType]
    ) -> None:
        self.form = form
        self.features = features
        self.columns = columns
        self.types: list[CelType] = []
        self.is_parentless: list[bool] = []
        self.depths: list[int] = []
        self.text_left = MAX_TEXT

    def add(self, node: Node) -> None:
        """Takes the next node."""
        depth = 1 + max(map(self._adopted_depth, children(node)), default=0)
        if depth > MAX_DEPTH:
            raise NotRunnableError(f"nested deeper than {MAX_DEPTH}")
        inferred, declared = self._type_of(node), parse(node.type)
        if not fits(inferred, declared):
            raise NotRunnableError(f"declares {node.type!r} but gives {inferred}")
        self.types.append(settled(inferred, declared))
        self.depths.append(depth)
        self.is_parentless.append(True)

    def _adopted_depth(self, child: int) -> int:
        if not 0 <= child < len(self.types):
            raise NotRunnableError(f"refers to node {child}, which does not stand before it")
        if not self.is_parentless[child]:
            raise NotRunnableError(f"refers to node {child}, which already has a parent")
        self.is_parentless[child] = False
        return self.depths[child]

    def _type_of(self, node: Node) -> CelType:
        match node:
            case Const():
                return self._literal(node)
            case Read():
                return self._read(node.root, node.field)
            case Has():
                self._field(node.root, node.field)
                return CelType("bool")
            case Call():
                return self._call(node)
            case ListOf():
                return CelType("list", (self._joined(node.items),))
            case MapOf():
                return self._map(node)

    def _literal(self, node: Const) -> CelType:
        if node.type not in _LITERALS or type(node.value) is not _LITERALS[node.type]:
            raise NotRunnableError(f"{type(node.value).__name__} is no literal of type {node.type!r}")
        if isinstance(node.value, str):
            self._take_text(node.value)
        lowest, highest = _INT_RANGES.get(node.type, (0, 0))
        if node.type in _INT_RANGES and not lowest <= int(node.value or 0) <= highest:
            raise NotRunnableError(f"literal {node.value} is out of the range of {node.type}")
        return CelType(node.type)

    def _take_text(self, text: str) -> None:
        self.text_left -= len(text)
        if self.text_left < 0:
            raise NotRunnableError(f"the rule's literals hold more than {MAX_TEXT} characters")
        if _UNENCODABLE.search(text):
            raise NotRunnableError("a literal holds half of a surrogate pair")

    def _read(self, root: Root, field: str) -> CelType:
        if root is Root.NOW and not field:
            return TIMESTAMP
        if root is Root.SCORE and not field:
            if self.form is not Form.COLUMNS:
                raise NotRunnableError("score is read, but only rules over candidates have one")
            return DOUBLE
        return self._field(root, field)

    def _field(self, root: Root, field: str) -> CelType:
        if root is Root.ITEM and field in self.columns:
            return self.columns[field]
        if (root, field) in self.features:
            return TYPE_OF_VALUES[self.features[root, field].type]
        raise NotRunnableError(f"reads {root}.{field}, which the bundle does not declare")

    def _call(self, node: Call) -> CelType:
        function = FUNCTIONS.get(node.function)
        if function is None:
            raise NotRunnableError(f"calls {node.function!r}, which this engine does not have")
        args = [self.types[arg] for arg in node.args]
        result = result_of(function.param_types, function.result_type, args)
        if result is None:
            given = ", ".join(map(str, args))
            raise NotRunnableError(f"{node.function} takes ({', '.join(function.params)}), not ({given})")
        return result

    def _map(self, node: MapOf) -> CelType:
        if len(node.keys) != len(node.values):
            raise NotRunnableError("a map has as many keys as values")
        key = self._joined(node.keys)
        if key not in (STRING, NEVER):
            raise NotRunnableError(f"a map's keys are strings here, not {key}")
        return CelType("map", (key, self._joined(node.values)))

    def _joined(self, places: Sequence[int]) -> CelType:
        joined = NEVER
        for place in places:
            joined = join(joined, self.types[place])
        return joined


def _parsed(rule: Rule) -> CelType:
    try:
        return parse(rule.type)
    except NotRunnableError as error:
        raise NotRunnableError(f"rule {rule.name!r}: {error}") from error
