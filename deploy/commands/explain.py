"""`edgewise explain`.

Tells how one recorded decision came about: what the gate let through, assignments, generators, first blockers, scores,
boosts, draws, and every feature with its status. For a candidate it adds every model input, and why it is shown or not.

With `--sources`, the folder that the bundle was built from, it also tells how much each input added to a model's
margin, or to the probability of a tree or forest. It is computed exactly, by LightGBM, by XGBoost, and for trees of
scikit-learn by shap (extra `shap`); for other models it is not offered.

examples:
  edgewise explain monday.rec --decision 3f0c.for-you --bundle dist/bundle.zip
  edgewise explain monday.rec --decision 3f0c.for-you --candidate t-04 --bundle dist/bundle.zip --sources tea
  edgewise explain http://127.0.0.1:8301 --decision 3f0c.hero --registry .edgewise/tea/registry --json
"""

import argparse
from pathlib import Path

from deploy.explanations.explainer import Explainer
from deploy.explanations.text import explanation_text
from deploy.outcome import OperationError, Outcome
from deploy.replays.recording_files import read_recording
from deploy.replays.recordings import fetch_recording
from deploy.replays.revisions import LoadedRevisions, Revisions


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `explain`."""
    parser.add_argument("source", help="a recording file, or the address of an origin")
    parser.add_argument("--decision", required=True, metavar="ID", help="its answer's `decision_id`, PAGE.SLOT")
    parser.add_argument("--candidate", metavar="ID", help="an item to explain (default: the first that was shown)")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--bundle", type=Path, action="append", default=[], help="the bundle file that decided")
    where.add_argument("--registry", type=Path, help="a registry folder that has the revision")
    parser.add_argument("--sources", type=Path, metavar="DIR", help="the bundle's sources, for contributions")
    parser.add_argument("--limit", type=int, default=100_000, help="search so many records, oldest first (%(default)s)")


def run(options: argparse.Namespace) -> Outcome:
    """Finds the decision and explains it."""
    bundles = Revisions(options.bundle, options.registry)
    explainer = Explainer(bundles, LoadedRevisions(bundles), options.sources)
    is_address = options.source.startswith(("http://", "https://"))
    parts = fetch_recording(options.source, options.limit) if is_address else read_recording(Path(options.source))
    record = explainer.find(parts, options.decision)
    if record is None:
        among = f" among its first {options.limit:,} records (--limit)" if is_address else ""
        raise OperationError(
            f"{options.source} has no decision {options.decision}{among}: records come seconds after answers, and an id"
            " is written as an answer's `decision_id`, such as 3f0c.hero"
        )
    told = explainer.explain(record, options.decision, options.candidate)
    return Outcome(told, explanation_text(told))
