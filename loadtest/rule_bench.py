"""`make bench-rules`: the rule language beside CEL libraries and code written by hand, in one run.

All sides must give the same answers before any of them is timed. The rounds alternate, so that a drifting machine hits
all alike, and inputs rotate. Times are microseconds for one request: all 20 rules, or all candidates.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from loadtest.rule_sides import Answers, ByHand, Masks, Side, answers, sides
from loadtest.rule_workload import (
    GUARDRAIL,
    REQUEST_RULES,
    Candidates,
    Visitor,
    draw_candidates,
    draw_visitors,
    many_rules,
)

T = TypeVar("T", Visitor, Candidates)
VISITORS = 64
SETS = 8
ROUNDS = 5
HEADER = f"{'':<38}{'p50 us':>12}{'p99 us':>12}{'x ours':>12}  target"
# Name, candidates, whether a tenth of the values is missing, whether rows come from a large table, target in us.
GUARDRAILS = (
    ("guardrail, 100 candidates", 100, False, False, 12.0),
    ("guardrail, 1000 candidates", 1000, False, False, 25.0),
    ("guardrail, 100 nullable candidates", 100, True, False, 24.0),
    ("guardrail, 1000 nullable candidates", 1000, True, False, 50.0),
    ("guardrail, 1000 candidates of 50,000", 1000, False, True, None),
)


@dataclass
class Contest:
    """One thing that several sides do: programs by side (ours first), the times of each, what ours should take."""

    name: str
    programs: dict[str, Callable[[], object]]
    target_us: float | None = None
    times_us: dict[str, list[float]] = field(default_factory=dict)


def main(words: list[str] | None = None) -> int:
    """Checks that all agree, times them, prints the tables. 1 when two sides differ."""
    parser = argparse.ArgumentParser("loadtest.rule_bench", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=0.4, help="per side, contest and round (default: %(default)s)")
    options = parser.parse_args(words)
    found, absent = sides()
    for name in absent:
        print(f"skipped, not installed: {name} (pip install -e '.[peers]')")
    contests, differing = entered(found)
    for message in differing:
        print(message, file=sys.stderr)
    steps = [(contest, side) for _ in range(ROUNDS) for contest in contests for side in contest.programs]
    for contest, side in tqdm(steps, desc="rounds", leave=False):
        contest.times_us.setdefault(side, []).extend(timed(contest.programs[side], options.seconds))
    print("\n\n".join([HEADER, *map(table, contests)]))
    return 1 if differing else 0


def entered(found: Sequence[Side], visitors: int = VISITORS, sets: int = SETS) -> tuple[list[Contest], list[str]]:
    """The contests, each with the sides that answer as ours does; and which sides do not."""
    differing: list[str] = []
    rules = {side.name: side.requests(REQUEST_RULES) for side in found}
    contests = [_contest("20 request rules", rules, draw_visitors(visitors, seed=1), 10.0, differing)]
    guards = {side.name: side.guardrail(GUARDRAIL) for side in found}
    for name, size, is_nullable, is_gathered, target_us in GUARDRAILS:
        drawn = draw_candidates(sets, size, seed=2, is_nullable=is_nullable, is_gathered=is_gathered)
        contests.append(_contest(name, guards, drawn, target_us, differing))
    texts = many_rules(200)
    ready = {side.name: side.activation(texts) for side in found if side.name != ByHand.name}
    return [*contests, Contest("200 rules made ready (ours: of IR)", ready, 50_000.0)], differing


def _contest(
    name: str,
    programs: Mapping[str, Callable[[T], Answers | Masks]],
    inputs: Sequence[T],
    target_us: float | None,
    differing: list[str],
) -> Contest:
    ours, *_ = programs
    wanted = [answers(programs[ours](each)) for each in inputs]
    agreeing = {}
    for side, program in programs.items():
        wrong = sum(answers(program(each)) != want for each, want in zip(inputs, wanted, strict=True))
        if wrong:
            differing.append(f"{name}: {side} answers otherwise for {wrong} of {len(inputs)} inputs; not timed")
        else:
            agreeing[side] = _rotating(program, cycle(inputs))
    return Contest(name, agreeing, target_us)


def _rotating(program: Callable[[T], object], inputs: Iterator[T]) -> Callable[[], object]:
    return lambda: program(next(inputs))


def timed(program: Callable[[], object], seconds: float) -> list[float]:
    """The microseconds of each call, for so long and at least three times."""
    program()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 3:
        started = time.perf_counter_ns()
        program()
        times.append((time.perf_counter_ns() - started) / 1_000)
    return times


def table(contest: Contest) -> str:
    """The contest's lines."""
    medians = {side: float(np.percentile(times, 50)) for side, times in contest.times_us.items()}
    ours = next(iter(medians.values()))
    lines = [contest.name]
    for side, times in contest.times_us.items():
        median, tail = medians[side], float(np.percentile(times, 99))
        lines.append(f"  {side:<36}{median:>12,.1f}{tail:>12,.1f}{median / ours:>11,.2f}x")
    if contest.target_us is not None:
        lines[1] += f"  under {contest.target_us:,.0f}: {'met' if ours < contest.target_us else 'MISSED'}"
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
