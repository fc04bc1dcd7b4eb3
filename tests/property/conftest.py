"""The hand-made bundles of `tests/unit/engine`, for properties of whole decisions."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "unit/engine"))
