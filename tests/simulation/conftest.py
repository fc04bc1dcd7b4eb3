"""A simulated edge with the tea shop published."""

from pathlib import Path

import pytest
from simulator import SimulatedEdge

from contracts.bundle import Bundle


@pytest.fixture
def edge(tmp_path: Path, tea_bundle: Bundle) -> SimulatedEdge:
    simulated = SimulatedEdge(tmp_path)
    simulated.publishes(tea_bundle)
    return simulated


@pytest.fixture
def bare_edge(tmp_path: Path) -> SimulatedEdge:
    """Nothing is published yet."""
    return SimulatedEdge(tmp_path)
