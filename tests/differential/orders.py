"""A rule with the entries of its map literals in other orders: all of them, as far as there are few."""

from collections.abc import Iterator
from itertools import islice, permutations

import msgspec

from contracts.rule_ir import MapOf, Node, Rule

MOST = 720


def other_orders(rule: Rule) -> Iterator[Rule]:
    """The rule with one of its map literals in each other order; repeated keys stay errors whatever the order."""
    for place, node in enumerate(rule.nodes):
        if isinstance(node, MapOf) and len(node.keys) > 1 and not node.optional:
            for other in islice(_orders(node), 1, MOST):
                yield msgspec.structs.replace(rule, nodes=(*rule.nodes[:place], other, *rule.nodes[place + 1 :]))


def _orders(node: MapOf) -> Iterator[Node]:
    for order in permutations(range(len(node.keys))):
        keys, values = ([places[entry] for entry in order] for places in (node.keys, node.values))
        yield msgspec.structs.replace(node, keys=tuple(keys), values=tuple(values))
