from pathlib import Path

import pytest

from contracts.controls import Controls
from contracts.decision import Tier
from engine.decide import decide
from loadtest.engine_bench import Timed, main, table
from loadtest.engine_sources import SLOTS
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
    assert printed.count(" kB at most while deciding") == printed.count("details, when asked for") == 4


def test_a_target_is_met_or_missed() -> None:
    timed = Timed(candidates=[40, 42], peaks=[9000, 8000], kept=[1500])
    timed.times_us.update({"whole": [200.0, 300.0], "bare": [150.0], "retrieve alone": [50.0]})
    assert "41 candidates scored, of at most 60 retrieved" in table("plain-50", timed)
    assert "    1.33x  at most 1.35x: met" in table("plain-50", timed)
    assert "9.0  kB at most while deciding, 1.5 kB of result" in table("plain-50", timed)
    timed.times_us["bare"] = [100.0]
    assert "    2.00x  at most 1.35x: MISSED" in table("plain-50", timed)
