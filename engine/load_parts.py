"""What slots draw on while a bundle is loaded: its sections by name, rules planned on demand. Part of `engine.load`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from contracts.bundle import InputSpec, ModelSpec
from contracts.catalog import CatalogSchema, TableSpec
from contracts.errors import NotRunnableError
from contracts.fallback import SlotFallback
from contracts.features import FeatureSchema, Root
from contracts.rule_ir import Form, Has, Read, Rule, RuleIR
from engine.loaded import Calibration, ColumnRule, LoadedGuard, LoadedInput, LoadedModel, Places
from engine.programs.columns import plan_columns
from engine.programs.plan import plan_request
from engine.programs.values import RequestProgram
from engine.scorers import Scorer
from engine.scorers.prebound import Prebound
from engine.snapshot import Table
from engine.why import plan_why

BOOL = ("bool",)
TEXT = ("string",)
NUMBER = ("int", "double")
INPUT = (*NUMBER, "bool")
_KNOWN_LATE = (Root.SCORE, Root.SCORES)


@dataclass(frozen=True)
class Parts:
    """The sections that slots draw on, by name. Inputs of a model are planned once per table."""

    schema: FeatureSchema
    catalog: CatalogSchema
    tables: Mapping[str, Table]
    rules: RuleIR
    models: Mapping[str, ModelSpec]
    scorers: Mapping[str, Scorer]
    forests: Mapping[str, Prebound]
    fallbacks: Mapping[str, SlotFallback]
    planned: dict[tuple[str, str], LoadedModel] = field(default_factory=dict)

    @cached_property
    def specs(self) -> Mapping[str, TableSpec]:
        """The tables as declared, by name."""
        return {spec.name: spec for spec in self.catalog.tables}

    def rule(self, name: str, form: Form, types: tuple[str, ...]) -> Rule:
        """A rule of the bundle, in the form and with a type that its place allows."""
        rule = self.rules.rules.get(name)
        if rule is None:
            raise NotRunnableError(f"names rule {name}, which the bundle lacks")
        if rule.form is not form or rule.type not in types:
            raise NotRunnableError(
                f"rule {name} is {rule.type} in form {rule.form}; its place needs {form}, {types[0]}"
            )
        return rule

    def columns(
        self, name: str, table: str, types: tuple[str, ...], scored_by: tuple[str, ...] | None = None
    ) -> ColumnRule:
        """A rule over candidates of a table; what runs after scoring may read `score`, and `scores` of these models."""
        rule = self.rule(name, Form.COLUMNS, types)
        read = [node for node in rule.nodes if isinstance(node, Read | Has)]
        if scored_by is None and any(node.root in _KNOWN_LATE for node in read):
            raise NotRunnableError(f"rule {name} reads score, which is not known yet in its place")
        if unknown := [each.field for each in read if each.root is Root.SCORES and each.field not in (scored_by or ())]:
            raise NotRunnableError(f"rule {name} reads scores.{unknown[0]}, which is none of its models")
        return ColumnRule(name, plan_columns(rule, self.schema, self.specs[table]), self.item_reads(name))

    def reads_scores(self, name: str) -> bool:
        """Whether a rule reads what models say, by their names."""
        nodes = self.rules.rules[name].nodes
        return any(isinstance(node, Read | Has) and node.root is Root.SCORES for node in nodes)

    def guard(self, name: str, table: str) -> LoadedGuard:
        """A guardrail over candidates of a table, in both forms."""
        run = self.columns(name, table, BOOL).run
        each = plan_request(self.rule(name, Form.COLUMNS, BOOL), self.schema, self.specs[table])
        return LoadedGuard(name, run, each, self.item_reads(name))

    def item_reads(self, name: str) -> tuple[str, ...] | None:
        """The columns that a rule reads, sorted; None where it reads more than the item."""
        nodes = [node for node in self.rules.rules[name].nodes if isinstance(node, Read | Has)]
        is_of_item = all(node.root is Root.ITEM for node in nodes)
        return tuple(sorted({node.field for node in nodes})) if is_of_item else None

    def request(self, name: str, table: str | None, types: tuple[str, ...]) -> RequestProgram:
        """A rule run once, or once per answered row of a table."""
        spec = None if table is None else self.specs[table]
        return plan_request(self.rule(name, Form.REQUEST, types), self.schema, spec)

    def why(self, name: str, table: str) -> RequestProgram:
        """A slot's why text: a sentence only where what it names was really read."""
        return plan_why(self.rule(name, Form.REQUEST, TEXT), self.schema, self.specs[table])

    def sensitive(self, names: Iterable[str | None]) -> frozenset[str]:
        """The sensitive features that rules read, as `root.name`."""
        nodes = [node for name in names if name is not None for node in self.rules.rules[name].nodes]
        read = {(node.root, node.field) for node in nodes if isinstance(node, Read | Has)}
        marked = [spec for spec in self.schema.features if spec.is_sensitive and (spec.root, spec.name) in read]
        return frozenset(f"{spec.root}.{spec.name}" for spec in marked)

    def reads(self, name: str) -> tuple[tuple[Root, str], ...]:
        """What a rule reads, by root and field."""
        nodes = self.rules.rules[name].nodes
        return tuple(dict.fromkeys((node.root, node.field) for node in nodes if isinstance(node, Read)))


