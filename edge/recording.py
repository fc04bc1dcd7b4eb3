"""What a page's decision leaves behind: one record, with all that a replay needs and nothing that may not be kept.

Values that were not granted are left out, for no rule could read them. Sensitive features are masked, whatever their
root, and so is what a slot made of them: payload, offer id, why text, messages that quote them. A record with masked
values says so and is not replayable.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from contracts.decision import Decision, DecisionRequest, Decisions, RankedItem, Tier, Trace
from contracts.features import FeatureValue, Root, Value
from contracts.record import RECORD_FORMAT, DecisionRecord
from edge.activation import Live
from edge.deadline import Timely
from edge.node import Node

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
        result=_untold(live, timely.decisions, masked, _quoted(masked, request, values)),
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


def _untold(live: Live, result: Decisions, masked: Collection[str], quoted: Collection[str]) -> Decisions:
    """The result without what tells a masked value: the answers stay."""
    if not masked:
        return result
    decisions = tuple([_silent(live, made, masked) for made in result.decisions])
    traces = tuple([_unquoted(trace, quoted) for trace in result.traces])
    return replace(result, decisions=decisions, traces=traces)


def _silent(live: Live, made: Decision, masked: Collection[str]) -> Decision:
    if made.tier is Tier.PLAIN or live.loaded.slots[made.slot].tells_sensitive.isdisjoint(masked):
        return made
    items = tuple([RankedItem(item.id, {}) for item in made.items])
    return replace(made, props={}, items=items, offer_id=None, why=None)


def _unquoted(trace: Trace, quoted: Collection[str]) -> Trace:
    is_quoting = any(text in trace.problem for text in quoted)
    return replace(trace, problem="masked: the message quotes a sensitive value") if is_quoting else trace


def _quoted(masked: Collection[str], request: DecisionRequest, values: Mapping[str, FeatureValue]) -> set[str]:
    """The texts by which a message could quote masked values."""
    held = {
        **{f"{Root.REQUEST}.{name}": value for name, value in request.context.items()},
        **{f"{Root.VISITOR}.{name}": known.value for name, known in values.items()},
        **{f"{Root.VISITOR_STATE}.{name}": value for name, value in request.visitor_state.items()},
    }
    return {str(each) for name in masked for each in _each(held[name])} - {""}


def _each(value: Value | None) -> Iterable[object]:
    """A value itself; of a list or map the strings in it."""
    return value if isinstance(value, tuple | dict) else (value,)


def _unmasked(root: Root, values: Mapping[str, T], masked: Collection[str]) -> dict[str, T]:
    return {name: value for name, value in values.items() if f"{root}.{name}" not in masked}


def _granted_values(live: Live, request: DecisionRequest) -> dict[str, FeatureValue]:
    allowed = {
        spec.name
        for spec in live.loaded.schema.of(Root.VISITOR)
        if spec.purpose is None or spec.purpose in request.granted
    }
    values = live.snapshot.visitor(request.units.get("visitor"))
    return {name: value for name, value in values.items() if name in allowed}
