"""`edgewise origin`.

examples:
  edgewise origin --state state/origin --bundle dist/bundle.zip --secrets secrets.json --port 8301
"""

import argparse

from deploy.outcome import Outcome
from origin.app import serve
from origin.config import add_flags, read_config


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `origin`."""
    add_flags(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Runs the origin until it is told to stop."""
    serve(read_config(options))
    return Outcome({"stopped": True})
