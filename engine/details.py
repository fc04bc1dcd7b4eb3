"""One slot's decision in full, computed again from its record when somebody asks: so deciding pays nothing for it.

What the trace holds is taken from there; what it does not hold (features with their status, model inputs) is computed
by the programs that decided, on the catalog that they read. Bounded: all features, but only the candidates asked for.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.decision import DecisionRequest, Tier
from contracts.errors import DecisionError
from contracts.explanation import MASKED, Absent, CandidateDetails, Details, FeatureReading, InputReading, ModelReading
from contracts.features import FeatureSpec, Root, Status, Value
from contracts.record import DecisionRecord
from engine import folds
from engine.absences import Absences
from engine.compare import Made
from engine.feature_status import is_readable, status_of
from engine.gate import scope_of
from engine.loaded import LoadedBundle, LoadedModel, LoadedSlot
from engine.programs.arrays import quiet
from engine.programs.values import Batch, Scope
from engine.score import by_model, matrix
from engine.snapshot import VISITOR, Snapshot, Table

_US = 1_000_000
_LARGEST = float(np.finfo(np.float32).max)


@quiet
def details(
    loaded: LoadedBundle, record: DecisionRecord, catalog: Snapshot, made: Made, items: Sequence[str]
) -> Details:
    """All about one decision of a record, and about some of its candidates. `catalog` is as of the record's cursor."""
    unit = record.request.units.get(VISITOR)
    snapshot = Snapshot(catalog.tables, {unit: record.visitor} if unit else {}, record.cursor)
    scope = scope_of(record.request, snapshot, loaded)
    slot = loaded.slots[made.decision.slot]
    at = record.result.decisions.index(made.decision)
    absences = Absences(loaded, record.request, snapshot, record.result, at, record.masked)
    again = _Again(loaded, slot, scope, snapshot.tables[slot.spec.table], made, frozenset(record.masked))
    return Details(
        gate=tuple(gate(record.request, scope)),
        assignments=record.result.assignments,
        features=tuple(again.features()),
        candidates=tuple([again.candidate(item, absences.of(item)) for item in items]),
        is_same=again.is_same(),
    )


def gate(request: DecisionRequest, scope: Scope) -> Iterator[str]:
    """What the gate knew of the caller, as clauses."""
    yield f"granted {', '.join(sorted(scope.granted)) or 'nothing'}"
    signals = {
        "opted out": request.is_opted_out,
        "sent Sec-GPC": request.is_gpc,
        "a bot": request.is_bot,
        "a QA request": request.qa is not None,
        "the feed is stale": request.is_feed_stale,
        "the node is overloaded": request.is_overloaded,
        "the first attempt met a bug": request.is_retry,
    }
    yield from (name for name, is_on in signals.items() if is_on)
    if not request.units:
        yield "nobody in particular: no unit, so no assignment"


