"""`edgewise eval`.

The file holds `now`, `request`, `visitor_state`, `visitor` and `item` as JSON. Types follow the values: 1 is an int,
1.0 a double, a list holds strings, an object maps strings to doubles; `now` is an RFC 3339 instant,
or left out, the current one.

With --batch, the cases of a file are run and judged instead: a list of {"id", "expr", "expect"}, where `expect` is
{"value": [kind, payload]}, {"error": [...]} or {"type": "..."}; and, as they are needed, "bindings", "type_env",
"container", "disable_check", "disable_macros", "check_only". Kinds are those of CEL; ints are written as strings:
  [{"id": "sum", "expr": "x + 1", "type_env": [["x", "int"]], "bindings": {"x": ["int", "1"]},
    "expect": {"value": ["int", "2"]}}]

examples:
  edgewise eval 'visitor.affinity[item.category] > 0.2' --with features.json
  edgewise eval 'now.getHours("America/New_York") < 12' --with features.json --json
  edgewise eval --batch cases.json --json
"""

import argparse
import math
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from tqdm import tqdm

from compiler.cel.check import check_alone
from compiler.cel.trial import lower_trial
from compiler.places import SourceText, Text
from compiler.reading.expressions import ALONE, Expression
from contracts.catalog import ColumnSpec, TableSpec
from contracts.codec import MAX_SECTION_BYTES, Contract, decode_json
from contracts.errors import ContractError, RuleError
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, Root, Value, ValueType, conform
from contracts.rule_ir import Rule
from deploy.conformance import Case, run_cases
from deploy.outcome import Outcome
from engine.programs.functions.formatting import text_of
from engine.programs.functions.text_parts import quoted
from engine.programs.plan import plan_trial
from engine.programs.values import CelValue, OptionalValue, Scope, Uint
from engine.snapshot import Column, Table

_TYPES: dict[type, ValueType] = {
    bool: ValueType.BOOL,
    int: ValueType.INT,
    float: ValueType.DOUBLE,
    str: ValueType.STRING,
    tuple: ValueType.STRINGS,
    dict: ValueType.NUMBERS,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Surroundings(Contract, frozen=True):
    """The values that an expression may read."""

    now: datetime | None = None
    request: dict[str, Value] = {}
    visitor_state: dict[str, Value] = {}
    visitor: dict[str, Value] = {}
    item: dict[str, Value] = {}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `eval`."""
    parser.add_argument("expression", nargs="?", help="a CEL expression")
    parser.add_argument("--with", dest="file", type=Path, help="a JSON file with the values to read")
    parser.add_argument("--batch", type=Path, metavar="FILE", help="a JSON file of conformance cases to run")


def run(options: argparse.Namespace) -> Outcome:
    """Checks, lowers and runs the expression as the engine would. An error of the rule makes the exit code 1."""
    if options.batch is not None:
        return _batch(options.batch)
    if options.expression is None:
        raise ContractError("there is nothing to try: give an expression, or --batch FILE", "expression")
    values = decode_json(options.file.read_bytes(), Surroundings) if options.file else Surroundings()
    if values.now is not None and values.now.tzinfo is None:
        raise ContractError("lacks its zone: add Z or an offset", "$.now")
    schema = FeatureSchema(purposes=(), features=tuple(_features(values)))
    table = TableSpec(name="item", columns=tuple(_columns(values.item)), rows=1)
    rule = _lowered(options.expression, schema, table)
    try:
        given = plan_trial(rule, schema, table)(_scope(values))
    except RuleError as error:
        return Outcome({"type": rule.type, "error": error.message}, f"error: {error.message}", 1)
    value, written = _readable(given), _quoted(given)
    return Outcome({"type": rule.type, "value": value}, f"{written}  ({rule.type})")


def _batch(file: Path) -> Outcome:
    """Runs the cases of a file. A failed one makes the exit code 1."""
    cases = decode_json(file.read_bytes(), tuple[Case, ...], max_bytes=MAX_SECTION_BYTES)
    results = run_cases(tqdm(cases, desc="cases", unit="", leave=False, disable=None))
    counts = Counter(each.outcome for each in results)
    failed = [f"FAIL {each.id}: {each.why}" for each in results if each.outcome == "fail"]
    skipped = Counter(each.why for each in results if each.outcome == "skip")
    lines = [*failed, *(f"skipped {count}: {why}" for why, count in skipped.most_common())]
    total = f"{counts['pass']} of {len(results) - counts['skip']} pass, {counts['skip']} are skipped"
    return Outcome({"results": results}, "\n".join([*lines, total]), 1 if failed else 0)


def _quoted(value: CelValue) -> str:
    """The value for people: a string in quotes, to be told from what it may look like."""
    return quoted(value) if isinstance(value, str) else text_of(value)


def _readable(value: CelValue) -> object:
    """The value as JSON has it; what JSON has no word for, as CEL writes it."""
    match value:
        case Uint():
            return int(value)
        case OptionalValue():
            return {"optional": [_readable(held) for held in value.held]}
        case tuple():
            return [_readable(item) for item in value]
        case Mapping():
            return {text_of(key): _readable(item) for key, item in value.items()}
        case float() if not math.isfinite(value):
            return text_of(value)
        case None | bool() | str() | float():
            return value
    return int(value) if type(value) is int else text_of(value)


def _lowered(text: str, schema: FeatureSchema, table: TableSpec) -> Rule:
    written = Text(text, SourceText("expression", text), range(len(text) + 1))
    checked = check_alone(Expression("expression", written, ALONE, ()), schema, table.columns)
    return lower_trial(checked.tree, text)


def _features(values: Surroundings) -> list[FeatureSpec]:
    roots = {Root.REQUEST: values.request, Root.VISITOR_STATE: values.visitor_state, Root.VISITOR: values.visitor}
    return [
        FeatureSpec(name=name, root=root, type=_type(value, f"$.{root}.{name}"))
        for root, named in roots.items()
        for name, value in named.items()
    ]


def _columns(item: Mapping[str, Value]) -> list[ColumnSpec]:
    return [ColumnSpec(name=name, type=_type(value, f"$.item.{name}")) for name, value in item.items()]


def _type(value: Value, path: str) -> ValueType:
    name = path.rpartition(".")[2]
    if not name.isidentifier():
        raise ContractError(f"{name!r} cannot be written after a dot in CEL: use letters, digits and _", path)
    kind = _TYPES[type(value)]
    conform(value, kind, path)
    return kind


def _scope(values: Surroundings) -> Scope:
    columns = {name: _column(value) for name, value in values.item.items()}
    return Scope(
        now=(values.now - _EPOCH) // timedelta(microseconds=1) if values.now else time.time_ns() // 1_000,
        granted=frozenset(),
        request=values.request,
        visitor_state=values.visitor_state,
        visitor={name: FeatureValue(value=value, as_of=0) for name, value in values.visitor.items()},
        table=Table("item", columns) if columns else None,
        row=0,
    )


def _column(value: Value) -> Column:
    """A column of one row."""
    kind = _TYPES[type(value)]
    if isinstance(value, str):
        return Column(kind, np.zeros(1, np.int32), dictionary=(value,))
    if isinstance(value, (tuple, dict)):
        codes, ends = np.arange(len(value), dtype=np.int32), np.array([0, len(value)])
        numbers = np.array(list(value.values())) if isinstance(value, dict) else None
        return Column(kind, codes, dictionary=tuple(value), offsets=ends, numbers=numbers)
    return Column(kind, np.array([value]))
