"""Exposures: they advance caps, but not for those who saw nothing."""

import pytest
from msgspec.structs import replace
from simulator import RunningEdge, SimulatedEdge, event, play, with_section

from contracts.bundle import Bundle
from contracts.experiments import ExperimentSpec, Holdout
from contracts.features import FeatureSchema
from contracts.slots import MAX_POSITIONS, AnyCap, Cap, CapPer, CapWindow, RecencyCap, SlotSet
from edge import telemetry
from engine.caps import synced_feature
from engine.hashing import split

DAY_S = 24 * 3600
CAPS = (Cap(name="daily", limit=2, window=CapWindow.DAY), Cap(name="visit", limit=50, window=CapWindow.VISIT))
OF_SLOT: dict[str, tuple[AnyCap, ...]] = {
    "hero": CAPS,
    "for-you": (
        Cap(name="shelf", limit=2, window=CapWindow.DAY, is_synced=True),
        Cap(name="pages", limit=9, window=CapWindow.DAY, per=CapPer.SLOT),
        RecencyCap(name="fresh", apart=2),
    ),
}


@pytest.fixture
def capped(edge: SimulatedEdge, tea_bundle: Bundle) -> SimulatedEdge:
    """The tea shop with caps on hero and for-you, and a holdout of half of the visitors."""
    slots = tea_bundle.read("slots", SlotSet)
    listed = tuple(replace(slot, caps=OF_SLOT.get(slot.name, ())) for slot in slots.slots)
    schema = tea_bundle.read("schema", FeatureSchema)
    counters = tuple(synced_feature(slot, cap) for slot in listed for cap in slot.caps if cap.is_synced)
    half = ExperimentSpec(holdouts=(Holdout(salt="half", share=0.5),))
    bundle = with_section(tea_bundle, "slots", replace(slots, slots=listed))
    bundle = with_section(bundle, "schema", replace(schema, features=(*schema.features, *counters)))
    edge.publishes(with_section(bundle, "experiments", half))
    return edge


def household(node: RunningEdge, *, is_held_out: bool) -> str:
    """One that the holdout has, or has not."""
    names = (str(number) for number in range(1000))
    return next(name for name in names if (split("half", node.node.pseudonym(name)) < 0.5) is is_held_out)


async def counted(node: RunningEdge, who: str) -> dict[str, dict[str, int]]:
    """The exposures that the next decision is made with."""
    await node.decide(f"as={who}")
    return node.remembered()[-1].request.exposures


def test_what_was_seen_counts_against_every_cap_of_its_slot(capped: SimulatedEdge) -> None:
    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            for name in ("one", "two"):
                seen = event(name, "exposure", slot="hero", item="classic")
                await node.client.post(f"/v1/events?as={who}", json={"events": [seen, seen]})
            assert await counted(node, who) == {"daily": {"classic": 2}, "visit": {"classic": 2}}
            capped.time.advance(1500)
            assert await counted(node, who) == {"daily": {"classic": 2}, "visit": {"classic": 2}}
            capped.time.advance(1500)
            assert await counted(node, who) == {"daily": {"classic": 2}}, "a new visit has begun"
            capped.time.advance(DAY_S)
            assert await counted(node, who) == {}

    play(story)


def test_a_ranking_that_was_seen_counts_all_its_answers(capped: SimulatedEdge) -> None:
    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            shown = (await node.decide(f"as={who}")).json()["slots"]["for-you"]
            seen = event("e", "exposure", slot="for-you", decision_id=shown["decision_id"])
            await node.client.post(f"/v1/events?as={who}", json={"events": [seen]})
            each = dict.fromkeys(shown["answer"], 1)
            assert await counted(node, who) == {"shelf": each, "fresh": each, "pages": {"*": 1}}
            await node.turns("uplink")
            assert capped.origin.events["e"].seen == tuple(shown["answer"])

    play(story)


def test_what_the_page_says_it_showed_counts_where_nobody_knows_the_decision(capped: SimulatedEdge) -> None:
    """As it does on the node that decided: once for each item, once for the slot, however often it is sent."""

    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            shown = (await node.decide(f"as={who}")).json()["slots"]["for-you"]
            for decision_id in (shown["decision_id"], "forgotten.for-you"):
                seen = event(decision_id, "exposure", slot="for-you", decision_id=decision_id, items=["t-01", "t-02"])
                for _ in range(2):
                    await node.client.post(f"/v1/events?as={who}", json={"events": [seen, seen]})
            expected = {"shelf": {"t-01": 2, "t-02": 2}, "fresh": {"t-01": 1, "t-02": 1}, "pages": {"*": 2}}
            assert await counted(node, who) == expected
            assert node.node.telemetry.total(telemetry.UNKNOWN_EXPOSURES) == 0
            await node.turns("uplink")
            assert {stored.seen for stored in capped.origin.events.values()} == {("t-01", "t-02")}

    play(story)


def test_an_exposure_of_no_slot_of_this_bundle_counts_for_no_cap(capped: SimulatedEdge) -> None:
    """Another revision's slot, say: whose purposes are granted and who is held out, nobody here could ask."""

    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            for name, fields in (
                ("named", {"slot": "of-next-bundle"}),
                ("decision", {"decision_id": "x.of-next-bundle"}),
            ):
                seen = event(name, "exposure", items=["t-01"], **fields)
                await node.client.post(f"/v1/events?as={who}", json={"events": [seen]})
            assert await counted(node, who) == {}
            assert node.node.telemetry.total(telemetry.UNKNOWN_EXPOSURES) == 0
            await node.turns("uplink")
            assert [stored.seen for stored in capped.origin.events.values()] == [(), ()]

    play(story)


