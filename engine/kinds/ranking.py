"""Several items in order. Each carries its own payload, offer id and sentence; the slot itself has no payload."""

from collections.abc import Sequence

from contracts.decision import RankedItem
from engine.kinds.kind import Kind, Presented


def _size(size: int) -> int:
    return size


def _present(items: Sequence[RankedItem]) -> Presented:
    return Presented(items=tuple(items))


RANKING = Kind("ranking", is_drawn=True, positions=_size, present=_present)
