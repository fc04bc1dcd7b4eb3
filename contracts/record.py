"""Decision records: all that a replay needs. Written by the edge, kept by the origin, read by `edgewise replay`."""

from contracts.codec import Contract
from contracts.controls import Controls
from contracts.decision import DecisionRequest, Decisions
from contracts.features import Cursor, FeatureDelta, FeatureValue

RECORD_FORMAT = 4


class DecisionRecord(Contract, frozen=True):
    """One page decision with its inputs inline, and the catalog by reference.

    The catalog's static columns follow from `revision` and, table by table, from `catalog` (digests of what the
    bundle shipped); its live columns from `cursor`. `masked` names fields that were removed, such as
    `visitor.birthday`: a record with any is not replayable and says so. `fingerprint` names engine and machine.
    `dropped_before` counts the records that the node dropped, for want of room, since the one it kept last.

    `format_version` is `RECORD_FORMAT`, raised whenever the same decision would be recorded otherwise (4: a why
    text that fails costs no tier, pins hold in precomputed answers, sensitive values leave results, too).

    `input_digest` is SHA-256 over the canonical bytes of all that a replay reads: everything here but the result, and
    where time ran out in it. `result_digest` is the same over `result`. Both are empty until `engine.records` seals it.
    """

    format_version: int
    fingerprint: dict[str, str]
    revision: str
    node: str
    request: DecisionRequest
    visitor: dict[str, FeatureValue]
    cursor: Cursor
    controls: Controls
    result: Decisions
    result_digest: str = ""
    input_digest: str = ""
    catalog: dict[str, str] = {}
    masked: tuple[str, ...] = ()
    dropped_before: int = 0


class Recording(Contract, frozen=True):
    """Records with the catalog deltas that they refer to: all that a replay needs besides the bundles.

    A long one comes in parts: first the deltas of one `epoch` of the feed, gap-free by table, then the records that
    refer to them or to those of earlier parts.
    """

    records: tuple[DecisionRecord, ...] = ()
    deltas: tuple[FeatureDelta, ...] = ()
    epoch: str = ""
