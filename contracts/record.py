"""Decision records: all that a replay needs. Written by the edge, kept by the origin, read by `edgewise replay`."""

from contracts.codec import Contract
from contracts.controls import Controls
from contracts.decision import DecisionRequest, Decisions
from contracts.features import Cursor, FeatureDelta, FeatureValue

RECORD_FORMAT = 1


class DecisionRecord(Contract, frozen=True):
    """One page decision with its inputs inline, and the catalog by reference.

    The catalog's static columns follow from `revision` (the manifest lists section digests), its live columns
    from `cursor`. `result_digest` is SHA-256 over the canonical bytes of `result`. `masked` names fields that were
    removed; a record with any is not replayable and says so. `fingerprint` names engine and machine. `dropped_before`
    counts the records that the node dropped, for want of room, since the one it kept last.
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
    result_digest: str
    masked: tuple[str, ...] = ()
    dropped_before: int = 0


class Recording(Contract, frozen=True):
    """Records with the catalog deltas that they refer to: all that a replay needs besides the bundles."""

    records: tuple[DecisionRecord, ...]
    deltas: tuple[FeatureDelta, ...] = ()
