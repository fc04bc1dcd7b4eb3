"""Counts of what would have changed: per slot, for whom, with examples. Tallies of several processes add up.

Everything is bounded but the set of visitors, of which 64 bits each are kept, and items, which a catalog bounds.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from contracts.codec import Contract

SHOWN_ITEMS, SHOWN_EXAMPLES = 5, 3


class Example(Contract, frozen=True):
    """One decision that would have been another one; `number` counts records from 1. `why` tells it line by line."""

    number: int
    decision_id: str
    slot: str
    was: str
    now: str
    stage: str
    why: tuple[str, ...]


class Shift(Contract, frozen=True):
    """How many of some decisions would have come out otherwise."""

    decided: int
    changed: int


class SlotShift(Contract, frozen=True):
    """One slot's changes: by tier and cause before and after, by first differing stage, by item lost and gained.

    `propensities` counts decisions that show the same, drawn with another propensity.
    """

    decided: int
    changed: int
    propensities: int
    tiers: dict[str, int]
    stages: dict[str, int]
    lost: dict[str, int]
    gained: dict[str, int]


class CounterfactualReport(Contract, frozen=True):
    """What would have changed, for whom. `groups` are visitors by context, arm and consent; `skipped` by reason.

    `unrecorded` names what the other bundle reads and the records' own bundles did not declare, or counted otherwise:
    features, folds, counters of caps (`exposures.NAME`). `tables` are the candidate tables whose contents differ.
    `records` were compared.
    """

    revision: str
    records: int
    visitors: Shift
    slots: dict[str, SlotShift]
    groups: dict[str, Shift]
    examples: tuple[Example, ...]
    skipped: dict[str, int]
    unrecorded: tuple[str, ...]
    tables: tuple[str, ...]


@dataclass
class SlotTally:
    """Counts of one slot."""

    decided: int = 0
    changed: int = 0
    propensities: int = 0
    tiers: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)

    def add(self, other: "SlotTally") -> None:
        """Takes in what another process counted."""
        self.decided += other.decided
        self.changed += other.changed
        self.propensities += other.propensities
        for name in ("tiers", "stages", "lost", "gained"):
            getattr(self, name).update(getattr(other, name))


@dataclass
class Tally:
    """Everything counted so far. Visitors are kept as 64 bits each."""

    records: int = 0
    slots: defaultdict[str, SlotTally] = field(default_factory=lambda: defaultdict(SlotTally))
    decided_in: Counter[str] = field(default_factory=Counter)
    changed_in: Counter[str] = field(default_factory=Counter)
    visitors: set[int] = field(default_factory=set)
    changed_visitors: set[int] = field(default_factory=set)
    examples: dict[tuple[str, str], list[Example]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    unrecorded: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)

    def add(self, other: "Tally") -> None:
        """Takes in what another process counted."""
        self.records += other.records
        for name, slot in other.slots.items():
            self.slots[name].add(slot)
        for name in ("decided_in", "changed_in", "visitors", "changed_visitors", "skipped", "unrecorded", "tables"):
            getattr(self, name).update(getattr(other, name))
        for key, examples in other.examples.items():
            merged = sorted([*self.examples.get(key, []), *examples], key=lambda each: each.number)
            self.examples[key] = merged[:SHOWN_EXAMPLES]

    def report(self, revision: str) -> CounterfactualReport:
        """What is told of it: the most frequent items, the first examples."""
        examples = sorted((each for some in self.examples.values() for each in some), key=lambda each: each.number)
        return CounterfactualReport(
            revision=revision,
            records=self.records,
            visitors=Shift(decided=len(self.visitors), changed=len(self.changed_visitors)),
            slots={name: _slot_shift(self.slots[name]) for name in sorted(self.slots)},
            groups={
                name: Shift(decided=count, changed=self.changed_in[name])
                for name, count in sorted(self.decided_in.items())
            },
            examples=tuple(examples),
            skipped=dict(self.skipped.most_common()),
            unrecorded=tuple(sorted(self.unrecorded)),
            tables=tuple(sorted(self.tables)),
        )


def _slot_shift(tally: SlotTally) -> SlotShift:
    return SlotShift(
        decided=tally.decided,
        changed=tally.changed,
        propensities=tally.propensities,
        tiers=dict(tally.tiers.most_common()),
        stages=dict(tally.stages.most_common()),
        lost=dict(tally.lost.most_common(SHOWN_ITEMS)),
        gained=dict(tally.gained.most_common(SHOWN_ITEMS)),
    )
