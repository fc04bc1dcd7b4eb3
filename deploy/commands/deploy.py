"""`edgewise deploy`.

examples:
  edgewise deploy bundles/storefront/dist/bundle.zip --to registry
  edgewise deploy bundle.zip --to registry --note "new delivery promises"
"""

import argparse
import time
from pathlib import Path

from deploy.bundle_files import read_bundle
from deploy.outcome import Outcome
from deploy.publish import publish


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `deploy`."""
    parser.add_argument("file", type=Path, help="a bundle file, from `edgewise build`")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="the registry folder that edges read")
    parser.add_argument("--note", default="", help="a line for the registry's history")


def run(options: argparse.Namespace) -> Outcome:
    """Publishes the file's bundle as the registry's next release."""
    bundle = read_bundle(options.file)
    release = publish(bundle, options.to, note=options.note, now=time.time_ns() // 1000)
    return Outcome(release, f"release {release.sequence} of {options.to}: {release.revision}")
