"""Training rows by the engine itself: its retrieval, guardrails and input programs, as of the start of a week.

There is no second formula: `rows_of` gives the rows on which the edge would score the same request.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import numpy as np
from baskets import Basket
from ibis.backends import BaseBackend
from numpy.typing import NDArray

from contracts.decision import DecisionRequest
from contracts.features import Cursor, FeatureDelta, Status, Value
from engine import folds
from engine.column import Array
from engine.folds import FoldEvent
from engine.gate import scope_of
from engine.guard import guard
from engine.loaded import LoadedBundle, LoadedModel, LoadedSlot
from engine.programs.arrays import quiet
from engine.programs.values import Batch
from engine.retrieve import retrieve
from engine.score import matrix
from engine.snapshot import VISITOR, Snapshot, Table
from origin.profiles import batch_rows, connect

SLOT, CART_EVENT = "for-you", "add_to_cart"
DISCOUNT = "discount"
MONEY = ("shelf_price", "cost", "cut", "discount")


@dataclass(frozen=True)
class Rows:
    """Candidates of requests, one request after the other, each in the order of their ids.

    `inputs` are the purchase model's, `discount_inputs` the discount model's. `labels` says what was bought, `reduced`
    at a reduced price; `paid` holds the cents paid for one, 0 for what was not bought. `money` are the columns
    `MONEY`, which the objective reads.
    """

    items: NDArray[np.str_]
    inputs: NDArray[np.float32]
    discount_inputs: NDArray[np.float32]
    labels: NDArray[np.bool_]
    reduced: NDArray[np.bool_]
    paid: NDArray[np.float64]
    money: NDArray[np.float64]


@dataclass(frozen=True)
class WeekRows(Rows):
    """The rows of one week's requests; `starts` holds where each request's begin, and the end."""

    baskets: NDArray[np.str_]
    starts: NDArray[np.int64]


def week_rows(baskets: Sequence[Basket], loaded: LoadedBundle, snapshot: Snapshot) -> WeekRows:
    """The rows of these requests, those without a candidate left out."""
    requests = [(basket.id, rows_of(basket, loaded, snapshot)) for basket in baskets]
    kept = [(basket, rows) for basket, rows in requests if len(rows.items)]
    return WeekRows(
        **_concatenated([rows for _, rows in kept]),
        baskets=np.array([basket for basket, _ in kept], dtype=np.str_),
        starts=np.cumsum([0, *(len(rows.items) for _, rows in kept)]),
    )


def joined(weeks: Sequence[WeekRows]) -> WeekRows:
    """Several weeks as one."""
    ends = np.cumsum([0, *(week.starts[-1] for week in weeks)])
    starts = [week.starts[:-1] + end for week, end in zip(weeks, ends, strict=False)]
    return WeekRows(
        **_concatenated(weeks),
        baskets=np.concatenate([week.baskets for week in weeks]),
        starts=np.concatenate([*starts, ends[-1:]]),
    )


def write_week(rows: WeekRows, file: Path) -> None:
    """Keeps a week's rows for the fit, and for whoever compares them with what an edge serves."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        np.savez(out, **{field.name: getattr(rows, field.name) for field in fields(WeekRows)})


def read_week(file: Path) -> WeekRows:
    """The rows that `write_week` kept."""
    with np.load(file) as arrays:
        return WeekRows(**{field.name: arrays[field.name] for field in fields(WeekRows)})


def _concatenated(parts: Sequence[Rows]) -> dict[str, Array]:
    return {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows)}


def snapshot_as_of(loaded: LoadedBundle, folder: Path, expression: Path, as_of: datetime) -> Snapshot:
    """What an edge holds once the origin has published as of this instant; visitors are named as the history does."""
    history = connect(folder / "data/history")
    try:
        deltas = list(_deltas(loaded, expression, history, as_of))
    finally:
        history.disconnect()
    return loaded.snapshot.with_deltas(deltas, Cursor(epoch="training"))


@quiet
def rows_of(basket: Basket, loaded: LoadedBundle, snapshot: Snapshot) -> Rows:
    """The rows of one basket's request."""
    slot, purchase, discount = trained_slot(loaded)
    table = snapshot.tables[slot.spec.table]
    scope = scope_of(request_of(basket, loaded, table), snapshot, loaded)
    candidates = Batch(scope, table, retrieve(slot, scope, snapshot).rows)
    survivors = guard(slot, candidates).batch
    items = [table.ids[row] for row in survivors.rows]
    paid = dict(zip(basket.items, basket.paid, strict=True))
    return Rows(
        items=np.array(items, dtype=np.str_),
        inputs=matrix(purchase, survivors),
        discount_inputs=matrix(discount, survivors),
        labels=np.array([item in paid for item in items], dtype=bool),
        reduced=np.array([item in basket.reduced for item in items], dtype=bool),
        paid=np.array([paid.get(item, 0.0) for item in items]),
        money=np.column_stack([table.columns[name].values[survivors.rows] for name in MONEY]).astype(np.float64),
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


def trained_slot(loaded: LoadedBundle) -> tuple[LoadedSlot, LoadedModel, LoadedModel]:
    """The slot whose models are trained here, the purchase model's inputs, the discount model's."""
    slot = loaded.slots[SLOT]
    others = {model.spec.name: model for model in slot.other_models}
    if slot.model is None or DISCOUNT not in others:
        raise ValueError(f"slot {SLOT} does not name its models")
    return slot, slot.model, others[DISCOUNT]


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
