"""What each part of a rule may give, and whether a condition can come out as supposed.

`suppose` is the whole method: it assumes that a condition gives true (or false) and returns what then is known, or
None when that cannot be. Facts are kept for terms: parts of a rule that are written alike are one term, so what
`item.price > 500` tells of `item.price` holds wherever it is read again. A node of a kind that is not known here may
give anything. Work is bounded; where the bound is met, nothing more is claimed.
"""

from collections.abc import Hashable, Mapping, Sequence
from functools import reduce
from typing import TypeAlias

from compiler.analysis.functions import applied
from compiler.analysis.relations import ALL, EQUAL, OPERATORS, Relations, flipped, limited, possible, to_itself
from compiler.analysis.spelling import Spelling, called
from compiler.analysis.values import ANYTHING, FALSE, NOTHING, Among, Values, among, join, meet, of_type
from contracts.features import Root
from contracts.rule_ir import Call, Const, Has, ListOf, MapOf, Node, Read, Rule, Variable
from engine.programs.functions import FUNCTIONS

Term: TypeAlias = Hashable
Facts: TypeAlias = Mapping[Term, "Values | Relations"]
Closed: TypeAlias = Mapping[tuple[Root, str], Values]

NO_FACTS: Facts = {}
PRICE_BAND = "price_band"
_LITERALS = ("bool", "int", "double", "string")
_SCALARS = (*_LITERALS, "uint", "timestamp", "duration")
_ROUNDS = 2
_MOST_STEPS = 50_000
_MOST_ITEMS = 500


