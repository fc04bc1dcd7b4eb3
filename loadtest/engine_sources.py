"""The source files of the bundle that the engine bench runs: a made-up catalog, rules, models, two kinds of slots.

A `plain` shelf has four guardrails, 24 model inputs (ten of the item, ten of the request, four of both), an objective
and a boost. A `rich` one has eight guardrails, 30 inputs (ten of both, most of them look-ups in the visitor's maps),
four generators, two boosts and a why text. Of each there is one with about 50 and one with about 200 candidates.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from engine.column import Array

CATEGORIES, TREES, LEAVES = 40, 100, 31
VISITOR_NUMBERS = tuple(f"v{number}" for number in range(8))
_ITEM = ("popularity", "f0", "f1", "f2", "f3", "f4", "f5")
_OF_ITEM = {
    **{name: f"item.{name}" for name in _ITEM},
    "price": "double(item.price) / 100.0",
    "margin": "double(item.price - item.cost) / double(item.price)",
    "stock": "item.stock",
}
_OF_REQUEST = {
    **{name: f"visitor.{name}" for name in VISITOR_NUMBERS},
    "hour": "now.getHours()",
    "cart": "size(visitor_state.cart)",
}
_OF_PAIRS = {
    "affinity": "get(visitor.affinity, item.category, 0.0)",
    "is_own": "item.id in visitor.own",
    "taste": "visitor.v2 * item.f0",
    "is_dear": "double(item.price) > visitor.v1 * 3000.0",
}
_OF_HISTORY = {
    "visits": "visitor.item_visits[item.id]",
    "visit_rate": "visitor.item_visits[item.id] / visitor.v0",
    "days": "double(int(now)) / 86400.0 - visitor.item_last[item.id]",
    "goes_with": "size(visitor_state.cart) > 0 ? get(item.goes_with, visitor_state.cart[0], 0.0) : 0.0",
    "trend": "visitor.v3 * item.popularity",
    "pull": "get(visitor.affinity, item.category, 0.0) * item.f1",
}
MODELS = {
    "likes": {**_OF_ITEM, **_OF_REQUEST, **_OF_PAIRS},
    "buys": {**_OF_ITEM, **_OF_REQUEST, **_OF_PAIRS, **_OF_HISTORY},
}
_GUARDS = {
    "in_stock": "item.stock > 0",
    "above_map": "item.price >= item.map_price",
    "margin_floor": "item.price * 100 >= item.cost * 105",
    "not_in_cart": "!(item.id in visitor_state.cart)",
    "in_band": "item.price >= 50 && item.price <= 50000",
    "may_be_promoted": '!(item.category in ["c01", "c02"])',
    "not_bought_lately": "get(visitor.item_last, item.id, 0.0) < double(int(now)) / 86400.0 - 1.0",
    "not_disliked": "get(visitor.affinity, item.category, 0.0) > -0.9",
}
_BOOSTS = {
    "overstock": "item.stock > 90 ? 0.1 : 0.0",
    "dear_to_those_who_pay": "visitor.v1 > 0.5 ? double(item.price - item.cost) / 100000.0 : 0.0",
}
_NUMBER = """
[visitor.{name}]
type = "double"
purpose = "personal"
default = 0.0
"""
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
home = ["plain-50"]
[precompute]
now = 2023-11-14T22:13:20Z
"""
_SHELF = """
kind = "ranking"
table = "items"
component = "shelf"
size = 12
cap_candidates = {cap}
purposes = ["personal"]
guards = {guards}
model = "{model}"
objective = 'score + 0.1 * item.popularity'
boosts = {boosts}
policy = {{ name = "greedy" }}
{more}
[payload]
title = {{ type = "string", expr = 'item.title' }}
price = {{ type = "int", expr = 'item.price' }}
[plain]
title = "All"
"""
_PLAIN = """
[[retrieve]]
generator = "filter"
where = 'item.stock > 0 && item.popularity > 0.2'
match = 'get(visitor.affinity, item.category, 0.0) > 0.0'
order = 'item.popularity'
limit = {cap}
"""
_RICH = """
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
"""


