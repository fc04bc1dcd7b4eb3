"""What a run of the fuzzer tried and what came of it, for people."""

from collections import Counter
from dataclasses import dataclass, field

from .vocabulary import Vocabulary


@dataclass(frozen=True)
class Difference:
    """Two outcomes that should be one; `sides` names them."""

    sides: tuple[str, str]
    text: str
    reads: str
    outcomes: tuple[str, str]

    def __str__(self) -> str:
        reads = f"\n    where {self.reads}" if self.reads else ""
        told = "".join(f"\n    {side}: {outcome}" for side, outcome in zip(self.sides, self.outcomes, strict=True))
        return f"{self.text}{reads}{told}"


@dataclass
class Report:
    """The counts. `differences` has one example for each root and pair of sides, `seen` how often there was one."""

    expressions: int = 0
    evaluations: int = 0
    errors_on_both: int = 0
    column_programs: int = 0
    column_rows: int = 0
    unchecked: int = 0
    with_nul: int = 0
    unstable: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    run: Counter[str] = field(default_factory=Counter)
    differences: dict[str, Difference] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    not_shrunk: int = 0

    def keep(self, key: str, difference: Difference) -> None:
        """Counts a difference; the shortest example of its kind is kept."""
        self.seen[key] += 1
        kept = self.differences.get(key)
        if kept is None or len(difference.text) < len(kept.text):
            self.differences[key] = difference


def told(report: Report, vocabulary: Vocabulary) -> str:
    """The report as text."""
    lines = [f"{name:<44}{count:>12,}" for name, count in _counts(report).items()]
    lines += [f"  refused {count:>6}: {why}" for why, count in report.refused.most_common(20)]
    lines += [f"  lacking {count:>6}: the library has no {name}" for name, count in report.lacking.most_common()]
    lines += [f"  known   {count:>6}: {name}" for name, count in report.known.most_common()]
    never_run = [function.id for function in vocabulary.functions if not report.run[function.id]]
    lists = {
        "functions that the generator cannot write": vocabulary.unspelled,
        "functions written but never run": never_run,
        "functions and macros that the library cannot run": vocabulary.lacking,
        "macros that the generator cannot write": vocabulary.unspelled_macros,
        "macros that the language lacks": vocabulary.unknown_macros,
    }
    lines += [f"{name}: {len(ids)} {', '.join(ids)}".rstrip() for name, ids in lists.items()]
    examples = enumerate(report.differences.items(), 1)
    lines += [f"\n{number}. (seen {report.seen[key]} times) {each}" for number, (key, each) in examples]
    return "\n".join(lines)


def _counts(report: Report) -> dict[str, int]:
    return {
        "expressions": report.expressions,
        "evaluations": report.evaluations,
        "errors on both sides": report.errors_on_both,
        "functions and macros run": len(report.run),
        "column programs": report.column_programs,
        "rows of column programs": report.column_rows,
        "expressions that the checker refused": report.unchecked,
        "expressions that our compiler refused": report.refused.total(),
        "skipped for a NUL": report.with_nul,
        "skipped: the library answers now so, now so": report.unstable,
        "expressions that differ": report.seen.total() + report.not_shrunk,
    }
