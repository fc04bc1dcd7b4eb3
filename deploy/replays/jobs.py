"""The two jobs of `edgewise replay`: to decide a recording again, and to decide it by another bundle.

What makes a job is plain data, so that it can be sent to other processes; each of them loads its own bundles.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from contracts.codec import Contract
from contracts.record import Recording
from deploy.replays.counterfactual import Counterfactual
from deploy.replays.replayer import GOOD, Replayer, Verdict
from deploy.replays.revisions import LoadedRevisions, Revisions
from deploy.replays.shifts import Tally

SHOWN = 5


class Difference(Contract, frozen=True):
    """One record that did not come out identical; `number` counts records from 1."""

    number: int
    verdict: Verdict


class ReplayReport(Contract, frozen=True):
    """How many records there were, how many of each outcome, at which stages, and the first that were not identical.

    `score_difference` is the largest between recorded scores and this engine's own; None where all were made on it.
    """

    records: int
    outcomes: dict[str, int]
    stages: dict[str, int]
    score_difference: float | None
    differences: tuple[Difference, ...]

    @property
    def is_good(self) -> bool:
        """Whether there were records, and all of them came out as they were."""
        return self.records > 0 and self.outcomes.keys() <= GOOD

    @property
    def others(self) -> int:
        """How many records were not identical besides those that are listed."""
        return sum(count for outcome, count in self.outcomes.items() if outcome not in GOOD) - len(self.differences)


@dataclass
class ReplayTally:
    """What one process counted."""

    outcomes: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    score_difference: float | None = None
    differences: list[Difference] = field(default_factory=list)

    def count(self, number: int, verdict: Verdict) -> None:
        """Counts one record."""
        self.outcomes[verdict.outcome] += 1
        if verdict.stage:
            self.stages[verdict.stage] += 1
        if verdict.score_difference is not None:
            self.score_difference = max(self.score_difference or 0.0, verdict.score_difference)
        if verdict.outcome not in GOOD and len(self.differences) < SHOWN:
            self.differences.append(Difference(number=number, verdict=verdict))


def report(tallies: Iterable[ReplayTally]) -> ReplayReport:
    """What all processes counted."""
    told = list(tallies)
    differences = sorted((each for tally in told for each in tally.differences), key=lambda each: each.number)
    outcomes = sum((tally.outcomes for tally in told), Counter[str]())
    return ReplayReport(
        records=outcomes.total(),
        outcomes=dict(outcomes.most_common()),
        stages=dict(sum((tally.stages for tally in told), Counter[str]()).most_common()),
        score_difference=max((t.score_difference for t in told if t.score_difference is not None), default=None),
        differences=tuple(differences[:SHOWN]),
    )


class ReplayJob:
    """Replays parts and counts the verdicts."""

    def __init__(self, replayer: Replayer) -> None:
        self._replayer = replayer
        self._tally = ReplayTally()

    def take(self, part: Recording, first_number: int) -> None:
        """Replays the part's records."""
        for number, verdict in enumerate(self._replayer.take(part), first_number):
            self._tally.count(number, verdict)

    def result(self) -> ReplayTally:
        """What was counted."""
        return self._tally


@dataclass(frozen=True)
class MakeReplay:
    """Makes the job on bundles of files or of a registry."""

    files: tuple[Path, ...]
    registry: Path | None

    def __call__(self) -> ReplayJob:
        """The job, with bundles that this process loads."""
        return ReplayJob(Replayer(LoadedRevisions(Revisions(self.files, self.registry))))


@dataclass(frozen=True)
class MakeCounterfactual:
    """Makes the job of deciding by the bundle `revision`, which is among the given ones."""

    revision: str
    files: tuple[Path, ...]
    registry: Path | None

    def __call__(self) -> Counterfactual:
        """The job, with bundles that this process loads."""
        known = LoadedRevisions(Revisions(self.files, self.registry))
        return Counterfactual(known[self.revision], known)


def merged(tallies: Iterable[Tally]) -> Tally:
    """What all processes counted of a counterfactual."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole
