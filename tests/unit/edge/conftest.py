"""The simulated edge of `tests/simulation`, for tests of the wire."""

import sys
from pathlib import Path

import pytest

from contracts.bundle import Bundle

sys.path.append(str(Path(__file__).parents[2] / "simulation"))

from simulator import SimulatedEdge


@pytest.fixture
def edge(tmp_path: Path, tea_bundle: Bundle) -> SimulatedEdge:
    simulated = SimulatedEdge(tmp_path)
    simulated.publishes(tea_bundle)
    return simulated
