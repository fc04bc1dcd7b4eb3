"""The entire text of what the compiler says about bundles in which something is wrong.

The parts of `broken/` and `misfit/` do not fit together; files of `unreadable/` cannot be read; what `doubtful/` says
fits, and yet it cannot be meant so; the models of `untrained/` are not what they should be; the fallback table of
`crowded/` is too large. `alone.txt` has what takes more than sources to come about.

After changing a wording on purpose, read the difference that this test shows and write the new text to the bundle's
`.txt`.
"""

import re
from pathlib import Path

import msgspec
import pytest

import compiler.diagnostics
from compiler.build import build, check
from compiler.diagnostics import CompileError, Problem, Severity, Where, model_messages, render

GOLDEN = Path(__file__).parent
STAGES = {
    "broken": check,
    "crowded": build,
    "doubtful": check,
    "misfit": check,
    "unreadable": check,
    "untrained": build,
}


@pytest.fixture(scope="module", params=STAGES)
def bundle(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def problems(bundle: str) -> tuple[Problem, ...]:
    with pytest.raises(CompileError) as caught:
        STAGES[bundle](GOLDEN / bundle)
    return caught.value.problems


def test_every_message_reads_as_agreed(bundle: str, problems: tuple[Problem, ...]) -> None:
    assert render(problems) + "\n" == (GOLDEN / f"{bundle}.txt").read_text()


def test_problems_are_sorted_and_told_once(problems: tuple[Problem, ...]) -> None:
    assert list(problems) == sorted(set(problems))


def test_every_caret_stands_inside_its_line(bundle: str, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        lines = (GOLDEN / bundle / problem.file).read_bytes().decode(errors="replace").split("\n")
        assert problem.source_line in ("", lines[problem.line - 1])
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


def test_problems_are_plain_data(problems: tuple[Problem, ...]) -> None:
    first = msgspec.json.decode(msgspec.json.encode(problems[0]))
    assert set(first) == {"file", "line", "column", "code", "message", "hint", "source_line", "severity"}


def test_codes_tell_the_severity(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        assert problem.code[0] == ("W" if problem.severity is Severity.WARNING else "E")


def test_what_takes_more_than_sources_reads_as_agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CompileError) as nothing:
        check(Path("nowhere"))
    where = Where("models/likes.toml", 2, 8, 'file = "models/likes.txt"')
    row = "    native 0.5, ONNX 0.25 for price = 3, margin = nan"
    alone = [
        *nothing.value.problems,
        model_messages.not_runnable(where, "models/likes.txt", "the model has no output"),
        model_messages.no_parity(where, "models/likes.txt", "by more than 1e-05 in 1 of 300 rows", row),
    ]
    assert render(alone) + "\n" == (GOLDEN / "alone.txt").read_text()


def test_every_code_has_a_golden_text() -> None:
    worded, golden = Path(str(compiler.diagnostics.__file__)).parent, GOLDEN.glob("*.txt")
    codes = {code for module in worded.glob("*.py") for code in re.findall(r'"([EW]\d{3})"', module.read_text())}
    shown = {code for text in golden for code in re.findall(r": ([EW]\d{3}): ", text.read_text())}
    assert codes - shown == set(), "write sources that show it, or a line of `alone.txt`"
    assert shown - codes == set()
