"""What operators are told of one decision beyond its trace. Computed when asked, by `engine.details`; kept nowhere.

Read by `edgewise explain` and the trace endpoint. Statuses are the names of `contracts.features.Status`, or `MASKED`
for what the record does not hold.
"""

from enum import StrEnum

from contracts.codec import Contract
from contracts.features import Value

MASKED = "MASKED"


class Absence(StrEnum):
    """Why an item is not in an answer. Without its reason it moves on: to another one, or into the answer.

    `unknown`: the slot's table has no such item. `blocked`: by its first blocker, a guardrail or a cap. `held_out`: it
    would be there, were the visitor not held out. `plain`: the slot has plain content. `precomputed`: a precomputed
    answer without it stands in. `not_retrieved`: by no generator. `cut`: by the slot's `cap_candidates`. `taken`: an
    earlier slot of the page shows it. `diversity`: others have all positions of its kind. `pinned`: a pin has its
    place. `outranked`: fewer positions than it ranks. `not_drawn`: the policy drew others, it had a chance.
    `no_chance`: the policy gave it none.
    """

    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    HELD_OUT = "held_out"
    PLAIN = "plain"
    PRECOMPUTED = "precomputed"
    NOT_RETRIEVED = "not_retrieved"
    CUT = "cut"
    TAKEN = "taken"
    DIVERSITY = "diversity"
    PINNED = "pinned"
    OUTRANKED = "outranked"
    NOT_DRAWN = "not_drawn"
    NO_CHANCE = "no_chance"


class Absent(Contract, frozen=True):
    """Why an item is not in an answer; `told` goes on after its id."""

    reason: Absence
    told: str


class FeatureReading(Contract, frozen=True):
    """One feature as this decision read it: `root.name`, status, value. `age_s` is known of what came by feed."""

    name: str
    status: str
    value: Value | None = None
    age_s: float | None = None


class InputReading(Contract, frozen=True):
    """One model input of a candidate as the model got it (float32). None is NaN; `reads` are what its rule reads."""

    name: str
    value: float | None
    reads: dict[str, str] = {}


class ModelReading(Contract, frozen=True):
    """What one model was given for a candidate, and what it said. `problem` tells why there are no inputs."""

    model: str
    inputs: tuple[InputReading, ...] = ()
    score: float | None = None
    problem: str = ""


class CandidateDetails(Contract, frozen=True):
    """One candidate, from its first blocker to its draw.

    `score`, `terms` (of the objective, and boosts) and `value` stand in the trace; `position` counts from 1 where it is
    in the answer, with the propensity of that draw. `models` are computed again from the record, and so is `absent`:
    None where the item is shown, and where what decided cannot be asked again.
    """

    item: str
    blocker: str | None = None
    score: float | None = None
    terms: dict[str, float] = {}
    value: float | None = None
    position: int | None = None
    propensity: float | None = None
    models: tuple[ModelReading, ...] = ()
    absent: Absent | None = None


class Details(Contract, frozen=True):
    """One slot's decision in full: what the gate let through, who was assigned what, what was read, each candidate.

    `candidates` are those asked for. `is_same` tells that what was computed again for them has the recorded scores, to
    the last bit; None where nothing can be compared.
    """

    gate: tuple[str, ...]
    assignments: dict[str, str]
    features: tuple[FeatureReading, ...]
    candidates: tuple[CandidateDetails, ...]
    is_same: bool | None = None

    def absent(self, item: str) -> Absent | None:
        """Why one of these candidates is not in the answer, as far as that was found."""
        return next((each.absent for each in self.candidates if each.item == item), None)
