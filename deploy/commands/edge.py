"""`edgewise edge`.

examples:
  edgewise edge --registry registry --state state/edge --origin http://origin:8301 --secrets secrets.json --port 8300
"""

import argparse

from deploy.outcome import Outcome
from edge.app import serve
from edge.config import add_flags, read_config


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `edge`."""
    add_flags(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Runs the node until it is told to stop, then drains it."""
    serve(read_config(options))
    return Outcome({"stopped": True})
