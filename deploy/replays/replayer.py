"""Replay: a record's decision, made again from what the record holds. Pure; `edgewise replay` brings the inputs.

On the engine that made it a decision must come out the same to the last bit. On another one the model may differ in
the last digits: there a replay starts from the recorded scores, says by how much its own differ, and all that follows
must be the same. What was altered, masked or is missing is never replayed as if it were whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from contracts.codec import Contract, encode
from contracts.decision import Decisions, TimeOut
from contracts.record import RECORD_FORMAT, DecisionRecord, Recording
from deploy.replays.catalogs import Catalogs, MissingDeltaError
from deploy.replays.recorded_scores import RecordedScores
from engine.capabilities import fingerprint
from engine.compare import Made, parting
from engine.decide import OutOfTime, Score, decide
from engine.hashing import content_digest
from engine.loaded import LoadedBundle
from engine.records import alteration
from engine.score import score
from engine.snapshot import VISITOR, Snapshot

Result = Literal["identical", "identical from recorded scores", "different", "not replayable"]
GOOD: frozenset[Result] = frozenset({"identical", "identical from recorded scores"})


class Verdict(Contract, frozen=True):
    """What came of replaying one record. `detail` says what differs, or why it could not be replayed.

    `stage` names the first stage that differs. `score_difference` is the largest one between recorded scores and this
    engine's own, None where the replay did not start from recorded scores.
    """

    request_id: str
    outcome: Result
    detail: str = ""
    stage: str = ""
    score_difference: float | None = None


def replay(parts: Iterable[Recording], bundles: Mapping[str, LoadedBundle]) -> Iterator[Verdict]:
    """Verdicts in the order of the records."""
    replayer = Replayer(bundles)
    for part in parts:
        yield from replayer.take(part)


class Replayer:
    """Replays a recording part by part, on the bundles given by revision."""

    def __init__(self, bundles: Mapping[str, LoadedBundle]) -> None:
        self._bundles = bundles
        self._catalogs = Catalogs(bundles)
        self._here = fingerprint()

    def take(self, part: Recording) -> Iterator[Verdict]:
        """Takes a part's deltas in and replays its records."""
        self._catalogs.add(part.epoch, part.deltas)
        return (self._verdict(record) for record in part.records)

    def _verdict(self, record: DecisionRecord) -> Verdict:
        request_id = record.request.request_id
        why = obstacle(record) or self._lacking(record)
        if why:
            return Verdict(request_id=request_id, outcome="not replayable", detail=why)
        loaded = self._bundles[record.revision]
        try:
            catalog = self._catalogs.at(record.revision, record.cursor)
        except MissingDeltaError as error:
            return Verdict(request_id=request_id, outcome="not replayable", detail=str(error))
        if record.fingerprint == self._here:
            return _compared(record, decide_again(record, loaded, catalog))
        scores = RecordedScores(record)
        return _compared(record, decide_again(record, loaded, catalog, scores), self._others(record), scores)

    def _lacking(self, record: DecisionRecord) -> str:
        if record.revision in self._bundles:
            return ""
        given = ", ".join(sorted(self._bundles)) or "none"
        return f"wrong bundle: it was made by {record.revision}, given: {given}"

    def _others(self, record: DecisionRecord) -> str:
        names = sorted(record.fingerprint.keys() | self._here.keys())
        told = [(name, record.fingerprint.get(name, "none"), self._here.get(name, "none")) for name in names]
        return "made on another engine: " + ", ".join(f"{n} {was}, here {now}" for n, was, now in told if was != now)


def obstacle(record: DecisionRecord) -> str:
    """Why a record cannot be replayed whatever bundle is given; empty when it can."""
    if damage := damage_of(record):
        return damage
    if record.masked:
        return f"masked: {', '.join(record.masked)}; what was decided from them cannot be decided again"
    return ""


def damage_of(record: DecisionRecord) -> str:
    """Why what a record says cannot be relied on; empty when it can."""
    if record.format_version != RECORD_FORMAT:
        return f"format {record.format_version} is unknown here, it reads {RECORD_FORMAT}: use the edgewise of then"
    if altered := alteration(record):
        return f"the record was altered: {altered}"
    return ""


def decide_again(record: DecisionRecord, loaded: LoadedBundle, catalog: Snapshot, score: Score = score) -> Decisions:
    """What a bundle decides on a record's request, for its visitor, running out of time where it did."""
    out_of_time = scripted(record.result.timed_out_at)
    return decide(loaded, record.request, snapshot_of(record, catalog), record.controls, out_of_time, score)


def snapshot_of(record: DecisionRecord, catalog: Snapshot) -> Snapshot:
    """A catalog with the visitor as the record holds it."""
    unit = record.request.units.get(VISITOR)
    return Snapshot(catalog.tables, {unit: record.visitor} if unit else {}, record.cursor)


def scripted(timed_out_at: TimeOut | None) -> OutOfTime:
    """Runs out of time at the recorded check, and only there: `decide` remembers."""
    return lambda slot, stage: timed_out_at is not None and (slot, stage) == (timed_out_at.slot, timed_out_at.stage)


def _compared(
    record: DecisionRecord, result: Decisions, others: str = "", scores: RecordedScores | None = None
) -> Verdict:
    request_id = record.request.request_id
    difference = None if scores is None else scores.largest
    if scores is not None and scores.problem:
        others += f"; here there was no score: {scores.problem}"
    if content_digest(encode(result)) == record.result_digest:
        outcome: Result = "identical" if scores is None else "identical from recorded scores"
        return Verdict(request_id=request_id, outcome=outcome, detail=others, score_difference=difference)
    stage, detail = _first_difference(record.result, result)
    told = f"{detail} ({others})" if others else detail
    return Verdict(request_id=request_id, outcome="different", detail=told, stage=stage, score_difference=difference)


def _first_difference(was: Decisions, now: Decisions) -> tuple[str, str]:
    """The first slot and stage at which a page came out otherwise."""
    if was.assignments != now.assignments:
        return "assign", f"assigned {was.assignments}, now {now.assignments}"
    before = map(Made, was.decisions, was.traces)
    after = map(Made, now.decisions, now.traces)
    for one, other in zip(before, after, strict=False):
        if (found := parting(one, other)) is not None:
            return found.stage, f"slot {one.decision.slot}, {found.stage}: {found.detail}"
    return "time", f"time ran out at {was.timed_out_at}, now at {now.timed_out_at}"