def test_where_nobody_knows_the_items_the_slot_counts_and_the_node_says_so(capped: SimulatedEdge) -> None:
    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            for fields in ({"decision_id": "forgotten.for-you"}, {}):
                seen = event(str(fields), "exposure", slot="for-you", **fields)
                await node.client.post(f"/v1/events?as={who}", json={"events": [seen]})
            assert await counted(node, who) == {"pages": {"*": 2}}
            assert node.node.telemetry.total(telemetry.UNKNOWN_EXPOSURES) == 2
            await node.turns("uplink")
            assert {stored.seen for stored in capped.origin.events.values()} == {None}

    play(story)


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ("t-01", "$.events[1].items"),
        ([""], "$.events[1].items[0]"),
        (["t-01", 7], "$.events[1].items[1]"),
        (["x"] * (MAX_POSITIONS + 1), "$.events[1].items"),
    ],
)
def test_items_that_are_no_list_of_ids_are_refused_by_place(capped: SimulatedEdge, items: object, path: str) -> None:
    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            good = event("good", "exposure", slot="for-you", items=["x"] * MAX_POSITIONS)
            bad = event("bad", "exposure", slot="for-you", items=items)
            told = (await node.client.post(f"/v1/events?as={who}", json={"events": [good, bad]})).json()
            assert (told["stored"], [refusal["path"] for refusal in told["refused"]]) == (1, [path])
            assert (await counted(node, who))["pages"] == {"*": 1}

    play(story)


def test_a_page_that_names_items_without_end_fills_no_more_than_a_cookie(capped: SimulatedEdge) -> None:
    """Its visitor's counters are all that it moves, and each cap keeps the newest."""

    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            many = [
                event(f"e{number}", "exposure", slot="for-you", items=[f"x{number}-{n}" for n in range(1000)])
                for number in range(5)
            ]
            answer = await node.client.post(f"/v1/events?as={who}", json={"events": many})
            assert answer.json() == {"stored": 5}
            assert node.node.telemetry.total(telemetry.UNKNOWN_ITEMS) == 5
            kept = await counted(node, who)
            assert kept["pages"] == {"*": 5}
            assert 0 < len(kept["shelf"]) <= 200
            await node.decide(f"as={household(node, is_held_out=False)}x")
            assert node.remembered()[-1].request.exposures == {}

    play(story)


@pytest.mark.parametrize(
    "fields",
    [
        {"slot": "delivery", "item": "next-day"},
        {"slot": "nowhere", "items": ["x"]},
        {"item": "x"},
        {"slot": "for-you", "items": []},
        {"slot": "for-you", "items": [], "item": "x"},
        {"slot": "hero", "decision_id": "forgotten"},
    ],
)
def test_other_exposures_count_nothing_and_are_stored(capped: SimulatedEdge, fields: dict[str, object]) -> None:
    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            answer = await node.client.post(f"/v1/events?as={who}", json={"events": [event("e", "exposure", **fields)]})
            assert answer.json() == {"stored": 1}
            assert await counted(node, who) == {}

    play(story)


def test_held_out_visitors_advance_no_cap(capped: SimulatedEdge) -> None:
    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=True)
            assert (await node.decide(f"as={who}")).json()["slots"]["hero"]["cause"] == "holdout"
            said: tuple[dict[str, object], ...] = ({"item": "classic"}, {"items": ["classic"]}, {"decision_id": "afar"})
            seen = [event(str(fields), "exposure", slot="hero", **fields) for fields in said]
            await node.client.post(f"/v1/events?as={who}", json={"events": seen})
            assert await counted(node, who) == {}
            await node.turns("uplink")
            assert [stored.seen for stored in capped.origin.events.values()] == [(), (), ()]
            assert node.node.telemetry.total(telemetry.UNKNOWN_EXPOSURES) == 0, "they met plain content"

    play(story)


def test_without_a_grant_nothing_is_counted(capped: SimulatedEdge) -> None:
    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            await node.client.post("/v1/events", json={"events": [event("e", "exposure", slot="hero", item="classic")]})
            await node.decide("")
            (record,) = node.remembered()
            assert record.request.exposures == {}

    play(story)


def test_two_answers_at_once_overwrite_each_other_within_the_overshoot(capped: SimulatedEdge) -> None:
    """Two requests that carry the same cookie: the later answer's cookie stays, so one count is lost, no more."""

    async def story() -> None:
        async with capped.run() as node:
            await node.turns()
            who = household(node, is_held_out=False)
            await node.decide(f"as={who}")
            same = {"Cookie": f"ew={node.client.cookies['ew']}"}
            for name in ("one", "two"):
                seen = event(name, "exposure", slot="hero", item="classic")
                await node.client.post(f"/v1/events?as={who}", json={"events": [seen]}, headers=same)
            lost = 2 - (await counted(node, who))["daily"]["classic"]
            assert lost == 1 <= CAPS[0].overshoot

    play(story)
