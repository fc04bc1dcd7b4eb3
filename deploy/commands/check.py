"""`edgewise check`.

examples:
  edgewise check bundles/storefront
  edgewise check bundles/storefront --json      problems for an editor
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from compiler.build import check
from compiler.diagnostics import Problem, render
from deploy.outcome import Outcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `check`."""
    parser.add_argument("folder", type=Path, help="a bundle's folder, with its edgewise.toml")


def run(options: argparse.Namespace) -> Outcome:
    """Checks the sources; errors come as the error that carries all problems, warnings with the outcome."""
    sound = check(options.folder)
    counts = f"{len(sound.sources.rules)} expressions and {len(sound.sources.slots)} slots"
    summary = f"{options.folder}: {counts}, {_count(sound.warnings)}"
    text = f"{render(sound.warnings)}\n\n{summary}" if sound.warnings else summary
    return Outcome({"problems": sound.warnings}, text)


def _count(warnings: Sequence[Problem]) -> str:
    match len(warnings):
        case 0:
            return "no problems"
        case 1:
            return "1 warning"
        case count:
            return f"{count} warnings"
