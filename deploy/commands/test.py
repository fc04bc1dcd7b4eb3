"""`edgewise test`.

Each table of `tests/*.toml` is a case: a request, a visitor and items, and what a slot then decides or a rule gives.
Where the models are not trained yet, cases that expect tier `model` or `fallback` are skipped, and it says so. The
exit code is 1 when a case fails.

examples:
  edgewise test bundles/storefront
  edgewise test bundles/storefront --case 'tobacco*'
  edgewise test bundles/storefront --json       every case, for a report
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import ndiff
from fnmatch import fnmatchcase
from pathlib import Path

from compiler.build import build, without_models
from compiler.diagnostics import CompileError
from compiler.diagnostics.problem import suggestion
from compiler.reading.models import LOCK_FILE
from compiler.reading.rule_tests import FOLDER, Case, read_rule_tests
from compiler.sources import survey
from contracts.codec import Contract, encode_json
from contracts.errors import ContractError
from contracts.features import Value
from contracts.rule_ir import RuleIR
from deploy.cases.differences import Difference
from deploy.cases.runner import CaseOutcome, Subject, run_cases
from deploy.outcome import OperationError, Outcome
from engine.load import load

_INDENT = " " * 6


class CaseReport(Contract, frozen=True):
    """How many cases passed, failed and were skipped, and every one of them."""

    passed: int
    failed: int
    skipped: int
    cases: tuple[CaseOutcome, ...]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `test`."""
    parser.add_argument("folder", type=Path, help="a bundle's folder, with its edgewise.toml")
    parser.add_argument(
        "--case",
        dest="patterns",
        action="append",
        metavar="PATTERN",
        help="only cases of this name, in which * stands for anything; may be given again",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Builds the bundle as it stands, and runs its cases."""
    folder: Path = options.folder
    sources = survey(folder).sources  # what is wrong with them, the build tells
    has_models = (folder / LOCK_FILE).exists() or not sources.models
    bundle = build(folder).bundle if has_models else without_models(folder)
    subject = Subject(load(bundle), bundle.read("rules", RuleIR).rules, sources, has_models)
    cases = _chosen(_cases(subject), options.patterns or ["*"])
    outcomes = run_cases(cases, subject)
    counts = Counter(each.outcome for each in outcomes)
    report = CaseReport(passed=counts["pass"], failed=counts["fail"], skipped=counts["skip"], cases=outcomes)
    return Outcome(report, "\n".join(_text(report)), 1 if report.failed else 0)


def _cases(subject: Subject) -> tuple[Case, ...]:
    sources, tables = subject.sources, subject.loaded.snapshot.tables
    cases, problems = read_rule_tests(sources, {name: table.row_of.keys() for name, table in tables.items()})
    if problems:
        raise CompileError(problems)
    if not cases:
        raise OperationError(f"{sources.folder} has no cases; write {FOLDER}/<any name>.toml as `edgewise init` does")
    return cases


def _chosen(cases: Sequence[Case], patterns: Sequence[str]) -> list[Case]:
    names = [case.heading.name for case in cases]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ContractError(f"no case is named `{pattern}`; {suggestion(pattern.strip('*'), names)}")
    return [case for case in cases if any(fnmatchcase(case.heading.name, pattern) for pattern in patterns)]


def _text(report: CaseReport) -> Iterator[str]:
    for outcome in report.cases:
        yield from _case(outcome)
    yield ""
    yield f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped"
    if report.failed:
        yield "- is what the case expects, + what came, = why"
    if report.skipped:
        yield "train the models to run what was skipped: see the bundle's train.py"


def _case(outcome: CaseOutcome) -> Iterator[str]:
    word = outcome.outcome.upper() if outcome.differences else outcome.outcome
    yield f"{word}  {outcome.name}  {outcome.file}:{outcome.line}"
    if outcome.differences and outcome.description:
        yield _INDENT + outcome.description
    if outcome.detail:
        yield _INDENT + outcome.detail
    for difference in outcome.differences:
        yield f"{_INDENT}{difference.key}  {difference.file}:{difference.line}"
        yield from (f"{_INDENT}  {line}" for line in _sides(difference))
        yield from (f"{_INDENT}  = {note}" for note in difference.notes)


def _sides(difference: Difference) -> Iterator[str]:
    """Both sides, entry by entry where they are lists."""
    expected, got = _entries(difference.expected), _entries(difference.got) or _entries(None)
    return (line for line in ndiff(expected, got) if not line.startswith("?"))


def _entries(value: Value | None) -> list[str]:
    if isinstance(value, tuple):
        return list(value)
    if value is None:
        return ["(nothing)"]
    return [value if isinstance(value, str) else encode_json(value).decode()]
