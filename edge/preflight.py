"""The trial run of a bundle and a snapshot before requests meet them: a bug shows here, and caches are filled."""

import time

from contracts.controls import Controls
from contracts.decision import DecisionRequest
from edge.deadline import Deadline, decide_in_time
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

_BUDGET_S = 60.0


def preflight(loaded: LoadedBundle, snapshot: Snapshot, now: int) -> bool:
    """Decides every slot once for a stranger who granted everything; False when the engine met a bug."""
    request = DecisionRequest(
        request_id="preflight", now=now, slots=tuple(loaded.slots), granted=loaded.schema.purposes
    )
    deadline = Deadline(_BUDGET_S, time.monotonic())
    return decide_in_time(loaded, request, snapshot, Controls(), deadline).bugs == 0
