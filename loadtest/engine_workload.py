"""The requests that the engine bench decides, and the bundle that decides them. Everything is drawn from fixed seeds.

What the bundle is made of stands in `loadtest.engine_sources`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler.build import build
from contracts.decision import DecisionRequest
from contracts.features import Cursor, FeatureDelta, Value
from engine.column import Array
from engine.gate import scope_of
from engine.guard import guard
from engine.load import load
from engine.loaded import LoadedBundle
from engine.programs.arrays import quiet
from engine.programs.values import Batch
from engine.retrieve import retrieve
from engine.score import matrix
from engine.snapshot import VISITOR, Snapshot
from loadtest.engine_sources import (
    CATEGORIES,
    MODELS,
    SLOTS,
    VISITOR_NUMBERS,
    ids,
    paired_of,
    write_catalog,
    write_models,
    write_rules,
)

NOW = 1_700_000_000_000_000
_ROWS, _OWN = 4_000, 120


@dataclass(frozen=True)
class Workload:
    """A loaded bundle, what is known of its visitors, and their requests by slot."""

    loaded: LoadedBundle
    snapshot: Snapshot
    requests: dict[str, tuple[DecisionRequest, ...]]


def make(folder: Path, visitors: int, items: int) -> Workload:
    """Writes the sources into a folder, builds and loads them, draws the visitors.

    Models are trained on rows that the engine assembles for these visitors, so that their trees split where inputs lie:
    the first build, with trees grown on anything, is there to assemble them.
    """
    chance = np.random.default_rng(5)
    write_catalog(folder, items, chance)
    write_rules(folder)
    deltas = list(_visitors(visitors, items, chance))
    requests = {slot: _requests(slot, visitors, items) for slot in SLOTS}
    anything = {name: chance.random((_ROWS, len(inputs))) for name, inputs in MODELS.items()}
    first = _built(folder, anything, deltas, requests)
    return _built(folder, {name: _assembled(first, name) for name in MODELS}, deltas, requests)


def _built(
    folder: Path,
    rows: dict[str, Array],
    deltas: list[FeatureDelta],
    requests: dict[str, tuple[DecisionRequest, ...]],
) -> Workload:
    write_models(folder, rows)
    loaded = load(build(folder).bundle)
    return Workload(loaded, loaded.snapshot.with_deltas(deltas, Cursor(epoch="bench")), requests)


@quiet
def _assembled(workload: Workload, name: str) -> Array:
    """The rows of one model, over all requests of its slots, as they are scored."""
    rows = []
    for slot, requests in workload.requests.items():
        chosen = workload.loaded.slots[slot]
        if chosen.model is None or chosen.model.spec.name != name:
            continue
        for request in requests:
            scope = scope_of(request, workload.snapshot, workload.loaded)
            table = workload.snapshot.tables[chosen.spec.table]
            found = retrieve(chosen, scope, workload.snapshot)
            rows.append(matrix(chosen.model, guard(chosen, Batch(scope, table, found.rows)).batch))
    return np.concatenate(rows)


def _visitors(count: int, items: int, chance: np.random.Generator) -> Iterator[FeatureDelta]:
    for number in range(count):
        own = ids(chance.choice(items, _OWN, replace=False).tolist())
        kinds = {f"c{each:02}": round(float(chance.normal()) / 3, 4) for each in range(CATEGORIES)}
        values: dict[str, Value | None] = {
            **{name: float(chance.random()) for name in VISITOR_NUMBERS},
            "affinity": kinds,
            "item_visits": {item: float(chance.integers(1, 20)) for item in own},
            "item_last": {item: NOW / 86_400e6 - float(chance.integers(0, 90)) for item in own},
            "own": tuple(own),
        }
        yield FeatureDelta(table=VISITOR, seq=number, entity=f"v{number}", as_of=NOW - 1, values=values)


def _requests(slot: str, count: int, items: int) -> tuple[DecisionRequest, ...]:
    chance = np.random.default_rng(9)
    return tuple(
        DecisionRequest(
            request_id=f"{slot}-{number}",
            now=NOW,
            slots=(slot,),
            units={"visitor": f"v{number}", "session": f"s{number}"},
            granted=("personal",),
            visitor_state={"cart": tuple(ids(chance.choice(paired_of(items), 3, replace=False).tolist()))},
            context={"device": "phone" if number % 2 else "desktop"},
        )
        for number in range(count)
    )
