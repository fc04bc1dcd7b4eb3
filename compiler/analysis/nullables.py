"""Reads of what may have no value, where the rule does not ask `has` first.

A rule asks with `has(x) && ...`, `!has(x) || ...` or `has(x) ? ... : ...`; the order of `&&` and `||` does not matter,
because a side that settles the result absorbs an error of the other. Has no value: a nullable column, a feature of the
request or the feed without default, a model's score in tier `rules`; folds always have one. Model inputs and orders
say themselves what a read that fails becomes.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import TypeAlias

from compiler.analysis.spelling import spot
from compiler.analysis.uses import Role, uses_of
from compiler.diagnostics import Problem
from compiler.diagnostics import analysis_messages as say
from compiler.sources import Sources
from contracts.features import FeatureSpec, Root
from contracts.rule_ir import Call, Has, Node, Read, Rule
from contracts.slots import SlotSpec
from engine.programs.verify import children

Field: TypeAlias = tuple[Root, str]
Fields: TypeAlias = frozenset[Field]

_NONE: Fields = frozenset()
_CONSEQUENCES: dict[Role, str] = {
    Role.ELIGIBLE: "the slot is plain then",
    Role.RETRIEVE: "the generator finds nothing then",
    Role.WHERE: "the item is left out then",
    Role.MATCH: "the item is left out then",
    Role.SCORE: "the slot falls to a lower tier then",
    Role.OBJECTIVE: "the slot falls to a lower tier then",
    Role.BOOST: "the boost is 0 then",
    Role.PAYLOAD: "the slot falls to a lower tier then",
    Role.OFFER: "the slot falls to a lower tier then",
    Role.WHY: "there is no sentence then",
}


def unguarded_reads(sources: Sources, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """Guardrails that read what may have no value are refused; elsewhere it is said what happens."""
    features = frozenset((spec.root, spec.name) for spec in sources.schema.features if may_be_missing(spec))
    for slot in sources.slots.values():
        absent = features | _absent_of(slot.spec, sources)
        for role, name in uses_of(slot, sources):
            for place in _Paths(rules[name].nodes).unguarded(absent):
                node = rules[name].nodes[place]
                assert isinstance(node, Read)
                where, read = spot(sources.rules[name], node), f"{node.root}.{node.field}"
                if role is Role.GUARD:
                    yield say.guard_reads_nullable(where, name, read)
                elif node.root is Root.SCORES:
                    yield say.reads_score_of_model(where, name, read, _CONSEQUENCES[role])
                elif role in _CONSEQUENCES:
                    yield say.reads_nullable(where, name, read, _CONSEQUENCES[role])


def _absent_of(slot: SlotSpec, sources: Sources) -> Fields:
    """What may have no value in one slot: columns of its table, and where it has a tier `rules`, all models' scores."""
    columns = sources.tables[slot.table].columns
    models = () if slot.score is None else slot.models
    nullable = [spec.name for spec in columns if spec.is_nullable and spec.default is None]
    return frozenset({*((Root.ITEM, name) for name in nullable), *((Root.SCORES, model) for model in models)})


def may_be_missing(spec: FeatureSpec) -> bool:
    """Whether a read of a feature whose purpose was granted may find neither a value nor a default."""
    if spec.default is not None or spec.root is Root.VISITOR_STATE:
        return False
    return spec.root is Root.REQUEST or spec.fold is None or spec.max_age_s is not None


class _Paths:
    """The reads of one rule, each with the fields that were asked for on the way to it."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes

    def unguarded(self, absent: Fields) -> list[int]:
        """The places of reads that may fail."""
        return list(self._visit(len(self._nodes) - 1, absent))

    def _visit(self, place: int, absent: Fields) -> Iterator[int]:
        node = self._nodes[place]
        match node:
            case Read() if (node.root, node.field) in absent:
                yield place
            case Call(function="logical_and" | "logical_or", args=(left, right)):
                is_and = node.function == "logical_and"
                yield from self._visit(left, absent - self._present(right, is_and))
                yield from self._visit(right, absent - self._present(left, is_and))
            case Call(function="conditional", args=(condition, yes, no)):
                yield from self._visit(condition, absent)
                yield from self._visit(yes, absent - self._present(condition, True))
                yield from self._visit(no, absent - self._present(condition, False))
            case _:
                for part in children(node):
                    yield from self._visit(part, absent)

    def _present(self, place: int, outcome: bool) -> Fields:
        """The fields that surely have a value when a condition gives this outcome, as far as it asked `has`."""
        match self._nodes[place]:
            case Has(root=root, field=field):
                return frozenset({(root, field)}) if outcome else _NONE
            case Call(function="logical_not", args=(inner,)):
                return self._present(inner, not outcome)
            case Call(function="logical_and" | "logical_or" as function, args=args):
                found = [self._present(arg, outcome) for arg in args]
                return _union(found) if outcome is (function == "logical_and") else found[0] & found[1]
            case Call(function="conditional", args=(condition, yes, no)):
                first = self._present(condition, True) | self._present(yes, outcome)
                return first & (self._present(condition, False) | self._present(no, outcome))
        return _NONE


def _union(found: Sequence[Fields]) -> Fields:
    return reduce(frozenset.union, found, _NONE)
