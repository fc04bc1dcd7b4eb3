"""What explains a rule's answer: where it stands, its expression, and the value of everything that it reads. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from compiler.reading.expressions import Expression
from contracts.catalog import TableSpec
from contracts.codec import encode_json
from contracts.errors import RuleError
from contracts.rule_ir import Read, Rule
from engine.loaded import LoadedBundle
from engine.programs.functions.instants import timestamp_text
from engine.programs.plan import plan_request
from engine.programs.values import CelValue, Scope, Timestamp
from engine.snapshot import Table

_SHOWN_CHARS = 80


@dataclass(frozen=True)
class Readings:
    """The rules of a bundle, as lowered and as written, in the scope of one request over one table."""

    lowered: Mapping[str, Rule]
    written: Mapping[str, Expression]
    loaded: LoadedBundle
    scope: Scope
    table: Table

    @property
    def spec(self) -> TableSpec:
        """The table as declared."""
        return next(spec for spec in self.loaded.catalog.tables if spec.name == self.table.name)

    def at(self, item: str | None, score: float | None = None, scores: Mapping[str, float] | None = None) -> Scope:
        """The scope with `item` being this row, if there is one."""
        if item is None:
            return self.scope
        return replace(self.scope.at(self.table, self.table.row_of[item], score), scores=scores)

    def run(self, name: str, scope: Scope) -> CelValue:
        """The rule's value. Raises `RuleError`."""
        return plan_request(self.lowered[name], self.loaded.schema, self.spec)(scope)

    def explain(self, name: str, scope: Scope) -> tuple[str, ...]:
        """Place, expression and readings of a rule, line by line."""
        written, rule = self.written[name], self.lowered[name]
        where = written.where
        reads = {(node.root, node.field): node for node in rule.nodes if isinstance(node, Read)}
        expression = " ".join(written.text.split())
        lines = [f"{where.file}:{where.line}:{where.column}: {expression}", *self._failure(name, scope)]
        return (*lines, *(self._reading(rule, node, scope) for node in reads.values()))

    def _failure(self, name: str, scope: Scope) -> tuple[str, ...]:
        try:
            self.run(name, scope)
        except RuleError as error:
            return (f"error: {error.message}",)
        return ()

    def _reading(self, rule: Rule, node: Read, scope: Scope) -> str:
        """What one read gives: it is a rule of one node."""
        name = f"{node.root}.{node.field}".removesuffix(".")
        alone = Rule(name=name, form=rule.form, type=node.type, place=rule.place, nodes=(node,))
        try:
            return f"{name} = {_shown(plan_request(alone, self.loaded.schema, self.spec)(scope))}"
        except RuleError as error:
            return error.message


def _shown(value: CelValue) -> str:
    if isinstance(value, Timestamp):
        return timestamp_text(value)
    text = encode_json(value).decode()
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
