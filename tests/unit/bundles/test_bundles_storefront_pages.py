"""Whole pages of the shop, on products that several slots want."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from compiler.build import without_models
from contracts.controls import Controls
from contracts.decision import Decision, DecisionRequest
from contracts.features import Cursor, FeatureDelta
from engine.decide import decide
from engine.load import load
from engine.loaded import LoadedBundle

NOON = 1_511_193_600_000_000  # 2017-11-20T16:00:00Z, in the third quarter of the day
WANTED = 40
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


@pytest.fixture(scope="module")
def loaded(storefront_folder: Path) -> LoadedBundle:
    """The shop before training; some fresh products sell well, and at noon above all."""
    shop = load(without_models(storefront_folder))
    table = shop.snapshot.tables["products"]
    department = table.columns["department"]
    fresh = [item for row, item in enumerate(table.ids) if department.value_at(row) in ("produce", "bakery")]
    good = {"price": 200, "shelf_price": 200, "baskets_12w": 900.0, "baskets_4w": 300.0}
    deltas = [
        FeatureDelta("products", number, item, NOON, {**good, "popular_at": {"2": 100.0 + number}})
        for number, item in enumerate(fresh[:WANTED])
    ]
    return replace(shop, snapshot=shop.snapshot.with_deltas(deltas, Cursor()))


def page(loaded: LoadedBundle) -> dict[str, Decision]:
    request = DecisionRequest(
        request_id="page",
        now=NOON,
        slots=("for-you", "popular"),
        units={"visitor": "somebody"},
        granted=loaded.schema.purposes,
    )
    decided = decide(loaded, request, loaded.snapshot, Controls(), lambda _slot, _stage: False)
    return {decision.slot: decision for decision in decided.decisions}


def without(loaded: LoadedBundle, slot: str, **changes: object) -> LoadedBundle:
    spec = msgspec.structs.replace(loaded.slots[slot].spec, **changes)
    return replace(loaded, slots={**loaded.slots, slot: replace(loaded.slots[slot], spec=spec)})


def types_of(loaded: LoadedBundle, answer: tuple[str, ...]) -> set[object]:
    table = loaded.snapshot.tables["products"]
    return {table.columns["product_type"].value_at(table.row_of[item]) for item in answer}


def test_no_product_stands_on_both_shelves(loaded: LoadedBundle) -> None:
    decided = page(loaded)
    assert len(decided["for-you"].answer) == 12
    assert len(decided["popular"].answer) == 6
    assert not {*decided["for-you"].answer} & {*decided["popular"].answer}
    repeating = page(without(loaded, "popular", is_deduplicated=False))
    assert {*repeating["for-you"].answer} & {*repeating["popular"].answer}


def test_no_shelf_shows_two_of_a_kind(loaded: LoadedBundle) -> None:
    for decision in page(loaded).values():
        assert len(types_of(loaded, decision.answer)) == len(decision.answer)
