"""What is left standing of a bundle in which something is wrong: the slots that can be judged all the same.

One run tells all problems, and none that merely follows from another one. So a slot is judged as if it were alone when
nothing is wrong with its file, its models, its table and its rules; what bears on every slot must be right for any.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.analysis.uses import uses_of
from compiler.diagnostics import Problem
from compiler.sources import CONFIG_FILE, SlotSource, Sources
from contracts.rule_ir import Rule

_RULES = "rules/"


@dataclass(frozen=True)
class Standing:
    """`sources` with the slots that can be judged; `broken` are those of which not even the file is right.

    `is_whole` when no slot is missing, `has_cases` when cases of `tests/*.toml` can be read.
    """

    sources: Sources
    broken: frozenset[str]
    is_whole: bool
    has_cases: bool


def standing(
    sources: Sources, rules: Mapping[str, Rule], declared: Sequence[Problem], in_rows: Sequence[Problem]
) -> Standing:
    """What is left, given the rules that could be lowered and what is wrong with declarations and rows."""
    faulty = {problem.file for problem in (*declared, *in_rows)}
    broken = frozenset(name for name, slot in sources.slots.items() if slot.where.file in faulty)
    is_bare = CONFIG_FILE in faulty
    alone = {name: slot for name, slot in sources.slots.items() if name not in broken and not is_bare}
    slots = {name: slot for name, slot in alone.items() if _is_sound(slot, sources, rules, faulty)}
    has_rules = not any(file.startswith(_RULES) for file in faulty)
    return Standing(
        sources=replace(sources, slots=slots, features=() if is_bare else sources.features),
        broken=broken,
        is_whole=len(slots) == len(sources.slots) and len(rules) == len(sources.rules),
        has_cases=not is_bare and has_rules and not in_rows,
    )


def _is_sound(slot: SlotSource, sources: Sources, rules: Mapping[str, Rule], faulty: Collection[str]) -> bool:
    table = sources.tables.get(slot.spec.table)
    models = [sources.models.get(name) for name in slot.spec.models]
    if table is None or None in models:
        return False
    csv = table.csv.relative_to(sources.folder).as_posix() if table.csv.is_relative_to(sources.folder) else ""
    files = {csv, *(model.where.file for model in models if model is not None)}
    named = {name for _, name in uses_of(slot, sources)} | {each.name for each in slot.expressions}
    return files.isdisjoint(faulty) and named <= rules.keys()
