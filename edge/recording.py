"""What a page's decision leaves behind: one record, with all that a replay needs and nothing that may not be kept.

Values that were not granted are left out, for no rule could read them. Sensitive features are masked, whatever their
root, and so is what a slot made of them: payload, offer id, why text, scores, messages that may quote them. A record
with masked values says so and is not replayable.
"""

from collections.abc import Collection, Mapping
from typing import TypeVar

from msgspec.structs import replace

from contracts.decision import Decision, DecisionRequest, Decisions, RankedItem, Tier, Trace
from contracts.features import FeatureValue, Root
from contracts.record import RECORD_FORMAT, DecisionRecord
from edge.activation import Live
from edge.deadline import Timely
from edge.node import Node
from edge.visits import caps_of
from engine.caps import synced_feature
from engine.loaded import LoadedSlot

T = TypeVar("T")


def record_of(node: Node, live: Live, timely: Timely) -> DecisionRecord:
    """All that a replay needs, and of the visitor only what was granted: the rest no rule could read.

    What is left out is named: sensitive features, a result that the engine did not give.
    """
    request, values = timely.request, _granted_values(live, timely.request)
    masked = _masked(live, request, values)
    context = _unmasked(Root.REQUEST, request.context, masked)
    visitor_state = _unmasked(Root.VISITOR_STATE, request.visitor_state, masked)
    return DecisionRecord(
        format_version=RECORD_FORMAT,
        fingerprint=node.fingerprint,
        revision=live.loaded.revision,
        node=node.config.node,
        request=replace(request, context=context, visitor_state=visitor_state),
        visitor=_unmasked(Root.VISITOR, values, masked),
        cursor=live.snapshot.cursor,
        controls=node.controls.current,
        result=_untold(live, timely.decisions, masked),
        catalog=live.loaded.catalog_digests,
        masked=(*masked, *(("result",) if timely.is_plain else ())),
    )


def _masked(live: Live, request: DecisionRequest, values: Mapping[str, FeatureValue]) -> list[str]:
    """The sensitive features among what the request holds of these roots."""
    told: dict[Root, Collection[str]] = {
        Root.REQUEST: request.context,
        Root.VISITOR: values,
        Root.VISITOR_STATE: request.visitor_state,
    }
    sensitive = [spec for spec in live.loaded.schema.features if spec.is_sensitive]
    return sorted(f"{spec.root}.{spec.name}" for spec in sensitive if spec.name in told[spec.root])


def _untold(live: Live, result: Decisions, masked: Collection[str]) -> Decisions:
    """The result without what tells a masked value; answers, tiers, causes and propensities stay."""
    if not masked:
        return result
    decisions = tuple([_unshown(live.loaded.slots[made.slot], made, masked) for made in result.decisions])
    traces = tuple([_unscored(live.loaded.slots[trace.slot], trace, masked) for trace in result.traces])
    return replace(result, decisions=decisions, traces=traces)


def _unshown(slot: LoadedSlot, made: Decision, masked: Collection[str]) -> Decision:
    if made.tier is Tier.PLAIN or slot.shows_sensitive.isdisjoint(masked):
        return made
    items = tuple([RankedItem(item.id, {}) for item in made.items])
    return replace(made, props={}, items=items, offer_id=None, why=None)


def _unscored(slot: LoadedSlot, trace: Trace, masked: Collection[str]) -> Trace:
    """Any rule's message may quote what it read; a score may be it."""
    told = replace(trace, problem="masked: it may quote a sensitive value") if trace.problem else trace
    if slot.scores_sensitive.isdisjoint(masked):
        return told
    return replace(told, scores=(), other_scores={}, values=(), terms={}, scored_tier=None)


def _unmasked(root: Root, values: Mapping[str, T], masked: Collection[str]) -> dict[str, T]:
    return {name: value for name, value in values.items() if f"{root}.{name}" not in masked}


def _granted_values(live: Live, request: DecisionRequest) -> dict[str, FeatureValue]:
    """What rules could read of the visitor; of the origin's counters those of slots whose purposes were all granted."""
    values = live.snapshot.visitor(request.units.get("visitor"))
    if not values:
        return {}
    slots = [slot for slot in live.loaded.slots.values() if not caps_of(slot, request.granted)]
    uncounted = {synced_feature(slot.spec, cap).name for slot in slots for cap in slot.spec.caps}
    allowed = {
        spec.name
        for spec in live.loaded.schema.of(Root.VISITOR)
        if (spec.purpose is None or spec.purpose in request.granted) and spec.name not in uncounted
    }
    return {name: value for name, value in values.items() if name in allowed}
