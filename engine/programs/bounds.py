"""How deep, how long and how often: what must be known of each node before a rule may be planned.

Computed from the leaves up, with the tree. A macro's rounds are bounded by what it goes through: the length of a
literal, the limit of a fold, else the most that any macro goes through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contracts.errors import NotRunnableError
from contracts.features import FeatureSpec, Root
from contracts.rule_ir import Form, Has, ListOf, MacroCall, MapOf, Node, Read, Variable
from engine.programs.limits import (
    MAX_DEPTH,
    MAX_ROUNDS,
    MAX_ROUNDS_PER_CANDIDATE,
    MAX_ROUNDS_PER_RUN,
    MAX_SLOTS,
    MAX_STEPS,
)
from engine.programs.macros import MACROS
from engine.programs.types import CelType, parse

Features = Mapping[tuple[Root, str], FeatureSpec]
_OF_CANDIDATES = frozenset({Root.ITEM, Root.SCORE, Root.SCORES})


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds of a node with all below it.

    `unbound` are the variables it reads and no macro in it binds, `bound` the slots that macros in it fill; `rounds`
    is how many entries its value may have, `steps` how many rounds its macros may take; `moves` when it reads what
    changes from candidate to candidate.
    """

    depth: int = 1
    unbound: Mapping[int, CelType] = field(default_factory=dict)
    bound: frozenset[int] = frozenset()
    rounds: int = MAX_ROUNDS
    steps: int = 0
    moves: bool = False


def facts_of(node: Node, below: Sequence[Facts], features: Features) -> Facts:
    """The facts of a node over those of its children. Raises `NotRunnableError` where variables contradict."""
    match node:
        case Variable():
            return Facts(unbound={slot_of(node): parse(node.type)})
        case Read() | Has():
            return Facts(rounds=_most_entries(node, features), moves=node.root in _OF_CANDIDATES)
        case MacroCall():
            return _repeated(node, below)
    if not below:
        return Facts(rounds=0)
    return Facts(
        depth=1 + max([each.depth for each in below]),
        unbound=_together([each.unbound for each in below]),
        bound=frozenset().union(*[each.bound for each in below]),
        rounds=_entries(node),
        steps=sum([each.steps for each in below]),
        moves=any([each.moves for each in below]),
    )


def check_bounds(facts: Facts) -> None:
    """Raises `NotRunnableError` when a node with all below it is too deep or may run too long."""
    if facts.depth > MAX_DEPTH:
        raise NotRunnableError(f"nested deeper than {MAX_DEPTH}")
    if facts.steps > MAX_STEPS:
        raise NotRunnableError(f"its macros may take {facts.steps} steps; at most {MAX_STEPS} may be run")


def most_rounds(root: Facts, form: Form) -> int:
    """How many rounds the macros of a rule may take together in one run."""
    return MAX_ROUNDS_PER_CANDIDATE if root.moves and form is Form.COLUMNS else MAX_ROUNDS_PER_RUN


def slot_of(node: Variable) -> int:
    """The slot that a node reads."""
    if not 0 <= node.slot < MAX_SLOTS:
        raise NotRunnableError(f"slot {node.slot} is none of the {MAX_SLOTS} for variables")
    return node.slot


def _entries(node: Node) -> int:
    """How many entries what a node makes may have, as far as a macro goes through them."""
    match node:
        case ListOf():
            return len(node.items)
        case MapOf():
            return len(node.keys)
    return MAX_ROUNDS


def _most_entries(node: Read | Has, features: Features) -> int:
    feature = features.get((node.root, node.field))
    fold = feature.fold if feature else None
    return min(fold.limit, MAX_ROUNDS) if fold and fold.limit > 0 else MAX_ROUNDS


def _repeated(node: MacroCall, below: Sequence[Facts]) -> Facts:
    over, *bodies = below
    taken: frozenset[int] = frozenset().union(*[each.bound for each in bodies])
    if taken.intersection(node.slots):
        raise NotRunnableError("binds a variable that a macro inside binds again")
    inside = _together([each.unbound for each in bodies])
    left = {slot: kind for slot, kind in inside.items() if slot not in node.slots}
    rounds = 1 if MACROS[node.macro].is_once else over.rounds
    if rounds > MAX_ROUNDS:
        raise NotRunnableError(f"{node.macro} goes through {rounds} entries; at most {MAX_ROUNDS} may be")
    return Facts(
        depth=1 + max([each.depth for each in below]),
        unbound=_together([over.unbound, left]),
        bound=taken.union(over.bound, node.slots),
        rounds=bodies[-1].rounds if MACROS[node.macro].is_once else min(over.rounds, MAX_ROUNDS),
        steps=over.steps + rounds * (1 + sum([each.steps for each in bodies])),
        moves=any([each.moves for each in below]),
    )


def _together(parts: Sequence[Mapping[int, CelType]]) -> Mapping[int, CelType]:
    """The unbound variables of all parts, which must agree on their types."""
    if len(parts) == 1:
        return parts[0]
    known: dict[int, CelType] = {}
    for part in parts:
        for slot, kind in part.items():
            if known.setdefault(slot, kind) != kind:
                raise NotRunnableError(f"reads one variable as {known[slot]} and as {kind}")
    return known
