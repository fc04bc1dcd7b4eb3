"""The time a decision may take, and what is answered when it is out or the engine has a bug.

Elapsed time counts from the arrival of a request's bytes and includes how late the event loop ran then: a node that is
behind answers from the fallback table instead of queueing. Here stands the runtime's only `except Exception`.
All times are seconds of the monotonic clock.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from contracts.controls import Controls
from contracts.decision import Cause, DecisionRequest, Decisions, Stage, Trace
from engine.decide import decide, plain
from engine.gate import granted_of, refusal
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

GAUGE_INTERVAL_S = 0.005
_log = logging.getLogger("edgewise")


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a request's last byte had arrived, and how late the loop ran then."""

    at_s: float
    lateness_s: float


@dataclass(frozen=True, slots=True)
class Deadline:
    """A budget from the instant at which a request had arrived, and how late the loop ran then."""

    budget_s: float
    arrived_s: float
    lateness_s: float = 0.0

    def is_over(self, now_s: float) -> bool:
        """Whether the budget is used up."""
        return now_s - self.arrived_s + self.lateness_s > self.budget_s


class LoopGauge:
    """How late the event loop runs: the lateness of its last timer of 5 ms."""

    def __init__(self) -> None:
        self.lateness_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Starts measuring the running loop."""
        due_s = time.monotonic() + GAUGE_INTERVAL_S
        self._timer = asyncio.get_running_loop().call_later(GAUGE_INTERVAL_S, self._tick, due_s)

    def stop(self) -> None:
        """Ends measuring."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self, due_s: float) -> None:
        self.lateness_s = max(0.0, time.monotonic() - due_s)
        self.start()


@dataclass(frozen=True, slots=True)
class Timely:
    """What was decided, the request as it was decided, and how often the engine failed on the way.

    After one bug the answers are those of a request out of time, after two they are plain (`is_plain`).
    """

    request: DecisionRequest
    decisions: Decisions
    bugs: int = 0
    is_plain: bool = False


def decide_in_time(
    loaded: LoadedBundle,
    request: DecisionRequest,
    snapshot: Snapshot,
    controls: Controls,
    deadline: Deadline,
    clock: Callable[[], float] = time.monotonic,
) -> Timely:
    """Decides within the deadline, and answers whatever happens.

    A request that is out of time on entry is decided as overloaded. When the engine has a bug it is asked once more,
    out of time from the start (cause internal_error); when that fails too, every slot is plain.
    """
    if deadline.is_over(clock()):
        request = replace(request, is_overloaded=True)

    def out_of_time(_slot: str, _stage: Stage) -> bool:
        return deadline.is_over(clock())

    for bugs, attempt in enumerate((request, replace(request, is_retry=True))):
        try:
            return Timely(attempt, decide(loaded, attempt, snapshot, controls, out_of_time), bugs)
        except Exception:  # noqa: BLE001 - the runtime's only one: a bug in the engine must not cost an answer
            _log.exception("the engine failed on request %s; a lower tier answers", request.request_id)
    return Timely(attempt, _all_plain(loaded, attempt, controls), bugs + 1, is_plain=True)


def _all_plain(loaded: LoadedBundle, request: DecisionRequest, controls: Controls) -> Decisions:
    """Every slot plain, for what the gate says or else the bug: no more of the engine is asked, holdouts neither."""
    granted = granted_of(request, loaded)
    causes = {name: refusal(loaded.slots[name], request, controls, granted) for name in request.slots}
    decided = tuple(
        [
            plain(request.request_id, loaded.slots[name].spec, cause or Cause.INTERNAL_ERROR)
            for name, cause in causes.items()
        ]
    )
    return Decisions(decisions=decided, traces=tuple([Trace(slot=each.slot) for each in decided]))
