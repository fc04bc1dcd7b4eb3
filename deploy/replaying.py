"""Replay: a record's decision, made again from what the record holds. Pure; `edgewise replay` brings the inputs."""

from collections.abc import Iterable, Mapping
from typing import Literal

from contracts.codec import Contract, encode
from contracts.decision import Decisions, TimeOut
from contracts.features import Cursor, FeatureDelta
from contracts.record import DecisionRecord, Recording
from engine.capabilities import fingerprint
from engine.decide import OutOfTime, decide
from engine.hashing import content_digest
from engine.load import LoadedBundle
from engine.snapshot import Snapshot


class Verdict(Contract, frozen=True):
    """What came of replaying one record. `detail` says what differs, or why it could not be replayed."""

    request_id: str
    outcome: Literal["identical", "different", "not replayable"]
    detail: str = ""


def replay(recording: Recording, bundles: Mapping[str, LoadedBundle]) -> list[Verdict]:
    """Verdicts in the order of the records."""
    catalogs = Catalogs(bundles, recording.deltas)
    here = fingerprint()
    return [_verdict(record, bundles, catalogs, here) for record in recording.records]


def _verdict(
    record: DecisionRecord, bundles: Mapping[str, LoadedBundle], catalogs: "Catalogs", here: dict[str, str]
) -> Verdict:
    request_id = record.request.request_id
    obstacle = _obstacle(record, bundles)
    if obstacle:
        return Verdict(request_id=request_id, outcome="not replayable", detail=obstacle)
    result = _decide_again(record, bundles[record.revision], catalogs.at(record.revision, record.cursor))
    if content_digest(encode(result)) == record.result_digest:
        return Verdict(request_id=request_id, outcome="identical")
    return Verdict(request_id=request_id, outcome="different", detail=_difference(record, result, here))


def _obstacle(record: DecisionRecord, bundles: Mapping[str, LoadedBundle]) -> str:
    if record.masked:
        return f"masked: {', '.join(record.masked)}"
    if record.revision not in bundles:
        return f"made by {record.revision}, which was not given"
    if content_digest(encode(record.result)) != record.result_digest:
        return "the record was altered: its result does not have its digest"
    return ""


def _decide_again(record: DecisionRecord, loaded: LoadedBundle, snapshot: Snapshot) -> Decisions:
    unit = record.request.units.get("visitor")
    with_visitor = Snapshot(snapshot.tables, {unit: record.visitor} if unit else {}, record.cursor)
    return decide(loaded, record.request, with_visitor, record.controls, scripted(record.result.timed_out_at))


def scripted(timed_out_at: TimeOut | None) -> OutOfTime:
    """Runs out of time at the recorded check, and only there: `decide` remembers."""
    return lambda slot, stage: timed_out_at is not None and (slot, stage) == (timed_out_at.slot, timed_out_at.stage)


def _difference(record: DecisionRecord, result: Decisions, here: dict[str, str]) -> str:
    other = {name: value for name, value in record.fingerprint.items() if here.get(name) != value}
    where = f" (another engine: {', '.join(f'{k} {v}' for k, v in sorted(other.items()))})" if other else ""
    for was, now in zip(record.result.decisions, result.decisions, strict=False):
        if was != now:
            return f"slot {was.slot} answered {list(was.answer)}, now {list(now.answer)}{where}"
    return f"the answers agree, traces or propensities differ{where}"


class Catalogs:
    """Snapshots by revision and feed position; records come in order, so each one continues from the last."""

    def __init__(self, bundles: Mapping[str, LoadedBundle], deltas: Iterable[FeatureDelta]) -> None:
        self._deltas = sorted(deltas, key=lambda delta: (delta.table, delta.seq))
        self._latest = {revision: loaded.snapshot for revision, loaded in bundles.items()}
        self._base = dict(self._latest)

    def at(self, revision: str, cursor: Cursor) -> Snapshot:
        """The catalog as of a cursor."""
        known = self._latest[revision]
        wanted = {table: cursor.positions.get(table, 0) for table in known.tables}
        reached = {table: known.cursor.positions.get(table, 0) for table in known.tables}
        if wanted == reached:
            return known
        if any(reached[table] > wanted[table] for table in wanted):
            known, reached = self._base[revision], {}
        due = [d for d in self._deltas if reached.get(d.table, 0) < d.seq <= wanted.get(d.table, 0)]
        self._latest[revision] = known.with_deltas(due, cursor)
        return self._latest[revision]
