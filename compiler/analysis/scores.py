"""Rules that read what models say, `scores.<model>`: every slot that runs such a rule must have that model.

The checker knows the models of the bundle; a rule may be shared by slots that have different ones. What the rule is
worth in tier `rules`, where no model scores, is the business of `nullables`.
"""

from collections.abc import Iterator, Mapping

from compiler.analysis.spelling import spot
from compiler.diagnostics import Problem
from compiler.diagnostics import analysis_messages as say
from compiler.sources import Sources
from contracts.features import Root
from contracts.rule_ir import Has, Read, Rule


def unscored(sources: Sources, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """Reads of scores that a slot does not have."""
    for slot in sources.slots.values():
        for name in dict.fromkeys(slot.spec.ranking):
            for node in _reads_of_scores(rules[name]):
                if node.field not in slot.spec.models:
                    where = spot(sources.rules[name], node)
                    yield say.model_of_another_slot(where, slot.spec.name, node.field, slot.spec.models)


def _reads_of_scores(rule: Rule) -> list[Read | Has]:
    return [node for node in rule.nodes if isinstance(node, Read | Has) and node.root is Root.SCORES]
