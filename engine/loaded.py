"""A bundle made ready to run: rules planned, models loaded, names looked up. `engine.load` builds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.bundle import Manifest, ModelSpec
from contracts.catalog import CatalogSchema
from contracts.decision import Tier
from contracts.experiments import ExperimentSpec
from contracts.features import FeatureSchema, FeatureSpec
from contracts.slots import SlotSpec
from engine.kinds import Kind
from engine.policies import LoadedWeights, Params, Policy
from engine.programs.values import ColumnProgram, RequestProgram
from engine.scorers import Scorer
from engine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """A rule over candidates, with the name that traces show."""

    name: str
    run: ColumnProgram


@dataclass(frozen=True, slots=True)
class LoadedInput:
    """One model input. `missing` stands in for an erroring read; None refuses to score then."""

    name: str
    run: ColumnProgram
    missing: float | None


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with its inputs planned for one table. `scorer` is None where the bundle carries no graph for it."""

    spec: ModelSpec
    inputs: tuple[LoadedInput, ...]
    scorer: Scorer | None


@dataclass(frozen=True, slots=True)
class LoadedPool:
    """Fixed rows of the slot's table."""

    name: str
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LoadedFilter:
    """Rows for which `where` holds, by `order`; those for which `match` holds too, at most `limit`."""

    name: str
    where: ColumnRule
    order: ColumnRule | None
    match: ColumnRule | None
    limit: int


@dataclass(frozen=True, slots=True)
class LoadedPerVisitor:
    """Rows named by a visitor feature, at most `limit`."""

    name: str
    read: RequestProgram
    limit: int


LoadedGenerator: TypeAlias = LoadedPool | LoadedFilter | LoadedPerVisitor


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy with all of its numbers and, if it draws by a column, where that is."""

    policy: Policy
    params: Params
    weights: LoadedWeights | None = None


@dataclass(frozen=True, slots=True)
class LoadedField:
    """One field of a payload."""

    name: str
    run: RequestProgram


@dataclass(frozen=True, slots=True)
class LoadedFallback:
    """Precomputed answers by bucket; `defaults` are the texts of the keys that a request leaves out."""

    keys: tuple[str, ...]
    defaults: tuple[str, ...]
    answers: Mapping[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LoadedSlot:
    """One slot, ready to run. `spec` says what it is; the rest are its rules, planned."""

    spec: SlotSpec
    kind: Kind
    policy: LoadedPolicy
    shadow: LoadedPolicy | None
    generators: tuple[LoadedGenerator, ...]
    eligible: RequestProgram | None
    guards: tuple[ColumnRule, ...]
    model: LoadedModel | None
    score: ColumnRule | None
    objective: ColumnRule | None
    boosts: tuple[ColumnRule, ...]
    payload: tuple[LoadedField, ...]
    offer: RequestProgram | None
    why: RequestProgram | None
    fallback: LoadedFallback | None

    @property
    def best_tier(self) -> Tier:
        """The tier at which this slot is meant to be decided."""
        return Tier.RULES if self.spec.model is None else Tier.MODEL


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """All of a bundle. `snapshot` holds its tables as shipped, without visitors, at the start of the feed.

    `arm_policies` are the policies that experiment arms use in place of a slot's, by experiment and arm;
    `state_features` are the folds that the cookie carries; `catalog_digests` stand for the contents of each table.
    """

    revision: str
    manifest: Manifest
    schema: FeatureSchema
    catalog: CatalogSchema
    slots: Mapping[str, LoadedSlot]
    pages: Mapping[str, tuple[str, ...]]
    experiments: ExperimentSpec
    arm_policies: Mapping[tuple[str, str], LoadedPolicy]
    state_features: tuple[FeatureSpec, ...]
    catalog_digests: dict[str, str]
    snapshot: Snapshot
