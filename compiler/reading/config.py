"""`edgewise.toml`, in two parts: what is declared (features, tables), and what is said of slots (pages, experiments).

The slots are read in between: they name tables and features, and are named by pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.places import Value
from compiler.reading import fields
from compiler.reading.experiments import experiments_of, holdouts_of, unit_of
from compiler.reading.features import FeatureSource, read_features, read_purposes
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.rights import SECTION, Grant, read_rights
from compiler.reading.tables import TableSource, read_tables
from contracts.experiments import ExperimentSpec
from contracts.features import FeatureSchema, Root
from contracts.slots import SlotSpec

_ROOTS = (Root.REQUEST, Root.VISITOR, Root.VISITOR_STATE)
_MOST_ROWS = 100_000


@dataclass(frozen=True)
class Declarations:
    """What the rest of the bundle may name."""

    name: str
    max_staleness_s: int | None
    purposes: Mapping[str, str]
    features: tuple[FeatureSource, ...]
    schema: FeatureSchema
    tables: Mapping[str, TableSource]
    rights: Mapping[str, Grant]


@dataclass(frozen=True)
class Wiring:
    """Where slots stand and who sees what of them; the instant (microseconds) and bound of fallback tables."""

    pages: Mapping[str, tuple[str, ...]]
    experiments: ExperimentSpec
    precompute_now: int
    max_rows: int
    batch: str | None
    site: str | None


def read_declarations(config: Fields, folder: Path, log: Log) -> Declarations:
    """The part that slots, rules and models rely on."""

    def tables_reader(value: Value, log: Log) -> dict[str, TableSource]:
        return read_tables(value, folder, log)

    name = config.need("name", fields.text, "")
    max_staleness_s = config.take("max_staleness", fields.duration_s, None)
    purposes: dict[str, str] = config.take("purposes", read_purposes, {})
    tables: dict[str, TableSource] = config.need("tables", tables_reader, {})
    columns = {column.name for table in tables.values() for column in table.columns}
    features: tuple[FeatureSource, ...] = ()
    for root in _ROOTS:
        declared: tuple[FeatureSource, ...] = config.take(root, _features_of(root, purposes, columns), ())
        features += declared
    schema = FeatureSchema(purposes=tuple(purposes), features=tuple(each.spec for each in features))
    rights: dict[str, Grant] = config.take(SECTION, read_rights, {})
    return Declarations(name, max_staleness_s, purposes, features, schema, tables, rights)


def read_wiring(config: Fields, declared: Declarations, slots: Mapping[str, SlotSpec]) -> Wiring:
    """The part that relies on slots."""
    page = fields.distinct(fields.many(fields.known(slots, "slot")))
    experiments = ExperimentSpec(
        holdouts=config.take("holdouts", holdouts_of(slots), ()),
        experiments=config.take("experiments", experiments_of(slots, declared.tables, declared.schema), ()),
        unit=config.take("unit", unit_of(declared.schema), None),
    )
    now, max_rows = config.need("precompute", _read_precompute, (0, 1))
    return Wiring(
        pages=config.need("pages", fields.table(page), {}),
        experiments=experiments,
        precompute_now=now,
        max_rows=max_rows,
        batch=config.take("batch", _path_in("the batch features", "expression"), None),
        site=config.take("site", _path_in("the site", "folder"), None),
    )


def _features_of(root: Root, purposes: Mapping[str, str], columns: set[str]) -> Reader[tuple[FeatureSource, ...]]:
    return lambda value, log: read_features(root, value, purposes, columns, log)


def _read_precompute(value: Value, log: Log) -> tuple[int, int]:
    precompute = Fields(value, "precompute", log)
    now = precompute.need("now", fields.instant_us, 0)
    max_rows = precompute.take("max_rows", fields.whole(1, _MOST_ROWS), 1024)
    precompute.close()
    return now, max_rows


def _path_in(what: str, key: str) -> Reader[str]:
    def read(value: Value, log: Log) -> str | None:
        section = Fields(value, what, log)
        path = section.need(key, fields.text, "")
        section.close()
        return path

    return read
