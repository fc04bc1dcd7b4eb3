"""Guardrails that read an entry of a map or list that may be absent, where the rule does not ask for it first.

A rule asks with `key in m`, `has(m.key)` or, for a list, with its size; or it reads with a default, `get(m, key, 0.0)`,
which cannot fail. Only maps and lists of features and columns are looked at, and not what a macro goes through: doubt
is silence. An absent entry is no slip of the data, so this is a warning where a nullable column is an error.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import reduce
from typing import TypeAlias

from compiler.analysis.ranges import Ranges
from compiler.analysis.spelling import Spelling, spot
from compiler.diagnostics import Problem
from compiler.diagnostics import analysis_messages as say
from compiler.sources import Sources
from contracts.rule_ir import Call, Const, MacroCall, Node, Read, Rule
from engine.programs.verify import children

_Asked: TypeAlias = frozenset[Hashable]

_NOTHING: _Asked = frozenset()
_INDEXES = ("index_map", "index_list")
_ENTRY_ASKED = frozenset({"in_map", "has_key"})
_LIST_ASKED = frozenset({"in_list", "size_list", "list_size"})


def absent_entries(sources: Sources, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """The reads of guardrails that fail, and so block, where an entry is absent."""
    guards = dict.fromkeys(name for slot in sources.slots.values() for name in slot.spec.guards)
    for name in guards:
        rule, expression = rules[name], sources.rules[name]
        spelling = Spelling(rule.nodes, expression.text)
        for place in _Paths(rule).unasked():
            node = rule.nodes[place]
            assert isinstance(node, Call)
            whole, key = (spelling.of(arg) for arg in node.args)
            yield say.guard_reads_entry(spot(expression, node), name, whole, key, is_map=node.function == "index_map")


class _Paths:
    """The reads of entries of one rule, each with what was asked for on the way to it."""

    def __init__(self, rule: Rule) -> None:
        self._nodes: Sequence[Node] = rule.nodes
        self._ranges = Ranges(rule, {})

    def unasked(self) -> list[int]:
        """The places of reads that may fail."""
        return list(self._visit(len(self._nodes) - 1, _NOTHING))

    def _visit(self, place: int, asked: _Asked) -> Iterator[int]:
        match self._nodes[place]:
            case Call(function="logical_and" | "logical_or" as function, args=(left, right)):
                is_and = function == "logical_and"
                yield from self._visit(left, asked | self._asked(right, is_and))
                yield from self._visit(right, asked | self._asked(left, is_and))
            case Call(function="conditional", args=(condition, yes, no)):
                yield from self._visit(condition, asked)
                yield from self._visit(yes, asked | self._asked(condition, True))
                yield from self._visit(no, asked | self._asked(condition, False))
            case MacroCall(over=over):
                yield from self._visit(over, asked)
            case node:
                if isinstance(node, Call) and self._may_fail(node, asked):
                    yield place
                for part in children(node):
                    yield from self._visit(part, asked)

    def _may_fail(self, node: Call, asked: _Asked) -> bool:
        if node.function not in _INDEXES or not isinstance(self._nodes[node.args[0]], Read):
            return False
        whole, key = (self._ranges.term(arg) for arg in node.args)
        return asked.isdisjoint((whole, (whole, key)))

    def _asked(self, place: int, outcome: bool) -> _Asked:
        """The entries that are surely there when a condition gives this outcome; a list whose size was asked whole."""
        match self._nodes[place]:
            case Call(function="logical_not", args=(inner,)):
                return self._asked(inner, not outcome)
            case Call(function="logical_and" | "logical_or" as function, args=args):
                found = [self._asked(arg, outcome) for arg in args]
                return reduce(frozenset.__or__ if outcome is (function == "logical_and") else frozenset.__and__, found)
            case Call(function=function, args=args) if function in _ENTRY_ASKED:
                whole, key = args if function == "has_key" else args[::-1]
                return frozenset({(self._ranges.term(whole), self._ranges.term(key))}) if outcome else _NOTHING
            case Const():
                return _NOTHING
        return self._sized(place)

    def _sized(self, place: int) -> _Asked:
        """The lists of which a condition asks the size, or whether they hold something: taken as asked enough."""
        node = self._nodes[place]
        own: _Asked = _NOTHING
        if isinstance(node, Call) and node.function in _LIST_ASKED:
            own = frozenset({self._ranges.term(node.args[-1])})
        return reduce(frozenset.union, [self._sized(part) for part in children(node)], own)
