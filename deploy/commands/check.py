"""`edgewise check`.

examples:
  edgewise check bundles/storefront
  edgewise check bundles/storefront --json      problems for an editor
"""

import argparse
from pathlib import Path

from compiler.build import check
from deploy.outcome import Outcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `check`."""
    parser.add_argument("folder", type=Path, help="a bundle's folder, with its edgewise.toml")


def run(options: argparse.Namespace) -> Outcome:
    """Checks the sources; problems come as the error that carries them all."""
    sources = check(options.folder)
    text = f"{options.folder}: {len(sources.rules)} expressions and {len(sources.slots)} slots, no problems"
    return Outcome({"problems": []}, text)
