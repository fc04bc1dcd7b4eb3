"""The bundle and the requests that the engine bench runs: a made-up catalog of 50,000 items, a forest of 100 trees.

Everything is drawn from fixed seeds. The two slots differ in how many candidates they take; both have eight guardrails,
thirty model inputs (ten of the item, ten of the visitor, ten of both), an objective and two boosts.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from compiler.build import build
from contracts.decision import DecisionRequest
from contracts.features import Cursor, FeatureDelta, Value
from engine.load import load
from engine.loaded import LoadedBundle
from engine.snapshot import VISITOR, Snapshot

ITEMS, CATEGORIES, PAIRED, TREES, LEAVES = 50_000, 40, 4_000, 100, 31
NOW = 1_700_000_000_000_000
SLOTS = {"few": 50, "many": 200}
_ITEM = ("popularity", "f0", "f1", "f2", "f3", "f4", "f5")
_VISITOR = tuple(f"v{number}" for number in range(8))
_INPUTS = {
    **{name: f"item.{name}" for name in _ITEM},
    "price": "double(item.price) / 100.0",
    "margin": "double(item.price - item.cost) / double(item.price)",
    "stock": "item.stock",
    **{name: f"visitor.{name}" for name in _VISITOR},
    "hour": "now.getHours()",
    "cart": "size(visitor_state.cart)",
    "affinity": "get(visitor.affinity, item.category, 0.0)",
    "visits": "visitor.item_visits[item.id]",
    "visit_rate": "visitor.item_visits[item.id] / visitor.v0",
    "days": "double(int(now)) / 86400.0 - visitor.item_last[item.id]",
    "is_own": "item.id in visitor.own",
    "goes_with": "size(visitor_state.cart) > 0 ? get(item.goes_with, visitor_state.cart[0], 0.0) : 0.0",
    "is_dear": "double(item.price) > visitor.v1 * 3000.0",
    "taste": "visitor.v2 * item.f0",
    "trend": "visitor.v3 * item.popularity",
    "pull": "get(visitor.affinity, item.category, 0.0) * item.f1",
}
_GUARDS = {
    "in_stock": "item.stock > 0",
    "above_map": "item.price >= item.map_price",
    "margin_floor": "item.price * 100 >= item.cost * 105",
    "in_band": "item.price >= 50 && item.price <= 50000",
    "not_in_cart": "!(item.id in visitor_state.cart)",
    "may_be_promoted": '!(item.category in ["c01", "c02"])',
    "not_bought_lately": "get(visitor.item_last, item.id, 0.0) < double(int(now)) / 86400.0 - 1.0",
    "not_disliked": "get(visitor.affinity, item.category, 0.0) > -0.9",
}
_BOOSTS = {
    "overstock": "item.stock > 90 ? 0.1 : 0.0",
    "dear_to_those_who_pay": "visitor.v1 > 0.5 ? double(item.price - item.cost) / 100000.0 : 0.0",
}
_CONFIG = """
name = "bench"
[purposes]
personal = "Measure"
{visitor}
[visitor.affinity]
type = "numbers"
purpose = "personal"
default = {{}}
[visitor.item_visits]
type = "numbers"
purpose = "personal"
default = {{}}
[visitor.item_last]
type = "numbers"
purpose = "personal"
default = {{}}
[visitor.own]
type = "strings"
purpose = "personal"
default = []
[visitor_state.cart]
type = "strings"
purpose = "personal"
fold = {{ fold = "last_n", event = "add", key = "item" }}
[request.device]
type = "string"
values = ["desktop", "phone"]
default = "desktop"
[tables.items]
source = "items.csv"
[tables.items.columns]
title = {{ type = "string" }}
category = {{ type = "string" }}
price = {{ type = "int" }}
cost = {{ type = "int" }}
map_price = {{ type = "int" }}
stock = {{ type = "int" }}
{item}
hot = {{ type = "numbers", default = {{}} }}
goes_with = {{ type = "numbers", cooccurrence = {{ source = "together.csv", strongest = 20 }} }}
[pages]
home = ["few"]
[precompute]
now = 2023-11-14T22:13:20Z
"""
_SLOT = """
kind = "ranking"
table = "items"
component = "shelf"
size = 12
cap_candidates = {cap}
purposes = ["personal"]
guards = {guards}
model = "buys"
objective = 'score + 0.1 * item.popularity'
boosts = {boosts}
policy = {{ name = "greedy" }}
why = 'item.id in visitor.own ? "You bought this before" : "Popular now"'
[[retrieve]]
generator = "per_visitor"
feature = "own"
limit = {share}
quota = {quota}
[[retrieve]]
generator = "filter"
where = 'item.stock > 0 && item.popularity > 0.2'
match = 'get(visitor.affinity, item.category, 0.0) > 0.0'
order = 'item.popularity'
limit = {share}
[[retrieve]]
generator = "neighbours"
of = 'visitor_state.cart'
column = "goes_with"
limit = {share}
[[retrieve]]
generator = "trending"
key = 'request.device'
column = "hot"
limit = {cap}
[payload]
title = {{ type = "string", expr = 'item.title' }}
price = {{ type = "int", expr = 'item.price' }}
[plain]
title = "All"
"""


@dataclass(frozen=True)
class Workload:
    """A loaded bundle, what is known of its visitors, and their requests by slot."""

    loaded: LoadedBundle
    snapshot: Snapshot
    requests: dict[str, tuple[DecisionRequest, ...]]


def make(folder: Path, visitors: int) -> Workload:
    """Writes the sources into a folder, builds and loads them, draws the visitors."""
    chance = np.random.default_rng(5)
    _write_catalog(folder, chance)
    _write_rules(folder)
    _write_model(folder, chance)
    loaded = load(build(folder).bundle)
    deltas = list(_visitors(visitors, chance))
    snapshot = loaded.snapshot.with_deltas(deltas, Cursor(epoch="bench"))
    return Workload(loaded, snapshot, {slot: _requests(slot, visitors) for slot in SLOTS})


def _write_catalog(folder: Path, chance: np.random.Generator) -> None:
    price = chance.integers(100, 9000, ITEMS)
    columns: dict[str, Sequence[object]] = {
        "id": _ids(range(ITEMS)),
        "title": [f"Item {number}" for number in range(ITEMS)],
        "category": [f"c{number:02}" for number in chance.integers(0, CATEGORIES, ITEMS)],
        "price": price.tolist(),
        "cost": (price * chance.uniform(0.4, 1.0, ITEMS)).astype(int).tolist(),
        "map_price": (price * (chance.random(ITEMS) < 0.1) * chance.uniform(0.5, 1.1, ITEMS)).astype(int).tolist(),
        "stock": chance.integers(0, 100, ITEMS).tolist(),
        **{name: chance.random(ITEMS).round(4).tolist() for name in _ITEM},
        "hot": [_hot(number) for number in range(ITEMS)],
    }
    _write_csv(folder / "items.csv", list(columns), zip(*columns.values(), strict=True))
    others = chance.integers(0, ITEMS, (PAIRED, 20))
    pairs = {(item, other) for item in range(PAIRED) for other in others[item].tolist()}
    strengths = chance.random(len(pairs)).round(4) + 0.001
    lines = zip(sorted(pairs), strengths.tolist(), strict=True)
    together = ((*_ids(pair), strength) for pair, strength in lines)
    _write_csv(folder / "together.csv", ["item", "other", "strength"], together)


def _hot(number: int) -> str:
    return json.dumps({"desktop": number % 997, "phone": number % 991}) if number % 10 == 0 else ""


def _write_csv(file: Path, header: list[str], rows: Iterator[tuple[object, ...]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([header, *rows])


def _write_rules(folder: Path) -> None:
    visitor = "".join(f'[visitor.{name}]\ntype = "double"\npurpose = "personal"\ndefault = 0.0\n' for name in _VISITOR)
    item = "".join(f'{name} = {{ type = "double" }}\n' for name in _ITEM)
    (folder / "edgewise.toml").write_text(_CONFIG.format(visitor=visitor, item=item))
    for name in ("rules", "slots", "models"):
        (folder / name).mkdir()
    rules = {**_GUARDS, **_BOOSTS}
    (folder / "rules/all.toml").write_text("".join(f"[{name}]\nexpr = '{expr}'\n" for name, expr in rules.items()))
    for slot, cap in SLOTS.items():
        words = {"guards": json.dumps(list(_GUARDS)), "boosts": json.dumps(list(_BOOSTS))}
        text = _SLOT.format(cap=cap, share=cap // 2, quota=cap // 4, **words)
        (folder / f"slots/{slot}.toml").write_text(text)


def _write_model(folder: Path, chance: np.random.Generator) -> None:
    rows = chance.random((4000, len(_INPUTS))).astype(np.float32)
    labels = rows @ chance.normal(size=len(_INPUTS)) + chance.normal(size=4000) > 0
    settings = {"objective": "binary", "num_leaves": LEAVES, "min_data_in_leaf": 5, "num_threads": 1, "verbose": -1}
    model = lightgbm.train(settings, lightgbm.Dataset(rows, labels, feature_name=list(_INPUTS)), TREES)
    model.save_model(folder / "models/buys.txt")
    digest = hashlib.sha256((folder / "models/buys.txt").read_bytes()).hexdigest()
    (folder / "models.lock").write_text(f"{digest}  models/buys.txt\n")
    inputs = "".join(f"{name} = '{expr}'\n" for name, expr in _INPUTS.items())
    head = 'exporter = "lightgbm"\nfile = "models/buys.txt"\noutput = "margin"\n[inputs]\n'
    (folder / "models/buys.toml").write_text(head + inputs)


def _ids(numbers: Sequence[int] | range) -> list[str]:
    return [f"i{number:05}" for number in numbers]


def _visitors(count: int, chance: np.random.Generator) -> Iterator[FeatureDelta]:
    for number in range(count):
        own = _ids(chance.choice(ITEMS, 120, replace=False).tolist())
        kinds = {f"c{each:02}": round(float(chance.normal()) / 3, 4) for each in range(CATEGORIES)}
        values: dict[str, Value | None] = {
            **{name: float(chance.random()) for name in _VISITOR},
            "affinity": kinds,
            "item_visits": {item: float(chance.integers(1, 20)) for item in own},
            "item_last": {item: NOW / 86_400e6 - float(chance.integers(0, 90)) for item in own},
            "own": tuple(own),
        }
        yield FeatureDelta(table=VISITOR, seq=number, entity=f"v{number}", as_of=NOW - 1, values=values)


def _requests(slot: str, count: int) -> tuple[DecisionRequest, ...]:
    chance = np.random.default_rng(9)
    return tuple(
        DecisionRequest(
            request_id=f"{slot}-{number}",
            now=NOW,
            slots=(slot,),
            units={"visitor": f"v{number}", "session": f"s{number}"},
            granted=("personal",),
            visitor_state={"cart": tuple(_ids(chance.choice(PAIRED, 3, replace=False).tolist()))},
            context={"device": "phone" if number % 2 else "desktop"},
        )
        for number in range(count)
    )
