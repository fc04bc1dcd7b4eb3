"""What this engine can run, and which engine this is.

A bundle's manifest lists the capabilities it needs; loading it is a subset check. The fingerprint names everything
that may change the last bit of a score: replays are bit for bit where it is equal.
"""

import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from contracts.errors import NotRunnableError
from contracts.features import Root, ValueType
from contracts.rule_ir import IR_VERSION
from engine.folds import FOLDS
from engine.generators import GENERATORS
from engine.kinds import KINDS
from engine.policies import POLICIES
from engine.programs.functions import FUNCTIONS
from engine.programs.macros import MACROS
from engine.scorers import SCORERS

CAPABILITIES: frozenset[str] = frozenset(
    {
        f"ir/{IR_VERSION}",
        *(f"function/{name}" for name in FUNCTIONS),
        *(f"macro/{name}" for name in MACROS),
        *(f"root/{root}" for root in Root),
        *(f"scorer/{name}" for name in SCORERS),
        *(f"policy/{name}" for name in POLICIES),
        *(f"kind/{name}" for name in KINDS),
        *(f"fold/{name}" for name in FOLDS),
        *(f"generator/{name}" for name in GENERATORS),
        *(f"column/{kind}" for kind in ValueType),
    }
)


def check_capabilities(needed: tuple[str, ...]) -> None:
    """Raises `NotRunnableError` naming every capability that a bundle needs and this engine lacks."""
    missing = sorted(set(needed) - CAPABILITIES)
    if missing:
        raise NotRunnableError(f"this engine lacks {', '.join(missing)}: install a newer edgewise on this node")


def fingerprint() -> dict[str, str]:
    """Names and versions of engine, libraries, machine."""
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        "edgewise": _version("edgewise"),
        "numpy": _version("numpy"),
        "onnxruntime": _version("onnxruntime"),
        "python": platform.python_version(),
        "scorer": "onnx",
        "machine": platform.machine(),
        "cpu": " ".join(sorted(extensions["found"])),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
