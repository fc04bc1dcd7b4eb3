"""`policy = { name = "softmax", temperature = 0.1 }` -> which policy draws, with its numbers in their ranges.

What numbers a policy takes stands in `engine.policies` alone. One that draws by a column names it, as in
`{ name = "table", column = "chances", by = "device", max_age = "2d" }`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.diagnostics import declaration_messages as misfit
from compiler.places import Value
from compiler.reading import fields
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.tables import TableSource
from contracts.features import FeatureSchema, Root, ValueType
from contracts.slots import PolicySpec, Weights
from engine.policies import POLICIES, Policy

NO_POLICY = PolicySpec(name="")


@dataclass(frozen=True)
class Drawing:
    """What a policy is read for: the kinds and tables of the slots that it draws for, and what features there are."""

    kinds: tuple[str, ...]
    tables: tuple[TableSource, ...]
    schema: FeatureSchema


def policy_for(drawing: Drawing) -> Reader[PolicySpec]:
    """A policy that supports these slots."""

    def read(value: Value, log: Log) -> PolicySpec:
        written = Fields(value, "a policy", log)
        name = written.need("name", fields.known(POLICIES, "policy"), "")
        if name not in POLICIES:
            return NO_POLICY
        policy = POLICIES[name]
        params = dict(_params(policy, written))
        weights = _weights(drawing, written, log) if policy.is_by_column else None
        written.close()
        for kind in sorted(set(drawing.kinds) - policy.kinds):
            log.append(misfit.policy_of_another_kind(written.where("name"), name, kind, policy.kinds))
        return PolicySpec(name=name, params=params, weights=weights)

    return read


def _params(policy: Policy, written: Fields) -> Iterator[tuple[str, float]]:
    """Every number of the policy, as written or by default."""
    for name, param in policy.params.items():
        number = fields.number(param.least, param.most)
        if param.default is None:
            yield name, written.need(name, number, param.least)
        else:
            yield name, written.take(name, number, param.default)


def _weights(drawing: Drawing, written: Fields, log: Log) -> Weights:
    """The column to draw by: of doubles, or of maps by the value of one request feature."""
    contexts = fields.known(_contexts(drawing.schema), "request feature with finitely many values")
    weights = Weights(
        column=written.need("column", _column_of(drawing.tables), ""),
        by=written.take("by", contexts, None),
        max_age_s=written.take("max_age", fields.duration_s, None),
    )
    needed = ValueType.NUMBERS if written.has("by") else ValueType.DOUBLE
    columns = [column for table in drawing.tables for column in table.columns if column.name == weights.column]
    for kind in sorted({column.type for column in columns} - {needed}):
        log.append(misfit.weights_of_another_type(written.where("column"), weights.column, kind, needed))
    if weights.max_age_s is not None and not all(column.is_live for column in columns):
        log.append(misfit.weights_that_never_age(written.where("max_age"), weights.column))
    return weights


def _column_of(tables: tuple[TableSource, ...]) -> Reader[str]:
    """A column that each of the tables has."""
    names = [{column.name for column in table.columns} for table in tables]
    return fields.known(sorted(set.intersection(*names)), "column") if names else fields.text


def _contexts(schema: FeatureSchema) -> list[str]:
    """What weights may be looked up by: request features with finitely many values that need no consent."""
    request = (spec for spec in schema.of(Root.REQUEST) if spec.purpose is None)
    return [spec.name for spec in request if spec.values or spec.type is ValueType.BOOL]
