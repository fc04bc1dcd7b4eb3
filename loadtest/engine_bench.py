"""`make bench-engine`: where the time of one decision goes, stage by stage, beside the bare run of its model.

One process, no network. Inputs rotate, because a scorer that sees one input over and over looks faster than it is: each
thing that is timed goes over all visitors before the next one does, round after round. The bare runs get the very
matrices that the decisions have. Times are medians in microseconds. `decide` itself tells when a stage begins: it asks
whether time is out. Retrieving is clocked within it, so that what is left is this decision's own; alone, in a loop of
its own, it is faster, for it finds its data in the caches.
"""

import argparse
import sys
import tempfile
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from contracts.controls import Controls
from contracts.decision import DecisionRequest, Decisions, Stage
from contracts.record import RECORD_FORMAT, DecisionRecord
from engine.compare import Made
from engine.decide import decide
from engine.details import details
from engine.gate import scope_of
from engine.guard import guard
from engine.loaded import LoadedModel, LoadedSlot, Rows
from engine.programs.arrays import quiet
from engine.programs.values import Batch, Scope
from engine.retrieve import Retrieved, retrieve
from engine.score import by_model, matrix
from engine.scorers.leaf_sums import leaf_sums
from engine.scorers.onnx import OnnxScorer
from engine.snapshot import Snapshot
from loadtest.engine_sources import LEAVES, SLOTS, TREES
from loadtest.engine_workload import Workload, make

T = TypeVar("T")
WARM_UP = 3
MOST = {"50": 1.35, "200": 1.2}
MOST_RETRIEVE_US = 100.0
PEAK_BYTES, KEPT_BYTES = (160_000, 4_000), (8_000, 250)  # of one decision at most: fixed, and for each candidate
_NO_CONTROLS = Controls()
_ROWS = (
    ("gate, assign, eligible", ""),
    ("retrieve", "found"),
    ("guard", "guard"),
    ("score", "score"),
    ("  by the graph instead", "graph"),
    ("rerank", "rerank"),
    ("explore", "explore"),
    ("render, trace", "render"),
)


@dataclass
class Timed:
    """The microseconds of everything that was timed, by name, round after round; `candidates` are how many were scored.

    `peak` are the most bytes that a decision took while it was made, `kept` those that its result and trace are.
    """

    times_us: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    candidates: list[int] = field(default_factory=list)
    rounds: int = 0
    peak: int = 0
    kept: int = 0

    def median(self, name: str) -> float:
        """The median, 0 for what was never timed."""
        return float(np.median(self.times_us[name])) if self.times_us[name] else 0.0

    def clocked(self, name: str, program: Callable[[], T]) -> T:
        """Runs a program and notes how long it took."""
        since = time.perf_counter_ns()
        result = program()
        self.times_us[name].append((time.perf_counter_ns() - since) / 1000)
        return result


@dataclass(frozen=True)
class Asked:
    """A request with what its decision comes by: what survives, and the matrix that is scored."""

    request: DecisionRequest
    scope: Scope
    survivors: Rows
    matrix: NDArray[np.float32]


def main(words: list[str] | None = None) -> int:
    """Builds the workload, measures its slots, prints the tables."""
    parser = argparse.ArgumentParser("loadtest.engine_bench", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=30, help="rounds over all visitors (default: %(default)s)")
    parser.add_argument("--items", type=int, default=50_000, help="items of the catalog (default: %(default)s)")
    parser.add_argument("--visitors", type=int, default=64, help="visitors in turn (default: %(default)s)")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        workload = make(Path(folder), options.visitors, options.items)
    timed = {slot: Timed() for slot in SLOTS}
    asked = {slot: [_asked(workload, slot, request) for request in workload.requests[slot]] for slot in SLOTS}
    for number in tqdm(range(WARM_UP + options.rounds), desc="rounds", leave=False):
        for slot in SLOTS:
            _round(workload, slot, asked[slot], timed[slot] if number >= WARM_UP else Timed())
    for slot, requests in workload.requests.items():
        for request in requests:
            _details(workload, request, timed[slot])
        timed[slot].peak, timed[slot].kept = memory(workload, requests)
    forest = f"{TREES} trees of {LEAVES} leaves, their sums by {leaf_sums.__module__.rpartition('.')[2]}"
    print(f"{options.items:,} items, {forest}, {options.visitors} visitors in turn; medians in us\n")
    print("\n\n".join(table(slot, each) for slot, each in timed.items()))
    return 0


@quiet
def _asked(workload: Workload, name: str, request: DecisionRequest) -> Asked:
    slot, scope = workload.loaded.slots[name], scope_of(request, workload.snapshot, workload.loaded)
    table = workload.snapshot.tables[slot.spec.table]
    rows = retrieve(slot, scope, workload.snapshot).rows
    survivors = guard(slot, Batch(scope, table, rows)).batch.rows
    return Asked(request, scope, survivors, matrix(_model(slot), Batch(scope, table, survivors)))


@quiet
def _round(workload: Workload, name: str, asked: Sequence[Asked], timed: Timed) -> None:
    """All visitors once: their decisions, then parts of these that are no stage of their own, then the bare runs."""
    slot, snapshot = workload.loaded.slots[name], workload.snapshot
    timed.rounds += 1
    table, model = snapshot.tables[slot.spec.table], _model(slot)
    by_graph, bare = replace(model, prebound=None), _bare(model)
    for each in asked:
        _decision(workload, each.request, timed)
    for each in asked:
        timed.clocked("retrieve alone", partial(retrieve, slot, each.scope, snapshot))
    for each in asked:
        timed.clocked("graph", partial(by_model, by_graph, Batch(each.scope, table, each.survivors)))
    for each in asked:
        timed.clocked("bare", partial(bare, each.matrix))
        timed.candidates.append(len(each.survivors))
    for generator in slot.generators:
        for each in asked:
            timed.clocked(f"generator {generator.name}", partial(generator.rows, each.scope, table))


