"""The composition: tasks run while the app is served, and one that breaks is told of."""

import asyncio
import gc
from pathlib import Path

import pytest
from simulator import SimulatedEdge, SimulatedOrigin, until

from contracts.controls import Controls
from edge.app import ENDPOINTS, app_of, create_app, running, spare_the_old
from edge.config import Config, ConfigError
from edge.node import Clock, Node


def test_tasks_follow_registry_and_origin_while_the_app_is_served(edge: SimulatedEdge) -> None:
    edge.origin.current = Controls(sequence=4)
    edge.origin.feeds("teas", "t-01", price=9)

    async def story() -> None:
        node = Node(edge.config(), Clock(sleep=lambda seconds: asyncio.sleep(0.001)))
        app = app_of(node, edge.origin)
        async with app.router.lifespan_context(app):
            await until(lambda: node.live is not None and node.live.snapshot.cursor.positions == {"teas": 1})
            await until(lambda: node.controls.current.sequence == 4)
            assert node.problems == {}

    asyncio.run(story())


def test_a_task_with_a_bug_is_told_of_and_the_others_go_on(edge: SimulatedEdge) -> None:
    class Broken(SimulatedOrigin):
        async def controls(self, after: int, wait_s: float) -> Controls:
            raise ZeroDivisionError("a bug")

    async def story() -> None:
        node = Node(edge.config(), Clock(sleep=lambda seconds: asyncio.sleep(0.001)))
        async with running(node, Broken()):
            await until(lambda: "controls" in node.problems)
            assert node.problems["controls"].startswith("task controls stopped because of a bug")
            await until(lambda: node.is_origin_reachable)

    asyncio.run(story())


def test_a_node_without_origin_follows_its_registry(edge: SimulatedEdge) -> None:
    async def story() -> None:
        node = Node(edge.config(), Clock())
        async with running(node, None):
            await until(lambda: node.live is not None)

    asyncio.run(story())


def test_an_app_is_made_from_a_config_alone(edge: SimulatedEdge) -> None:
    async def story() -> None:
        app = create_app(edge.config())
        assert len(app.routes) == len(ENDPOINTS)
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(story())


def test_what_a_full_collection_left_is_not_walked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[str] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append("once"))
    for phase, generation in (("start", 2), ("stop", 0), ("stop", 1), ("stop", 2)):
        spare_the_old(phase, {"generation": generation})
    assert frozen == ["once"]


def test_an_unknown_transport_names_those_there_are(edge: SimulatedEdge, tmp_path: Path) -> None:
    settings = edge.config()
    carrier = Config(registry=tmp_path, state=tmp_path, secrets=settings.secrets, origin="http://o", transport="pigeon")
    with pytest.raises(ConfigError, match="no transport is named pigeon: choose one of http"):
        create_app(carrier)


def test_every_endpoint_is_described() -> None:
    assert len({(each.method, each.path) for each in ENDPOINTS}) == len(ENDPOINTS)
    assert all(each.summary.endswith(".") for each in ENDPOINTS)
