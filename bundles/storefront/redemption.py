"""What the redemption model learns from: the campaigns that were sent, to whom, and who redeemed a coupon.

A campaign is a row of the table `incentives`, as the shop's own incentives are, so the same input expressions run on
both. Features are as of the day on which the campaign started. Campaigns went to chosen households: what is learnt
from them is redemption, never uplift.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from ibis.backends import BaseBackend
from ibis.expr.types import Table as IbisTable
from numpy.typing import NDArray
from training_rows import snapshot_as_of

from contracts.catalog import ID, ColumnSpec, TableSpec
from contracts.features import FeatureValue, Value, ValueType
from engine.column import Array, Column
from engine.loaded import LoadedBundle, LoadedModel
from engine.programs.values import Batch, Scope
from engine.score import matrix
from engine.snapshot import Table

SLOT = "offer"
FIRST_CAMPAIGN = datetime(2017, 1, 15, tzinfo=UTC)  # earlier ones met households without a history


@dataclass(frozen=True)
class Campaign:
    """One campaign: its offer id, when it ran, its shape as cells of `incentives`, who got it, who redeemed it."""

    offer: str
    starts_at: datetime
    ends_at: datetime
    cells: Mapping[str, Value]
    households: tuple[str, ...]
    redeemers: frozenset[str]


@dataclass(frozen=True)
class CampaignRows:
    """Model inputs of the households that got one campaign, and which of them redeemed it."""

    campaign: Campaign
    inputs: NDArray[np.float32]
    labels: NDArray[np.bool_]


def campaigns_of(history: BaseBackend) -> list[Campaign]:
    """The campaigns that met households with a history, in the order of their start."""
    sent, used = history.table("campaigns"), history.table("redemptions")
    households = _grouped(sent.select("campaign", "household").distinct().order_by("household"))
    redeemers = _grouped(used.select("campaign", "household").distinct().order_by("household"))
    shapes = history.table("campaign_shapes").order_by("starts_at", "campaign").to_pyarrow().to_pylist()
    known = [shape for shape in shapes if shape["campaign"] in households]
    campaigns = [
        _campaign(shape, households[shape["campaign"]], redeemers.get(shape["campaign"], [])) for shape in known
    ]
    return [campaign for campaign in campaigns if campaign.starts_at >= FIRST_CAMPAIGN]


def campaign_rows(campaign: Campaign, loaded: LoadedBundle, folder: Path) -> CampaignRows:
    """The rows of one campaign, by the engine's own input programs, as of its start."""
    model = redemption_model(loaded)
    spec = next(table for table in loaded.catalog.tables if table.name == loaded.slots[SLOT].spec.table)
    table, row = _table_of(spec, campaign), np.zeros(1, dtype=np.int64)
    snapshot = snapshot_as_of(loaded, folder, folder / "redeemers.py", campaign.starts_at)
    now = round(campaign.starts_at.timestamp() * 1_000_000)
    scopes = [_scope(now, loaded, snapshot.visitor(household)) for household in campaign.households]
    inputs = np.concatenate([matrix(model, Batch(scope, table, row)) for scope in scopes])
    labels = np.array([household in campaign.redeemers for household in campaign.households], dtype=bool)
    return CampaignRows(campaign, inputs, labels)


def redemption_model(loaded: LoadedBundle) -> LoadedModel:
    """The model of the offers, with its input programs."""
    model = loaded.slots[SLOT].model
    if model is None:
        raise ValueError(f"slot {SLOT} names no model")
    return model


def _campaign(shape: Mapping[str, Any], households: Sequence[str], redeemers: Sequence[str]) -> Campaign:
    return Campaign(
        offer=f"campaign-{shape['campaign']}",
        starts_at=shape["starts_at"].replace(tzinfo=UTC),
        ends_at=shape["ends_at"].replace(tzinfo=UTC),
        cells={
            "coupons": shape["coupons"],
            "products": shape["products"],
            "days": (shape["ends_at"] - shape["starts_at"]).days,
            "is_type_a": int(shape["kind"] == "Type A"),
        },
        households=tuple(households),
        redeemers=frozenset(redeemers),
    )


def _grouped(table: IbisTable) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for row in table.to_pyarrow().to_pylist():
        groups.setdefault(row["campaign"], []).append(row["household"])
    return groups


def _scope(now: int, loaded: LoadedBundle, visitor: Mapping[str, FeatureValue]) -> Scope:
    return Scope(now, frozenset(loaded.schema.purposes), {}, {}, visitor)


def _table_of(spec: TableSpec, campaign: Campaign) -> Table:
    """The table with this campaign as its only row."""
    cells = {ID: campaign.offer, **campaign.cells}
    return Table(spec.name, {column.name: _column_of(column, cells.get(column.name)) for column in spec.columns})


def _column_of(spec: ColumnSpec, cell: Value | None) -> Column:
    if spec.type is ValueType.STRING:
        return Column(spec.type, np.zeros(1, dtype=np.int32), dictionary=(str(cell or ""),))
    values: Array = np.array([cell or 0], dtype=np.int64)
    return Column(spec.type, values)
