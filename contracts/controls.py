"""Controls: what an operator can stop at once. Written by the origin, a file or a signal; read by `engine.gate`."""

from contracts.codec import Contract

EVERYTHING = "*"


class Controls(Contract, frozen=True):
    """Kill switches and holds. `sequence` grows with each change; `killed` names slots, or `*` for all."""

    sequence: int = 0
    killed: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
