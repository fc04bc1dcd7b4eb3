"""`edgewise init`.

Writes a small tea shop: a catalog, guardrails, two slots with models and one without, a page. `train.py` trains the
models in seconds; `edgewise dev` then shows the shop.

examples:
  edgewise init tea
  edgewise init shops/coffee --json
"""

import argparse
import shutil
from pathlib import Path

from deploy.outcome import OperationError, Outcome

TEMPLATE = Path(__file__).parents[1] / "template"
IGNORED = "models.lock\nmodels/*.txt\nmodels/*.joblib\ndist/\n"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `init`."""
    parser.add_argument("folder", type=Path, help="the folder to make; it must not exist yet")


def run(options: argparse.Namespace) -> Outcome:
    """Copies the template and says what to do next."""
    folder: Path = options.folder
    if folder.exists():
        raise OperationError(f"{folder} exists already; name a folder that does not")
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".gitignore").write_text(IGNORED)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return Outcome({"folder": str(folder), "files": files}, _text(folder, len(files)))


def _text(folder: Path, files: int) -> str:
    steps = [
        f"edgewise check {folder}",
        f"python {folder}/train.py",
        f"edgewise test {folder}",
        f"edgewise dev {folder}",
    ]
    return "\n  ".join([f"{folder}: {files} files. Next:", *steps])
