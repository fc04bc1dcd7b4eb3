"""The status of a feature's value for one request: what a reader gets, and why (DESIGN 4).

For explanations and for the why text. The programs that decide do not ask here; `engine.programs.reading` gives them
values and errors by the same rules, and a test holds the two together.
"""

from contracts.features import FeatureSpec, OnExpired, Root, Status
from engine.programs.values import Scope

_US = 1_000_000


def status_of(spec: FeatureSpec, scope: Scope) -> Status:
    """How one feature reads in a scope. A fold over no events is PRESENT; a value of the future is as good as none."""
    if spec.purpose is not None and spec.purpose not in scope.granted:
        return Status.WITHHELD
    if spec.root is not Root.VISITOR:
        told = scope.request if spec.root is Root.REQUEST else scope.visitor_state
        return Status.PRESENT if spec.name in told else _without(spec)
    entry = scope.visitor.get(spec.name)
    if entry is None:
        return _without(spec) if spec.fold is None else Status.PRESENT
    if entry.as_of > scope.now:
        return _without(spec)
    is_old = spec.max_age_s is not None and scope.now - entry.as_of > spec.max_age_s * _US
    return Status.EXPIRED if is_old else Status.PRESENT


def is_readable(spec: FeatureSpec, status: Status) -> bool:
    """Whether a rule that reads a feature of this status gets a value."""
    match status:
        case Status.PRESENT | Status.DEFAULT:
            return True
        case Status.EXPIRED if spec.on_expired is not OnExpired.DEFAULT:
            return False
        case Status.EXPIRED | Status.WITHHELD:
            return spec.default is not None
        case _:
            return False


def _without(spec: FeatureSpec) -> Status:
    return Status.MISSING if spec.default is None else Status.DEFAULT