class _Again:
    """What is computed again of one slot."""

    def __init__(
        self,
        loaded: LoadedBundle,
        slot: LoadedSlot,
        scope: Scope,
        table: Table,
        made: Made,
        masked: frozenset[str],
    ) -> None:
        self._specs = {(spec.root, spec.name): spec for spec in loaded.schema.features}
        self._slot = slot
        self._scope = scope
        self._table = table
        self._trace = made.trace
        self._answer = made.trace.held_out or made.decision.answer
        self._masked = masked
        self._models = () if slot.model is None else (slot.model, *slot.other_models)
        self._batch = Batch(scope, table, _rows(table, made.trace.survivors))

    def features(self) -> Iterator[FeatureReading]:
        """Every declared feature of request, visitor and visit."""
        for spec in self._specs.values():
            name, status = f"{spec.root}.{spec.name}", status_of(spec, self._scope)
            if name in self._masked:
                yield FeatureReading(name=name, status=MASKED)
                continue
            entry = self._scope.visitor.get(spec.name) if spec.root is Root.VISITOR else None
            is_told = entry is not None and status is not Status.WITHHELD
            age_s = (self._scope.now - entry.as_of) / _US if entry is not None and is_told else None
            yield FeatureReading(name=name, status=status.name, value=_value(spec, status, self._scope), age_s=age_s)

    def candidate(self, item: str, absent: Absent | None) -> CandidateDetails:
        """All about one item, as far as it came."""
        trace = self._trace
        at = trace.survivors.index(item) if item in trace.survivors else None
        position = self._answer.index(item) if item in self._answer else None
        draw = None if position is None or position >= len(trace.draws) else trace.draws[position]
        is_ranked = at is not None and at < len(trace.values)
        return CandidateDetails(
            item=item,
            blocker=trace.blockers.get(item),
            score=trace.scores[at] if at is not None and at < len(trace.scores) else None,
            terms={name: added[at] for name, added in trace.terms.items()} if at is not None and is_ranked else {},
            value=trace.values[at] if at is not None and is_ranked else None,
            position=None if position is None else position + 1,
            propensity=None if draw is None else draw.propensity,
            models=tuple(self._model(model, item, at) for model in self._models if item in self._table.row_of),
            absent=absent,
        )

    def is_same(self) -> bool | None:
        """Whether the models say again what they said."""
        read = (f"{root}.{field}" for model in self._models for each in model.inputs for root, field in each.reads)
        if self._trace.scored_tier is not Tier.MODEL or not self._models or not self._masked.isdisjoint(read):
            return None
        recorded = [self._trace.scores, *(self._trace.other_scores.get(m.spec.name, ()) for m in self._models[1:])]
        try:
            own = [by_model(model, self._batch) for model in self._models]
        except DecisionError:
            return False
        return all(tuple(now.tolist()) == was for now, was in zip(own, recorded, strict=True))

    def _model(self, model: LoadedModel, item: str, at: int | None) -> ModelReading:
        """A survivor's row is taken from the matrix of all, as it was; another item has a row of its own."""
        batch = self._batch if at is not None else Batch(self._scope, self._table, _rows(self._table, [item]))
        try:
            row = matrix(model, batch)[at or 0]
            said = None if model.scorer is None or at is None else float(by_model(model, batch)[at])
        except DecisionError as error:
            return ModelReading(model=model.spec.name, problem=str(error))
        names = ((each.name, each.reads) for each in model.inputs)
        inputs = tuple(
            InputReading(name=name, value=_or_none(float(value)), reads=dict(self._reads(reads, item)))
            for (name, reads), value in zip(names, row, strict=True)
        )
        return ModelReading(model=model.spec.name, inputs=inputs, score=said)

    def _reads(self, reads: Iterable[tuple[Root, str]], item: str) -> Iterator[tuple[str, str]]:
        """What a rule reads, with the status of each. Instants and scores have none."""
        for root, field in reads:
            name, spec = f"{root}.{field}", self._specs.get((root, field))
            if name in self._masked:
                yield name, MASKED
            elif spec is not None:
                yield name, status_of(spec, self._scope).name
            elif root is Root.ITEM:
                column = self._table.columns[field]
                yield name, column.status_at(self._table.row_of[item], self._scope.now).name


def _rows(table: Table, items: Sequence[str]) -> NDArray[np.int64]:
    return np.array([table.row_of[item] for item in items], dtype=np.int64)


def _value(spec: FeatureSpec, status: Status, scope: Scope) -> Value | None:
    """What a rule that reads the feature gets; None where it gets an error."""
    if not is_readable(spec, status):
        return None
    return _value_of(spec, scope) if status is Status.PRESENT else spec.default


def _value_of(spec: FeatureSpec, scope: Scope) -> Value | None:
    if spec.root is not Root.VISITOR:
        return (scope.request if spec.root is Root.REQUEST else scope.visitor_state)[spec.name]
    entry = scope.visitor.get(spec.name)
    return folds.read((spec,), {}, scope.now).get(spec.name) if entry is None else entry.value


def _or_none(value: float) -> float | None:
    """NaN is none; an infinite value is told as the largest that float32 holds, which no split tells apart from it."""
    return None if math.isnan(value) else max(-_LARGEST, min(_LARGEST, value))
