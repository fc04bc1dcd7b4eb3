"""`make fuzz`: the rule language against the reference library, columns against closures, and broken IR, at length."""

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

from .compare import Comparison
from .fuzz_report import told
from .ir_fuzz import fuzz_ir
from .reference import Reference

TEMPLATE, STOREFRONT = Path("deploy/template"), Path("bundles/storefront")


def main() -> int:
    """Runs all three and prints what was tried; 1 when something differed or failed."""
    parser = argparse.ArgumentParser("tests.differential", description=__doc__)
    parser.add_argument("--evaluations", type=int, default=1_000_000, help="against the library (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="columns against closures (default: %(default)s)")
    parser.add_argument("--executions", type=int, default=200_000, help="of broken rules (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="draws other expressions (default: %(default)s)")
    options = parser.parse_args()
    reference = Reference()
    try:
        differing = _compared("library", Comparison(options.seed, reference), options.evaluations)
    finally:
        reference.close()
    print(f"{'expressions that killed the library':<44}{reference.killed:>12,}")
    differing += _compared("columns", Comparison(options.seed, None), options.rows)
    return 1 if differing + _broken(options.seed, options.executions) else 0


def _compared(name: str, comparison: Comparison, evaluations: int) -> int:
    started = time.perf_counter()
    with tqdm(total=evaluations, desc=name, unit="", leave=False) as bar:
        for done in comparison.run(evaluations):
            bar.update(done)
    print(f"\n{name}, {time.perf_counter() - started:.0f} s\n{told(comparison.report, comparison.vocabulary)}")
    return comparison.report.seen.total()


def _broken(seed: int, executions: int) -> int:
    bundles = [folder for folder in (TEMPLATE, STOREFRONT) if any(folder.glob("data/*.csv"))]
    started = time.perf_counter()
    with tqdm(total=executions, desc="broken rules", unit="", leave=False) as bar:
        for report in fuzz_ir(seed, executions, bundles):
            bar.update(report.executions - bar.n)
    print(f"\nbroken rules, {time.perf_counter() - started:.0f} s\n{'executions':<44}{report.executions:>12,}")
    print("\n".join(f"  {name:<42}{count:>12,}" for name, count in report.outcomes.most_common()))
    print("\n".join(f"  seed {seed}, execution {number}: {why}" for number, why in report.failures[:50]))
    return len(report.failures)


if __name__ == "__main__":
    sys.exit(main())