def _decision(workload: Workload, request: DecisionRequest, timed: Timed) -> None:
    """One decision, clocked. The clocks themselves are kept small, for their time is the decision's."""
    now = time.perf_counter_ns
    stages: list[str] = [""]
    retrieving: list[int] = []

    def stamp(_: str, stage: Stage) -> bool:
        stages.append(stage)
        stamps.append(now())
        return False

    def clocked(slot: LoadedSlot, scope: Scope, snapshot: Snapshot) -> Retrieved:
        since = now()
        found = retrieve(slot, scope, snapshot)
        retrieving.append(now() - since)
        return found

    with patch("engine.decide.retrieve", clocked):
        stamps = [now()]
        decide(workload.loaded, request, workload.snapshot, _NO_CONTROLS, stamp)
        stamps.append(now())
    whole, found = stamps[-1] - stamps[0], sum(retrieving)
    times = dict(zip(stages, [until - since for since, until in pairwise(stamps)], strict=True))
    times |= {"whole": whole, "found": found, "without": whole - found, "guard": times[Stage.RETRIEVE] - found}
    for name, nanoseconds in times.items():
        timed.times_us[name].append(nanoseconds / 1000)


def _model(slot: LoadedSlot) -> LoadedModel:
    if slot.model is None:
        raise TypeError("the workload's slots have a model")
    return slot.model


def _bare(model: LoadedModel) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    if not isinstance(model.scorer, OnnxScorer):
        raise TypeError("the workload's models are ONNX graphs")
    return model.scorer.run


def memory(workload: Workload, requests: Sequence[DecisionRequest]) -> tuple[int, int]:
    """The most bytes that one of these decisions takes while it is made, and that one keeps; NumPy's arrays count.

    Each is made once before: what it leaves with the tables is not its own.
    """
    peaks, kept = [], []
    for request in requests:
        _decided(workload, request)
        tracemalloc.start()
        made = _decided(workload, request)
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del made  # it had to stay until now
        peaks.append(peak)
        kept.append(now)
    return max(peaks), max(kept)


def _decided(workload: Workload, request: DecisionRequest) -> Decisions:
    return decide(workload.loaded, request, workload.snapshot, _NO_CONTROLS, lambda slot, stage: False)


def _details(workload: Workload, request: DecisionRequest, timed: Timed) -> None:
    made = _decided(workload, request)
    known = workload.snapshot.visitor(request.units["visitor"])
    record = DecisionRecord(
        format_version=RECORD_FORMAT,
        fingerprint={},
        revision=workload.loaded.revision,
        node="bench",
        request=request,
        visitor=dict(known),
        cursor=workload.snapshot.cursor,
        controls=_NO_CONTROLS,
        result=made,
    )
    of_slot = Made(made.decisions[0], made.traces[0])
    asked = partial(details, workload.loaded, record, workload.snapshot, of_slot, made.decisions[0].answer)
    timed.clocked("details", asked)


def table(name: str, timed: Timed) -> str:
    """The breakdown of one slot, and how far above the bare run the decision is."""
    bare, found = timed.median("bare"), timed.median("retrieve alone")
    shape, scored = SLOTS[name], np.mean(timed.candidates)
    lines = [f"{name}: {shape.told()}", f"  {scored:.0f} candidates scored, of at most {shape.cap} retrieved"]
    lines += [f"  {label:<28}{timed.median(key):>9.1f}" for label, key in _ROWS]
    lines.append(f"  {'whole decision':<28}{timed.median('whole'):>9.1f}")
    lines.append(f"  {'bare ONNX run, same matrix':<28}{bare:>9.1f}")
    ratio = timed.median("without") / bare
    most = MOST[name.partition("-")[2]]
    lines.append(f"  {'without retrieve / bare':<28}{ratio:>8.2f}x  {_verdict(ratio, most, 'x')}; {_rounds(timed)}")
    lines.append(f"  {'retrieve alone':<28}{found:>9.1f}  {_verdict(found, MOST_RETRIEVE_US, ' us')}")
    kinds = [key for key in timed.times_us if key.startswith("generator ")]
    lines.append(f"  {'details, when asked for':<28}{timed.median('details'):>9.1f}  no decision waits for them")
    lines += _memory_lines(timed, shape.cap)
    return "\n".join([*lines, *(f"    {key.removeprefix('generator '):<26}{timed.median(key):>9.1f}" for key in kinds)])


def _rounds(timed: Timed) -> str:
    """Between which ratios half of the rounds lie: neighbours of a machine slow a decision more than its bare run."""
    rounds = [np.median(np.reshape(timed.times_us[name], (timed.rounds, -1)), axis=1) for name in ("without", "bare")]
    low, high = np.quantile(rounds[0] / rounds[1], (0.25, 0.75))
    return f"half of the rounds {low:.2f} to {high:.2f}"


def _memory_lines(timed: Timed, candidates: int) -> Iterator[str]:
    told = (("kB while deciding", timed.peak, PEAK_BYTES), ("kB of result and trace", timed.kept, KEPT_BYTES))
    for what, taken, (fixed, each) in told:
        verdict = _verdict(taken / 1000, (fixed + each * candidates) / 1000, " kB")
        yield f"  {what:<28}{taken / 1000:>9.1f}  {verdict}"


def _verdict(value: float, most: float, unit: str) -> str:
    return f"at most {most:g}{unit}: {'met' if value <= most else 'MISSED'}"


if __name__ == "__main__":
    sys.exit(main())
