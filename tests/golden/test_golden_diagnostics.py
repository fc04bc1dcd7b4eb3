"""The entire text of what the compiler says about two bundles.

The parts of `broken/` do not fit together; those of `doubtful/` do, and yet it cannot be meant so.

After changing a wording on purpose, read the difference that this test shows and write the new text to `broken.txt`
or `doubtful.txt`.
"""

import re
from pathlib import Path

import msgspec
import pytest

from compiler.build import check
from compiler.diagnostics import CompileError, Problem, Severity, analysis_messages, proof_messages, render

GOLDEN = Path(__file__).parent
AFTER_MODELS = {"E503"}  # asked when fallbacks are computed


@pytest.fixture(scope="module", params=["broken", "doubtful"])
def bundle(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def problems(bundle: str) -> tuple[Problem, ...]:
    return problems_of(bundle)


def problems_of(bundle: str) -> tuple[Problem, ...]:
    with pytest.raises(CompileError) as caught:
        check(GOLDEN / bundle)
    return caught.value.problems


def test_every_message_reads_as_agreed(bundle: str, problems: tuple[Problem, ...]) -> None:
    assert render(problems) + "\n" == (GOLDEN / f"{bundle}.txt").read_text()


def test_problems_are_sorted_and_told_once(problems: tuple[Problem, ...]) -> None:
    assert list(problems) == sorted(set(problems))


def test_every_caret_stands_inside_its_line(bundle: str, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        lines = (GOLDEN / bundle / problem.file).read_text().split("\n")
        assert problem.source_line == lines[problem.line - 1]
        assert 1 <= problem.column <= len(problem.source_line) + 1


def test_problems_are_plain_data(problems: tuple[Problem, ...]) -> None:
    first = msgspec.json.decode(msgspec.json.encode(problems[0]))
    assert set(first) == {"file", "line", "column", "code", "message", "hint", "source_line", "severity"}


def test_codes_tell_the_severity(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        assert problem.code[0] == ("W" if problem.severity is Severity.WARNING else "E")


def test_the_doubtful_bundle_meets_every_message_about_whole_bundles() -> None:
    worded = {
        code
        for module in (analysis_messages, proof_messages)
        for code in re.findall(r'"([EW]\d{3})"', Path(str(module.__file__)).read_text())
    }
    assert {problem.code for problem in problems_of("doubtful")} == worded - AFTER_MODELS
