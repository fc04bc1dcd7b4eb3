"""What a node says about itself. Written by `edge.telemetry`, read by `edgewise status` and operators."""

from contracts.codec import Contract
from contracts.features import Cursor


class NodeStatus(Contract, frozen=True):
    """State of one edge node. Ages are seconds, None before the first success; `problems` are sentences."""

    node: str
    revision: str | None
    is_ready: bool
    cursor: Cursor
    feed_age_s: float | None
    is_origin_reachable: bool
    controls_sequence: int
    spooled: int
    dropped_records: int
    unknown_items: int
    problems: tuple[str, ...] = ()
