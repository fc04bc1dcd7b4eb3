"""Bundle -> LoadedBundle: all slow work, once per activation. Nothing that arrived is trusted.

What arrived malformed is a `ContractError`, what this engine cannot run a `NotRunnableError`; both name the section.
Slots and their rules are loaded in `engine.load_slots`; here stand the sections themselves.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from contracts.bundle import FORMAT_VERSION, Bundle, Manifest, ModelSet, ModelSpec
from contracts.catalog import ID, CatalogSchema, ColumnData, ColumnSpec, TableSpec
from contracts.codec import encode
from contracts.errors import NotRunnableError
from contracts.experiments import ExperimentSpec
from contracts.fallback import FallbackTable
from contracts.features import FeatureSchema, FeatureSpec, Root, Status, ValueType
from contracts.rule_ir import IR_VERSION, RuleIR
from contracts.slots import SlotSet
from engine.assign import check_splits
from engine.capabilities import check_capabilities
from engine.column import Column, read_column
from engine.folds import FOLDS
from engine.hashing import content_digest
from engine.load_parts import Parts
from engine.load_policies import arm_policies
from engine.load_slots import load_slots
from engine.loaded import (
    ColumnRule,
    LoadedBundle,
    LoadedFallback,
    LoadedField,
    LoadedGenerator,
    LoadedInput,
    LoadedModel,
    LoadedPolicy,
    LoadedSlot,
)
from engine.scorers import SCORERS, Scorer
from engine.scorers.prebound import Prebound, prebind
from engine.snapshot import Snapshot, Table
from engine.warm import warm

__all__ = [
    "ColumnRule",
    "LoadedBundle",
    "LoadedFallback",
    "LoadedField",
    "LoadedGenerator",
    "LoadedInput",
    "LoadedModel",
    "LoadedPolicy",
    "LoadedSlot",
    "load",
]

_OUTPUTS = ("margin", "probability")
T = TypeVar("T")


def load(bundle: Bundle) -> LoadedBundle:
    """The bundle, ready to run. Raises `ContractError` or `NotRunnableError` naming the section at fault."""
    _check_manifest(bundle)
    parts = _parts(bundle)
    slots = bundle.read("slots", SlotSet)
    experiments = _read_or(bundle, "experiments", ExperimentSpec())
    with _section("slots"):
        loaded = load_slots(parts, slots)
    for slot in loaded.values():
        warm(slot, parts.tables)
    with _section("experiments"):
        check_splits(experiments, parts.schema)
        arms = arm_policies(parts, experiments, loaded)
    return LoadedBundle(
        revision=bundle.revision,
        manifest=bundle.manifest,
        schema=parts.schema,
        catalog=parts.catalog,
        slots=loaded,
        pages=slots.pages,
        experiments=experiments,
        arm_policies=arms,
        state_features=parts.schema.of(Root.VISITOR_STATE),
        catalog_digests={spec.name: _digest_of(bundle.manifest, spec) for spec in parts.catalog.tables},
        snapshot=Snapshot(parts.tables),
    )


def _parts(bundle: Bundle) -> Parts:
    schema = bundle.read("schema", FeatureSchema)
    with _section("schema"):
        _check_folds(schema)
    catalog = bundle.read("catalog", CatalogSchema)
    models = _read_or(bundle, "models", ModelSet(models=()))
    fallbacks = _read_or(bundle, "fallbacks", FallbackTable(now=0, slots=()))
    scorers = list(_scorers(bundle, models))
    return Parts(
        schema=schema,
        catalog=catalog,
        tables={spec.name: _table(bundle, spec) for spec in catalog.tables},
        rules=_rules(bundle),
        models={model.name: model for model in models.models},
        scorers={model.name: scorer for model, _, scorer in scorers},
        forests=_forests(scorers),
        fallbacks={table.slot: table for table in fallbacks.slots},
    )


def _check_manifest(bundle: Bundle) -> None:
    if bundle.manifest.format_version != FORMAT_VERSION:
        raise NotRunnableError(
            f"manifest: format {bundle.manifest.format_version} is unknown to this engine, it reads {FORMAT_VERSION}"
        )
    check_capabilities(bundle.manifest.capabilities)


def _read_or(bundle: Bundle, section: str, absent: T) -> T:
    return bundle.read(section, type(absent)) if section in bundle.sections else absent


def _rules(bundle: Bundle) -> RuleIR:
    rules = bundle.read("rules", RuleIR)
    if rules.ir_version != IR_VERSION:
        raise NotRunnableError(f"rules: IR {rules.ir_version} is unknown to this engine, it runs {IR_VERSION}")
    return rules


@contextmanager
def _section(name: str) -> Iterator[None]:
    try:
        yield
    except NotRunnableError as error:
        raise NotRunnableError(f"{name}: {error}") from None


def _check_folds(schema: FeatureSchema) -> None:
    for spec in schema.features:
        if spec.root is Root.VISITOR_STATE and spec.fold is None:
            raise NotRunnableError(f"{spec.root}.{spec.name} has no fold")
        if spec.fold is not None:
            _check_fold(spec, spec.fold.fold)


def _check_fold(spec: FeatureSpec, name: str) -> None:
    fold = FOLDS.get(name)
    if fold is None:
        raise NotRunnableError(f"{spec.root}.{spec.name} needs fold {name}, which this engine lacks")
    if spec.type not in fold.types:
        raise NotRunnableError(f"{spec.root}.{spec.name} is {spec.type}, fold {name} gives {', '.join(fold.types)}")
    if spec.fold is not None and (spec.fold.limit < 1 or (fold.has_key and spec.fold.key is None)):
        raise NotRunnableError(f"{spec.root}.{spec.name}: fold {name} needs a key and a limit of at least 1")


def _table(bundle: Bundle, spec: TableSpec) -> Table:
    columns: dict[str, Column] = {}
    for column in spec.columns:
        section = f"column/{spec.name}/{column.name}"
        data = bundle.read(section, ColumnData)
        with _section(section):
            columns[column.name] = _column(column, data, spec.rows)
    with _section(f"column/{spec.name}/{ID}"):
        table = Table(spec.name, columns)
        _check_ids(table)
    return table


def _digest_of(manifest: Manifest, spec: TableSpec) -> str:
    """What stands for a table's contents: a digest over its columns' names and digests."""
    columns = [(column.name, manifest.sections[f"column/{spec.name}/{column.name}"].digest) for column in spec.columns]
    return content_digest(encode(columns))


def _column(spec: ColumnSpec, data: ColumnData, rows: int) -> Column:
    if data.type is not spec.type:
        raise NotRunnableError(f"holds {data.type}, the catalog declares {spec.type}")
    column = read_column(data, rows, is_live=spec.is_live)
    if not spec.is_nullable and column.status is not None and (column.status == Status.MISSING).any():
        raise NotRunnableError("has missing values, but is not nullable")
    if spec.type is ValueType.DOUBLE and not np.isfinite(column.values).all():
        raise NotRunnableError("has values that are not finite numbers")
    return column


def _check_ids(table: Table) -> None:
    column = table.columns.get(ID)
    if column is None or column.type is not ValueType.STRING or column.status is not None:
        raise NotRunnableError("every table needs a column id of type string, present in each row")
    if any(one >= other for one, other in zip(table.ids, table.ids[1:], strict=False)):
        raise NotRunnableError("ids are not unique, or not in the order of their UTF-8 bytes")


def _scorers(bundle: Bundle, models: ModelSet) -> Iterator[tuple[ModelSpec, bytes, Scorer]]:
    for model in models.models:
        if model.output not in _OUTPUTS or model.scorer not in SCORERS:
            raise NotRunnableError(f"models: {model.name} needs {model.scorer} giving {model.output}, unknown here")
        graph = bundle.sections.get(f"model/{model.name}")
        if graph is not None:
            with _section(f"model/{model.name}"):
                yield model, graph, SCORERS[model.scorer](graph, len(model.inputs), model.output)


def _forests(scorers: Iterable[tuple[ModelSpec, bytes, Scorer]]) -> Mapping[str, Prebound]:
    """The forests that are prebound: of margins, for only the graph's own scorer refuses what is no probability."""
    margins = ((model, graph, scorer) for model, graph, scorer in scorers if model.output == "margin")
    made = {model.name: prebind(graph, len(model.inputs), scorer) for model, graph, scorer in margins}
    return {name: forest for name, forest in made.items() if forest is not None}
