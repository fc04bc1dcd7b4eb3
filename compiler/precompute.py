"""Fallback tables: each slot's answer for every bucket of its keys and for `*`, by `engine.decide` itself.

The request is a first visit that granted every purpose: no ids, no features of a visitor, no experiment, the best
answer instead of a drawn one. What a table then holds is personal to nobody. It holds more ids than a slot shows: some
will be sold out, seen enough, or shown by an earlier slot, and others stand in for them.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from msgspec import structs

from compiler.diagnostics import CompileError, Problem, Where, proof_messages
from compiler.sources import SlotSource, Sources
from contracts.bundle import Bundle
from contracts.controls import Controls
from contracts.decision import DecisionRequest, Decisions, Stage
from contracts.fallback import ANY, FallbackRow, FallbackTable, SlotFallback
from contracts.features import FeatureSchema, FeatureSpec, Root, Value
from contracts.slots import Filter, Generator, Pool
from engine.decide import decide
from engine.fallback import key_text
from engine.kinds import KINDS
from engine.load import load
from engine.loaded import LoadedBundle, LoadedPolicy, LoadedSlot
from engine.policies import POLICIES

_BEST = LoadedPolicy(POLICIES["greedy"], {})
_SPARES = 4  # so many times what a slot shows


def precompute(draft: Bundle, sources: Sources) -> FallbackTable:
    """The fallback table of a bundle that has none yet. Raises `CompileError` for tables too large or never filled."""
    problems = list(_oversized(sources))
    if problems:
        raise CompileError(problems)
    loaded = load(draft)
    best = {name: _best(slot) for name, slot in loaded.slots.items()}
    decider = _Decider(replace(loaded, slots=best, arm_policies={}), sources.precompute_now)
    tables = tuple(_slot(decider, slot) for slot in sources.slots.values())
    problems = list(_never_filled(decider, sources))
    if problems:
        raise CompileError(problems)
    return FallbackTable(now=sources.precompute_now, slots=tables)


def _best(slot: LoadedSlot) -> LoadedSlot:
    """The same slot as a ranking of the best, with spares."""
    size = _SPARES * slot.kind.positions(slot.spec.size)
    return replace(slot, kind=KINDS["ranking"], policy=_BEST, spec=structs.replace(slot.spec, size=size))


@dataclass(frozen=True)
class _Decider:
    """Decides one slot for a visitor of whom nothing is known but the request."""

    loaded: LoadedBundle
    now: int

    def decide(self, slot: str, context: Mapping[str, Value]) -> Decisions:
        """The decision for one bucket; keys that the context lacks read as their defaults."""
        request = DecisionRequest(
            request_id="precompute",
            now=self.now,
            slots=(slot,),
            granted=self.loaded.schema.purposes,
            context=dict(context),
        )
        return decide(self.loaded, request, self.loaded.snapshot, Controls(), _never)


def _oversized(sources: Sources) -> Iterator[Problem]:
    for slot in sources.slots.values():
        rows = 1 + math.prod(len(_values(spec)) for spec in _keys(sources.schema, slot))
        if rows > sources.max_rows:
            where: Where = slot.places.get("fallback_keys", slot.where)
            yield proof_messages.too_many_buckets(where, slot.spec.name, rows, sources.max_rows)


def _never_filled(decider: _Decider, sources: Sources) -> Iterator[Problem]:
    """Slots whose generators, though none of them asks who the visitor is, find nothing at all."""
    for slot in sources.slots.values():
        trace = decider.decide(slot.spec.name, {}).traces[0]
        is_static = all(_is_static(each) for each in slot.spec.retrieve)
        if is_static and trace.generated and not any(trace.generated.values()):
            where = slot.places.get("retrieve", slot.where)
            yield proof_messages.no_candidates(where, slot.spec.name, "its generators find no item in the catalog")


def _slot(decider: _Decider, slot: SlotSource) -> SlotFallback:
    spec = slot.spec
    finite = [_values(feature) for feature in _keys(decider.loaded.schema, slot)]
    buckets = [dict(zip(spec.fallback_keys, values, strict=True)) for values in product(*finite) if values]
    rows = tuple(_row(decider, slot, bucket) for bucket in (*buckets, {}))
    return SlotFallback(slot=spec.name, keys=spec.fallback_keys, rows=rows)


def _row(decider: _Decider, slot: SlotSource, bucket: Mapping[str, Value]) -> FallbackRow:
    """One bucket's answer, `*` for the empty one; empty where the slot cannot be decided: its plain content answers."""
    key = tuple(key_text(bucket[name]) if bucket else ANY for name in slot.spec.fallback_keys)
    return FallbackRow(key=key, answer=decider.decide(slot.spec.name, bucket).decisions[0].answer)


def _keys(schema: FeatureSchema, slot: SlotSource) -> list[FeatureSpec]:
    request = {spec.name: spec for spec in schema.of(Root.REQUEST)}
    return [request[name] for name in slot.spec.fallback_keys]


def _values(spec: FeatureSpec) -> tuple[Value, ...]:
    """The finitely many values of a key: those declared, or true and false."""
    return spec.values or (False, True)


def _is_static(generator: Generator) -> bool:
    return isinstance(generator, Pool) or (isinstance(generator, Filter) and generator.match is None)


def _never(_slot: str, _stage: Stage) -> bool:
    return False
