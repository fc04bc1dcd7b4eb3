"""`edgewise replay`.

Takes a recording file or the address of an origin. Each record is decided again from its own inputs, on its own
revision and catalog, and compared byte for byte: answers, traces, propensities. On another engine than the one that
made it, a replay starts from the recorded scores and says by how much this one's differ. The exit code is 1 when any
record differs, was altered or masked, or lacks its bundle or deltas.

With `--with`, another bundle decides instead, and what would have changed is told: for whom, at which stage, why.

examples:
  edgewise replay http://127.0.0.1:8301 --registry .edgewise/storefront/registry --save monday.rec
  edgewise replay monday.rec --bundle dist/bundle.zip --json
  edgewise replay monday.rec --registry .edgewise/storefront/registry --with dist/bundle.zip
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import ContractError
from deploy.bundle_files import read_bundle
from deploy.outcome import OperationError, Outcome
from deploy.replays.counterfactual_text import counterfactual_text
from deploy.replays.jobs import MakeCounterfactual, MakeReplay, ReplayReport, merged, report
from deploy.replays.part_jobs import run_job
from deploy.replays.recording_files import write_recording
from deploy.replays.recordings import fetch_recording
from deploy.replays.revisions import Revisions


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `replay`."""
    parser.add_argument("source", help="a recording file, or the address of an origin")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--bundle", type=Path, action="append", default=[], help="a bundle file; may be given again")
    where.add_argument("--registry", type=Path, help="a registry folder that has the revisions")
    parser.add_argument("--with", dest="other", metavar="OTHER", help="a bundle file, or a revision of the registry")
    parser.add_argument("--limit", type=int, default=100_000, help="fetch at most so many records (%(default)s)")
    parser.add_argument("--save", type=Path, help="keep what is fetched from the origin as a recording file")
    parser.add_argument("--processes", type=int, default=1, help="how many to work with (default: %(default)s)")


def run(options: argparse.Namespace) -> Outcome:
    """Replays every record and counts what came of it."""
    if not (options.bundle or options.registry or options.other):
        raise OperationError("name the records' bundle: --bundle FILE, or --registry DIR of a deployment")
    if options.processes < 1:
        raise ContractError("at least one process is needed", "--processes")
    with _recording(options) as path:
        return _counterfactual(path, options) if options.other else _replay(path, options)


def _replay(path: Path, options: argparse.Namespace) -> Outcome:
    Revisions(options.bundle, options.registry)  # what is wrong with them is told before anything is begun
    make = MakeReplay(tuple(options.bundle), options.registry)
    told = report(run_job(path, make, options.processes))
    return Outcome(told, _text(told), 0 if told.is_good else 1)


def _counterfactual(path: Path, options: argparse.Namespace) -> Outcome:
    files = list(options.bundle)
    revision = options.other
    if (other := Path(options.other)).is_file():
        files.append(other)
        revision = read_bundle(other).revision
    else:
        revision = _revision(Revisions(files, options.registry), options.other)
    make = MakeCounterfactual(revision, tuple(files), options.registry)
    told = merged(run_job(path, make, options.processes)).report(revision)
    return Outcome(told, counterfactual_text(told), 0 if told.records else 1)


def _revision(known: Revisions, wanted: str) -> str:
    """The one revision that begins so."""
    found = [name for name in known if name.startswith((wanted, f"sha256:{wanted}"))]
    if len(found) != 1:
        listed = ", ".join(sorted(known)) or "none"
        raise OperationError(
            f"{wanted} is no bundle file, and {len(found)} revisions begin so; known: {listed}. Name a file from"
            " `edgewise build`, or a longer revision with the --registry that has it"
        )
    return found[0]


@contextmanager
def _recording(options: argparse.Namespace) -> Iterator[Path]:
    """The recording as a file; fetched into one if need be."""
    if not options.source.startswith(("http://", "https://")):
        if options.save:
            raise ContractError("it is a file already", "--save")
        yield Path(options.source)
        return
    parts = fetch_recording(options.source, options.limit)
    with tempfile.TemporaryDirectory() as scratch:
        path = options.save or Path(scratch) / "fetched"
        write_recording(path, parts)
        yield path


def _text(told: ReplayReport) -> str:
    if not told.records:
        return "no decision records to replay: send some requests first, for instance with `make shoppers`"
    lines = [f"{count} of {told.records} {outcome}" for outcome, count in told.outcomes.items()]
    if told.score_difference is not None:
        lines.append(f"made on another engine: scores differ by at most {told.score_difference:.3g} from this one's")
    lines += [f"first differing stage {stage}: {count}" for stage, count in told.stages.items()]
    lines += [f"  {each.verdict.request_id}: {each.verdict.detail}" for each in told.differences]
    if told.others:
        lines.append(f"  and {told.others} more")
    return "\n".join(lines)
