"""The check of rule IR before it is planned: what is planned may assume all that is checked here.

Bundles come from outside, so nothing in a rule is believed. One pass over the flat tuple of nodes shows that it is a
tree, infers every type (`inference`) and bounds what running it may cost (`bounds`); what a node declares must agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.catalog import TableSpec
from contracts.errors import NotRunnableError
from contracts.features import FeatureSchema
from contracts.rule_ir import Call, Dispatch, ListOf, MacroCall, MapOf, Node, Rule
from engine.programs.bounds import Facts, Features, check_bounds, facts_of
from engine.programs.inference import Inference
from engine.programs.limits import MAX_NODES
from engine.programs.types import TYPE_OF_VALUES, CelType, fits, parse


@dataclass(frozen=True, slots=True)
class Verified:
    """A rule that may be planned: the type of each node and what holds of it, and the features it may read."""

    rule: Rule
    types: tuple[CelType, ...]
    facts: tuple[Facts, ...]
    features: Features

    @property
    def slots(self) -> int:
        """How many variables there are at once."""
        root = self.facts[-1]
        return max([-1, *root.bound, *root.unbound]) + 1


class RefusedNodeError(NotRunnableError):
    """A node cannot be run; `place` is its number, `reason` says why."""

    def __init__(self, rule: str, place: int, reason: str) -> None:
        super().__init__(f"rule {rule!r}, node {place}: {reason}")
        self.place = place
        self.reason = reason


def verify(
    rule: Rule, schema: FeatureSchema, table: TableSpec | None, variables: Sequence[CelType] | None = None
) -> Verified:
    """Checks a rule. Raises `NotRunnableError` naming the rule, the node and what is wrong.

    With `variables`, an expression on trial: these stand in the first slots, and its types may be open.
    """
    if not 0 < len(rule.nodes) <= MAX_NODES:
        raise NotRunnableError(f"rule {rule.name!r} has {len(rule.nodes)} nodes; 1 to {MAX_NODES} may be run")
    features = {(spec.root, spec.name): spec for spec in schema.features}
    columns = {spec.name: TYPE_OF_VALUES[spec.type] for spec in table.columns} if table else {}
    tree = _Tree(rule, features, Inference(rule, features, columns, is_trial=variables is not None))
    for place, node in enumerate(rule.nodes):
        try:
            tree.add(node)
        except NotRunnableError as error:
            raise RefusedNodeError(rule.name, place, str(error)) from error
    tree.check_root(dict(enumerate(variables or ())))
    return Verified(rule, tuple(tree.inference.types), tuple(tree.facts), features)


def children(node: Node) -> tuple[int, ...]:
    """The places of the nodes that a node is made of, in order of evaluation."""
    match node:
        case Call() | Dispatch():
            return node.args
        case ListOf():
            return node.items
        case MapOf():
            return node.keys + node.values
        case MacroCall():
            return (node.over, *node.bodies)
        case _:
            return ()


class _Tree:
    """The nodes seen so far: what is known of each, and which have no parent yet."""

    def __init__(self, rule: Rule, features: Features, inference: Inference) -> None:
        self.rule = rule
        self.features = features
        self.inference = inference
        self.facts: list[Facts] = []
        self.is_parentless: list[bool] = []

    def add(self, node: Node) -> None:
        """Takes the next node."""
        below = [self._adopted(child) for child in children(node)]
        self.inference.add(node, below)
        facts = facts_of(node, below, self.features)
        check_bounds(facts)
        self.facts.append(facts)
        self.is_parentless.append(True)

    def check_root(self, given: dict[int, CelType]) -> None:
        """Raises `NotRunnableError` unless the last node is the root of all, closed and of the declared type."""
        rule, inferred = self.rule, self.inference.types[-1]
        if self.is_parentless[:-1].count(True):
            raise NotRunnableError(f"rule {rule.name!r} is no tree: a node before the last one has no parent")
        if not all(given.get(slot) == kind for slot, kind in self.facts[-1].unbound.items()):
            raise NotRunnableError(f"rule {rule.name!r} reads a variable that no macro binds")
        try:
            declared = parse(rule.type)
        except NotRunnableError as error:
            raise NotRunnableError(f"rule {rule.name!r}: {error}") from error
        if not fits(inferred, declared):
            raise NotRunnableError(f"rule {rule.name!r} declares {rule.type!r} but gives {inferred}")

    def _adopted(self, child: int) -> Facts:
        if not 0 <= child < len(self.facts):
            raise NotRunnableError(f"refers to node {child}, which does not stand before it")
        if not self.is_parentless[child]:
            raise NotRunnableError(f"refers to node {child}, which already has a parent")
        self.is_parentless[child] = False
        return self.facts[child]
