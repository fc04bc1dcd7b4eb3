"""Decision rights: what a bundle lets be decided per visitor is a part of each slot's condition. Part of `engine.load`.

A slot whose right is not granted cannot be decided for this visitor at all: it is ineligible, hence plain.
"""

from collections.abc import Mapping

from contracts.errors import RuleError
from contracts.slots import SlotSpec
from engine.load_parts import BOOL, Parts
from engine.programs.values import CelValue, RequestProgram, Scope


def load_eligible(parts: Parts, slot: SlotSpec, rights: Mapping[str, bool | str]) -> RequestProgram | None:
    """The slot's own condition, once its decision right is granted; None where it has none and needs no grant."""
    own = None if slot.eligible is None else parts.request(slot.eligible, None, BOOL)
    grant = rights.get(slot.decision_right, False) if rights else True
    if grant is True:
        return own
    right = parts.request(grant, None, BOOL) if isinstance(grant, str) else None

    def both(scope: Scope) -> CelValue:
        if right is None or not right(scope):
            raise RuleError(f"the decision right {slot.decision_right} is not granted")
        return own is None or own(scope)

    return both
