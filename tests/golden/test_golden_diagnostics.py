"""The entire text of what the compiler says about `broken/`, a bundle with many mistakes.

After changing a wording on purpose, read the difference that this test shows and write the new text to `broken.txt`.
"""

from pathlib import Path

import msgspec
import pytest

from compiler.build import check
from compiler.diagnostics import CompileError, Problem, render

GOLDEN = Path(__file__).parent


@pytest.fixture(scope="module")
def problems() -> tuple[Problem, ...]:
    with pytest.raises(CompileError) as caught:
        check(GOLDEN / "broken")
    return caught.value.problems


def test_every_message_reads_as_agreed(problems: tuple[Problem, ...]) -> None:
    assert render(problems) + "\n" == (GOLDEN / "broken.txt").read_text()


def test_problems_are_sorted_and_told_once(problems: tuple[Problem, ...]) -> None:
    assert list(problems) == sorted(set(problems))


def test_every_caret_stands_inside_its_line(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        lines = (GOLDEN / "broken" / problem.file).read_text().split("\n")
        assert problem.source_line == lines[problem.line - 1]
        assert 1 <= problem.column <= len(problem.source_line) + 1


def test_problems_are_plain_data(problems: tuple[Problem, ...]) -> None:
    first = msgspec.json.decode(msgspec.json.encode(problems[0]))
    assert set(first) == {"file", "line", "column", "code", "message", "hint", "source_line"}
