"""`edgewise build`.

examples:
  edgewise build bundles/storefront
  edgewise build bundles/storefront -o /tmp/storefront.zip --json
"""

import argparse
import sys
from pathlib import Path

from compiler.build import Built, build
from compiler.diagnostics import render
from contracts.bundle import write_file
from deploy.outcome import Outcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `build`."""
    parser.add_argument("folder", type=Path, help="a bundle's folder, with its edgewise.toml")
    parser.add_argument("-o", "--output", type=Path, help="the bundle file (default: dist/bundle.zip in the folder)")


def run(options: argparse.Namespace) -> Outcome:
    """Builds, writes the file, and reports its revision and sizes."""
    built = build(options.folder, on_progress=_progress)
    output = options.output or options.folder / "dist" / "bundle.zip"
    data = write_file(built.bundle)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(data)
    report = {"revision": built.bundle.revision, "file": str(output), "bytes": len(data), "report": built.report}
    return Outcome(report, _text(built, output, len(data)))


def _progress(stage: str) -> None:
    print(f"  {stage}", file=sys.stderr, flush=True)


def _text(built: Built, output: Path, size: int) -> str:
    sections = len(built.bundle.manifest.sections)
    lines = [f"{output}: {size:,} bytes in {sections} sections", f"revision {built.bundle.revision}"]
    for model in built.report.models:
        difference = f"{model.largest_difference:.1e}"
        lines.append(f"model {model.name}: parity held at {model.points:,} points, largest difference {difference}")
    if built.report.warnings:
        lines.insert(0, render(built.report.warnings) + "\n")
    return "\n".join(lines)
