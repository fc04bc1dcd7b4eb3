"""`make fuzz`: the rule language against the reference library, columns against closures, and mutated IR, at length."""

import argparse
import sys
import time

from tqdm import tqdm

from .compare import Comparison, Report
from .reference import Reference


def main() -> int:
    """Runs both and prints what was tried; 1 when something differed."""
    parser = argparse.ArgumentParser("tests.differential", description=__doc__)
    parser.add_argument("--evaluations", type=int, default=100_000, help="against the library (default: %(default)s)")
    parser.add_argument("--columns", type=int, default=100_000, help="columns against closures (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="draws other expressions (default: %(default)s)")
    options = parser.parse_args()
    reference = Reference()
    try:
        library = _compared("library", Comparison(options.seed, reference), options.evaluations)
    finally:
        reference.close()
    print(f"{'children that the library aborted':<42}{reference.aborted:>12,}")
    columns = _compared("columns", Comparison(options.seed, None), options.columns)
    return 1 if library.differing or columns.differing else 0


def _compared(name: str, comparison: Comparison, evaluations: int) -> Report:
    started = time.perf_counter()
    with tqdm(total=evaluations, desc=name, unit="", leave=False) as bar:
        for done in comparison.run(evaluations):
            bar.update(done)
    print(f"\n{name}: {time.perf_counter() - started:.0f} s\n{told(comparison)}")
    return comparison.report


def told(comparison: Comparison) -> str:
    """The report as text."""
    report, vocabulary = comparison.report, comparison.vocabulary
    lines = [f"{name:<42}{count:>12,}" for name, count in _counts(report).items()]
    lines += [f"  refused {count:>6}: {why}" for why, count in report.refused.most_common(12)]
    lines += [f"  known   {count:>6}: {name}" for name, count in report.known.most_common()]
    lines += [f"  lacking {count:>6}: the library has no {name}" for name, count in report.lacking.most_common()]
    lists = {
        "functions not written by the generator": vocabulary.unspelled,
        "functions written but never run": comparison.unreached(),
        "functions of our own, which the library cannot run": vocabulary.own,
        "macros that the language lacks": vocabulary.unknown_macros,
    }
    lines += [f"{name}: {len(ids)} {', '.join(ids)}".rstrip() for name, ids in lists.items()]
    lines += [f"\n{number}. {each}" for number, each in enumerate(report.differences.values(), 1)]
    return "\n".join(lines)


def _counts(report: Report) -> dict[str, int]:
    return {
        "expressions": report.expressions,
        "evaluations": report.evaluations,
        "errors on both sides": report.errors_on_both,
        "column programs": report.column_programs,
        "rows of column programs": report.column_rows,
        "expressions that the checker refused": report.unchecked,
        "expressions that our compiler refused": report.refused.total(),
        "skipped for a NUL": report.with_nul,
        "functions run": len(report.run),
        "expressions that differ": report.differing,
    }


if __name__ == "__main__":
    sys.exit(main())
