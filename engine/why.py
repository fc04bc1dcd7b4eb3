"""The sentence a shopper may read, or none: it is only said when what it names was really read.

A why text is a choice of sentences: `a ? "You bought it" : b ? "You like " + item.kind : "Popular now"`. It is planned
branch by branch. A sentence is said when every feature of the visitor that stands in it is PRESENT, and so is each one
in the conditions that held on the way to it. What was withheld, has expired, is missing or only has its default proves
nothing: then there is no sentence, and the page shows none. A rule that fails is an error, which `engine.render` notes:
a sentence is no reason to answer worse. A feature that expired as `block` makes the slot plain, here as anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import replace

from contracts.catalog import TableSpec
from contracts.errors import ExpiredError, MissingError
from contracts.features import FeatureSchema, FeatureSpec, Root, Status
from contracts.rule_ir import Call, Has, ListOf, MacroCall, MapOf, Node, Read, Rule
from engine.feature_status import status_of
from engine.programs.plan import plan_request
from engine.programs.values import RequestProgram, Scope
from engine.programs.verify import children

_CONDITIONAL = "conditional"
_PERSONAL = frozenset({Root.VISITOR, Root.VISITOR_STATE})
_Plan: TypeAlias = Callable[[Rule], RequestProgram]


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One sentence, and the visitor's features that it reads."""

    text: RequestProgram
    names: tuple[FeatureSpec, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """A condition with the visitor's features that it reads, and what is said when it holds or does not."""

    holds: RequestProgram
    names: tuple[FeatureSpec, ...]
    yes: "_Branch"
    no: "_Branch"


_Branch: TypeAlias = _Sentence | _Choice


def plan_why(rule: Rule, schema: FeatureSchema, table: TableSpec | None) -> RequestProgram:
    """The why text as a program: the sentence, or an empty text. Raises `NotRunnableError` as planning does."""
    plan_request(rule, schema, table)  # verified as a whole: its parts are rules of no bundle
    personal = {(spec.root, spec.name): spec for spec in schema.features if spec.root in _PERSONAL}
    branch = _branch(rule, personal, lambda part: plan_request(part, schema, table))

    def say(scope: Scope) -> str:
        try:
            return _said(branch, scope)
        except ExpiredError as error:
            if error.is_blocking:
                raise
            return ""
        except MissingError:
            return ""

    return say


def _said(branch: _Branch, scope: Scope) -> str:
    while isinstance(branch, _Choice):
        holds = bool(branch.holds(scope))
        if holds and not _are_real(branch.names, scope):
            return ""
        branch = branch.yes if holds else branch.no
    return str(branch.text(scope)) if _are_real(branch.names, scope) else ""


def _are_real(names: tuple[FeatureSpec, ...], scope: Scope) -> bool:
    return not names or all([status_of(spec, scope) is Status.PRESENT for spec in names])


def _branch(rule: Rule, personal: dict[tuple[Root, str], FeatureSpec], plan: _Plan) -> _Branch:
    root = rule.nodes[-1]
    if not isinstance(root, Call) or root.function != _CONDITIONAL:
        return _Sentence(plan(rule), _names(rule, personal))
    condition, yes, no = (_part(rule, at) for at in root.args)
    parts = (_branch(yes, personal, plan), _branch(no, personal, plan))
    return _Choice(plan(condition), _names(condition, personal), *parts)


def _names(rule: Rule, personal: dict[tuple[Root, str], FeatureSpec]) -> tuple[FeatureSpec, ...]:
    reads = dict.fromkeys((node.root, node.field) for node in rule.nodes if isinstance(node, Read | Has))
    return tuple(personal[read] for read in reads if read in personal)


def _part(rule: Rule, at: int) -> Rule:
    """The rule that one node of another is, with what stands below it."""
    wanted: list[int] = []
    ahead = [at]
    while ahead:
        place = ahead.pop()
        wanted.append(place)
        ahead += children(rule.nodes[place])
    wanted.sort()
    new = {place: number for number, place in enumerate(wanted)}
    nodes = tuple(_moved(rule.nodes[place], new) for place in wanted)
    return replace(rule, type=nodes[-1].type, nodes=nodes)


def _moved(node: Node, new: dict[int, int]) -> Node:
    """A node whose children stand at other places now."""
    match node:
        case Call():
            return replace(node, args=tuple(new[at] for at in node.args))
        case ListOf():
            return replace(node, items=tuple(new[at] for at in node.items))
        case MapOf():
            keys, values = (tuple(new[at] for at in places) for places in (node.keys, node.values))
            return replace(node, keys=keys, values=values)
        case MacroCall():
            return replace(node, over=new[node.over], bodies=tuple(new[at] for at in node.bodies))
        case _:
            return node