@dataclass(frozen=True)
class Shape:
    """What a slot of the workload is made of: how many candidates it retrieves, and its first guards and boosts."""

    cap: int
    model: str
    guards: int
    boosts: int
    more: str

    def toml(self) -> str:
        """The slot as a source file."""
        guards, boosts = (json.dumps(list(names)[:count]) for names, count in self._named())
        more = self.more.format(cap=self.cap, share=self.cap // 2, quota=self.cap // 4)
        return _SHELF.format(cap=self.cap, model=self.model, guards=guards, boosts=boosts, more=more)

    def told(self) -> str:
        """What it is made of, in one line."""
        inputs, generators = MODELS[self.model], self.more.count("[[retrieve]]")
        of_both = len(inputs) - len(_OF_ITEM) - len(_OF_REQUEST)
        parts = (f"inputs {len(inputs)} (of item and visitor both: {of_both})", f"guardrails {self.guards}")
        return ", ".join((*parts, f"generators {generators}", f"boosts {self.boosts}"))

    def _named(self) -> tuple[tuple[dict[str, str], int], tuple[dict[str, str], int]]:
        return (_GUARDS, self.guards), (_BOOSTS, self.boosts)


SLOTS = {
    "plain-50": Shape(60, "likes", guards=4, boosts=1, more=_PLAIN),
    "plain-200": Shape(240, "likes", guards=4, boosts=1, more=_PLAIN),
    "rich-50": Shape(60, "buys", guards=8, boosts=2, more=_RICH),
    "rich-200": Shape(240, "buys", guards=8, boosts=2, more=_RICH),
}


def write_catalog(folder: Path, items: int, chance: np.random.Generator) -> None:
    """Items with prices, stock and features, and what goes with what."""
    price = chance.integers(100, 9000, items)
    columns: dict[str, Sequence[object]] = {
        "id": ids(range(items)),
        "title": [f"Item {number}" for number in range(items)],
        "category": [f"c{number:02}" for number in chance.integers(0, CATEGORIES, items)],
        "price": price.tolist(),
        "cost": (price * chance.uniform(0.4, 1.0, items)).astype(int).tolist(),
        "map_price": (price * (chance.random(items) < 0.1) * chance.uniform(0.5, 1.1, items)).astype(int).tolist(),
        "stock": chance.integers(0, 100, items).tolist(),
        **{name: chance.random(items).round(4).tolist() for name in _ITEM},
        "hot": [_hot(number) for number in range(items)],
    }
    _write_csv(folder / "items.csv", list(columns), zip(*columns.values(), strict=True))
    paired = paired_of(items)
    others = chance.integers(0, items, (paired, 20))
    pairs = {(item, other) for item in range(paired) for other in others[item].tolist()}
    strengths = chance.random(len(pairs)).round(4) + 0.001
    lines = zip(sorted(pairs), strengths.tolist(), strict=True)
    together = ((*ids(pair), strength) for pair, strength in lines)
    _write_csv(folder / "together.csv", ["item", "other", "strength"], together)


def _hot(number: int) -> str:
    return json.dumps({"desktop": number % 997, "phone": number % 991}) if number % 10 == 0 else ""


def _write_csv(file: Path, header: list[str], rows: Iterator[tuple[object, ...]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([header, *rows])


def write_rules(folder: Path) -> None:
    """Features, rules and slots."""
    visitor = "".join(_NUMBER.format(name=name) for name in VISITOR_NUMBERS)
    item = "".join(f'{name} = {{ type = "double" }}\n' for name in _ITEM)
    (folder / "edgewise.toml").write_text(_CONFIG.format(visitor=visitor, item=item))
    for name in ("rules", "slots", "models"):
        (folder / name).mkdir()
    rules = {**_GUARDS, **_BOOSTS}
    (folder / "rules/all.toml").write_text("".join(f"[{name}]\nexpr = '{expr}'\n" for name, expr in rules.items()))
    for slot, shape in SLOTS.items():
        (folder / f"slots/{slot}.toml").write_text(shape.toml())


def write_models(folder: Path, rows: Mapping[str, Array]) -> None:
    """All models, each trained on its rows, and the digests of their files."""
    for name, inputs in MODELS.items():
        _write_model(folder, name, inputs, rows[name])
    files = [f"models/{name}.txt" for name in sorted(MODELS)]
    digests = [hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files]
    lines = zip(digests, files, strict=True)
    (folder / "models.lock").write_text("".join(f"{digest}  {file}\n" for digest, file in lines))


def ids(numbers: Sequence[int] | range) -> list[str]:
    """The ids of items by number."""
    return [f"i{number:05}" for number in numbers]


def paired_of(items: int) -> int:
    """How many of so many items go with others."""
    return items * 2 // 25


def _write_model(folder: Path, name: str, inputs: dict[str, str], rows: Array) -> None:
    """A forest that tells apart rows by a random sum of their inputs' ranks, with noise."""
    chance = np.random.default_rng(7)
    ranks = rows.argsort(axis=0).argsort(axis=0) / len(rows)
    labels = (ranks - 0.5) @ chance.normal(size=len(inputs)) + chance.normal(size=len(rows)) > 0
    settings = {"objective": "binary", "num_leaves": LEAVES, "min_data_in_leaf": 5, "num_threads": 1, "verbose": -1}
    model = lightgbm.train(settings, lightgbm.Dataset(rows, labels, feature_name=list(inputs)), TREES)
    model.save_model(folder / f"models/{name}.txt")
    head = f'exporter = "lightgbm"\nfile = "models/{name}.txt"\noutput = "margin"\n[inputs]\n'
    (folder / f"models/{name}.toml").write_text(head + "".join(f"{key} = '{expr}'\n" for key, expr in inputs.items()))
