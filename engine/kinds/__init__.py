"""Slot kinds: what an answer is made of."""

from engine.kinds.choice import CHOICE
from engine.kinds.kind import Kind, Presented
from engine.kinds.ranking import RANKING
from engine.kinds.value import VALUE

__all__ = ["KINDS", "Kind", "Presented"]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (CHOICE, RANKING, VALUE)}
