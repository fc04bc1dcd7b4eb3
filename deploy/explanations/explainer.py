"""One recorded decision explained: its trace in sentences, what was read, model inputs and their contributions. Pure.

A record that was altered explains nothing. One with masked values, or without its deltas, is explained as far as its
trace goes, and says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compiler.diagnostics.problem import listed, nearest
from contracts.bundle import Bundle
from contracts.codec import Contract
from contracts.decision import Decision, Trace
from contracts.errors import ContractError
from contracts.explanation import MASKED, Details, ModelReading
from contracts.record import DecisionRecord, Recording
from deploy.explanations.contributions import Contributions, NotOfferedError, contributions
from deploy.replays.catalogs import Catalogs, MissingDeltaError
from deploy.replays.replayer import damage_of
from engine.compare import Made
from engine.details import details
from engine.explain import explain, why_not
from engine.loaded import LoadedBundle


class ExplainReport(Contract, frozen=True):
    """One decision: what it was, sentences on how it came about, and all that stands behind them.

    `details` is None, with the reason in `problem`, where the record's bundle or catalog cannot be had.
    """

    decision: Decision
    trace: Trace
    explanation: tuple[str, ...]
    why_not: str | None
    details: Details | None
    contributions: tuple[Contributions, ...] = ()
    problem: str = ""


class Explainer:
    """Explains decisions of a recording, on the bundles given by revision. `folder` holds the sources, if given."""

    def __init__(self, bundles: Mapping[str, Bundle], loaded: Mapping[str, LoadedBundle], folder: Path | None) -> None:
        self._bundles = bundles
        self._loaded = loaded
        self._catalogs = Catalogs(loaded)
        self._folder = folder

    def find(self, parts: Iterable[Recording], decision_id: str) -> DecisionRecord | None:
        """The record of a decision, or of a page without its slot. Takes the deltas before it in."""
        request_id = decision_id.partition(".")[0]
        for part in parts:
            self._catalogs.add(part.epoch, part.deltas)
            for record in part.records:
                if record.request.request_id == request_id:
                    return record
        return None

    def explain(self, record: DecisionRecord, decision_id: str, candidate: str | None) -> ExplainReport:
        """One decision of a record, and one of its candidates: by default the first that was shown."""
        made = _made(record, decision_id)
        if damage := damage_of(record):
            raise ContractError(f"{decision_id} explains nothing: {damage}")
        items = [candidate] if candidate else [*made.decision.answer, *made.trace.held_out][:1]
        told, problem = self._details(record, made, items)
        added, refused = self._contributions(record, made, told)
        return ExplainReport(
            decision=made.decision,
            trace=made.trace,
            explanation=explain(made.decision, made.trace),
            why_not=_why_not(candidate, made, told) if candidate else None,
            details=told,
            contributions=tuple(added),
            problem="; ".join([problem, *refused] if problem else refused),
        )

    def _details(self, record: DecisionRecord, made: Made, items: list[str]) -> tuple[Details | None, str]:
        if record.revision not in self._loaded:
            return (
                None,
                f"its bundle {record.revision} was not given: name its file with --bundle, or a --registry that has it",
            )
        try:
            catalog = self._catalogs.at(record.revision, record.cursor)
        except MissingDeltaError as error:
            return None, str(error)
        table = self._loaded[record.revision].slots[made.decision.slot].spec.table
        if unknown := [item for item in items if item not in catalog.tables[table].row_of]:
            raise ContractError(f"table {table} has no item {unknown[0]}", "--candidate")
        problem = f"the record does not hold {', '.join(record.masked)}" if record.masked else ""
        return details(self._loaded[record.revision], record, catalog, made, items), problem

    def _contributions(
        self, record: DecisionRecord, made: Made, told: Details | None
    ) -> tuple[list[Contributions], list[str]]:
        """Of each model whose inputs for the candidate are known, if sources were named; and why others have none."""
        added: list[Contributions] = []
        refused: list[str] = []
        if self._folder is None or told is None:
            return added, refused
        slot, bundle = self._loaded[record.revision].slots[made.decision.slot], self._bundles[record.revision]
        models = {model.spec.name: model for model in (slot.model, *slot.other_models) if model is not None}
        for reading in (each for candidate in told.candidates for each in candidate.models if _is_known(each)):
            try:
                added.append(contributions(self._folder, bundle, models[reading.model], _row(reading)))
            except NotOfferedError as error:
                refused.append(str(error))
        return added, refused


def _why_not(item: str, made: Made, told: Details | None) -> str:
    return why_not(item, made.decision, made.trace, None if told is None else told.absent(item))


def _is_known(reading: ModelReading) -> bool:
    """Whether a model's inputs are those that it scored: none is missing, none reads what the record does not hold."""
    return bool(reading.inputs) and not any(MASKED in each.reads.values() for each in reading.inputs)


def _row(reading: ModelReading) -> NDArray[np.float32]:
    return np.array([np.nan if each.value is None else each.value for each in reading.inputs], dtype=np.float32)


def _made(record: DecisionRecord, decision_id: str) -> Made:
    pairs = zip(record.result.decisions, record.result.traces, strict=True)
    for decision, trace in pairs:
        if decision.decision_id == decision_id:
            return Made(decision, trace)
    slots = [decision.slot for decision in record.result.decisions]
    raise ContractError(_without_slot(decision_id, slots), "--decision")


def _without_slot(decision_id: str, slots: Sequence[str]) -> str:
    """The sentence about a page of which no slot was named, or one that it lacks: what it has, what to type."""
    page, _, slot = decision_id.partition(".")
    said = f"page {page} has no slot {slot}" if slot else f"{page} is a page, and one of its slots is explained"
    return f"{said}: type --decision {page}.{nearest(slot, slots) or slots[0]}; it has {listed(slots)}"
