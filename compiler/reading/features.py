"""`[request.*]`, `[visitor.*]`, `[visitor_state.*]` -> the feature schema; `[purposes]` -> what consent may grant."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.diagnostics import Where
from compiler.diagnostics import declaration_messages as misfit
from compiler.diagnostics import source_messages as say
from compiler.places import Value
from compiler.reading import fields, names
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.values import anything, value_of
from contracts.features import FeatureSpec, FoldSpec, FoldWindow, OnExpired, Root, ValueType
from engine.folds import FOLDS, events_of

_ON_EXPIRED = fields.member(OnExpired, "value of `on_expired`")
_CLOSED = fields.distinct(fields.many(fields.text))
_DECLARED = [fold.name for fold in FOLDS.values() if fold.is_declared]
_MOST_ENTRIES = 1000


@dataclass(frozen=True)
class FeatureSource:
    """A declared feature, where its declaration stands, and why it may be used although it is sensitive.

    The reason is for people who read the sources: the bundle does not hold it. Without `has_type` its type is a
    stand-in.
    """

    spec: FeatureSpec
    where: Where
    allowed_because: str | None
    has_type: bool = True


def read_purposes(value: Value, log: Log) -> dict[str, str]:
    """Purposes and the sentence that explains each."""
    for name, entry in fields.table_of(value, log).items():
        names.check_name(entry, name, "purpose", log)
    return fields.table(fields.text)(value, log) or {}


def read_features(
    root: Root, value: Value, purposes: Mapping[str, str], columns: set[str], log: Log
) -> tuple[FeatureSource, ...]:
    """The declared features of one root. `columns` are those of all tables, which folds may read of their item."""
    entries = names.readable(fields.table_of(value, log), "feature", log)
    return tuple(_read_feature(root, name, entry, purposes, columns, log) for name, entry in entries.items())


def _read_feature(
    root: Root, name: str, value: Value, purposes: Mapping[str, str], columns: set[str], log: Log
) -> FeatureSource:
    feature = Fields(value, f"a feature of `{root}`", log)
    declared: ValueType | None = feature.need("type", fields.member(ValueType, "type"), None)
    is_aged, can_fold = root is Root.VISITOR, root is not Root.REQUEST
    spec = FeatureSpec(
        name=name,
        root=root,
        type=declared or ValueType.STRING,
        purpose=feature.take("purpose", fields.known(purposes, "purpose"), None),
        max_age_s=feature.take("max_age", fields.duration_s, None) if is_aged else None,
        on_expired=feature.take("on_expired", _ON_EXPIRED, OnExpired.DEFAULT) if is_aged else OnExpired.DEFAULT,
        default=feature.take("default", value_of(declared) if declared else anything, None),
        values=feature.take("values", _CLOSED, ()),
        is_sensitive=feature.take("sensitive", fields.flag, False),
        fold=feature.take("fold", _fold_reader(declared, columns), None) if can_fold else None,
        description=feature.take("description", fields.text, ""),
    )
    reason: str | None = feature.take("allowed_because", fields.text, None)
    source = FeatureSource(spec, value.key, reason, has_type=declared is not None)
    feature.close()
    _check_feature(feature, spec, log)
    return source


def _check_feature(feature: Fields, spec: FeatureSpec, log: Log) -> None:
    if spec.root is Root.VISITOR_STATE and not feature.has("fold"):
        log.append(misfit.state_without_fold(feature.where("type"), spec.name))
    if spec.values and spec.type is not ValueType.STRING:
        log.append(misfit.values_of_another_type(feature.where("values"), spec.name, spec.type))
    elif spec.values and spec.default is not None and spec.default not in spec.values:
        log.append(misfit.default_outside_values(feature.where("default"), spec.default, spec.values))


def _fold_reader(kind: ValueType | None, columns: set[str]) -> Reader[FoldSpec]:
    def read(value: Value, log: Log) -> FoldSpec:
        fold = Fields(value, "a fold", log)
        spec = FoldSpec(
            fold=fold.need("fold", fields.known(_DECLARED, "fold"), ""),
            event=fold.need("event", fields.text, ""),
            key=fold.take("key", _selector(columns), None),
            value=fold.take("value", _selector(columns), None),
            window=fold.take("window", fields.member(FoldWindow, "window"), FoldWindow.VISIT),
            limit=fold.take("limit", fields.whole(1, _MOST_ENTRIES), 50),
            undone_by=fold.take("undone_by", fields.text, None),
            emptied_by=fold.take("emptied_by", fields.text, None),
        )
        fold.close()
        _check_fold(fold, spec, kind, log)
        return spec

    return read


def _check_fold(fold: Fields, spec: FoldSpec, kind: ValueType | None, log: Log) -> None:
    entry = FOLDS.get(spec.fold)
    if entry is None:
        return
    if kind is not None and kind not in entry.types:
        log.append(misfit.fold_of_another_type(fold.where("fold"), spec.fold, kind, sorted(entry.types)))
    if entry.has_key and not fold.has("key"):
        log.append(misfit.fold_without_key(fold.where("fold"), spec.fold))
    if spec.undone_by is not None and entry.undo is None:
        undoable = sorted(name for name in _DECLARED if FOLDS[name].undo is not None)
        log.append(misfit.fold_not_undone(fold.where("undone_by"), spec.fold, undoable))
    events = events_of(spec)
    if repeated := [each for each in events if events.count(each) > 1]:
        log.append(misfit.fold_moved_twice(fold.where("event"), spec.fold, repeated[0]))


def _selector(columns: set[str]) -> Reader[str]:
    """What a fold reads of its event."""

    def read(value: Value, log: Log) -> str | None:
        name = fields.text(value, log)
        root, dot, rest = (name or "").partition(".")
        if name is None or name in ("item", "slot") or (root == "data" and rest):
            return name
        if root != "item" or not dot:
            log.append(misfit.bad_selector(value.where, name))
        elif rest not in columns:
            log.append(say.unknown_name(value.where, "column", rest, sorted(columns)))
        return name

    return read