class Ranges:
    """Reasons about one rule. `closed` are the features whose values are declared; `text` serves to speak of it."""

    def __init__(self, rule: Rule, closed: Closed, text: str = "") -> None:
        self.nodes = rule.nodes
        self.spelling = Spelling(rule.nodes, text)
        self._closed = closed
        self._terms = _terms(rule.nodes)
        self._steps = 0

    def term(self, place: int) -> Term:
        """What the node at a place has in common with all nodes written like it."""
        return self._terms[place]

    def chain(self, place: int, function: str) -> list[int]:
        """The parts of `a && b && c`, or of another function that is written in chains."""
        node = self.nodes[place]
        if not isinstance(node, Call) or node.function != function:
            return [place]
        return [part for arg in node.args for part in self.chain(arg, function)]

    def value(self, place: int, facts: Facts = NO_FACTS) -> Values:
        """What the node at a place may give when the facts hold."""
        node = self.nodes[place]
        known = facts.get(self._terms[place], ANYTHING)
        assert not isinstance(known, frozenset)
        if self._is_spent():
            return meet(known, of_type(node.type))
        return meet(known, self._computed(place, node, facts))

    def suppose(self, place: int, outcome: bool, facts: Facts = NO_FACTS) -> Facts | None:
        """What is known once the condition at a place gave this outcome; None where it cannot."""
        if self._is_spent():
            return facts
        term, supposed = self._terms[place], among([outcome])
        known = facts.get(term, supposed)
        assert not isinstance(known, frozenset)
        if meet(known, supposed) == NOTHING:
            return None
        narrowed = self._supposed(self.nodes[place], place, outcome, facts)
        return None if narrowed is None else {**narrowed, term: supposed}

    def suppose_all(self, places: Sequence[int], outcome: bool, facts: Facts = NO_FACTS) -> Facts | None:
        """What is known once several conditions gave this outcome; what the later ones tell reaches the earlier."""
        found: Facts | None = facts
        for place in [*places] * _ROUNDS:
            found = None if found is None else self.suppose(place, outcome, found)
        return found

    def _is_spent(self) -> bool:
        self._steps += 1
        return self._steps > _MOST_STEPS

    def _computed(self, place: int, node: Node, facts: Facts) -> Values:
        if node.type not in _SCALARS:
            return ANYTHING
        match node:
            case Const() if node.type in _LITERALS and node.value is not None:
                return among([node.value])
            case Read():
                is_absent = facts.get((Has, node.root, node.field)) == FALSE
                return NOTHING if is_absent else self._closed.get((node.root, node.field), of_type(node.type))
            case Call(function="conditional"):
                return self._chosen(node, facts)
            case Call() if node.type == "bool":
                outcomes = [each for each in (True, False) if self.suppose(place, each, facts) is not None]
                return among(outcomes)
            case Call() if called(node.function) == PRICE_BAND:
                return self._named_by(node.args[1])
            case Call():
                return applied(node.function, [self.value(arg, facts) for arg in node.args], node.type)
        return of_type(node.type)

    def _named_by(self, place: int) -> Values:
        """A price band is one of the keys of its map, where these are literals."""
        bands = self.nodes[place]
        keys = [self.nodes[key] for key in bands.keys] if isinstance(bands, MapOf) else [None]
        names = [key.value for key in keys if isinstance(key, Const) and isinstance(key.value, str)]
        return among(names) if len(names) == len(keys) else of_type("string")

    def _chosen(self, node: Call, facts: Facts) -> Values:
        condition, yes, no = node.args
        met, unmet = self.suppose(condition, True, facts), self.suppose(condition, False, facts)
        first = NOTHING if met is None else self.value(yes, met)
        return join(first, NOTHING if unmet is None else self.value(no, unmet))

    def _supposed(self, node: Node, place: int, outcome: bool, facts: Facts) -> Facts | None:
        match node:
            case Const():
                return facts if node.value is outcome else None
            case Call(function="logical_and" | "logical_or"):
                parts = self.chain(place, node.function)
                is_all = outcome is (node.function == "logical_and")
                return self.suppose_all(parts, outcome, facts) if is_all else self._any(parts, outcome, facts)
            case Call(function="logical_not"):
                return self.suppose(node.args[0], not outcome, facts)
            case Call(function="conditional"):
                return self._branch(node, outcome, facts)
            case Call(function="in_list"):
                return self._member(node, outcome, facts)
            case Call() if _operator(node) in OPERATORS:
                relations, (left, right) = OPERATORS[_operator(node)], node.args
                return self._related(left, right, relations if outcome else ALL - relations, facts)
            case Call():
                given = applied(node.function, [self.value(arg, facts) for arg in node.args], node.type)
                return None if meet(given, among([outcome])) == NOTHING else facts
        return None if meet(self.value(place, facts), among([outcome])) == NOTHING else facts

    def _any(self, places: Sequence[int], outcome: bool, facts: Facts) -> Facts | None:
        return _common([self.suppose(place, outcome, facts) for place in places])

    def _branch(self, node: Call, outcome: bool, facts: Facts) -> Facts | None:
        condition, yes, no = node.args
        met, unmet = self.suppose(condition, True, facts), self.suppose(condition, False, facts)
        first = None if met is None else self.suppose(yes, outcome, met)
        return _common([first, None if unmet is None else self.suppose(no, outcome, unmet)])

    def _member(self, node: Call, outcome: bool, facts: Facts) -> Facts | None:
        """`x in [a, b]` is `x == a || x == b`, where all are of one simple type."""
        wanted, items = node.args[0], self.nodes[node.args[1]]
        kind = self.nodes[wanted].type
        if not isinstance(items, ListOf) or kind not in _LITERALS or len(items.items) > _MOST_ITEMS:
            return facts
        if any(self.nodes[item].type != kind for item in items.items):
            return facts
        if outcome:
            return _common([self._related(wanted, item, frozenset({EQUAL}), facts) for item in items.items])
        found: Facts | None = facts
        for item in items.items:
            found = None if found is None else self._related(wanted, item, ALL - {EQUAL}, found)
        return found

    def _related(self, left: int, right: int, relations: Relations, facts: Facts) -> Facts | None:
        kinds = self.nodes[left].type, self.nodes[right].type
        one, other = self.value(left, facts), self.value(right, facts)
        pair = (EQUAL, self._terms[left], self._terms[right])
        known = facts.get(pair, ALL)
        assert isinstance(known, frozenset)
        held = relations & known & possible(one, other, kinds)
        if self._terms[left] == self._terms[right]:
            held &= to_itself(kinds[0])
        if not held or NOTHING in (one, other):
            return None
        mirror = (EQUAL, self._terms[right], self._terms[left])
        related: Facts = {**facts, pair: held, mirror: flipped(held)}
        if kinds[0] != kinds[1]:
            return related
        found = self._narrowed(left, limited(one, other, held, kinds[0]), related)
        return None if found is None else self._narrowed(right, limited(other, one, flipped(held), kinds[0]), found)

    def _narrowed(self, place: int, values: Values, facts: Facts) -> Facts | None:
        if values == NOTHING:
            return None
        if isinstance(self.nodes[place], Const):
            return facts
        if self.nodes[place].type == "bool":
            outcomes = values.values if isinstance(values, Among) else frozenset({True, False})
            return facts if len(outcomes) > 1 else self.suppose(place, True in outcomes, facts)
        return {**facts, self._terms[place]: values}


def _operator(node: Call) -> str:
    function = FUNCTIONS.get(node.function)
    return "" if function is None else function.name


def _common(alternatives: Sequence[Facts | None]) -> Facts | None:
    """What is known in every alternative that can be."""
    found = [each for each in alternatives if each is not None]
    return reduce(_both, found) if found else None


def _both(one: Facts, other: Facts) -> Facts:
    return {term: _joined(one[term], other[term]) for term in one if term in other}


def _joined(one: Values | Relations, other: Values | Relations) -> Values | Relations:
    if isinstance(one, frozenset) or isinstance(other, frozenset):
        return one | other if isinstance(one, frozenset) and isinstance(other, frozenset) else ALL
    return join(one, other)


def _terms(nodes: Sequence[Node]) -> list[Term]:
    """Nodes of one term give equal values, whenever they are run in one request for one item and one round."""
    terms: list[Term] = []
    first: dict[Term, int] = {}
    for place, node in enumerate(nodes):
        match node:
            case Const():
                term: Term = (Const, node.type, repr(node.value))
            case Read() | Has():
                term = (type(node), node.root, node.field)
            case Variable():
                term = (Variable, node.slot)
            case Call():
                term = first.setdefault((node.function, *[terms[arg] for arg in node.args]), place)
            case _:
                term = place
        terms.append(term)
    return terms
