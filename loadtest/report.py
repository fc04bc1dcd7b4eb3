"""Tables of load figures: percentiles, rates, tiers and memory, side by side."""

from collections import Counter

import numpy as np
import psutil

from loadtest.open_loop import Run

PERCENTILES = (50.0, 99.0, 99.9)
HEADER = (
    f"{'':<26}{'asked/s':>9}{'got/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'p99.9 ms':>10}{'RSS MB':>9}{'failed':>8}  answers"
)


def row(name: str, run: Run, rss_mb: float) -> str:
    """One line of the table."""
    percentiles = np.percentile(run.latencies_ms, PERCENTILES) if run.latencies_ms else [float("nan")] * 3
    times = "".join(f"{value:>{width}.2f}" for value, width in zip(percentiles, (9, 9, 10), strict=True))
    failed = sum(run.failures.values())
    return (
        f"{name:<26}{run.rate_per_s:>9.0f}{run.achieved_per_s:>9.0f}{times}{rss_mb:>9.0f}{failed:>8}  "
        f"{shares(run.answers)}"
    )


def ratio(ours: Run, floor: Run, name: str = "ours / bare answer") -> str:
    """How many times as long as the other our answers took, per percentile."""
    ratios = np.percentile(ours.latencies_ms, PERCENTILES) / np.percentile(floor.latencies_ms, PERCENTILES)
    return f"{name:<44}" + "".join(f"{r:>{w - 1}.2f}x" for r, w in zip(ratios, (9, 9, 10), strict=True))


def shares(counts: Counter[str]) -> str:
    """Counts as percentages, largest first."""
    total = sum(counts.values())
    return ", ".join(f"{name} {100 * count / total:.1f}%" for name, count in counts.most_common())


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6
