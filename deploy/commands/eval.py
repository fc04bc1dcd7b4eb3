"""`edgewise eval`.

The file holds `now`, `request`, `visitor_state`, `visitor` and `item` as JSON. Types follow the values: 1 is an int,
1.0 a double, a list holds strings, an object maps strings to doubles; `now` is an RFC 3339 instant,
or left out, the current one.

With --bundle, types, defaults and purposes are those that the bundle declares, and what a rule of it may not say is
refused as `edgewise check` would. `item` may be of any table that has its columns; `granted` lists the purposes that
the visitor agreed to, all if it is left out.

With --batch, the cases of a file are run and judged instead: a list of {"id", "expr", "expect"}, where `expect` is
{"value": [kind, payload]}, {"error": [...]} or {"type": "..."}; and, as they are needed, "bindings", "type_env",
"container", "disable_check", "disable_macros", "check_only". Kinds are those of CEL; ints are written as strings:
  [{"id": "sum", "expr": "x + 1", "type_env": [["x", "int"]], "bindings": {"x": ["int", "1"]},
    "expect": {"value": ["int", "2"]}}]

examples:
  edgewise eval 'visitor.affinity[item.category] > 0.2' --with features.json
  edgewise eval 'now.getHours("America/New_York") < 12' --with features.json --json
  edgewise eval 'get(visitor.affinity, item.kind, 0.0)' --with features.json --bundle tea
  edgewise eval --batch cases.json --json
"""

import argparse
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from compiler.cel.check import check_alone
from compiler.cel.lower import lower_rules
from compiler.cel.trial import lower_trial
from compiler.diagnostics import CompileError
from compiler.places import SourceText, Text
from compiler.reading.expressions import ALONE, Expression
from compiler.reading.tables import TableSource
from compiler.sources import CONFIG_FILE, Sources, survey
from contracts.codec import MAX_BODY_BYTES, MAX_SECTION_BYTES, decode_json
from contracts.errors import ContractError, RuleError
from contracts.rule_ir import Rule
from deploy.conformance import Case, run_cases
from deploy.outcome import Outcome
from deploy.surroundings import Surroundings, declared, fitting, guessed
from engine.programs.functions.formatting import text_of
from engine.programs.functions.text_changes import quoted
from engine.programs.plan import plan_request, plan_trial
from engine.programs.values import CelValue, OptionalValue, RequestProgram, Scope, Uint

T = TypeVar("T")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `eval`."""
    parser.add_argument("expression", nargs="?", help="a CEL expression")
    parser.add_argument("--with", dest="file", type=Path, help="a JSON file with the values to read")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="the bundle whose declarations hold")
    parser.add_argument("--batch", type=Path, metavar="FILE", help="a JSON file of conformance cases to run")


def run(options: argparse.Namespace) -> Outcome:
    """Checks, lowers and runs the expression as the engine would. An error of the rule makes the exit code 1."""
    if options.batch is not None:
        return _batch(options.batch)
    if options.expression is None:
        raise ContractError("there is nothing to try: give an expression, or --batch FILE", "expression")
    values = _read(options.file, Surroundings, MAX_BODY_BYTES) if options.file else Surroundings()
    text, folder = options.expression, options.bundle
    trial = _guessed(text, values) if folder is None else _of_bundle(text, values, folder)
    rule = trial.rule
    try:
        given = trial.program(trial.scope)
    except RuleError as error:
        return Outcome({"type": rule.type, "error": error.message}, f"error: {error.message}", 1)
    value, written = _readable(given), _quoted(given)
    return Outcome({"type": rule.type, "value": value}, f"{written}  ({rule.type})")


def _read(file: Path, kind: type[T], max_bytes: int) -> T:
    """A JSON file. Raises `ContractError` naming file and place, `OSError`."""
    try:
        return decode_json(file.read_bytes(), kind, max_bytes=max_bytes)
    except ContractError as error:
        raise ContractError(f"{file}: {error.message}", error.path) from None


def _batch(file: Path) -> Outcome:
    """Runs the cases of a file. A failed one makes the exit code 1."""
    cases = _read(file, tuple[Case, ...], MAX_SECTION_BYTES)
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


@dataclass(frozen=True)
class _Trial:
    """An expression, ready to run."""

    rule: Rule
    program: RequestProgram
    scope: Scope


def _guessed(text: str, values: Surroundings) -> _Trial:
    """Outside any bundle, types may be left open."""
    ground = guessed(values)
    checked = check_alone(_written(text), ground.schema, ground.table.columns)
    rule = lower_trial(checked.tree, text)
    return _Trial(rule, plan_trial(rule, ground.schema, ground.table), ground.scope)


def _of_bundle(text: str, values: Surroundings, folder: Path) -> _Trial:
    """As a rule of a bundle. Raises `CompileError` with what is wrong with its declarations, or with the expression."""
    surveyed = survey(folder)
    unsure = [problem for problem in surveyed.problems if problem.file == CONFIG_FILE]
    if unsure:
        raise CompileError(unsure)
    sources = surveyed.sources
    table, rule = _fitted(_written(text), sources, fitting(sources.tables, values.item))
    ground = declared(values, sources.schema, table)
    return _Trial(rule, plan_request(rule, ground.schema, ground.table), ground.scope)


def _fitted(expression: Expression, sources: Sources, tables: Sequence[TableSource]) -> tuple[TableSource, Rule]:
    """The first of the tables over which the expression is right. Raises `CompileError` as for the first of all."""
    refused: list[CompileError] = []
    for table in tables:
        try:
            checked = check_alone(expression, sources.schema, table.columns)
            rules, problems = lower_rules({expression.name: replace(checked, table=table.name)}, sources)
        except CompileError as error:
            refused.append(error)
            continue
        if not problems:
            return table, rules[expression.name]
        refused.append(CompileError(problems))
    raise refused[0]


def _written(text: str) -> Expression:
    written = Text(text, SourceText("expression", text), range(len(text) + 1))
    return Expression("expression", written, ALONE, ())
