"""What is declared and never used: rules that no slot runs, features that nothing reads."""

from collections.abc import Iterator, Mapping

from compiler.analysis.uses import policies_of
from compiler.diagnostics import Problem
from compiler.diagnostics import analysis_messages as say
from compiler.reading.expressions import UNUSED
from compiler.sources import Sources
from contracts.features import Root
from contracts.rule_ir import Has, Read, Rule
from contracts.slots import PerVisitor


def unused(sources: Sources, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """Unused rules and features. What an unused rule reads counts as read: one slip is one problem."""
    for name, expression in sources.rules.items():
        if expression.use is UNUSED:
            yield say.unused_rule(expression.where, name)
    read = _read(sources, rules)
    for source in sources.features:
        spec = source.spec
        if (spec.root, spec.name) not in read:
            yield say.unused_feature(source.where, f"{spec.root}.{spec.name}")


def _read(sources: Sources, rules: Mapping[str, Rule]) -> set[tuple[Root, str]]:
    nodes = [node for rule in rules.values() for node in rule.nodes]
    read = {(node.root, node.field) for node in nodes if isinstance(node, Read | Has)}
    for slot in sources.slots.values():
        generators = [each for each in slot.spec.retrieve if isinstance(each, PerVisitor)]
        read |= {(each.root, each.feature) for each in generators}
        weights = [policy.weights for _, policy in policies_of(slot, sources) if policy.weights is not None]
        read |= {(Root.REQUEST, name) for name in (*slot.spec.fallback_keys, *(each.by for each in weights if each.by))}
    unit = sources.experiments.unit
    return read | ({(Root.VISITOR, unit)} if unit else set())
