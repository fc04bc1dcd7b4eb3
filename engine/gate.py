"""Gate: what this visitor allows, once per page, and what stops a slot before anything is computed.

Absent is not granted. A browser that sends Sec-GPC and a visitor who opted out grant nothing.
"""

from contracts.controls import EVERYTHING, Controls
from contracts.decision import Cause, DecisionRequest
from engine import folds
from engine.loaded import LoadedBundle, LoadedSlot
from engine.programs.values import Scope
from engine.snapshot import VISITOR, Snapshot


def scope_of(request: DecisionRequest, snapshot: Snapshot, loaded: LoadedBundle) -> Scope:
    """All that expressions may read in this request. Folds that the cookie lacks have their initial values."""
    state = request.visitor_state
    absent = [spec for spec in loaded.state_features if spec.name not in state]
    return Scope(
        now=request.now,
        granted=granted_of(request, loaded),
        request=request.context,
        visitor_state={**folds.read(absent, {}, request.now), **state} if absent else state,
        visitor=snapshot.visitor(request.units.get(VISITOR)),
    )


def refusal(slot: LoadedSlot, request: DecisionRequest, controls: Controls, granted: frozenset[str]) -> Cause | None:
    """Why this slot is plain before anything is computed; None when it is not. `granted` are purposes."""
    spec = slot.spec
    if EVERYTHING in controls.killed or spec.name in controls.killed:
        return Cause.KILLED
    if request.is_opted_out:
        return Cause.OPTED_OUT
    if not granted.issuperset(spec.purposes):
        return Cause.NO_CONSENT
    return Cause.BOT if request.is_bot else None


def granted_of(request: DecisionRequest, loaded: LoadedBundle) -> frozenset[str]:
    """The purposes of the bundle that this visitor granted."""
    if request.is_gpc or request.is_opted_out:
        return frozenset()
    return frozenset(request.granted).intersection(loaded.schema.purposes)
