"""What a problem is and how it reads: file, line, column, the line itself with a caret, and what to do next."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum

from contracts.errors import EdgewiseError
from contracts.rule_ir import Place

_LISTED_AT_MOST = 12


@dataclass(frozen=True, order=True)
class Where:
    """A spot in a source file: line and column from 1 in code points, and the text of that line for the caret."""

    file: str
    line: int
    column: int
    source_line: str = ""

    @property
    def place(self) -> Place:
        """The spot as the bundle stores it."""
        return Place(file=self.file, line=self.line, column=self.column)


class Severity(StrEnum):
    """Whether a bundle can be built in spite of a problem."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend. `hint` says what to do next; `code` is stable across releases and wordings."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str
    source_line: str
    severity: Severity = Severity.ERROR


class CompileError(EdgewiseError):
    """The sources cannot become a bundle. `problems` is everything found, warnings too, sorted by place, each once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(render(self.problems))


def problem(code: str, where: Where, message: str, hint: str) -> Problem:
    """An error at a spot, with an `E` code. Message and hint start in lower case and end without a stop."""
    return Problem(where.file, where.line, where.column, code, message, hint, where.source_line)


def warning(code: str, where: Where, message: str, hint: str) -> Problem:
    """What deserves a look but does not stop a build, with a `W` code."""
    return replace(problem(code, where, message, hint), severity=Severity.WARNING)


def warnings_of(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems, sorted, where none stops the build. Raises `CompileError` with all of them where one does."""
    found = tuple(sorted(set(problems)))
    if any(each.severity is Severity.ERROR for each in found):
        raise CompileError(found)
    return found


def render(problems: Iterable[Problem]) -> str:
    """The problems as a person reads them, each with its source line and a caret."""
    return "\n\n".join(map(_rendered, problems))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    by_lower = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def suggestion(name: str, known: Collection[str], otherwise: str = "") -> str:
    """`did you mean ...?`, else what there is, else what the caller advises."""
    meant = nearest(name, known)
    if meant is not None:
        return f"did you mean `{meant}`?"
    return f"there is {listed(known)}" if known else otherwise


def listed(names: Collection[str]) -> str:
    """Names in a sentence."""
    shown = [f"`{name}`" for name in list(names)[:_LISTED_AT_MOST]]
    if len(names) > _LISTED_AT_MOST:
        return ", ".join(shown) + f" and {len(names) - _LISTED_AT_MOST} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _rendered(one: Problem) -> str:
    lines = [f"{one.file}:{one.line}:{one.column}: {one.code}: {one.message}"]
    if one.source_line.strip():
        lines += [f"  | {one.source_line}", "  | " + _indent(one) + "^"]
    return "\n".join([*lines, f"  = {one.hint}"])


def _indent(one: Problem) -> str:
    before = one.source_line[: one.column - 1].ljust(one.column - 1)
    return "".join("\t" if character == "\t" else " " for character in before)
