"""The front half of every build: sources -> check -> lower, in one go, so that problems of all three come together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.cel.check import check_expressions
from compiler.cel.lower import lower_rules
from compiler.diagnostics import CompileError
from compiler.sources import Sources, survey
from contracts.rule_ir import Rule


@dataclass(frozen=True)
class Front:
    """Checked sources, and their rules lowered, by name."""

    sources: Sources
    rules: Mapping[str, Rule]


def read_bundle(folder: Path) -> Front:
    """Reads, checks and lowers a bundle's folder. Raises `CompileError` with everything that is wrong in it."""
    surveyed = survey(folder)
    checked, wrong = check_expressions(surveyed.sources)
    rules, refused = lower_rules(checked, surveyed.sources)
    problems = [*surveyed.problems, *wrong, *refused]
    if problems:
        raise CompileError(problems)
    return Front(surveyed.sources, rules)
