"""Stories of one node: origin away, altered bundles, swaps under load, retries, a full disk."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace
from simulator import START_US, RunningEdge, SimulatedEdge, event, play, until

from contracts.bundle import Bundle, SectionRef, digest, section_file
from contracts.codec import encode
from contracts.controls import Controls
from edge.registry import Registry
from edge.spool import Kind
from edge.tasks import features

DAY_S = 24 * 3600


def other_revision(bundle: Bundle) -> Bundle:
    return Bundle(replace(bundle.manifest, name=bundle.manifest.name + "2"), bundle.sections)


def test_without_a_bundle_the_page_keeps_its_content(bare_edge: SimulatedEdge, tea_bundle: Bundle) -> None:
    async def story() -> None:
        async with bare_edge.run() as edge:
            await edge.turns()
            answer = await edge.decide()
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "2"
            assert answer.headers["content-type"] == "application/problem+json"
            assert "edgewise deploy" in answer.json()["detail"]
            assert (await edge.client.get("/readyz")).status_code == 503
            assert (await edge.client.get("/livez")).status_code == 200
            bare_edge.publishes(tea_bundle)
            await edge.turns("bundles")
            assert (await edge.decide()).status_code == 200
            assert (await edge.client.get("/readyz")).json()["is_ready"] is True

    play(story)


def test_the_origin_is_down_at_start_and_the_node_catches_up_later(edge: SimulatedEdge) -> None:
    origin = edge.origin
    origin.is_down = True
    origin.page_limit = 2

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            assert (await node.decide()).status_code == 200
            ready = await node.client.get("/readyz")
            assert ready.status_code == 200
            assert ready.json()["is_origin_reachable"] is False
            assert "the feed is not read: the origin does not answer" in ready.json()["problems"]
            metrics = (await node.client.get("/metrics")).text
            assert "edgewise_origin_reachable 0" in metrics
            await node.client.post("/v1/events?as=5", json={"events": [event("e1", "view", item="t-01")]})
            assert origin.events == {}

            origin.is_down = False
            pseudonym = node.node.pseudonym("5")
            origin.feeds("visitor", pseudonym, affinity={"green": 0.9}, orders=4)
            for price in (100, 200, 300, 400):
                origin.feeds("teas", "t-01", price=price)
            await node.spooled(Kind.RECORD, 1)
            await node.turns(times=3)
            assert set(origin.events) == {"e1"}
            assert len(origin.records) == 1
            live = node.node.in_use()
            assert live.snapshot.visitor(pseudonym)["orders"].value == 4
            teas = live.snapshot.tables["teas"]
            assert teas.columns["price"].value_at(teas.row_of["t-01"]) == 400
            ready = (await node.client.get("/readyz")).json()
            assert ready["problems"] == []
            assert ready["is_origin_reachable"] is True
            assert ready["cursor"]["positions"] == {"teas": 4, "visitor": 1}

    play(story)


def test_a_restart_without_origin_and_registry_starts_where_the_node_stood(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            edge.origin.feeds("teas", "t-01", price=123)
            edge.origin.feeds("visitor", node.node.pseudonym("5"), orders=7)
            edge.origin.current = Controls(sequence=3, killed=("hero",))
            await node.turns()
            before = (await node.client.get("/v1/status")).json()
        shutil.rmtree(edge.registry)
        edge.origin.is_down = True
        async with edge.run() as node:
            await node.turns()
            after = (await node.client.get("/v1/status")).json()
            assert after["revision"] == before["revision"]
            assert after["cursor"] == before["cursor"]
            assert after["controls_sequence"] == 3
            slots = (await node.decide()).json()["slots"]
            assert (slots["hero"]["tier"], slots["hero"]["cause"]) == ("plain", "killed")
            teas = node.node.in_use().snapshot.tables["teas"]
            assert teas.columns["price"].value_at(teas.row_of["t-01"]) == 123
            assert node.node.in_use().snapshot.visitor(node.node.pseudonym("5"))["orders"].value == 7

    play(story)


@pytest.mark.parametrize("damage", ["altered", "truncated", "missing", "foreign manifest", "not runnable"])
def test_a_bad_bundle_is_refused_and_the_last_good_one_stays(
    edge: SimulatedEdge, tea_bundle: Bundle, damage: str
) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            good = node.node.activation.live
            bad = damaged(edge, tea_bundle, damage)
            await node.turns("bundles")
            answer = await node.decide()
            assert answer.status_code == 200
            assert answer.json()["revision"] == good
            assert node.node.activation.refusals.keys() == {bad}
            (problem,) = (await node.client.get("/v1/status")).json()["problems"]
            assert problem.startswith("the registry's release is not in use: ")
            edge.publishes(other_revision(tea_bundle))
            await node.turns("bundles")
            assert (await node.decide()).json()["revision"] == other_revision(tea_bundle).revision
            assert (await node.client.get("/v1/status")).json()["problems"] == []

    play(story)


@pytest.mark.parametrize("damage", ["altered", "not runnable"])
def test_a_refused_release_is_tried_again_only_after_a_long_wait(
    edge: SimulatedEdge, tea_bundle: Bundle, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    fetch = Registry.fetch
    monkeypatch.setattr(Registry, "fetch", lambda self, name: (fetched.append(name), fetch(self, name))[1])

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            bad = damaged(edge, tea_bundle, damage)
            for passed_s, fetches in ((0, 1), (0, 1), (30, 1), (30, 2), (60, 2), (60, 3)):
                edge.time.advance(passed_s)
                await node.turns("bundles")
                assert fetched.count(bad) == fetches, passed_s
                (problem,) = (await node.client.get("/v1/status")).json()["problems"]
                assert "it is tried again at 2026-01-05T08:0" in problem
            assert node.node.activation.live == tea_bundle.revision
            release = edge.registry / "release.msgpack"
            kept = release.read_bytes()
            release.unlink()
            release.mkdir()
            await node.turns("bundles")
            assert "cannot be read" in (await node.client.get("/v1/status")).json()["problems"][0]
            release.rmdir()
            release.write_bytes(kept)
            await node.turns("bundles")
            assert (await node.client.get("/v1/status")).json()["problems"] == [problem]
            assert fetched.count(bad) == 3
            edge.publishes(other_revision(tea_bundle))
            await node.turns("bundles")
            assert node.node.activation.live == other_revision(tea_bundle).revision

    play(story)


def test_a_release_whose_files_were_mended_goes_live_when_it_is_due(edge: SimulatedEdge, tea_bundle: Bundle) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            bad = damaged(edge, tea_bundle, "altered")
            await node.turns("bundles")
            extra = b"extra section altered"
            (edge.registry / section_file(digest(extra))).write_bytes(extra)
            await node.turns("bundles")
            assert node.node.activation.live == tea_bundle.revision
            edge.time.advance(60)
            await node.turns("bundles")
            assert node.node.activation.live == bad
            assert (await node.client.get("/v1/status")).json()["problems"] == []

    play(story)


def damaged(edge: SimulatedEdge, bundle: Bundle, damage: str) -> str:
    """Publishes another bundle and damages it in the registry; the node has no copy of its new section."""
    if damage == "not runnable":
        manifest = replace(bundle.manifest, capabilities=(*bundle.manifest.capabilities, "function/teleport"))
        edge.publishes(Bundle(manifest, bundle.sections))
        return Bundle(manifest, bundle.sections).revision
    extra = b"extra section " + damage.encode()
    manifest = replace(
        bundle.manifest,
        sections={**bundle.manifest.sections, "extra": SectionRef(digest=digest(extra), size=len(extra))},
    )
    new = Bundle(manifest, {**bundle.sections, "extra": extra})
    edge.publishes(new)
    path = edge.registry / section_file(digest(extra))
    manifest_path = edge.registry / "manifests" / (new.revision.removeprefix("sha256:") + ".msgpack")
    if damage == "altered":
        path.write_bytes(bytes([extra[0] ^ 1]) + extra[1:])
    elif damage == "truncated":
        path.write_bytes(extra[:-1])
    elif damage == "missing":
        path.unlink()
    else:
        manifest_path.write_bytes(encode(bundle.manifest))
    return new.revision


def test_a_hot_swap_drops_no_request(edge: SimulatedEdge, tea_bundle: Bundle) -> None:
    async def story() -> None:
        async with edge.run() as node:
            edge.origin.feeds("teas", "t-01", price=321)
            await node.turns()
            revisions = []

            async def ask() -> None:
                while len(set(revisions)) < 2:
                    answer = await node.decide()
                    assert answer.status_code == 200
                    revisions.append(answer.json()["revision"])
                    await asyncio.sleep(0)  # nothing here waits for a socket

            asking = asyncio.create_task(ask())
            await asyncio.sleep(0)
            edge.publishes(other_revision(tea_bundle))
            await node.turns("bundles")
            await asyncio.wait_for(asking, 60)
            assert set(revisions) == {tea_bundle.revision, other_revision(tea_bundle).revision}
            teas = node.node.in_use().snapshot.tables["teas"]
            assert teas.columns["price"].value_at(teas.row_of["t-01"]) == 321

    play(story)


def test_another_epoch_of_the_feed_replaces_the_old_one(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            teas = node.node
            edge.origin.feeds("teas", "t-01", price=111)
            edge.origin.feeds("teas", "t-02", price=222)
            await node.turns()
            shipped = teas.in_use().loaded.snapshot.tables["teas"]
            edge.origin.loses_everything()
            edge.origin.feeds("teas", "t-02", price=333)
            await node.turns()
            table = teas.in_use().snapshot.tables["teas"]
            prices = [table.columns["price"].value_at(table.row_of[name]) for name in ("t-01", "t-02")]
            assert prices == [shipped.columns["price"].value_at(shipped.row_of["t-01"]), 333]
            assert teas.in_use().snapshot.cursor.epoch == "epoch-1'"

    play(story)


def test_values_that_do_not_fit_the_bundle_are_passed_over(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            who = node.node.pseudonym("5")
            edge.origin.feeds("teas", "t-01", price="cheap", stock=3)
            edge.origin.feeds("nowhere", "t-01", price=1)
            edge.origin.feeds("visitor", who, orders="many", favourite="x", affinity={"green": 1})
            await node.turns()
            table = node.node.in_use().snapshot.tables["teas"]
            assert table.columns["stock"].value_at(table.row_of["t-01"]) == 3
            known = node.node.in_use().snapshot.visitor(who)
            assert {name: value.value for name, value in known.items()} == {"affinity": {"green": 1.0}}
        async with edge.run() as node:
            assert (await node.decide()).status_code == 200

    play(story)


def test_a_lost_answer_makes_the_uplink_send_again_and_harms_nothing(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            await node.client.post("/v1/events?as=5", json={"events": [event("e1", "view", item="t-01")]})
            edge.origin.is_losing_answers = True
            await node.turns("uplink")
            assert node.node.spool.counts[Kind.EVENT] == 1
            edge.origin.is_losing_answers = False
            await node.turns("uplink")
            await node.spooled(Kind.EVENT, 0)
            assert edge.origin.received_bodies == 2
            assert list(edge.origin.events) == ["e1"]

    play(story)


def test_a_repeated_event_folds_once(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            batch = {"events": [event("e1", "add_to_cart", item="t-01"), event("e1", "add_to_cart", item="t-01")]}
            for _ in range(2):
                answer = await node.client.post("/v1/events?as=5", json=batch)
                assert answer.json() == {"stored": 2}
            await node.decide()
            (record,) = node.remembered()
            assert record.request.visitor_state["cart_items"] == ("t-01",)
            assert node.node.spool.counts[Kind.EVENT] == 1
            assert "edgewise_events_repeated_total 3" in (await node.client.get("/metrics")).text

    play(story)


def test_spooled_events_survive_a_restart_and_reach_the_origin(edge: SimulatedEdge) -> None:
    async def story() -> None:
        edge.origin.is_down = True
        async with edge.run() as node:
            await node.turns()
            await node.client.post("/v1/events?as=5", json={"events": [event("e1", "view", item="nothing")]})
        edge.origin.is_down = False
        async with edge.run() as node:
            await node.turns()
            assert edge.origin.events["e1"].is_known_item is False
            assert edge.origin.events["e1"].visitor == node.node.pseudonym("5")
            assert edge.origin.events["e1"].folded_at == START_US

    play(story)


def test_a_full_spool_refuses_events_and_loses_none_that_it_took(edge: SimulatedEdge) -> None:
    edge.max_spool_bytes = 160 * 1024
    edge.origin.is_down = True

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            taken: list[str] = []
            refused = 0
            for number in range(200):
                batch = [event(f"e{number}-{i}", "view", data={"text": "x" * 400}) for i in range(20)]
                answer = await node.client.post("/v1/events", json={"events": batch})
                if answer.status_code == 200:
                    taken += [str(each["id"]) for each in batch]
                    continue
                assert answer.status_code == 503
                assert "spool" in answer.json()["detail"]
                refused += 1
                if refused == 3:
                    break
            assert refused == 3
            assert taken
            edge.origin.is_down = False
            await node.turns("uplink", times=3)
            assert set(edge.origin.events) == set(taken)
            await node.spooled(Kind.EVENT, 0)
            again = await node.client.post("/v1/events", json={"events": [event("late", "view")]})
            assert again.status_code == 200

    play(story)


def test_an_origin_that_goes_down_later_is_told_and_caught_up_with(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            assert (await node.client.get("/v1/status")).json()["is_origin_reachable"] is True
            assert "edgewise_origin_reachable 1" in (await node.client.get("/metrics")).text
            edge.origin.is_down = True
            await node.turns()
            assert (await node.decide("as=5")).status_code == 200
            ready = await node.client.get("/readyz")
            assert ready.status_code == 200
            assert "the origin does not answer" in ready.text
            assert "edgewise_origin_reachable 0" in (await node.client.get("/metrics")).text
            await node.client.post("/v1/events?as=5", json={"events": [event("meanwhile", "view")]})
            assert "meanwhile" not in edge.origin.events
            edge.origin.is_down = False
            await node.turns(times=3)
            assert "meanwhile" in edge.origin.events
            assert (await node.client.get("/v1/status")).json()["problems"] == []

    play(story)


def test_dropped_records_are_counted_and_marked(edge: SimulatedEdge) -> None:
    edge.max_spool_bytes = 64 * 1024

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            for _ in range(60):
                await node.decide()
                await asyncio.sleep(0)
            await until(lambda: node.node.spool.counts[Kind.RECORD] + node.node.spool.dropped == 60)
            dropped = node.node.spool.dropped
            assert dropped > 0
            await node.turns("uplink", times=2)
            await node.spooled(Kind.RECORD, 0)
            await node.decide()
            await node.spooled(Kind.RECORD, 1)
            await node.turns("uplink")
            assert sum(record.dropped_before for record in edge.origin.records.values()) == dropped
            assert len(edge.origin.records) == 61 - dropped
            assert f"edgewise_records_dropped_total {dropped}" in (await node.client.get("/metrics")).text

    play(story)


def test_a_kill_switch_outlives_origin_and_process(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            edge.origin.current = Controls(sequence=1, killed=("*",))
            await node.turns("controls")
            slots = (await node.decide()).json()["slots"]
            assert {slot["cause"] for slot in slots.values()} == {"killed"}
        edge.origin.is_down = True
        async with edge.run() as node:
            slots = (await node.decide()).json()["slots"]
            assert {slot["tier"] for slot in slots.values()} == {"plain"}
            edge.origin.is_down = False
            edge.origin.current = Controls(sequence=0)
            await node.turns("controls")
            assert node.node.controls.current.sequence == 1

    play(story)


def test_a_feed_that_is_silent_for_too_long_makes_slots_plain(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            edge.time.advance(8 * 24 * 3600 - 1)
            assert (await node.decide(slots=["delivery"])).json()["slots"]["delivery"]["cause"] != "stale_feed"
            edge.time.advance(2)
            stale = (await node.decide(slots=["delivery"])).json()["slots"]["delivery"]
            assert (stale["tier"], stale["cause"], stale["reason"]) == ("plain", "stale_feed", "STALE")
            await node.turns("features")
            assert (await node.decide(slots=["delivery"])).json()["slots"]["delivery"]["cause"] is None

    play(story)


async def cause_of_delivery(node: RunningEdge) -> str | None:
    cause: str | None = (await node.decide(slots=["delivery"])).json()["slots"]["delivery"]["cause"]
    return cause


def test_a_node_that_never_heard_its_feed_grows_stale_from_its_start(edge: SimulatedEdge) -> None:
    edge.origin.is_down = True

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            edge.time.advance(8 * DAY_S - 1)
            assert await cause_of_delivery(node) is None
            edge.time.advance(2)
            assert await cause_of_delivery(node) == "stale_feed"

    play(story)


def test_a_restart_does_not_make_the_feed_younger(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
        edge.origin.is_down = True
        edge.time.advance(7 * DAY_S)
        async with edge.run() as node:
            await node.turns()
            edge.time.advance(DAY_S - 1)
            assert await cause_of_delivery(node) is None
            edge.time.advance(2)
            assert await cause_of_delivery(node) == "stale_feed"

    play(story)


def test_an_altered_copy_on_the_node_is_fetched_again(edge: SimulatedEdge, tmp_path: Path) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
        for path in (tmp_path / "state/bundle/sections").iterdir():
            path.write_bytes(b"rotten")
        async with edge.run() as node:
            await node.turns()
            assert (await node.decide()).status_code == 200

    play(story)


def test_a_disk_that_refuses_the_feed_stops_nothing_else(edge: SimulatedEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            edge.origin.feeds("teas", "t-01", price=5)
            with monkeypatch.context() as patch:
                patch.setattr(node.node.feed, "take", refuse)
                await node.turns("features")
                (problem,) = (await node.client.get("/readyz")).json()["problems"]
                assert problem == "the feed cannot be kept on this node's disk: database or disk is full"
                assert (await node.decide()).status_code == 200
            await node.turns("features")
            assert (await node.client.get("/readyz")).json()["cursor"]["positions"] == {"teas": 1}

    play(story)


def test_a_kill_holds_although_the_disk_refuses_it(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            path = edge.folder / "state" / "controls.msgpack"
            path.unlink(missing_ok=True)
            path.mkdir()
            edge.origin.current = Controls(sequence=1, killed=("*",))
            await node.turns("controls")
            assert {slot["cause"] for slot in (await node.decide()).json()["slots"].values()} == {"killed"}
            (problem,) = (await node.client.get("/readyz")).json()["problems"]
            assert problem.startswith("kill switches are in force but not on disk: ")

    play(story)


def test_what_is_published_ahead_of_a_clock_that_development_set_is_in_use_at_once(edge: SimulatedEdge) -> None:
    week_us = 7 * 86_400 * 1_000_000
    edge.clock_at, edge.origin.page_limit = START_US, 1

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            owner = node.node.pseudonym("5")
            edge.origin.feeds("visitor", owner, as_of=START_US + week_us, orders=3, own_teas=["t-05", "t-09"])
            edge.origin.feeds("visitor", "another", as_of=START_US, orders=3)
            await node.turns("features")
            assert node.node.request_now() == START_US  # not in use yet: the page was not the last
            await node.turns("features")
            assert node.node.request_now() == START_US + week_us
            page = (await node.decide()).json()["slots"]["for-you"]
            told = (await node.client.get(f"/v1/trace/{page['decision_id']}")).json()["details"]["features"]
            assert {each["name"]: each["status"] for each in told}["visitor.orders"] == "PRESENT"

    play(story)


def test_after_a_restart_that_clock_goes_on_from_what_is_kept(edge: SimulatedEdge) -> None:
    week_us = 7 * 86_400 * 1_000_000
    edge.clock_at = START_US

    async def story() -> None:
        for _ in range(2):
            async with edge.run() as node:
                await node.turns()
                edge.origin.feeds("visitor", node.node.pseudonym("5"), as_of=START_US + week_us, orders=3)
                await node.turns("features")
                assert node.node.request_now() == START_US + week_us
        edge.origin.is_down = True
        async with edge.run() as node:
            await node.turns()
            assert node.node.request_now() == START_US + week_us

    play(story)


def test_what_fails_its_trial_run_is_not_in_use_until_it_passes(
    edge: SimulatedEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            owner = node.node.pseudonym("5")
            with monkeypatch.context() as patched:
                patched.setattr(features, "preflight", lambda *_: False)
                edge.origin.feeds("visitor", owner, orders=3)
                for _ in range(2):  # the second page is empty
                    await node.turns("features")
                    assert node.node.in_use().snapshot.visitor(owner) == {}
                    assert "trial run" in node.node.problems["feed"]
            await node.turns("features")
            assert node.node.in_use().snapshot.visitor(owner)["orders"].value == 3
            assert "feed" not in node.node.problems

    play(story)


def test_nothing_that_the_feed_says_moves_the_clock_of_production(edge: SimulatedEdge) -> None:
    edge.origin.feeds("teas", "t-01", as_of=START_US + 1, price=1)

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            assert node.node.request_now() == START_US

    play(story)
