from pathlib import Path

import pytest

from compiler.reading.slots import _MOST_CANDIDATES
from contracts.controls import Controls
from contracts.decision import Tier
from engine.decide import decide
from loadtest.engine_bench import KEPT_BYTES, PEAK_BYTES, Timed, main, memory, table
from loadtest.engine_sources import SLOTS, Shape
from loadtest.engine_workload import Workload, make


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    return make(tmp_path, 3, 1500)


def test_every_decision_of_the_workload_is_made_by_its_model(workload: Workload) -> None:
    for slot, requests in workload.requests.items():
        assert len(requests) == 3
        for request in requests:
            made = decide(workload.loaded, request, workload.snapshot, Controls(), lambda _slot, _stage: False)
            assert (made.decisions[0].tier, made.decisions[0].cause) == (Tier.MODEL, None)
            trace = made.traces[0]
            assert len(trace.survivors) + len(trace.blockers) == SLOTS[slot].cap
            assert all(trace.generated.values())


def test_visitors_differ(workload: Workload) -> None:
    answers = {
        decide(workload.loaded, request, workload.snapshot, Controls(), lambda _slot, _stage: False).decisions[0].answer
        for request in workload.requests["rich-50"]
    }
    assert len(answers) == 3


def test_the_breakdown_names_every_stage_and_says_what_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1", "--items", "1500", "--visitors", "2"]) == 0
    printed = capsys.readouterr().out
    for stage in ("retrieve", "guard", "score", "rerank", "explore", "render", "bare ONNX run", "whole decision"):
        assert printed.count(f"  {stage}") >= 4
    assert printed.count("at most 1.35x") == printed.count("at most 1.2x") == 2
    assert printed.count("retrieve[3]") == 2
    assert printed.count("  kB while deciding") == printed.count("  kB of result and trace") == 4
    assert printed.count("details, when asked for") == 4


def test_a_target_is_met_or_missed() -> None:
    timed = Timed(candidates=[40, 42], rounds=3, peak=400_000, kept=23_000)
    timed.times_us.update({"without": [150.0, 200.0, 900.0], "bare": [150.0] * 3, "retrieve alone": [50.0]})
    head = "plain-50: inputs 24 (of item and visitor both: 4), guardrails 4, generators 1, boosts 1\n"
    assert table("plain-50", timed).startswith(f"{head}  41 candidates scored, of at most 60 retrieved\n")
    assert "    1.33x  at most 1.35x: met; half of the rounds 1.17 to 3.67\n" in table("plain-50", timed)
    assert "kB while deciding               400.0  at most 400 kB: met" in table("plain-50", timed)
    assert "kB of result and trace           23.0  at most 23 kB: met" in table("plain-50", timed)
    timed.times_us["bare"], timed.peak, timed.kept = [100.0] * 3, 400_200, 23_100
    assert "kB while deciding               400.2  at most 400 kB: MISSED" in table("plain-50", timed)
    assert "kB of result and trace           23.1  at most 23 kB: MISSED" in table("plain-50", timed)
    assert "    2.00x  at most 1.35x: MISSED" in table("plain-50", timed)


def test_the_memory_of_a_decision_is_bounded_by_its_candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = '[[retrieve]]\ngenerator = "pool"\n'
    monkeypatch.setitem(SLOTS, "largest", Shape(_MOST_CANDIDATES, "buys", guards=8, boosts=2, more=everything))
    workload = make(tmp_path, 2, _MOST_CANDIDATES + 10)
    for name, requests in workload.requests.items():
        peak, kept = memory(workload, requests)
        cap = SLOTS[name].cap
        assert 0 < kept <= KEPT_BYTES[0] + KEPT_BYTES[1] * cap, name
        assert 0 < peak <= PEAK_BYTES[0] + PEAK_BYTES[1] * cap, name
