"""Splits through the wire: one person's browsers, nodes that agree, QA tokens, and stalls on the node's own clock."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from simulator import START_US, RunningEdge, SimulatedEdge, event, play, with_section

from contracts.bundle import Bundle
from contracts.decision import Override
from contracts.experiments import Arm, Experiment, ExperimentSpec, Holdout
from contracts.features import FeatureSchema, FeatureSpec, Root, ValueType
from contracts.record import DecisionRecord
from contracts.slots import PolicySpec
from edge.qa import COOKIE, Token, signed
from edge.spool import Kind
from edge.telemetry import DECISIONS, QA_DECISIONS
from engine.hashing import split

HOUR_US = 3600 * 1_000_000
PROFILE = FeatureSpec(name="profile", root=Root.VISITOR, type=ValueType.STRING)
CURIOUS = PolicySpec(name="epsilon", params={"epsilon": 0.5})
HALVES = (Arm(name="control", share=0.5), Arm(name="curious", share=0.5, policy=CURIOUS))
SPLITS = ExperimentSpec(
    holdouts=(Holdout(salt="held", share=0.5),),
    experiments=(Experiment(name="x", layer="l", start=0.0, end=1.0, slots=("hero",), arms=HALVES),),
    unit="profile",
)


@pytest.fixture
def divided(edge: SimulatedEdge, tea_bundle: Bundle) -> SimulatedEdge:
    """The tea shop with a holdout, an experiment, and profiles whose units the feed tells."""
    schema = tea_bundle.read("schema", FeatureSchema)
    bundle = with_section(tea_bundle, "schema", replace(schema, features=(*schema.features, PROFILE)))
    edge.publishes(with_section(bundle, "experiments", SPLITS))
    return edge


def latest(node: RunningEdge) -> DecisionRecord:
    return node.remembered()[-1]


async def group(node: RunningEdge, who: str, client: httpx.AsyncClient | None = None) -> tuple[bool, str | None]:
    """Whether this household is held out now, and its arm."""
    answer = await (client or node.client).post(f"/v1/decide?as={who}", json={"page": "home"})
    slots = answer.json()["slots"].values()
    return any(slot["cause"] == "holdout" for slot in slots), latest(node).result.assignments.get("x")


def two_groups(node: RunningEdge) -> tuple[str, str]:
    """Two households, of whom one is held out and the other is not."""
    names = [str(number) for number in range(99)]
    held = [split("held", node.node.pseudonym(name)) < 0.5 for name in names]
    return names[held.index(False)], names[held.index(True)]


@asynccontextmanager
async def browser(node: RunningEdge) -> AsyncIterator[httpx.AsyncClient]:
    """Another browser at the same edge."""
    async with httpx.AsyncClient(transport=node.client._transport, base_url=node.client.base_url) as client:
        yield client


async def met(client: httpx.AsyncClient, who: str, number: int) -> None:
    """Something happens, so that the browser gets its cookie."""
    await client.post(f"/v1/events?as={who}", json={"events": [event(f"e{number}", "view", item="t-01")]})


def test_who_logs_in_first_moves_nowhere_and_other_browsers_come_along(divided: SimulatedEdge) -> None:
    async def story() -> None:
        async with divided.run() as node, browser(node) as phone:
            await node.turns()
            laptop_name, phone_name = two_groups(node)
            before, unlike = await group(node, laptop_name), await group(node, phone_name, phone)
            assert before[0] is not unlike[0]

            unit = node.node.pseudonym(laptop_name)  # of the browser with which the profile began
            for name in (laptop_name, phone_name):
                divided.origin.feeds("visitor", node.node.pseudonym(name), profile=unit)
            await node.turns("features")
            assert await group(node, laptop_name) == before
            assert await group(node, phone_name, phone) == before
            assert latest(node).request.units["profile"] == unit

            await met(phone, phone_name, 1)
            divided.origin.feeds("visitor", node.node.pseudonym(phone_name), profile="another unit")
            await node.turns("features")
            assert await group(node, phone_name, phone) == before, "a browser stays with the unit it was told first"
            divided.origin.loses_everything()
            await node.turns("features")
            divided.time.advance(3600)
            assert await group(node, phone_name, phone) == before, "whatever the feed forgets, and in the next visit"

    play(story)


def test_a_unit_of_the_future_or_without_consent_is_none(divided: SimulatedEdge) -> None:
    async def story() -> None:
        async with divided.run() as node:
            who = node.node.pseudonym("5")
            divided.origin.feeds("visitor", who, as_of=START_US + HOUR_US, profile="later")
            await node.turns()
            await group(node, "5")
            assert set(latest(node).request.units) == {"visitor", "session"}
            divided.time.advance(3600)
            await group(node, "5")
            assert latest(node).request.units["profile"] == "later"
            await node.client.post("/v1/consent?as=5", json={"opted_out": True})
            assert await group(node, "5") == (False, None)
            assert latest(node).request.units == {}

    play(story)


def test_every_node_divides_alike(divided: SimulatedEdge, tmp_path: Path, tea_bundle: Bundle) -> None:
    other = SimulatedEdge(tmp_path / "other")
    other.folder.mkdir()
    schema = tea_bundle.read("schema", FeatureSchema)
    bundle = with_section(tea_bundle, "schema", replace(schema, features=(*schema.features, PROFILE)))
    other.publishes(with_section(bundle, "experiments", SPLITS))

    async def story() -> None:
        async with divided.run() as one, other.run() as two:
            await one.turns()
            await two.turns()
            other.time.advance(7 * 3600)
            for name in map(str, range(30)):
                assert await group(one, name) == await group(two, name)

    play(story)


def token(expires_in_us: int = HOUR_US, key: bytes = b"q" * 32, **override: object) -> str:
    return signed(key, Token(override=Override(**override), expires_at=START_US + expires_in_us))  # type: ignore[arg-type]


def test_a_token_shows_the_arm_or_the_holdout_that_it_names_and_is_flagged(divided: SimulatedEdge) -> None:
    async def story() -> None:
        async with divided.run() as node:
            await node.turns()
            free, held = two_groups(node)
            for name in (free, held):
                for arm in ("control", "curious"):
                    node.client.cookies.set(COOKIE, token(arms={"x": arm}), domain="edge.local")
                    assert await group(node, name) == (False, arm)
                    assert latest(node).request.qa == Override(arms={"x": arm})
                node.client.cookies.set(COOKIE, token(is_held_out=True), domain="edge.local")
                assert await group(node, name) == (True, None)
                await met(node.client, name, 1 if name == free else 2)
            node.client.cookies.delete(COOKIE)
            assert (await group(node, held))[0] is True
            assert latest(node).request.qa is None
            await met(node.client, held, 3)
            await node.spooled(Kind.RECORD, 7)
            await node.turns("uplink")
            events = divided.origin.events
            assert [events[name].is_qa for name in ("e1", "e2", "e3")] == [True, True, False]
            assert (
                sorted(record.request.qa is not None for record in divided.origin.records.values())
                == [False] + [True] * 6
            )

    play(story)


def test_what_a_token_shows_is_left_out_of_what_a_node_counts_of_its_decisions(divided: SimulatedEdge) -> None:
    async def story() -> None:
        async with divided.run() as node:
            await node.turns()
            free, held = two_groups(node)
            await group(node, free)
            for name in (free, held):
                node.client.cookies.set(COOKIE, token(is_held_out=True), domain="edge.local")
                await group(node, name)
            counted = node.node.telemetry
            slots = len(latest(node).request.slots)
            assert (counted.total(DECISIONS), counted.total(QA_DECISIONS)) == (slots, 2 * slots)
            metrics = (await node.client.get("/metrics")).text.splitlines()
            of_hero = [line for line in metrics if line.startswith("edgewise_decisions_total") and '"hero"' in line]
            assert of_hero == ['edgewise_decisions_total{slot="hero",tier="model",cause=""} 1']
            assert 'edgewise_qa_decisions_total{slot="hero",tier="plain",cause="holdout"} 2' in metrics

    play(story)


def test_who_is_held_out_by_a_token_advances_no_cap(divided: SimulatedEdge) -> None:
    async def story() -> None:
        async with divided.run() as node:
            await node.turns()
            free, _ = two_groups(node)
            node.client.cookies.set(COOKIE, token(is_held_out=True), domain="edge.local")
            seen = event("e1", "exposure", slot="for-you", item="t-01")
            await node.client.post(f"/v1/events?as={free}", json={"events": [seen]})
            await group(node, free)
            assert latest(node).request.exposures == {}
            node.client.cookies.set(COOKIE, token(), domain="edge.local")
            await node.client.post(f"/v1/events?as={free}", json={"events": [{**seen, "id": "e2"}]})
            await group(node, free)
            assert latest(node).request.exposures == {"for-you-daily": {"t-01": 1}}

    play(story)


BODY, _, HASH = token(is_held_out=True).partition(".")


@pytest.mark.parametrize(
    ("cookie", "why"),
    [
        ("", "signature"),
        ("x", "no QA token"),
        (f"{BODY}.", "signature"),
        (f"{BODY}.{HASH[:-4]}AAAA", "signature"),
        (f"{HASH}.{HASH}", "signature"),
        (f"{BODY}=.{HASH}", "no QA token"),
        (token(key=b"x" * 32), "signature"),
        (token(expires_in_us=0), "expired"),
        (token(expires_in_us=-1), "expired"),
        (token(arms={"x": "y" * 3000}), "signature"),
    ],
)
def test_a_token_that_does_not_hold_is_refused_with_the_reason(edge: SimulatedEdge, cookie: str, why: str) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            for path, body in (("decide", {"page": "home"}), ("events", {"events": [event("e", "view")]})):
                headers = {"Cookie": f"{COOKIE}={cookie}"}
                answer = await node.client.post(f"/v1/{path}?as=5", json=body, headers=headers)
                assert answer.status_code == 403
                problem = answer.json()
                assert (problem["path"], why in problem["detail"]) == (COOKIE, True), problem
                assert "edgewise qa" in problem["detail"]
            assert not node.remembered()

    play(story)


@pytest.mark.parametrize("arms", [{"x": "nobody"}, {"y": "control"}])
def test_a_token_for_an_arm_that_the_bundle_lacks_is_refused(divided: SimulatedEdge, arms: dict[str, str]) -> None:
    async def story() -> None:
        async with divided.run() as node:
            await node.turns()
            headers = {"Cookie": f"{COOKIE}={token(arms=arms)}"}
            answer = await node.client.post("/v1/decide?as=5", json={"page": "home"}, headers=headers)
            assert answer.status_code == 403
            (named,) = [f"no arm {experiment}={arm}" for experiment, arm in arms.items()]
            assert named in answer.json()["detail"]
            assert not node.remembered()

    play(story)


def test_a_node_without_the_key_takes_no_token(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            secrets = dataclasses.replace(node.node.config.secrets, qa_key=None)
            node.node.config = dataclasses.replace(node.node.config, secrets=secrets)
            headers = {"Cookie": f"{COOKIE}={token()}"}
            answer = await node.client.post("/v1/decide?as=5", json={"page": "home"}, headers=headers)
            assert answer.status_code == 403
            assert "no key for QA tokens" in answer.json()["detail"]

    play(story)
