"""What reading a feature or an item's column gives: its value, its default, or an error (DESIGN 4).

A feature that is absent, of the future, or whose purpose was not granted reads as its default, and without one is
MISSING; a fold of the origin that saw no event yet has its initial value. EXPIRED does what the feature declares.
An item's column stores its status itself. `has` of either is true exactly when the read succeeds.
"""

from collections.abc import Callable
from typing import TypeAlias

from contracts.catalog import ColumnSpec
from contracts.errors import ContractError, ExpiredError, MissingError, NotRunnableError, RuleError
from contracts.features import FeatureSpec, OnExpired, Root, Status, Value, ValueType, conform
from engine import folds
from engine.programs.values import (
    NANOSECONDS_PER_MICROSECOND,
    CelValue,
    RequestProgram,
    Scope,
    Timestamp,
)

_MICROSECONDS_PER_SECOND = 1_000_000
_STORED: dict[ValueType, type] = {
    ValueType.BOOL: bool,
    ValueType.INT: int,
    ValueType.DOUBLE: float,
    ValueType.STRING: str,
    ValueType.TIMESTAMP: int,
    ValueType.STRINGS: tuple,
    ValueType.NUMBERS: dict,
}
_READABLE = int(Status.DEFAULT)
_Fetch: TypeAlias = Callable[[Scope], Value | None]


def now(scope: Scope) -> CelValue:
    """The instant of the request."""
    return Timestamp(scope.now * NANOSECONDS_PER_MICROSECOND)


def score(scope: Scope) -> CelValue:
    """The candidate's score."""
    if scope.score is None:
        raise MissingError("score is not known here")
    return scope.score


def score_of(model: str) -> RequestProgram:
    """A closure that reads what one model of the slot says of the candidate; in tier `rules` none scored."""

    def read(scope: Scope) -> CelValue:
        if scope.scores is None or model not in scope.scores:
            raise MissingError(f"scores.{model} has no value: in tier rules no model scores")
        return scope.scores[model]

    return read


def feature(spec: FeatureSpec) -> RequestProgram:
    """A closure that reads one feature. Raises `NotRunnableError` when its default does not fit its type."""
    place = f"{spec.root}.{spec.name}"
    fetch = _visitor_value(spec) if spec.root is Root.VISITOR else _granted(spec, _plain_value(spec))
    default = _default(spec, place)
    kind = _STORED[spec.type]

    def read(scope: Scope) -> CelValue:
        value = fetch(scope)
        if value is None:
            if default is None:
                raise MissingError(f"{place} has no value")
            return default
        return value if type(value) is kind else _bent(value, spec.type, place)

    quick = _quick(spec, kind, read)
    return _instant(quick) if spec.type is ValueType.TIMESTAMP else quick


def _quick(spec: FeatureSpec, kind: type, read: RequestProgram) -> RequestProgram:
    """The same read in one call where the value is there and nothing keeps it back: rules mostly wait for reads."""
    name, purpose = spec.name, spec.purpose
    if spec.root is Root.VISITOR:
        return read if spec.max_age_s is not None else _quick_visitor(name, purpose, kind, read)
    if purpose is not None:
        return read

    def of_request(scope: Scope) -> CelValue:
        value = scope.request.get(name)
        return value if type(value) is kind else read(scope)

    def of_state(scope: Scope) -> CelValue:
        value = scope.visitor_state.get(name)
        return value if type(value) is kind else read(scope)

    return of_request if spec.root is Root.REQUEST else of_state


def _quick_visitor(name: str, purpose: str | None, kind: type, read: RequestProgram) -> RequestProgram:
    def run(scope: Scope) -> CelValue:
        entry = scope.visitor.get(name)
        if entry is None or entry.as_of > scope.now or (purpose is not None and purpose not in scope.granted):
            return read(scope)
        return entry.value if type(entry.value) is kind else read(scope)

    return run


def item(spec: ColumnSpec) -> RequestProgram:
    """A closure that reads one column of the scope's row."""
    name = spec.name

    def read(scope: Scope) -> CelValue:
        if scope.table is None:
            raise MissingError(f"item.{name} is read where there is no item")
        column = scope.table.columns[name]
        is_sound = column.status is None and column.newest <= scope.now
        if not is_sound and column.status_at(scope.row, scope.now) > _READABLE:
            raise MissingError(f"item.{name} has no value")
        return column.value_at(scope.row)

    return _instant(read) if spec.type is ValueType.TIMESTAMP else read


def succeeds(read: RequestProgram) -> RequestProgram:
    """A closure for `has`: whether a read succeeds."""

    def run(scope: Scope) -> CelValue:
        try:
            read(scope)
        except RuleError:
            return False
        return True

    return run


def _plain_value(spec: FeatureSpec) -> _Fetch:
    name = spec.name
    if spec.root is Root.REQUEST:
        return lambda scope: scope.request.get(name)
    return lambda scope: scope.visitor_state.get(name)


def _visitor_value(spec: FeatureSpec) -> _Fetch:
    name, purpose, max_age_us = spec.name, spec.purpose, (spec.max_age_s or 0) * _MICROSECONDS_PER_SECOND
    initial = folds.read((spec,), {}, 0).get(name)  # a fold over no events is PRESENT

    def fetch(scope: Scope) -> Value | None:
        if purpose is not None and purpose not in scope.granted:
            return None
        entry = scope.visitor.get(name)
        if entry is None:
            return initial
        if entry.as_of > scope.now:
            return None
        if spec.max_age_s is None or scope.now - entry.as_of <= max_age_us:
            return entry.value
        if spec.on_expired is OnExpired.DEFAULT:
            return None
        raise ExpiredError(f"visitor.{name} is too old", is_blocking=spec.on_expired is OnExpired.BLOCK)

    return fetch


def _granted(spec: FeatureSpec, fetch: _Fetch) -> _Fetch:
    purpose = spec.purpose
    if purpose is None:
        return fetch
    return lambda scope: fetch(scope) if purpose in scope.granted else None


def _default(spec: FeatureSpec, place: str) -> Value | None:
    try:
        return None if spec.default is None else conform(spec.default, spec.type, place)
    except ContractError as error:
        raise NotRunnableError(f"the default of {place} does not fit: {error}") from error


def _bent(value: Value, kind: ValueType, place: str) -> Value:
    try:
        return conform(value, kind, place)
    except ContractError as error:
        raise RuleError(f"{place} holds something else than {kind}: {error.message}") from error


def _instant(read: RequestProgram) -> RequestProgram:
    def run(scope: Scope) -> CelValue:
        microseconds: int = read(scope)  # type: ignore[assignment]
        return Timestamp(microseconds * NANOSECONDS_PER_MICROSECOND)

    return run
