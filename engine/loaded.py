"""A bundle made ready to run: rules planned, models loaded, names looked up. `engine.load` builds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.bundle import Manifest, ModelSpec
from contracts.catalog import CatalogSchema
from contracts.decision import Tier
from contracts.experiments import ExperimentSpec
from contracts.features import FeatureSchema, FeatureSpec, Root
from contracts.slots import AnyCap, SlotSpec
from engine.kinds import Kind
from engine.policies import LoadedWeights, Params, Policy
from engine.programs.values import ColumnProgram, RequestProgram, Scope
from engine.scorers import Scorer
from engine.scorers.prebound import Prebound
from engine.snapshot import Snapshot, Table

Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """A rule over candidates, with the name that traces show.

    `item_reads` are the columns that it reads, None where it reads more than the item.
    """

    name: str
    run: ColumnProgram
    item_reads: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LoadedGuard:
    """A guardrail over candidates, with the name that traces show; `each` asks the same of one row.

    `item_reads` are the columns that it reads, None where it reads more than the item.
    """

    name: str
    run: ColumnProgram
    each: RequestProgram
    item_reads: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LoadedInput:
    """One model input. `missing` stands in for an erroring read; None refuses to score then.

    `reads` are the roots and fields that its rule reads, for explanations. `once` is the same rule as a closure where
    it reads nothing of the item.
    """

    name: str
    run: ColumnProgram
    missing: float | None
    reads: tuple[tuple[Root, str], ...] = ()
    once: RequestProgram | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Points of a line from the outputs of a graph (rising) to calibrated probabilities (never falling)."""

    outputs: NDArray[np.float64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where inputs stand in a model's rows: those that the item alone decides, those that are the same for all
    candidates, and those of pairs, which is the rest.

    `others` are the last two in order, each with its place among its like. Those of items read `item_reads` of their
    table, and never refuse.
    """

    of_items: Rows
    of_request: Rows
    of_pairs: Rows
    others: tuple[tuple[int, int], ...]
    item_reads: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model with its inputs planned for one table. `scorer` is None where the bundle carries no graph for it.

    `prebound` is the same model as a prebound forest, None where it is none. `calibration` maps outputs of the graph
    to scores, None: they are the scores.
    """

    spec: ModelSpec
    inputs: tuple[LoadedInput, ...]
    places: Places
    scorer: Scorer | None
    prebound: Prebound | None = None
    calibration: Calibration | None = None


class LoadedGenerator(Protocol):
    """Finds rows of the slot's table. `quota` of its first rows go before all others where the slot's cap cuts."""

    @property
    def name(self) -> str:
        """How the trace counts what it gave."""

    @property
    def quota(self) -> int:
        """How many rows it is sure of."""

    def rows(self, scope: Scope, table: Table) -> Rows:
        """Its rows, best first, each once. Raises `ExpiredError` for an expired feature, `RuleError` for a bad list."""


@dataclass(frozen=True, slots=True)
class LoadedTerm:
    """One part of a composite objective."""

    weight: float
    rule: ColumnRule
    name: str


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy with all of its numbers and, if it draws by a column, where that is."""

    policy: Policy
    params: Params
    weights: LoadedWeights | None = None


@dataclass(frozen=True, slots=True)
class LoadedCap:
    """A cap, and how the origin's counters for it are read; None: the cookie's alone count."""

    spec: AnyCap
    synced: RequestProgram | None


@dataclass(frozen=True, slots=True)
class LoadedField:
    """One field of a payload; `column` is the text, number or bool of the item that it shows as it is."""

    name: str
    run: RequestProgram
    column: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedFallback:
    """Precomputed answers by bucket; `defaults` are the texts of the keys that a request leaves out."""

    keys: tuple[str, ...]
    defaults: tuple[str, ...]
    answers: Mapping[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LoadedSlot:
    """One slot, ready to run. `spec` says what it is; the rest are its rules, planned.

    `guard_reads` are the columns of those guardrails that read the item alone. `reads_scores`: what its models say is
    read by their names, in what runs after scoring. `shows_sensitive` are the sensitive features (`root.name`) that its
    payload, offer id or why text may show, `scores_sensitive` those that its scores and values come of.
    """

    spec: SlotSpec
    kind: Kind
    policy: LoadedPolicy
    shadow: LoadedPolicy | None
    generators: tuple[LoadedGenerator, ...]
    eligible: RequestProgram | None
    guards: tuple[LoadedGuard, ...]
    guard_reads: tuple[str, ...]
    caps: tuple[LoadedCap, ...]
    model: LoadedModel | None
    other_models: tuple[LoadedModel, ...]
    score: ColumnRule | None
    objective: ColumnRule | None
    terms: tuple[LoadedTerm, ...]
    boosts: tuple[ColumnRule, ...]
    reads_scores: bool
    payload: tuple[LoadedField, ...]
    offer: RequestProgram | None
    why: RequestProgram | None
    shows_sensitive: frozenset[str]
    scores_sensitive: frozenset[str]
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
