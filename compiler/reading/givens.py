"""What a case of `tests/*.toml` gives: the request, the visitor, rows of a table. Every value as its type declares.

What is not given reads as it would on a first visit: the default, or no value. What a case expects is read in
`compiler.reading.slot_cases` and `compiler.reading.rule_tests`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from compiler.diagnostics import Where
from compiler.places import Value
from compiler.reading import fields
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.tables import TableSource
from compiler.reading.values import value_of
from compiler.sources import Sources
from contracts import features
from contracts.catalog import ID
from contracts.features import FeatureSpec, Root
from contracts.slots import CapPer, SlotSpec
from engine.folds.exposures import SLOT_KEY

Row = Mapping[str, features.Value]


@dataclass(frozen=True)
class Heading:
    """A case's name, what it is about, and where it and each of its values stand."""

    name: str
    description: str
    where: Where
    places: Mapping[str, Where]

    def at(self, path: str) -> Where:
        """Where a key's value stands (`expect.tier`); if it was not written, where the nearest table round it does."""
        full = f"{self.name}.{path}"
        while full and full not in self.places:
            full = full.rpartition(".")[0]
        return self.places.get(full, self.where)


class Signal(StrEnum):
    """What a request or an operator may say besides consent."""

    OPTED_OUT = "opted_out"
    GPC = "gpc"
    BOT = "bot"
    KILLED = "killed"
    STALE_FEED = "stale_feed"
    OVERLOAD = "overload"


@dataclass(frozen=True)
class Given:
    """What expressions read. Instants in microseconds; `as_of` says from when the visitor's features were true."""

    now: int
    granted: tuple[str, ...]
    request: Row
    visitor_state: Row
    visitor: Row
    as_of: int


@dataclass(frozen=True)
class Circumstances:
    """What else bears on a slot. `holdouts` are salts; `exposures` counts, per cap and item, what was seen."""

    signals: tuple[Signal, ...]
    holdouts: tuple[str, ...]
    exposures: Mapping[str, Mapping[str, int]]


def read_given(case: Fields, sources: Sources, granted: tuple[str, ...]) -> Given:
    """The keys that every case may have; `granted` is what counts where the case does not say."""
    purposes = fields.distinct(fields.many(fields.known(sources.schema.purposes, "purpose")))
    now = case.take("now", fields.instant_us, sources.precompute_now)
    return Given(
        now=now,
        granted=case.take("granted", purposes, granted),
        request=_features(case, sources, Root.REQUEST),
        visitor_state=_features(case, sources, Root.VISITOR_STATE),
        visitor=_features(case, sources, Root.VISITOR),
        as_of=case.take("as_of", fields.instant_us, now),
    )


def read_circumstances(case: Fields, sources: Sources, slot: SlotSpec, counts: Reader[dict[str, int]]) -> Circumstances:
    """The keys that only cases of slots have; `counts` reads numbers by item. A cap per slot has one, under `*`."""
    signals = fields.distinct(fields.many(fields.known(list(Signal), "signal")))
    said: tuple[str, ...] = case.take("signals", signals, ())
    salts = [holdout.salt for holdout in sources.experiments.holdouts]
    of_slot: Reader[dict[str, int]] = closed(f"a cap per slot of `{slot.name}`", {SLOT_KEY: fields.whole(0)})
    exposures: dict[str, dict[str, int]] = case.take(
        "exposures",
        closed(f"slot `{slot.name}`", {cap.name: counts if cap.per is CapPer.ITEM else of_slot for cap in slot.caps}),
        {},
    )
    return Circumstances(
        signals=tuple(map(Signal, said)),
        holdouts=case.take("holdouts", fields.distinct(fields.many(fields.known(salts, "holdout"))), ()),
        exposures=exposures,
    )


def row_of(table: TableSource, *, with_id: bool = False) -> Reader[dict[str, features.Value]]:
    """A row as far as a case gives it: some columns of a table."""
    columns = {column.name: value_of(column.type) for column in table.columns if with_id or column.name != ID}
    return closed(f"table `{table.name}`", columns)


def defaults_of(table: TableSource) -> dict[str, features.Value]:
    """What the columns of a made-up row read as, where its case does not say."""
    return {column.name: column.default for column in table.columns if column.default is not None}


def closed(what: str, readers: Mapping[str, Reader[fields.T]]) -> Reader[dict[str, fields.T]]:
    """A table with some of these keys, each read in its own way."""

    def read(value: Value, log: Log) -> dict[str, fields.T]:
        found = Fields(value, what, log)
        taken = {name: found.take(name, reader, None) for name, reader in readers.items()}
        found.close()
        return {name: each for name, each in taken.items() if each is not None}

    return read


def _features(case: Fields, sources: Sources, root: Root) -> Row:
    readers = {spec.name: _feature(spec) for spec in sources.schema.of(root)}
    nothing: dict[str, features.Value] = {}
    return case.take(str(root), closed(f"`{root}`", readers), nothing)


def _feature(spec: FeatureSpec) -> Reader[features.Value]:
    if not spec.values:
        return value_of(spec.type)
    return fields.known(spec.values, f"value of `{spec.root}.{spec.name}`")
