"""Price bands as they are written in rules: `price_band(item.price, {"value": [0, 500], "mid": [500, 2000]})`.

A band goes from its first number up to, not including, its second. Bands must not share a price; prices between two
bands have none, which is worth a word. Only bands that are written as literals can be checked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.analysis.ranges import PRICE_BAND
from compiler.analysis.spelling import called, spot
from compiler.diagnostics import Problem
from compiler.diagnostics import analysis_messages as say
from compiler.reading.expressions import Expression
from contracts.rule_ir import Call, Const, ListOf, MapOf, Node, Rule


@dataclass(frozen=True)
class Band:
    """Prices in minor units from `start` up to, not including, `end`. `key` is the node of its name."""

    name: str
    start: int
    end: int
    key: Node


def band_problems(rule: Rule, expression: Expression) -> Iterator[Problem]:
    """What is wrong with the bands of a rule."""
    for node in rule.nodes:
        if isinstance(node, Call) and called(node.function) == PRICE_BAND:
            bands = rule.nodes[node.args[1]]
            if isinstance(bands, MapOf):
                yield from _of_map(rule.nodes, bands, expression)


def _of_map(nodes: Sequence[Node], written: MapOf, expression: Expression) -> Iterator[Problem]:
    bands: list[Band] = []
    for key, value in zip(written.keys, written.values, strict=True):
        name, ends = nodes[key], _ends(nodes, value)
        if not isinstance(name, Const) or ends is None:
            continue
        if len(ends) != 2:
            yield say.band_malformed(spot(expression, name), str(name.value))
        elif ends[0] >= ends[1]:
            yield say.band_empty(spot(expression, name), str(name.value), *ends)
        else:
            bands.append(Band(str(name.value), ends[0], ends[1], name))
    yield from _between(sorted(bands, key=lambda band: (band.start, band.end)), expression)


def _between(bands: Sequence[Band], expression: Expression) -> Iterator[Problem]:
    """What is wrong between bands, by their starts: each is compared with the one before it that reaches furthest."""
    for place, band in enumerate(bands[1:], 1):
        reach = max(bands[:place], key=lambda each: each.end)
        if band.start < reach.end:
            shared = min(reach.end, band.end)
            yield say.bands_overlap(spot(expression, band.key), reach.name, band.name, band.start, shared)
        elif band.start > reach.end:
            yield say.bands_gap(spot(expression, band.key), reach.name, band.name, reach.end, band.start)


def _ends(nodes: Sequence[Node], place: int) -> list[int] | None:
    """The numbers of a band; None where they are not all literals."""
    node = nodes[place]
    items = [nodes[item] for item in node.items] if isinstance(node, ListOf) else [None]
    ends = [item.value for item in items if isinstance(item, Const)]
    whole = [end for end in ends if isinstance(end, int)]
    return whole if len(whole) == len(items) else None
