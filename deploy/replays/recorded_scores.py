"""The score stage of a replay on another engine: recorded scores instead of the models', and how far they are apart."""

import numpy as np
from numpy.typing import NDArray

from contracts.decision import Tier
from contracts.errors import DecisionError
from contracts.record import DecisionRecord
from engine.loaded import LoadedSlot
from engine.programs.values import Batch
from engine.score import Scored, score


class RecordedScores:
    """Stands in for the score stage of `decide` for one record.

    Where a slot's model scores were recorded, for as many candidates as there are now, they are taken; everything
    else, such as a static score, is computed. `largest` is the largest difference between recorded and own scores,
    `problem` why this engine gave none.
    """

    def __init__(self, record: DecisionRecord) -> None:
        self._traces = {trace.slot: trace for trace in record.result.traces}
        self.largest = 0.0
        self.problem = ""

    def __call__(self, slot: LoadedSlot, tier: Tier, batch: Batch) -> Scored:
        """The candidates with their recorded scores."""
        trace = self._traces.get(slot.spec.name)
        if trace is None or tier is not Tier.MODEL or trace.scored_tier is not tier:
            return score(slot, tier, batch)
        if len(batch.rows) != len(trace.scores):  # an earlier stage came out otherwise
            return score(slot, tier, batch)
        recorded = Scored(
            batch.scored(np.array(trace.scores)),
            {name: np.array(scores) for name, scores in trace.other_scores.items()},
        )
        try:
            scored = score(slot, tier, batch)
        except DecisionError as error:
            self.problem = str(error)
            return recorded
        apart = [np.abs(one - other) for one, other in zip(_every(scored), _every(recorded), strict=True)]
        self.largest = max(self.largest, *(float(np.max(each, initial=0.0)) for each in apart))
        return recorded


def _every(scored: Scored) -> list[NDArray[np.float64]]:
    """The scores of all models, the slot's own first."""
    own = [] if scored.batch.score is None else [scored.batch.score]
    return [*own, *(scored.others[name] for name in sorted(scored.others))]
