"""What rules say of the rows that the catalog has now: values that no item has, guardrails that no item passes.

Rows change with the next bundle while the rule stays, so all this is worth a word and no more. Live columns are left
out: their values come by feed.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from compiler.analysis.spelling import spot
from compiler.catalog import Catalog
from compiler.diagnostics import Problem
from compiler.diagnostics import analysis_messages as say
from compiler.sources import Sources
from contracts.catalog import TableSpec
from contracts.features import Root, ValueType
from contracts.rule_ir import Call, Const, Has, ListOf, Node, Read, Rule
from engine.column import read_column
from engine.programs.arrays import quiet
from engine.programs.columns import plan_columns
from engine.programs.limits import MAX_ROUNDS_PER_CANDIDATE
from engine.programs.values import NOTHING, Batch
from engine.programs.verify import verify
from engine.snapshot import Table

_TEXTUAL = (ValueType.STRING, ValueType.STRINGS)
_ASKING = frozenset({"equals", "not_equals", "in_list"})


def row_problems(sources: Sources, rules: Mapping[str, Rule], catalog: Catalog) -> Iterator[Problem]:
    """What is odd about rules, seen with the rows of the tables that they are used with."""
    specs = {spec.name: spec for spec in catalog.schema.tables}
    for name, rule in rules.items():
        for table in filter(specs.__contains__, sources.rules[name].tables):
            yield from _unknown_values(rule, sources, specs[table], catalog)
            yield from _long_macros(rule, sources, specs[table])
    for slot in sources.slots.values():
        spec = specs[slot.spec.table]
        guards = {name: rules[name] for name in slot.spec.guards if name in rules}
        for name, rule in guards.items():
            if _reads_rows_alone(rule, spec) and _blocks_all(rule, sources, spec, catalog):
                yield say.blocks_all(sources.rules[name].where, name, spec.name, spec.rows)


def _unknown_values(rule: Rule, sources: Sources, spec: TableSpec, catalog: Catalog) -> Iterator[Problem]:
    textual = {column.name for column in spec.columns if column.type in _TEXTUAL and not column.is_live}
    for node in rule.nodes if spec.rows else ():
        if not isinstance(node, Call) or node.function not in _ASKING:
            continue
        args = [rule.nodes[arg] for arg in node.args]
        read = next((arg for arg in args if isinstance(arg, Read) and arg.root is Root.ITEM), None)
        if read is None or read.field not in textual:
            continue
        known = catalog.columns[spec.name, read.field].dictionary
        for literal in _literals(rule, args):
            if literal.value not in known:
                where = spot(sources.rules[rule.name], literal)
                yield say.no_item_has(where, spec.name, read.field, str(literal.value), known)


def _literals(rule: Rule, args: list[Node]) -> Iterator[Const]:
    for arg in args:
        parts = [rule.nodes[item] for item in arg.items] if isinstance(arg, ListOf) else [arg]
        yield from (part for part in parts if isinstance(part, Const) and part.value != "")


def _long_macros(rule: Rule, sources: Sources, spec: TableSpec) -> Iterator[Problem]:
    root = verify(rule, sources.schema, spec).facts[-1]
    if root.moves and root.steps > MAX_ROUNDS_PER_CANDIDATE:
        yield say.long_macros(sources.rules[rule.name].where, root.steps, MAX_ROUNDS_PER_CANDIDATE)


def _reads_rows_alone(rule: Rule, spec: TableSpec) -> bool:
    live = {column.name for column in spec.columns if column.is_live}
    reads = [node for node in rule.nodes if isinstance(node, Read | Has)]
    return bool(reads) and all(read.root is Root.ITEM and read.field not in live for read in reads)


@quiet
def _blocks_all(rule: Rule, sources: Sources, spec: TableSpec, catalog: Catalog) -> bool:
    columns = {column.name: read_column(catalog.columns[spec.name, column.name], spec.rows) for column in spec.columns}
    batch = Batch(NOTHING, Table(spec.name, columns), np.arange(spec.rows))
    answer = plan_columns(rule, sources.schema, spec)(batch)
    passing = answer.values if answer.errors is None else answer.values & ~answer.errors
    return spec.rows > 0 and not passing.any()
