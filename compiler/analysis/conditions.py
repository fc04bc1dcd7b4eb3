"""Conditions with one outcome: those that can never be true, and those that are always true.

Each condition of a rule is asked, the innermost first: what follows from a finding inside is not told again. A branch
of `?:` is asked knowing how its condition came out, so that a case that an earlier one took is found. A literal `true`
or `false` is said on purpose.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.analysis import reasons
from compiler.analysis.ranges import NO_FACTS, Closed, Facts, Ranges
from compiler.analysis.values import Among
from contracts.rule_ir import Call, Const, Node, Rule
from engine.programs.verify import children

_CHAINS = ("logical_and", "logical_or")


@dataclass(frozen=True)
class Finding:
    """A condition with one outcome. `place` is its node, `at` the node to point at, `choices` what it could ask for.

    `written` is the string that it asks for in vain, if it is a comparison with one.
    """

    place: int
    at: int
    is_never: bool
    why: str
    written: str = ""
    choices: tuple[str, ...] = ()


def findings(rule: Rule, closed: Closed, text: str = "") -> list[Finding]:
    """The conditions of a rule that have one outcome, in the order in which they are asked. `text` is its CEL."""
    asking = _Asking(Ranges(rule, closed, text))
    asking.ask(len(rule.nodes) - 1, NO_FACTS)
    return asking.found


class _Asking:
    """One rule while its conditions are asked."""

    def __init__(self, ranges: Ranges) -> None:
        self.found: list[Finding] = []
        self._ranges = ranges

    def ask(self, place: int, facts: Facts) -> bool:
        """Whether something was found at a place or below it."""
        node = self._ranges.nodes[place]
        if isinstance(node, Call) and node.function in _CHAINS:
            return self._ask_chain(place, node, facts)
        below = [self.ask(part, known) for part, known in self._parts(node, facts)]
        return any(below) or (isinstance(node, Call) and node.type == "bool" and self._ask_one(place, facts))

    def _parts(self, node: Node, facts: Facts) -> Iterator[tuple[int, Facts]]:
        """The parts of a node, each with what is known where it is run; a branch that is never run has no part."""
        if not isinstance(node, Call) or node.function != "conditional":
            yield from ((part, facts) for part in children(node))
            return
        condition, *branches = node.args
        yield condition, facts
        for branch, outcome in zip(branches, (True, False), strict=True):
            known = self._ranges.suppose(condition, outcome, facts)
            if known is not None:
                yield branch, known

    def _ask_one(self, place: int, facts: Facts) -> bool:
        for outcome in (True, False):
            if self._ranges.suppose(place, outcome, facts) is None:
                why = reasons.of_condition(self._ranges, place, facts)
                self.found.append(Finding(place, place, outcome, why, *self._asked_for(place, facts)))
                return True
        return False

    def _ask_chain(self, place: int, node: Call, facts: Facts) -> bool:
        """All parts of `a && b && c` at once; those in which something was found are left out."""
        parts = self._ranges.chain(place, node.function)
        open_parts = [part for part in parts if not self.ask(part, facts)]
        is_and = node.function == "logical_and"
        if len(open_parts) > 1 and self._ranges.suppose_all(open_parts, is_and, facts) is None:
            why, part = reasons.of_chain(self._ranges, open_parts, is_and, facts)
            self.found.append(Finding(place, self._joint(place, node.function, part), is_and, why))
            return True
        return len(open_parts) < len(parts)

    def _joint(self, place: int, function: str, part: int) -> int:
        """The operator before a part of a chain, or the chain's last one."""
        node = self._ranges.nodes[place]
        if not isinstance(node, Call) or node.function != function:
            return place
        left, right = node.args
        inside = self._ranges.chain(right, function)
        if part in inside:
            return place if part == inside[0] else self._joint(right, function, part)
        return place if part == self._ranges.chain(left, function)[0] else self._joint(left, function, part)

    def _asked_for(self, place: int, facts: Facts) -> tuple[str, tuple[str, ...]]:
        """The string with which a comparison asks for one that cannot be, and the strings that can."""
        node, nodes = self._ranges.nodes[place], self._ranges.nodes
        if not isinstance(node, Call) or reasons.operator(node) != "_==_":
            return "", ()
        for written, other in (node.args, node.args[::-1]):
            asked, known = nodes[written], self._ranges.value(other, facts)
            if isinstance(asked, Const) and isinstance(asked.value, str) and isinstance(known, Among):
                return asked.value, tuple(sorted(map(str, known.values)))
        return "", ()
