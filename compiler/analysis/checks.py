"""Every check of this room: those of single rules, which need only their types, and those of slots."""

from collections.abc import Iterator, Mapping

from compiler.analysis.absent_entries import absent_entries
from compiler.analysis.bands import band_problems
from compiler.analysis.conditions import Finding, findings
from compiler.analysis.failures import failures
from compiler.analysis.nullables import unguarded_reads
from compiler.analysis.ranges import Closed
from compiler.analysis.scores import unscored
from compiler.analysis.spelling import spot
from compiler.analysis.values import among
from compiler.diagnostics import Problem
from compiler.diagnostics import analysis_messages as say
from compiler.reading.expressions import Expression
from compiler.sources import Sources
from contracts.features import FeatureSchema, Root
from contracts.rule_ir import Rule


def rule_problems(sources: Sources, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """What is wrong with rules by themselves; other parts of the bundle may still be broken."""
    closed = closed_features(sources.schema)
    guards = {name for slot in sources.slots.values() for name in slot.spec.guards}
    for name, rule in rules.items():
        expression = sources.rules[name]
        failed = list(failures(rule))
        yield from (say.always_fails(spot(expression, rule.nodes[each.place]), each.why) for each in failed)
        for finding in findings(rule, closed, expression.text) if not failed else ():
            is_guard = name in guards and finding.place == len(rule.nodes) - 1
            yield _worded(finding, rule, expression, is_guard)
        yield from band_problems(rule, expression)


def slot_problems(sources: Sources, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """What is wrong with how slots use rules, in slots that are otherwise right."""
    yield from unscored(sources, rules)
    yield from unguarded_reads(sources, rules)
    yield from absent_entries(sources, rules)


def closed_features(schema: FeatureSchema) -> Closed:
    """The features that have one of their declared values. Only the request's are checked when they arrive."""
    return {(spec.root, spec.name): among(spec.values) for spec in schema.of(Root.REQUEST) if spec.values}


def _worded(finding: Finding, rule: Rule, expression: Expression, is_guard: bool) -> Problem:
    where = spot(expression, rule.nodes[finding.at])
    if finding.is_never:
        return say.never_true(where, finding.why, finding.written, finding.choices)
    if is_guard:
        return say.guard_always_true(where, expression.name, finding.why)
    return say.always_true(where, finding.why)