def load_model(parts: Parts, name: str, table: str) -> LoadedModel:
    """A model whose inputs read a table; the same for every slot that names both."""
    spec = parts.models.get(name)
    if spec is None:
        raise NotRunnableError(f"names model {name}, which the bundle lacks")
    if (name, table) not in parts.planned:
        inputs = tuple(_input(parts, table, each) for each in spec.inputs)
        parts.planned[name, table] = _model(parts, spec, inputs)
    return parts.planned[name, table]


def _model(parts: Parts, spec: ModelSpec, inputs: tuple[LoadedInput, ...]) -> LoadedModel:
    return LoadedModel(
        spec,
        inputs,
        _places(parts, spec, inputs),
        parts.scorers.get(spec.name),
        parts.forests.get(spec.name),
        _calibration(spec),
    )


def _places(parts: Parts, spec: ModelSpec, inputs: tuple[LoadedInput, ...]) -> Places:
    """Which inputs can be kept for a whole table, and what columns they read; which are the same for all candidates."""
    reads = {place: parts.item_reads(each.rule) for place, each in enumerate(spec.inputs) if each.missing != "refuse"}
    kept = {place: columns for place, columns in reads.items() if columns}
    of_request = [place for place, each in enumerate(inputs) if place not in kept and each.once is not None]
    of_pairs = [place for place, each in enumerate(inputs) if place not in kept and each.once is None]
    return Places(
        of_items=np.array(list(kept), dtype=np.int64),
        of_request=np.array(of_request, dtype=np.int64),
        of_pairs=np.array(of_pairs, dtype=np.int64),
        others=tuple(sorted((place, at) for places in (of_request, of_pairs) for at, place in enumerate(places))),
        item_reads=tuple(sorted({column for columns in kept.values() for column in columns})),
    )


def _calibration(spec: ModelSpec) -> Calibration | None:
    if not spec.calibration:
        return None
    points = np.array(spec.calibration, dtype=np.float64)
    rises, probabilities = np.diff(points[:, 0]), points[:, 1]
    is_line = np.isfinite(points).all() and (rises > 0).all() and (np.diff(probabilities) >= 0).all()
    if not is_line or not 0.0 <= probabilities[0] <= probabilities[-1] <= 1.0:
        raise NotRunnableError(f"model {spec.name}: its calibration is no rising line of probabilities")
    return Calibration(points[:, 0].copy(), probabilities.copy())


def _input(parts: Parts, table: str, spec: InputSpec) -> LoadedInput:
    if isinstance(spec.missing, str) and spec.missing not in ("nan", "refuse"):
        raise NotRunnableError(f"input {spec.name}: missing is nan, refuse or a number, not {spec.missing}")
    missing = None if spec.missing == "refuse" else float(spec.missing)
    run, reads = parts.columns(spec.rule, table, INPUT).run, parts.reads(spec.rule)
    return LoadedInput(spec.name, run, missing, reads, _once(parts, parts.rule(spec.rule, Form.COLUMNS, INPUT)))


def _once(parts: Parts, rule: Rule) -> RequestProgram | None:
    """The rule as a closure, if it reads nothing of the item."""
    reads_item = any(node.root is Root.ITEM for node in rule.nodes if isinstance(node, Read | Has))
    return None if reads_item else plan_request(rule, parts.schema, None)
