"""Training rows by the engine itself: its retrieval, guardrails and input programs, as of the start of a week.

There is no second formula: `rows_of` gives the rows on which the edge would score the same request.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from baskets import Basket
from ibis.backends import BaseBackend
from numpy.typing import NDArray

from contracts.decision import DecisionRequest
from contracts.features import Cursor, FeatureDelta, Status, Value
from engine import folds
from engine.folds import FoldEvent
from engine.gate import scope_of
from engine.guard import guard
from engine.loaded import LoadedBundle, LoadedModel, LoadedSlot
from engine.programs.values import Batch
from engine.retrieve import retrieve
from engine.score import matrix
from engine.snapshot import VISITOR, Snapshot, Table
from origin.profiles import batch_rows, connect

SLOT, CART_EVENT = "for-you", "add_to_cart"


@dataclass(frozen=True)
class RequestRows:
    """The candidates of one request, in the order of their ids: model inputs as float32, and what was bought."""

    basket: Basket
    items: tuple[str, ...]
    inputs: NDArray[np.float32]
    labels: NDArray[np.bool_]


@dataclass(frozen=True)
class WeekRows:
    """The rows of one week's requests, one after the other; `starts` holds where each request's begin, and the end."""

    baskets: NDArray[np.str_]
    starts: NDArray[np.int64]
    items: NDArray[np.str_]
    inputs: NDArray[np.float32]
    labels: NDArray[np.bool_]


def week_rows(baskets: Sequence[Basket], loaded: LoadedBundle, snapshot: Snapshot) -> WeekRows:
    """The rows of these requests, those without a candidate left out."""
    requests = [rows for rows in (rows_of(basket, loaded, snapshot) for basket in baskets) if rows.items]
    width = len(trained_slot(loaded)[1].inputs)
    return WeekRows(
        baskets=np.array([rows.basket.id for rows in requests], dtype=np.str_),
        starts=np.cumsum([0, *(len(rows.items) for rows in requests)]),
        items=np.array([item for rows in requests for item in rows.items], dtype=np.str_),
        inputs=np.concatenate([np.zeros((0, width), dtype=np.float32), *(rows.inputs for rows in requests)]),
        labels=np.concatenate([np.zeros(0, dtype=np.bool_), *(rows.labels for rows in requests)]),
    )


def joined(weeks: Sequence[WeekRows]) -> WeekRows:
    """Several weeks as one."""
    ends = np.cumsum([0, *(week.starts[-1] for week in weeks)])
    starts = [week.starts[:-1] + end for week, end in zip(weeks, ends, strict=False)]
    return WeekRows(
        baskets=np.concatenate([week.baskets for week in weeks]),
        starts=np.concatenate([*starts, ends[-1:]]),
        items=np.concatenate([week.items for week in weeks]),
        inputs=np.concatenate([week.inputs for week in weeks]),
        labels=np.concatenate([week.labels for week in weeks]),
    )


def write_week(rows: WeekRows, file: Path) -> None:
    """Keeps a week's rows for the fit, and for whoever compares them with what an edge serves."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        np.savez(
            out, baskets=rows.baskets, starts=rows.starts, items=rows.items, inputs=rows.inputs, labels=rows.labels
        )


def read_week(file: Path) -> WeekRows:
    """The rows that `write_week` kept."""
    with np.load(file) as arrays:
        return WeekRows(**{name: arrays[name] for name in ("baskets", "starts", "items", "inputs", "labels")})


def snapshot_as_of(loaded: LoadedBundle, folder: Path, expression: Path, as_of: datetime) -> Snapshot:
    """What an edge holds once the origin has published as of this instant; visitors are named as the history does."""
    history = connect(folder / "data/history")
    try:
        deltas = list(_deltas(loaded, expression, history, as_of))
    finally:
        history.disconnect()
    return loaded.snapshot.with_deltas(deltas, Cursor(epoch="training"))


def rows_of(basket: Basket, loaded: LoadedBundle, snapshot: Snapshot) -> RequestRows:
    """The rows of one basket's request."""
    slot, model = trained_slot(loaded)
    table = snapshot.tables[slot.spec.table]
    scope = scope_of(request_of(basket, loaded, table), snapshot, loaded)
    candidates = Batch(scope, table, retrieve(slot, scope, snapshot).rows)
    survivors = Batch(scope, table, guard(slot, candidates).rows)
    items = tuple(table.ids[row] for row in survivors.rows)
    bought = frozenset(basket.items)
    return RequestRows(
        basket, items, matrix(model, survivors), np.array([item in bought for item in items], dtype=bool)
    )


def request_of(basket: Basket, loaded: LoadedBundle, table: Table) -> DecisionRequest:
    """The request that this basket's household makes once its cart holds two items."""
    states: dict[str, Value] = {}
    for item in basket.cart:
        event = FoldEvent(CART_EVENT, basket.now, item=item, columns=_columns_of(table, item, basket.now))
        states = folds.advance(loaded.state_features, states, event)
    return DecisionRequest(
        request_id=basket.id,
        now=basket.now,
        slots=(SLOT,),
        units={VISITOR: basket.household},
        granted=loaded.schema.purposes,
        visitor_state=folds.read(loaded.state_features, states, basket.now),
    )


def trained_slot(loaded: LoadedBundle) -> tuple[LoadedSlot, LoadedModel]:
    """The slot whose model is trained here, and that model's inputs."""
    slot = loaded.slots[SLOT]
    if slot.model is None:
        raise ValueError(f"slot {SLOT} names no model")
    return slot, slot.model


def _columns_of(table: Table, item: str, now: int) -> Mapping[str, Value]:
    row = table.row_of.get(item)
    if row is None:
        return {}
    is_there = {name: column.status_at(row, now) <= Status.DEFAULT for name, column in table.columns.items()}
    return {name: column.value_at(row) for name, column in table.columns.items() if is_there[name]}


def _deltas(loaded: LoadedBundle, expression: Path, history: BaseBackend, as_of: datetime) -> Iterator[FeatureDelta]:
    """Every value as of the instant. Live values that the expression does not give are withdrawn: they are of later."""
    instant = round(as_of.timestamp() * 1_000_000)
    absent: dict[str, dict[str, Value | None]] = {
        table.name: {column.name: None for column in table.columns if column.is_live} for table in loaded.catalog.tables
    }
    given: dict[str, set[str]] = {}
    for row in batch_rows(expression, history, as_of):
        values = {**absent.get(row.table, {}), **row.values}
        yield FeatureDelta(table=row.table, seq=0, entity=row.entity, as_of=instant, values=values)
        given.setdefault(row.table, set()).add(row.entity)
    for name in given.keys() & absent.keys():
        for entity in sorted(set(loaded.snapshot.tables[name].ids) - given[name]):
            yield FeatureDelta(table=name, seq=0, entity=entity, as_of=instant, values=absent[name])
