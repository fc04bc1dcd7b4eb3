"""G12: caps that hold across edges. Several edges, one real origin's folds; responses under way at the same moment.

No request has an affinity: each decision is made, and each exposure reported, at an edge drawn by lot.
"""

import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from msgspec.structs import replace
from simulator import SECRETS, RunningEdge, SimulatedEdge, SimulatedOrigin, event, play, with_section

from contracts.bundle import Bundle, write_file
from contracts.codec import decode, pack
from contracts.events import StoredEvent
from contracts.experiments import ExperimentSpec, Holdout
from contracts.features import Cursor, FeatureSchema, FeedPage
from contracts.slots import AnyCap, Cap, CapPer, CapWindow, RecencyCap, SlotSet
from edge import telemetry
from edge.spool import Batch, Kind
from engine.caps import synced_feature
from engine.hashing import split
from origin import collect, feed
from origin.app import open_origin
from origin.config import Config, Secrets

EDGES = 3
LIMIT = 7
OVERSHOOT = EDGES - 1
MANY = 100
DAY_S = 24 * 3600
PER_SLOT = Cap(name="c", limit=LIMIT, window=CapWindow.DAY, per=CapPer.SLOT, overshoot=OVERSHOOT, is_synced=True)
PER_ITEM = replace(PER_SLOT, per=CapPer.ITEM)
RANKING = "for-you"
Json = dict[str, object]


class Answer(NamedTuple):
    """What a browser was answered for the slot with the cap."""

    decision_id: str
    answer: list[str]


def says_the_decision(slot: str, answer: Answer) -> Json:
    """The exposure of a page that names the decision alone: its id tells the slot."""
    assert answer.decision_id.endswith(f".{slot}")
    return event(answer.decision_id, "exposure", decision_id=answer.decision_id)


def says_what_was_shown(slot: str, answer: Answer) -> Json:
    """The exposure as `edgewise.js` reports it: what counts must not depend on who decided."""
    one = {"item": answer.answer[0]} if len(answer.answer) == 1 else {}
    return {**says_the_decision(slot, answer), **one, "slot": slot, "items": answer.answer}


