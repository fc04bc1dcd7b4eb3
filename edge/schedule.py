"""When to ask again: pure arithmetic. Chance is an argument, and nobody sleeps here: that is for `edge.tasks`."""

from dataclasses import dataclass

_MAX_DOUBLINGS = 16


@dataclass(frozen=True)
class Pace:
    """How often something is asked for when all goes well, and how the wait grows while it fails. In seconds."""

    interval_s: float
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0


REGISTRY = Pace(interval_s=1.0)
FEATURES = Pace(interval_s=0.1)  # the long poll itself waits; small changes in a row come as one page
CONTROLS = Pace(interval_s=0.05, longest_wait_s=2.0)  # a kill must arrive soon after the origin is back
UPLINK = Pace(interval_s=0.25)
REFUSED = Pace(interval_s=60.0, first_wait_s=60.0, longest_wait_s=1800.0)  # the same release once more


def next_ask_s(pace: Pace, failures: int, u: float, told_s: float | None = None) -> float:
    """Seconds until the next ask after `failures` in a row; u in [0, 1) spreads the nodes.

    Waits double from the first one, and each lies between half of its value and all of it. `told_s` is what the other
    side asked for (Retry-After); it is obeyed up to the longest wait.
    """
    if failures == 0:
        return pace.interval_s * (0.75 + 0.5 * u)
    wait_s = min(pace.longest_wait_s, pace.first_wait_s * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))
    return max(min(told_s or 0.0, pace.longest_wait_s), wait_s * (0.5 + 0.5 * u))
