"""`edgewise replay`.

Takes a recording file or the address of an origin. Each record is decided again from its own inputs, on its own
revision and catalog, and compared byte for byte: answers, traces, propensities. The exit code is 1 when any differs.

examples:
  edgewise replay http://127.0.0.1:8301 --registry .edgewise/storefront/registry
  edgewise replay recording.msgpack --bundle dist/bundle.zip --json
"""

import argparse
from collections import Counter
from pathlib import Path

from contracts.bundle import Bundle, Manifest, check_section, read_file, section_file
from contracts.codec import Contract, decode
from contracts.record import Recording
from deploy.outcome import OperationError, Outcome
from deploy.publish import manifest_file
from deploy.recordings import fetch_recording
from deploy.replaying import Verdict, replay
from engine.load import LoadedBundle, load

SHOWN = 5


class ReplayReport(Contract, frozen=True):
    """How many records there were, how many of each outcome, and the first that were not identical."""

    records: int
    outcomes: dict[str, int]
    differences: tuple[Verdict, ...]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `replay`."""
    parser.add_argument("source", help="a recording file, or the address of an origin")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--bundle", type=Path, action="append", default=[], help="a bundle file; may be given again")
    where.add_argument("--registry", type=Path, help="a registry folder that has the revisions")
    parser.add_argument("--limit", type=int, default=100_000, help="at most so many records (default: %(default)s)")


def run(options: argparse.Namespace) -> Outcome:
    """Replays every record and counts the outcomes."""
    recording = _recording(options)
    bundles = _bundles(options, {record.revision for record in recording.records})
    verdicts = replay(recording, bundles)
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    differences = tuple(verdict for verdict in verdicts if verdict.outcome != "identical")
    report = ReplayReport(
        records=len(verdicts),
        outcomes={str(name): count for name, count in outcomes.items()},
        differences=differences[:SHOWN],
    )
    return Outcome(report, _text(report), 1 if differences or not verdicts else 0)


def _recording(options: argparse.Namespace) -> Recording:
    if options.source.startswith(("http://", "https://")):
        return fetch_recording(options.source, options.limit)
    return decode(Path(options.source).read_bytes(), Recording)


def _bundles(options: argparse.Namespace, revisions: set[str]) -> dict[str, LoadedBundle]:
    if options.registry:
        bundles = [_from_registry(options.registry, revision) for revision in sorted(revisions)]
    else:
        bundles = [read_file(path.read_bytes()) for path in options.bundle]
    return {bundle.revision: load(bundle) for bundle in bundles}


def _from_registry(registry: Path, revision: str) -> Bundle:
    path = registry / manifest_file(revision)
    if not path.exists():
        raise OperationError(f"{registry} has no {revision}; name the registry that it was deployed to")
    manifest = decode(path.read_bytes(), Manifest)
    sections = {
        name: check_section(name, ref, (registry / section_file(ref.digest)).read_bytes())
        for name, ref in manifest.sections.items()
    }
    return Bundle(manifest, sections)


def _text(report: ReplayReport) -> str:
    if not report.records:
        return "no decision records to replay: send some requests first, for instance with `make shoppers`"
    lines = [f"{count} of {report.records} {outcome}" for outcome, count in sorted(report.outcomes.items())]
    return "\n".join(lines + [f"  {verdict.request_id}: {verdict.detail}" for verdict in report.differences])
