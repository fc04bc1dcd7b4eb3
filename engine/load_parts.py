"""What slots draw on while a bundle is loaded: its sections by name, rules planned on demand. Part of `engine.load`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from contracts.bundle import InputSpec, ModelSpec
from contracts.catalog import CatalogSchema, TableSpec
from contracts.errors import NotRunnableError
from contracts.fallback import SlotFallback
from contracts.features import FeatureSchema, Root
from contracts.rule_ir import Form, Read, Rule, RuleIR
from engine.loaded import ColumnRule, LoadedInput, LoadedModel
from engine.programs.columns import plan_columns
from engine.programs.plan import plan_request
from engine.programs.values import RequestProgram
from engine.scorers import Scorer
from engine.snapshot import Table

BOOL = ("bool",)
TEXT = ("string",)
NUMBER = ("int", "double")
INPUT = (*NUMBER, "bool")


@dataclass(frozen=True)
class Parts:
    """The sections that slots draw on, by name. Inputs of a model are planned once per table."""

    schema: FeatureSchema
    catalog: CatalogSchema
    tables: Mapping[str, Table]
    rules: RuleIR
    models: Mapping[str, ModelSpec]
    scorers: Mapping[str, Scorer]
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

    def columns(self, name: str, table: str, types: tuple[str, ...], *, reads_score: bool = False) -> ColumnRule:
        """A rule over candidates of a table; only what runs after scoring may read `score`."""
        rule = self.rule(name, Form.COLUMNS, types)
        if not reads_score and any(isinstance(node, Read) and node.root is Root.SCORE for node in rule.nodes):
            raise NotRunnableError(f"rule {name} reads score, which is not known yet in its place")
        return ColumnRule(name, plan_columns(rule, self.schema, self.specs[table]))

    def request(self, name: str, table: str | None, types: tuple[str, ...]) -> RequestProgram:
        """A rule run once, or once per answered row of a table."""
        spec = None if table is None else self.specs[table]
        return plan_request(self.rule(name, Form.REQUEST, types), self.schema, spec)


def load_model(parts: Parts, name: str, table: str) -> LoadedModel:
    """A model whose inputs read a table; the same for every slot that names both."""
    spec = parts.models.get(name)
    if spec is None:
        raise NotRunnableError(f"names model {name}, which the bundle lacks")
    if (name, table) not in parts.planned:
        inputs = tuple(_input(parts, table, each) for each in spec.inputs)
        parts.planned[name, table] = LoadedModel(spec, inputs, parts.scorers.get(name))
    return parts.planned[name, table]


def _input(parts: Parts, table: str, spec: InputSpec) -> LoadedInput:
    if isinstance(spec.missing, str) and spec.missing not in ("nan", "refuse"):
        raise NotRunnableError(f"input {spec.name}: missing is nan, refuse or a number, not {spec.missing}")
    missing = None if spec.missing == "refuse" else float(spec.missing)
    return LoadedInput(spec.name, parts.columns(spec.rule, table, INPUT).run, missing)
