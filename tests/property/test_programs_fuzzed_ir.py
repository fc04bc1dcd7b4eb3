"""Whatever bytes come as a rule, they are refused (`ContractError`, `NotRunnableError`) or run (a value, `RuleError`).

In a child, within two seconds and a hundred megabytes each; `make fuzz` does the same at length.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from differential import ir_fuzz
from differential.ir_fuzz import IrReport, fuzz_ir
from differential.mutations import changed

pytestmark = pytest.mark.skipif(not ir_fuzz.IS_MEASURABLE, reason="memory is measured by way of Linux's /proc")
TEMPLATE = Path(__file__).parents[2] / "deploy/template"
EXECUTIONS = 2_500


def finished(seed: int, executions: int) -> IrReport:
    *_, report = fuzz_ir(seed, executions, [TEMPLATE])
    return report


def test_no_broken_rule_breaks_the_engine() -> None:
    report = finished(2017, EXECUTIONS)
    assert report.failures == []
    assert report.executions == EXECUTIONS
    assert set(report.outcomes) == {"not decoded", "refused", "an error when run", "a value"}
    assert min(report.outcomes.values()) > EXECUTIONS / 50


def test_changes_repeat_by_their_seed_and_differ_among_each_other() -> None:
    rule = {"name": "x", "form": "request", "type": "int", "nodes": [{"op": "const", "type": "int", "value": 1}]}
    twice = [[changed([rule], Random(f"1/{number}")) for number in range(100)] for _ in range(2)]
    assert twice[0] == twice[1]
    assert len(set(twice[0])) > 60
    assert rule["nodes"] == [{"op": "const", "type": "int", "value": 1}]


def lost() -> str:
    raise KeyError("lost")


def endless() -> str:
    while True:
        pass


def large() -> str:
    return str(len("x" * (200 << 20)))


def too_large() -> str:
    return str(len(bytearray(1 << 60)))


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (lost, "FAILED: KeyError 'lost' at test_programs_fuzzed_ir.py"),
        (endless, "FAILED: too slow at ir_fuzz.py"),
        (large, "FAILED: memory grew by "),
        (too_large, "FAILED: MemoryError"),
    ],
)
def test_a_fault_is_found(monkeypatch: pytest.MonkeyPatch, run: Callable[[], str], told: str) -> None:
    monkeypatch.setattr(ir_fuzz, "SECONDS_EACH", 0.5)
    assert ir_fuzz.bounded(run).startswith(told)


def test_a_sound_run_is_told_as_it_is() -> None:
    assert ir_fuzz.bounded(lambda: "a value") == "a value"
