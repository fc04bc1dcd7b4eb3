"""Decision records of the tea shop, made as an edge makes them, for every test of what is done with records."""

from msgspec.structs import replace

from contracts.controls import Controls
from contracts.decision import DecisionRequest, Decisions, TimeOut
from contracts.features import Cursor, FeatureDelta, FeatureValue
from contracts.record import RECORD_FORMAT, DecisionRecord, Recording
from deploy.replays.replayer import scripted
from engine.capabilities import fingerprint
from engine.decide import Score, decide
from engine.loaded import LoadedBundle
from engine.records import sealed
from engine.score import score as own_score
from engine.snapshot import Snapshot

NOW = 1_767_600_000_000_000
VISITOR = {
    "affinity": FeatureValue(value={"green": 0.7}, as_of=NOW - 5),
    "orders": FeatureValue(value=3, as_of=NOW - 5),
}
DELTAS = (
    FeatureDelta(table="teas", seq=1, entity="t-03", as_of=NOW - 9, values={"price": 999}),
    FeatureDelta(table="teas", seq=2, entity="t-15", as_of=NOW - 9, values={"stock": 0}),
)


def empty_record(request_id: str, **visitor: FeatureValue) -> DecisionRecord:
    """A record of a page without slots, for whom it is all one what was decided."""
    return DecisionRecord(
        format_version=RECORD_FORMAT,
        fingerprint={},
        revision="r",
        node="n",
        request=DecisionRequest(request_id=request_id, now=1, slots=()),
        visitor=visitor,
        cursor=Cursor(),
        controls=Controls(),
        result=Decisions(decisions=(), traces=()),
        result_digest="d",
    )


def record_of(
    loaded: LoadedBundle,
    number: int,
    *,
    seq: int = 2,
    timed_out_at: TimeOut | None = None,
    score: Score = own_score,
    **asked: object,
) -> DecisionRecord:
    """The record of one visitor's home page at a position of the feed; `asked` replaces fields of the request."""
    cursor = Cursor(epoch="e", positions={"teas": seq, "visitor": number})
    request = DecisionRequest(
        request_id=f"r{number}",
        now=NOW,
        slots=loaded.pages["home"],
        page="home",
        units={"visitor": f"v{number}", "session": f"s{number}"},
        granted=("personalisation",),
        context={"device": "desktop" if number % 2 else "phone"},
    )
    request = replace(request, **asked)
    catalog = loaded.snapshot.with_deltas(DELTAS[:seq], cursor)
    snapshot = Snapshot(catalog.tables, {f"v{number}": VISITOR}, cursor)
    result = decide(loaded, request, snapshot, Controls(), scripted(timed_out_at), score)
    return sealed(
        DecisionRecord(
            format_version=RECORD_FORMAT,
            fingerprint=fingerprint(),
            revision=loaded.revision,
            node="test",
            request=request,
            visitor=VISITOR,
            cursor=cursor,
            controls=Controls(),
            result=result,
            catalog=loaded.catalog_digests,
        )
    )


def recording(*records: DecisionRecord, deltas: tuple[FeatureDelta, ...] = DELTAS) -> list[Recording]:
    """The records with the feed they read, in one part."""
    return [Recording(records=records, deltas=deltas, epoch="e")]
