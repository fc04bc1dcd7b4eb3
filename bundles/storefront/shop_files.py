"""What the shop itself reads: the catalog, the households that its page offers, real visits to drive it with.

Live columns stand in the catalog as of the start of the test weeks, for pages that no feed has reached yet. What the
source lacks (stock, cost, minimum advertised price) is made up from hashes and declared `synthetic` in edgewise.toml.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import batch
import duckdb
import ibis
import titles
from baskets import read_baskets
from tqdm import tqdm
from weeks import CATALOG_WEEK, LAST_WEEK, week_start

STATIC = (
    "id",
    "title",
    "brand",
    "size",
    "department",
    "category",
    "product_type",
    "is_private",
    "stock",
    "cost",
    "map_price",
)
LIVE = (
    "price",
    "shelf_price",
    "baskets_1w",
    "baskets_4w",
    "baskets_12w",
    "repeats",
    "type_share",
    "discount",
    "reduced",
    "cut",
    "promoted",
    "displayed",
    "mailed",
)
SHOWN_HOUSEHOLDS = 20
KEPT_TOGETHER = 25


def write_catalog(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Items sold before the test weeks, and what they are bought with; live columns as of their start.

    Those are for pages that no feed has reached yet.
    """
    as_of = week_start(CATALOG_WEEK)
    backend = ibis.duckdb.from_connection(connection)
    columns = ("entity", *LIVE, "popular_at", "bought_with")
    live = batch.products(backend, as_of).select(*columns).order_by("entity").to_pyarrow().to_pylist()
    static = {row["id"]: row for row in _static_rows(connection, as_of)}
    _write_together(live, folder / "data/together.csv")
    with (folder / "data/products.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*STATIC, *LIVE, "popular_at", "bought_with"], lineterminator="\n")
        writer.writeheader()
        for row in tqdm(live, desc="catalog", unit="item", leave=False):
            popular = json.dumps(dict(row.pop("popular_at") or {}))
            writer.writerow({**static[row.pop("entity")], **row, "popular_at": popular, "bought_with": ""})


def _write_together(rows: list[dict[str, object]], file: Path) -> None:
    """What goes with what, for the compiler to choose neighbours from: the batch expression's own weights."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("item", "other", "strength"))
        for row in rows:
            others = dict(row["bought_with"] or ())  # type: ignore[call-overload]
            strongest = sorted(others, key=lambda other: (-others[other], other))[:KEPT_TOGETHER]
            writer.writerows((row["entity"], other, others[other]) for other in strongest if others[other] > 0)


def _static_rows(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> Iterator[dict[str, object]]:
    """The columns that never change. Cost and MAP hang on the first price ever seen, so that no later one leaks."""
    query = """select item, title, is_private, size, department, category, product_type,
                      first(round((spend + discount) / quantity) order by day, basket)::bigint
               from lines join products using (item, department, category, product_type, is_private)
               where "at" < ? group by all order by item"""
    query = query.replace("group by all", "group by 1, 2, 3, 4, 5, 6, 7")
    for row in connection.execute(query, [as_of.replace(tzinfo=None)]).fetchall():
        item, title, is_private, size, department, category, product_type, first_price = row
        cost = round(first_price * (0.25 + 0.3 * _share("cost", item)))
        has_map = not is_private and _share("has map", item) < 0.1
        yield {
            "id": item,
            "title": title,
            "brand": "Store brand" if is_private else "National brand",
            "size": size,
            "department": department,
            "category": category,
            "product_type": product_type,
            "is_private": "true" if is_private else "false",
            "stock": 0 if _share("sold out", item) < 0.01 else 1 + int(120 * _share("stock", item)),
            "cost": cost,
            "map_price": round(first_price * 0.6) if has_map else 0,
        }


def write_visits(connection: duckdb.DuckDBPyConnection, data: Path) -> None:
    """The baskets of the test weeks as visits, one JSON object per line, for whoever drives the running shop."""
    found = read_baskets(ibis.duckdb.from_connection(connection), week_start(CATALOG_WEEK), week_start(LAST_WEEK))
    lines = [
        json.dumps({"household": visit.household, "at": _rfc3339(visit.now), "items": visit.items}) for visit in found
    ]
    (data / "visits.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rfc3339(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, tz=UTC).isoformat()


def write_households(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Households that shop in the test weeks and differ in what they buy more than others do."""
    as_of = week_start(CATALOG_WEEK)
    backend = ibis.duckdb.from_connection(connection)
    habits = batch.visitors(backend, as_of).select("entity", "visits_4w", "recent_visits", "affinity")
    query = 'select distinct household from lines where "at" >= ?'
    active = {row[0] for row in connection.execute(query, [as_of.replace(tzinfo=None)]).fetchall()}
    rows = [row for row in habits.order_by("entity").to_pyarrow().to_pylist() if row["entity"] in active]
    shown = _varied([_described(row) for row in rows])
    file = folder / "site/households.json"
    file.write_text(json.dumps({"households": shown}, indent=1) + "\n", encoding="utf-8")


def _described(row: dict[str, object]) -> tuple[str, str, float]:
    """Household, its most telling department, and how telling that is."""
    affinity = dict(row["affinity"])  # type: ignore[call-overload]
    department = max(sorted(affinity), key=lambda name: affinity[name])
    pace = "shops often" if float(str(row["visits_4w"])) >= 6 else "shops weekly or less"
    title = f"Household {row['entity']}: {pace}, more {titles.spoken(department)} than most"
    return str(row["entity"]), title, affinity[department]


def _varied(described: list[tuple[str, str, float]]) -> list[dict[str, str]]:
    """The most telling households, at most two of a kind."""
    shown: list[dict[str, str]] = []
    kinds: dict[str, int] = {}
    for household, title, _ in sorted(described, key=lambda entry: (-entry[2], entry[0])):
        kind = title.partition(": ")[2]
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= 2 and len(shown) < SHOWN_HOUSEHOLDS:
            shown.append({"id": household, "title": title})
    return sorted(shown, key=lambda entry: int(entry["id"]))


def _share(*words: str) -> float:
    """A number in [0, 1) that depends on the words alone: for samples, and for columns that the source lacks."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8], "big") / 2**64
