"""Plain content: what a slot shows unguarded must be there, and must reference no item, price or offer.

Items are known by their ids, in a text of its own or as a part of a link; offers by the ids that the slot's `offer`
rule can give; prices by their look, and by what the payload computes in the same place.
"""

import re
from collections.abc import Iterator, Mapping

from compiler.analysis.ranges import Ranges
from compiler.analysis.values import Among, among
from compiler.catalog import Catalog
from compiler.diagnostics import Problem, proof_messages
from compiler.sources import SlotSource, Sources
from contracts.catalog import ID
from contracts.features import Root
from contracts.rule_ir import Has, Read, Rule

_AMOUNT = re.compile(r"[$€£¥]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:€|EUR|USD|GBP)")
_NO_OFFER = ""
_SEGMENTS = re.compile(r"[/?#=&]")


def plain_problems(
    slot: SlotSource, sources: Sources, rules: Mapping[str, Rule], catalog: Catalog
) -> Iterator[Problem]:
    """What is wrong with the plain content of a slot."""
    spec = slot.spec
    if not spec.plain:
        yield proof_messages.no_plain(slot.places.get("plain", slot.where), spec.name)
    ids = frozenset(catalog.ids[spec.table])
    offers = _offers(rules[spec.offer], ids) if spec.offer is not None else frozenset()
    for prop, value in spec.plain.items():
        where, text = slot.places.get(f"plain.{prop}", slot.where), str(value)
        if (item := _named(text, ids | _guarded_ids(text, sources, catalog))) is not None:
            yield proof_messages.plain_names_item(where, spec.name, prop, item)
        elif (offer := _named(text, offers)) is not None:
            yield proof_messages.plain_names_offer(where, spec.name, prop, offer)
        if isinstance(value, str) and (amount := _AMOUNT.search(value)):
            yield proof_messages.plain_amount(where, spec.name, prop, amount[0])
        if prop in spec.payload and (reads := _fixed(value, rules[spec.payload[prop].rule], slot, sources)):
            yield proof_messages.plain_computed(where, spec.name, prop, [f"item.{name}" for name in reads])


def _named(text: str, ids: frozenset[str]) -> str | None:
    """The id that a text is, or holds as a part of a link."""
    parts = _SEGMENTS.split(text) if "/" in text else (text,)
    return next((part for part in parts if part in ids), None)


def _guarded_ids(text: str, sources: Sources, catalog: Catalog) -> frozenset[str]:
    """For links, the items of every table that some slot guards: a link may lead to any of them."""
    tables = {slot.spec.table for slot in sources.slots.values() if slot.spec.guards} if "/" in text else set()
    return frozenset(item for table in tables for item in catalog.ids[table])


def _offers(rule: Rule, ids: frozenset[str]) -> frozenset[str]:
    """The offer ids that a rule gives for these items, where they follow from the item's id; an empty one is none."""
    given = Ranges(rule, {(Root.ITEM, ID): among(ids)}).value(len(rule.nodes) - 1)
    return frozenset(map(str, given.values)) - {_NO_OFFER} if isinstance(given, Among) else frozenset()


def _fixed(value: object, rule: Rule, slot: SlotSource, sources: Sources) -> list[str]:
    """The columns whose values a fixed one stands for: live ones, and for numbers all but none at all (0)."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value != 0
    live = {column.name for column in sources.tables[slot.spec.table].columns if column.is_live}
    read = {node.field for node in rule.nodes if isinstance(node, Read | Has) and node.root is Root.ITEM}
    return sorted(read if is_number else read & live)
