"""Google's conformance tests of CEL, through check, lowering, IR bytes and engine.

The cases are not ours to keep: they are read beside the repository where they lie there, else from the ignored folder
into which `make conformance` fetches them. With neither the suite is skipped and says so.
"""

import json
from collections import Counter
from pathlib import Path

import pytest
from cel_spec import CASES

from contracts.codec import MAX_SECTION_BYTES, decode_json
from deploy.cli import main
from deploy.conformance import Case, Result, run_cases

ROOT = Path(__file__).parents[2]
BESIDE = ROOT.parent / "shared/data/cel-conformance/cel-conformance.json"
REPORT = json.loads((Path(__file__).parent / "cel_report.json").read_text())


@pytest.fixture(scope="module")
def file() -> Path:
    found = next((path for path in (BESIDE, CASES) if path.exists()), None)
    if found is None:
        pytest.skip("the conformance cases are not here: `make conformance` fetches them")
    return found


@pytest.fixture(scope="module")
def results(file: Path) -> tuple[Result, ...]:
    return run_cases(decode_json(file.read_bytes(), tuple[Case, ...], max_bytes=MAX_SECTION_BYTES))


def test_99_in_100_cases_pass_and_each_other_one_is_argued(results: tuple[Result, ...]) -> None:
    run = [each for each in results if each.outcome != "skip"]
    failed = {each.id: each.why for each in run if each.outcome == "fail"}
    assert len(run) > 1_000
    assert len(failed) <= len(run) / 100
    assert set(failed) <= set(REPORT["failed"]), failed


def test_cases_are_skipped_for_known_reasons_alone(results: tuple[Result, ...]) -> None:
    for why in {each.why for each in results if each.outcome == "skip"}:
        assert why in ("protobuf messages and enums", "a function that only the test declares") or why.endswith(
            "is not declared by the checker"
        )


def test_the_counts_in_the_reference_are_those_of_the_cases(file: Path, results: tuple[Result, ...]) -> None:
    if file != BESIDE:
        pytest.skip("the counts are of another version of the cases")
    outcomes = Counter(each.outcome for each in results)
    assert {"passed": outcomes["pass"], "skipped": Counter(each.why for each in results if each.outcome == "skip")} == {
        key: REPORT[key] for key in ("passed", "skipped")
    }


def test_a_wrong_answer_of_the_engine_is_a_failure() -> None:
    cases = [
        {"id": "sum", "expr": "1 + 1", "expect": {"value": ["int", "3"]}},
        {"id": "kind", "expr": "1 + 1", "expect": {"value": ["uint", "2"]}},
        {"id": "error", "expr": "1 / 0", "expect": {"value": ["int", "0"]}},
        {"id": "no error", "expr": "1", "expect": {"error": ["division by zero"]}},
        {"id": "type", "expr": "[1]", "check_only": True, "expect": {"type": "list(string)"}},
        {"id": "name", "expr": "x", "expect": {"value": ["int", "0"]}},
        {"id": "true", "expr": "2 > 3", "expect": {}},
        {"id": "key", "expr": "{1: 2}", "expect": {"value": ["map", [[["uint", "1"], ["int", "2"]]]]}},
        {"id": "zero", "expr": "-0.0", "expect": {"value": ["double", "0.0"]}},
        {"id": "no kind", "expr": "1", "expect": {"value": ["foo", "1"]}},
        {"id": "no int", "expr": "1", "expect": {"value": ["int", "x"]}},
        {"id": "no type", "expr": "x", "type_env": [["x", "foo"]], "expect": {"value": ["int", "1"]}},
        {"id": "macros", "expr": "[1].all(x, x > 0)", "disable_macros": True, "expect": {}, "description": "none"},
        {"id": "nan", "expr": "0.0 / 0.0", "expect": {"value": ["double", "nan"]}},
    ]
    decoded = decode_json(json.dumps(cases).encode(), tuple[Case, ...])
    outcomes = {each.id: each.outcome for each in run_cases(decoded)}
    assert outcomes == dict.fromkeys(outcomes, "fail") | {"nan": "pass"}


def test_a_batch_prints_its_results_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [
        {"id": "same", "expr": "x + 1", "type_env": [["x", "int"]], "bindings": {"x": ["int", "1"]}, "expect": {}},
        {"id": "same", "expr": "ip('10.0.0.1')", "expect": {"error": ["undeclared"]}},
        {"id": "other", "expr": "dyn(1) < 2u", "expect": {"value": ["bool", True]}},
    ]
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    assert main(["eval", "--batch", str(path), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)["results"]
    assert [(each["id"], each["outcome"]) for each in printed] == [
        ("same", "fail"),
        ("same", "skip"),
        ("other", "pass"),
    ]
    assert main(["eval", "--batch", str(path)]) == 1
    assert "1 of 2 pass, 1 are skipped" in capsys.readouterr().out