class FoldingOrigin(SimulatedOrigin):
    """The simulated network in front of a real origin's collector, folds and feed."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        super().__init__()
        folder.mkdir()
        (folder / "bundle.zip").write_bytes(write_file(bundle))
        secrets = Secrets(SECRETS.pseudonym_key, SECRETS.operator_token)
        self.opened = open_origin(Config(state=folder, bundle=folder / "bundle.zip", secrets=secrets))

    async def feed(self, cursor: Cursor, wait_s: float) -> FeedPage:
        page = self.opened.database.reads.run_now(feed.page, feed.Query(cursor))
        return decode(pack(page), FeedPage)

    async def send(self, batch: Batch) -> None:
        await super().send(batch)
        if batch.kind is Kind.EVENT:
            events = [decode(body, StoredEvent) for body in batch.bodies]
            self.opened.database.writes.run_now(collect.collect, self.opened.declared.folding, events)


class Fleet:
    """Edges of one origin, and as many browsers of one visitor, each with its own cookie and at home at no edge."""

    def __init__(
        self, folder: Path, tea: Bundle, *caps: AnyCap, slot: str = "hero", holdout: float = 0.0, seed: int = 0
    ) -> None:
        bundle = capped(tea, *caps, slot=slot, holdout=holdout)
        self.slot = slot
        self.chance = random.Random(seed)
        self.browsers = [httpx.Cookies() for _ in range(EDGES)]
        self.origin = FoldingOrigin(folder / "origin", bundle)
        self.edges = [SimulatedEdge(folder / f"edge-{number}", origin=self.origin) for number in range(EDGES)]
        for edge in self.edges:
            edge.folder.mkdir()
            edge.time = self.edges[0].time
            edge.publishes(bundle)
        self.nodes: list[RunningEdge] = []
        self.shown: list[str] = []
        self.rounds = 0

    async def start(self, stack: AsyncExitStack) -> None:
        stack.callback(self.origin.opened.close)
        self.nodes = [await stack.enter_async_context(edge.run()) for edge in self.edges]
        await self.sync()

    async def sync(self) -> None:
        for step in ("uplink", "features"):
            for node in self.nodes:
                await node.turns("bundles", step)

    async def meet(self, tell: Callable[[str, Answer], Json] = says_what_was_shown) -> int:
        """All browsers ask at once, and all that is shown is seen before anyone else hears of it."""
        self.rounds += 1
        assert self.rounds < MANY, "no cap ever held"
        answers = [await self.asks(browser) for browser in range(EDGES)]
        for browser, answer in enumerate(answers):
            await self.tells(browser, tell(self.slot, answer))
            self.shown += answer.answer
        return sum(bool(answer.answer) for answer in answers)

    async def asks(self, browser: int) -> Answer:
        """A decision at an edge drawn by lot."""
        answer = await self._send(browser, "/v1/decide?as=5", {"slots": [self.slot]})
        decided = answer.json()["slots"][self.slot]
        return Answer(decided["decision_id"], decided["answer"])

    async def tells(self, browser: int, seen: Json) -> None:
        """A report at an edge drawn by lot."""
        (await self._send(browser, "/v1/events?as=5", {"events": [seen]})).raise_for_status()

    async def _send(self, browser: int, address: str, body: Json) -> httpx.Response:
        node = self.chance.choice(self.nodes)
        node.client.cookies = self.browsers[browser]
        answer = await node.client.post(address, json=body)
        self.browsers[browser] = node.client.cookies
        return answer


def capped(tea: Bundle, *caps: AnyCap, slot: str, holdout: float) -> Bundle:
    slots, schema = tea.read("slots", SlotSet), tea.read("schema", FeatureSchema)
    listed = tuple(replace(each, caps=caps if each.name == slot else ()) for each in slots.slots)
    counters = tuple(synced_feature(each, cap) for each in listed for cap in each.caps if cap.is_synced)
    held = (Holdout(salt="held", share=holdout),)
    bundle = with_section(tea, "slots", replace(slots, slots=listed))
    bundle = with_section(bundle, "experiments", ExperimentSpec(holdouts=held))
    return with_section(bundle, "schema", replace(schema, features=(*schema.features, *counters)))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("slot", ["hero", RANKING])
@pytest.mark.parametrize("cap", [PER_SLOT, PER_ITEM], ids=["per slot", "per item"])
def test_a_synced_cap_holds_across_edges_within_its_overshoot(
    tmp_path: Path, tea_bundle: Bundle, cap: Cap, slot: str, seed: int
) -> None:
    fleet = Fleet(tmp_path, tea_bundle, cap, slot=slot, seed=seed)

    async def story() -> None:
        async with AsyncExitStack() as stack:
            await fleet.start(stack)
            met = 0
            while seen := await fleet.meet():
                met += seen
                await fleet.sync()
            counts = [fleet.shown.count(item) for item in set(fleet.shown)] if cap is PER_ITEM else [met]
            assert all(LIMIT <= count <= LIMIT + OVERSHOOT for count in counts), counts
            assert max(counts) > LIMIT, "the overshoot is real"
            fleet.edges[0].time.advance(DAY_S)
            assert await fleet.meet() == EDGES, "another day"

    play(story)


def test_a_cap_of_a_slot_holds_where_pages_name_the_decision_alone(tmp_path: Path, tea_bundle: Bundle) -> None:
    """Most edges cannot know what was shown. That something was is enough for the slot, and they say what they lack."""
    fleet = Fleet(tmp_path, tea_bundle, PER_SLOT, slot=RANKING)

    async def story() -> None:
        async with AsyncExitStack() as stack:
            await fleet.start(stack)
            met = 0
            while seen := await fleet.meet(says_the_decision):
                met += seen
                await fleet.sync()
            assert LIMIT <= met <= LIMIT + OVERSHOOT
            unknown = [node.node.telemetry.total(telemetry.UNKNOWN_EXPOSURES) for node in fleet.nodes]
            assert 0 < sum(unknown) < met + EDGES

    play(story)


def test_without_sync_every_browser_counts_for_itself(tmp_path: Path, tea_bundle: Bundle) -> None:
    fleet = Fleet(tmp_path, tea_bundle, replace(PER_SLOT, is_synced=False))

    async def story() -> None:
        async with AsyncExitStack() as stack:
            await fleet.start(stack)
            while await fleet.meet():
                await fleet.sync()
            assert len(fleet.shown) == EDGES * LIMIT > LIMIT + OVERSHOOT

    play(story)


def test_one_browser_whose_answers_overwrite_each_other_is_counted_by_the_origin(
    tmp_path: Path, tea_bundle: Bundle
) -> None:
    """Each round the same cookie is sent to every edge; of their answers only one cookie stays."""
    fleet = Fleet(tmp_path, tea_bundle, PER_SLOT)

    async def story() -> None:
        async with AsyncExitStack() as stack:
            await fleet.start(stack)
            while await fleet.meet():
                fleet.browsers = [fleet.browsers[0]] * EDGES
                await fleet.sync()
            assert LIMIT <= len(fleet.shown) <= LIMIT + OVERSHOOT

    play(story)


def test_recency_holds_across_edges(tmp_path: Path, tea_bundle: Bundle) -> None:
    fleet = Fleet(tmp_path, tea_bundle, RecencyCap(name="c", apart_s=3600, is_synced=True))

    async def story() -> None:
        async with AsyncExitStack() as stack:
            await fleet.start(stack)
            seen: list[set[str]] = []
            while await fleet.meet():
                seen.append(set(fleet.shown))
                fleet.shown.clear()
                await fleet.sync()
            assert len(seen) > 1
            assert sum(map(len, seen)) == len(set.union(*seen)), "no story came twice within the hour"
            fleet.edges[0].time.advance(3600)
            assert await fleet.meet() == EDGES

    play(story)


def test_the_held_out_advance_no_counter_anywhere(tmp_path: Path, tea_bundle: Bundle) -> None:
    fleet = Fleet(tmp_path, tea_bundle, PER_SLOT, holdout=0.5)

    async def story() -> None:
        async with AsyncExitStack() as stack:
            await fleet.start(stack)
            node, afar = fleet.nodes[:2]
            held = next(str(n) for n in range(99) if split("held", node.node.pseudonym(str(n))) < 0.5)
            page = (await node.decide(f"as={held}", slots=["hero"])).json()["slots"]["hero"]
            assert page["cause"] == "holdout"
            meant = node.node.recent.find(page["decision_id"])[2].held_out  # type: ignore[index]
            seen = [
                event("by id", "exposure", slot="hero", decision_id=page["decision_id"]),
                event("by item", "exposure", slot="hero", item=meant[0]),
                event("by items", "exposure", slot="hero", items=meant),
            ]
            await afar.client.post(f"/v1/events?as={held}", json={"events": seen})
            await fleet.sync()
            assert set(fleet.origin.events) == {"by id", "by item", "by items"}
            for each in fleet.nodes:
                told = each.node.in_use().snapshot.visitor(each.node.pseudonym(held))
                assert "cap:c" not in told or told["cap:c"].value == ()
            await node.decide(f"as={held}", slots=["hero"])
            assert [record.request.exposures for record in node.remembered()] == [{}, {}]

    play(story)
