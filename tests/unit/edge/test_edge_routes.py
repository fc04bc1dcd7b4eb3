"""The wire as pages and tools see it, over the real app in memory."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import cbor2
import httpx
import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulator import START_US, RunningEdge, SimulatedEdge, event, play

from contracts.codec import decode_json, encode_json, pack
from contracts.node_status import NodeStatus
from contracts.record import DecisionRecord
from edge.spool import Kind
from engine.records import alteration, sealed

Ask = Callable[[RunningEdge], Awaitable[httpx.Response]]
JSON = {"Content-Type": "application/json"}


def served(edge: SimulatedEdge, ask: Ask) -> httpx.Response:
    """One request to a node that is ready."""
    answers: list[httpx.Response] = []

    async def story() -> None:
        async with edge.run() as running:
            await running.turns()
            answers.append(await ask(running))

    play(story)
    return answers[0]


def posted(edge: SimulatedEdge, path: str, body: bytes, headers: dict[str, str] = JSON) -> httpx.Response:
    return served(edge, lambda node: node.client.post(path, content=body, headers=headers))


def test_a_page_is_decided(edge: SimulatedEdge) -> None:
    answer = served(edge, lambda node: node.decide("as=5"))
    body = answer.json()
    assert list(body) == ["revision", "page", "slots"]
    assert list(body["slots"]) == ["hero", "for-you", "delivery"]
    hero = body["slots"]["hero"]
    assert list(hero) == [
        "decision_id", "tier", "cause", "reason", "answer", "propensity", "offer_id", "component", "props", "why",
    ]  # fmt: skip
    assert hero["tier"] == "model"
    assert hero["decision_id"].endswith(".hero")
    items = body["slots"]["for-you"]["props"]["items"]
    assert [item["id"] for item in items] == body["slots"]["for-you"]["answer"]
    assert list(items[0]) == ["id", "props", "offer_id", "why"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["server-timing"].startswith("decide;dur=")


def test_some_slots_are_decided_by_name(edge: SimulatedEdge) -> None:
    body = served(edge, lambda node: node.decide(slots=["delivery"], context={"device": "phone"})).json()
    assert body["page"] is None
    assert list(body["slots"]) == ["delivery"]


def test_a_page_is_decided_by_address(edge: SimulatedEdge) -> None:
    answer = served(edge, lambda node: node.client.get("/v1/slots/home?device=phone&is_gift=true&as=5"))
    assert list(answer.json()["slots"]) == ["hero", "for-you", "delivery"]


@pytest.mark.parametrize(
    ("query", "detail", "path"),
    [
        ("is_gift=maybe", "expected bool, got 'maybe'", "?is_gift"),
        (
            "devise=phone",
            "no request feature is named 'devise' in this bundle; did you mean 'device'?",
            "$.context.devise",
        ),
        ("device=fridge", "'fridge' is not one of desktop, phone", "$.context.device"),
        ("as=", "?as= names a household in 1 to 128 characters", "?as"),
    ],
)
def test_a_bad_address_names_the_place(edge: SimulatedEdge, query: str, detail: str, path: str) -> None:
    answer = served(edge, lambda node: node.client.get(f"/v1/slots/home?{query}"))
    assert answer.status_code == 400
    assert answer.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": detail,
        "path": path,
    }


@pytest.mark.parametrize(
    ("body", "status", "path", "detail"),
    [
        (b"", 400, "$", "not JSON: Input data was truncated"),
        (b"[1]", 400, "$", "Expected `object`, got `array`"),
        (b'{"page": 1}', 400, "$.page", "Expected `str | null`, got `int`"),
        (b'{"page": "home", "x": 1}', 400, "$", "Object contains unknown field `x`"),
        (b"{}", 400, "$", "name either a page or slots"),
        (b'{"page": "home", "slots": ["hero"]}', 400, "$", "name either a page or slots"),
        (b'{"slots": []}', 400, "$.slots", "name at least one slot, and each once"),
        (b'{"slots": ["hero", "hero"]}', 400, "$.slots", "name at least one slot, and each once"),
        (b'{"page": "hone"}', 404, "$.page", "no page is named 'hone' in this bundle; did you mean 'home'?"),
        (
            b'{"slots": ["hero", "herp"]}',
            404,
            "$.slots[1]",
            "no slot is named 'herp' in this bundle; did you mean 'hero'?",
        ),
        (b'{"page": "home", "context": {"device": 1}}', 400, "$.context.device", "expected string, got int"),
        (
            b'{"page": "home", "context": {"zip": "1"}}',
            400,
            "$.context.zip",
            "no request feature is named 'zip' in this bundle",
        ),
    ],
)
def test_a_malformed_body_names_the_path(edge: SimulatedEdge, body: bytes, status: int, path: str, detail: str) -> None:
    answer = posted(edge, "/v1/decide", body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["path"], answer.json()["detail"]) == (status, path, detail)


def test_an_oversized_body_is_413(edge: SimulatedEdge) -> None:
    answer = posted(edge, "/v1/decide", b'{"page": "' + b"x" * 70_000 + b'"}')
    assert answer.status_code == 413
    assert "at most 65536" in answer.json()["detail"]


def test_an_oversized_stream_is_cut_off_at_the_limit(edge: SimulatedEdge) -> None:
    sent = []

    async def stream():  # type: ignore[no-untyped-def]
        for _ in range(100):
            sent.append(1)
            yield b"x" * 10_000

    answer = served(edge, lambda node: node.client.post("/v1/decide", content=stream(), headers=JSON))
    assert answer.status_code == 413


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type_is_415(edge: SimulatedEdge, media_type: str) -> None:
    answer = posted(edge, "/v1/decide", b"{}", {"Content-Type": media_type})
    assert answer.status_code == 415
    assert "send application/json, application/msgpack, application/cbor" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("media_type", "packed", "unpacked"),
    [("application/msgpack", msgpack.packb, msgpack.unpackb), ("application/cbor", cbor2.dumps, cbor2.loads)],
)
def test_binary_bodies_say_the_same(
    edge: SimulatedEdge, media_type: str, packed: Callable[..., bytes], unpacked: Callable[..., object]
) -> None:
    headers = {"Content-Type": media_type, "Accept": f"text/html;q=0.9, {media_type}"}
    answer = posted(edge, "/v1/decide?as=5", packed({"page": "home"}), headers)
    assert answer.headers["content-type"] == media_type
    body = unpacked(answer.content)
    assert isinstance(body, dict)
    assert set(body["slots"]) == {"hero", "for-you", "delivery"}


@pytest.mark.parametrize(
    ("accept", "status"), [("text/html", 406), ("application/json;q=0", 406), ("*/*", 200), ("", 200)]
)
def test_what_the_client_accepts_is_obeyed(edge: SimulatedEdge, accept: str, status: int) -> None:
    assert posted(edge, "/v1/decide", b'{"page": "home"}', {**JSON, "Accept": accept}).status_code == status


def test_unknown_addresses_and_methods_are_problems_too(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            missing = await node.client.get("/v1/decid")
            assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
            assert missing.json()["path"] == "/v1/decid"
            meant = "did you mean POST /v1/decide? docs/reference/http.md lists all"
            assert missing.json()["detail"] == f"no endpoint has this address; {meant}"
            assert "did you mean" not in (await node.client.get("/zzz")).json()["detail"]
            wrong = await node.client.put("/v1/decide", json={"page": "home"})
            assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")
            assert (wrong.headers["allow"], wrong.json()["path"]) == ("POST", "/v1/decide")
            assert wrong.json()["detail"] == "PUT is not for this address: use POST"
            assert (await node.client.post("/livez")).headers["allow"] == "GET, HEAD"
            assert (await node.client.head("/livez")).status_code == 200

    play(story)


def test_an_endpoint_that_is_mistyped_is_unknown_beside_a_site_too(edge: SimulatedEdge, tmp_path: Path) -> None:
    edge.site = tmp_path

    async def story() -> None:
        async with edge.run() as node:
            missing = await node.client.post("/v1/decid", json={"page": "home"})
            assert missing.status_code == 404
            assert "did you mean POST /v1/decide?" in missing.json()["detail"]

    play(story)


def test_a_method_that_an_address_lacks_is_told_beside_a_site_too(edge: SimulatedEdge, tmp_path: Path) -> None:
    edge.site = tmp_path / "site"
    edge.site.mkdir()
    (edge.site / "index.html").write_text("<p>shop</p>")

    async def story() -> None:
        async with edge.run() as node:
            wrong = await node.client.get("/v1/decide")
            assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
            posted = await node.client.post("/index.html")
            assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")
            assert (await node.client.get("/v1/decid")).json()["path"] == "/v1/decid"

    play(story)


def test_without_consent_there_is_no_cookie_and_no_id(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            answer = await node.decide("")
            assert "set-cookie" not in answer.headers
            assert answer.json()["slots"]["for-you"]["cause"] == "no_consent"
            events = await node.client.post("/v1/events", json={"events": [event("e", "add_to_cart", item="t-01")]})
            assert "set-cookie" not in events.headers
            (record,) = node.remembered()
            assert (record.request.units, record.request.visitor_state, record.visitor) == ({}, {}, {})
            await node.turns("uplink")
            assert edge.origin.events["e"].visitor is None

    play(story)


def test_a_grant_makes_a_visitor_and_withdrawing_it_forgets_everything(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            granted = await node.client.post("/v1/consent", json={"granted": ["personalisation"]})
            assert granted.json() == {"granted": ["personalisation"], "opted_out": False}
            assert (await node.decide("")).json()["slots"]["for-you"]["cause"] in (None, "holdout")  # ids are drawn
            await node.client.post("/v1/events", json={"events": [event("e", "add_to_cart", item="t-01")]})
            await node.decide("")
            first = node.remembered()[-1].request
            assert first.units.keys() == {"visitor", "session"}
            assert first.visitor_state["cart_items"] == ("t-01",)
            await node.client.post("/v1/consent", json={"granted": [], "opted_out": True})
            out = (await node.decide("as=5")).json()["slots"]
            assert {slot["cause"] for slot in out.values()} == {"opted_out"}
            await node.client.post("/v1/consent", json={"granted": ["personalisation"]})
            await node.decide("")
            second = node.remembered()[-1].request
            assert second.units["visitor"] != first.units["visitor"]
            assert second.visitor_state["cart_items"] == ()

    play(story)


def test_an_unknown_purpose_names_the_nearest(edge: SimulatedEdge) -> None:
    answer = posted(edge, "/v1/consent", b'{"granted": ["personalization"]}')
    assert answer.status_code == 400
    assert answer.json()["path"] == "$.granted[0]"
    assert "did you mean 'personalisation'?" in answer.json()["detail"]


def test_deleting_the_visitor_clears_the_cookie(edge: SimulatedEdge) -> None:
    answer = served(edge, lambda node: node.client.delete("/v1/visitor"))
    assert answer.status_code == 204
    assert answer.headers["set-cookie"].startswith("ew=; Max-Age=0")


@pytest.mark.parametrize("cookie", ["ew=forged", "ew=" + "A" * 5000, "ew=0INDoQED", "ew=é", "ew=", ";;;=;"])
def test_a_bad_cookie_is_a_new_visitor(edge: SimulatedEdge, cookie: str) -> None:
    headers = {**JSON, "Cookie": cookie.encode()}
    answer = served(
        edge, lambda node: node.client.post("/v1/decide?as=5", content=b'{"page": "home"}', headers=headers)
    )
    assert answer.status_code == 200
    assert answer.headers["set-cookie"].startswith("ew=")


def test_only_new_visitors_get_a_cookie_from_decide(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            assert "set-cookie" in (await node.decide("as=5")).headers
            assert "set-cookie" not in (await node.decide("as=5")).headers
            assert "set-cookie" in (await node.decide("as=6")).headers

    play(story)


def test_global_privacy_control_grants_nothing(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            node.client.headers["Sec-GPC"] = "1"
            answer = await node.decide("as=5")
            assert "set-cookie" not in answer.headers
            assert answer.json()["slots"]["for-you"]["cause"] == "no_consent"
            choice = await node.client.post("/v1/consent?as=5", json={"granted": ["personalisation"]})
            kept = node.node.jar.open(choice.headers["set-cookie"].partition(";")[0], node.node.clock.now_us())
            assert kept is not None
            assert kept.visitor == ""

    play(story)


def test_a_crawler_that_says_so_is_a_bot(edge: SimulatedEdge) -> None:
    headers = {**JSON, "User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}
    answer = posted(edge, "/v1/decide?as=5", b'{"page": "home"}', headers)
    causes = {name: slot["cause"] for name, slot in answer.json()["slots"].items()}
    assert causes == {"hero": "no_consent", "for-you": "no_consent", "delivery": "bot"}, "a bot grants nothing"
    assert "set-cookie" not in answer.headers


def test_events_adapt_the_page_in_their_answer(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            before = (await node.decide("as=5", slots=["for-you"])).json()["slots"]["for-you"]["answer"]
            bought = before[0]
            ask = {"events": [event("e1", "add_to_cart", item=bought)], "decide": {"page": "home"}}
            answer = (await node.client.post("/v1/events?as=5", json=ask)).json()
            assert answer["stored"] == 1
            assert answer["page"] == "home"
            assert set(answer["slots"]) == {"hero", "for-you", "delivery"}
            (record,) = [each for each in node.remembered() if each.request.page]
            assert record.request.visitor_state["cart_items"] == (bought,)

    play(story)


def test_folds_read_columns_of_the_item(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            viewed = [
                event(f"e{n}", "view", item=item, slot="for-you") for n, item in enumerate(("t-01", "t-01", "gone"))
            ]
            assert (await node.client.post("/v1/events?as=5", json={"events": viewed})).json() == {"stored": 3}
            await node.decide("as=5")
            (record,) = node.remembered()
            teas = node.node.in_use().snapshot.tables["teas"]
            kind = teas.columns["kind"].value_at(teas.row_of["t-01"])
            assert record.request.visitor_state["viewed_kinds"] == {kind: 2.0}
            await node.turns("uplink")
            assert [edge.origin.events[f"e{n}"].is_known_item for n in range(3)] == [True, True, False]
            assert (await node.client.get("/v1/status")).json()["unknown_items"] == 1

    play(story)


def test_a_malformed_event_is_named_and_the_others_are_stored(edge: SimulatedEdge) -> None:
    bad = [event("e1", "view"), {"id": "e2", "type": "view"}, event("e3", "view", at="yesterday"), event("e4", "view")]
    bad.append(event("e5", "view", data={"n": 2**70}))
    answer = served(edge, lambda node: node.client.post("/v1/events?as=5", json={"events": bad}))
    assert answer.status_code == 200
    assert answer.json() == {
        "stored": 2,
        "refused": [
            {"path": "$.events[1]", "detail": "Object missing required field `at`"},
            {"path": "$.events[2].at", "detail": "Invalid RFC3339 encoded datetime"},
            {"path": "$.events[4].data.n", "detail": "neither a finite number nor one of 64 bits"},
        ],
    }


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"events": []}', "$.events"),
        (b'{"events": [{"id": "", "type": "view", "at": "2026-01-05T08:00:00Z"}]}', "$.events[0].id"),
        (b'{"events": [3]}', "$.events[0]"),
        (b'{"events": 3}', "$.events"),
        (b'{"events": [{"id": "a", "type": "view", "at": "2026-01-05T08:00:00"}]}', "$.events[0].at"),
    ],
)
def test_a_batch_that_is_all_wrong_is_refused(edge: SimulatedEdge, body: bytes, path: str) -> None:
    answer = posted(edge, "/v1/events", body)
    assert (answer.status_code, answer.json()["path"]) == (400, path)


def test_nan_in_a_binary_body_is_refused(edge: SimulatedEdge) -> None:
    body = cbor2.dumps({"events": [event("e", "view", data={"n": float("nan")})]})
    answer = posted(edge, "/v1/events", body, {"Content-Type": "application/cbor"})
    assert (answer.status_code, answer.json()["path"]) == (400, "$.events[0].data.n")


def test_why_and_trace_are_told_for_a_while(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            slots = (await node.decide("as=5")).json()["slots"]
            why = await node.client.get(f"/v1/why/{slots['hero']['decision_id']}")
            assert why.json() == {"why": slots["hero"]["why"], "items": {}}
            ranked = await node.client.get(f"/v1/why/{slots['for-you']['decision_id']}")
            assert list(ranked.json()["items"]) == slots["for-you"]["answer"]
            trace = (await node.client.get(f"/v1/trace/{slots['for-you']['decision_id']}")).json()
            assert trace["decision"]["slot"] == trace["trace"]["slot"] == "for-you"
            assert trace["record"]["request"]["page"] == "home"
            assert trace["explanation"][0].startswith("for-you: ")
            assert trace["why_not"] is None
            asked = await node.client.get(f"/v1/trace/{slots['for-you']['decision_id']}?item=t-04")
            assert asked.json()["why_not"] == "t-04 was retrieved by no generator"
            (candidate,) = asked.json()["details"]["candidates"]
            assert (candidate["item"], candidate["absent"]["reason"]) == ("t-04", "not_retrieved")
            beaten = next(item for item in trace["trace"]["survivors"] if item not in trace["decision"]["answer"])
            asked = await node.client.get(f"/v1/trace/{slots['for-you']['decision_id']}?item={beaten}")
            absent = asked.json()["details"]["candidates"][0]["absent"]
            assert absent["reason"] in {"diversity", "pinned", "not_drawn", "outranked"}
            assert asked.json()["why_not"] == f"{beaten} {absent['told']}"
            first = trace["details"]["candidates"][0]
            assert (first["item"], first["position"]) == (slots["for-you"]["answer"][0], 1)
            assert trace["details"]["is_same"] is True
            assert trace["details"]["gate"] == ["granted personalisation"]
            told = decode_json(encode_json(asked.json()["record"]), DecisionRecord, max_bytes=1 << 20)
            assert alteration(told) == ""
            edge.origin.feeds("teas", "t-04", price=1)
            await node.turns("features")
            later = await node.client.get(f"/v1/trace/{slots['for-you']['decision_id']}")
            assert later.json()["details"] is None
            assert later.json()["trace"] == trace["trace"]
            for unknown in ("nothing", "nothing.hero", slots["hero"]["decision_id"] + "x"):
                assert (await node.client.get(f"/v1/why/{unknown}")).status_code == 404
            page = slots["hero"]["decision_id"].partition(".")[0]
            slotless = (await node.client.get(f"/v1/trace/{page}")).json()["detail"]
            ids = " or ".join(f"{page}.{slot}" for slot in ("hero", "for-you", "delivery"))
            assert slotless == f"that page has no decision of this id: ask for {ids}"

    play(story)


def test_a_record_is_found_as_it_was_made_whatever_the_feed_told_since(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            held = node.node.pseudonym("5")
            edge.origin.feeds("visitor", held, orders=3, affinity={"green": 0.7, "black": 0.1})
            edge.origin.feeds("visitor", held, START_US - 1, own_teas=("t-01",), affinity={"white": 1.0})
            await node.turns()
            await node.decide()
            await node.spooled(Kind.RECORD, 1)
            edge.origin.feeds("visitor", held, orders=None, own_teas=("t-02",), affinity={})
            await node.turns("features", "uplink")
            edge.origin.loses_everything()
            await node.turns("features")
            (made,) = edge.origin.records.values()
            assert {name: each.value for name, each in made.visitor.items()} == {
                "orders": 3, "own_teas": ("t-01",), "affinity": {"white": 1.0},
            }  # fmt: skip
            (found,) = node.remembered()
            assert pack(sealed(found)) == pack(made), "bytes in field order: order, types and bits are the same"

    play(story)


def test_outside_development_traces_need_the_operator(edge: SimulatedEdge) -> None:
    edge.is_dev = False

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            await node.client.post("/v1/consent", json={"granted": ["personalisation"]})
            decision_id = (await node.decide("")).json()["slots"]["hero"]["decision_id"]
            assert (await node.client.get(f"/v1/trace/{decision_id}")).status_code == 403
            for token, status in (("wrong", 403), ("operator-token", 200)):
                headers = {"Authorization": f"Bearer {token}"}
                answer = await node.client.get(f"/v1/trace/{decision_id}", headers=headers)
                assert answer.status_code == status
            assert (await node.client.get(f"/v1/why/{decision_id}")).status_code == 200

    play(story)


def test_outside_development_nobody_sets_visitor_or_time(edge: SimulatedEdge) -> None:
    edge.is_dev = False

    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            headers = {"X-Edgewise-Now": "2001-01-01T00:00:00Z"}
            answer = await node.client.post("/v1/decide?as=5", json={"page": "home"}, headers=headers)
            assert "set-cookie" not in answer.headers
            (record,) = node.remembered()
            assert (record.request.units, record.request.now) == ({}, edge.time.now_us)

    play(story)


def test_in_development_the_header_sets_now(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            node.client.headers["X-Edgewise-Now"] = "2001-01-01T00:00:00Z"
            await node.decide()
            (record,) = node.remembered()
            assert record.request.now == 978_307_200_000_000
            node.client.headers["X-Edgewise-Now"] = "soon"
            assert (await node.decide()).json()["path"] == "X-Edgewise-Now"

    play(story)


def test_a_record_holds_what_a_replay_needs(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            edge.origin.feeds("visitor", node.node.pseudonym("5"), orders=3)
            await node.turns("features")
            await node.decide("as=5", page="home", context={"device": "phone"})
            await node.spooled(Kind.RECORD, 1)
            await node.turns("uplink")
            (record,) = edge.origin.records.values()
            assert record.visitor["orders"].value == 3
            assert record.request.context == {"device": "phone"}
            assert record.cursor.positions == {"visitor": 1}
            assert len(record.result_digest) == 64
            assert record.fingerprint["edgewise"]
            assert record.masked == ()

    play(story)


def test_the_script_and_the_site_are_served(edge: SimulatedEdge, tmp_path: Path) -> None:
    edge.site = tmp_path / "site"
    edge.site.mkdir()
    (edge.site / "index.html").write_text("<p>shop</p>")

    async def story() -> None:
        async with edge.run() as node:
            script = await node.client.get("/edgewise.js")
            assert script.headers["content-type"].startswith("text/javascript")
            assert "edge-slot" in script.text
            assert (await node.client.get("/")).text == "<p>shop</p>"
            assert (await node.client.get("/nothing.html")).status_code == 404

    play(story)


def test_status_is_the_contract_and_metrics_count(edge: SimulatedEdge) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns()
            await node.decide()
            status = decode_json((await node.client.get("/v1/status")).content, NodeStatus)
            assert status.is_ready
            assert status.revision == node.node.in_use().loaded.revision
            text = (await node.client.get("/metrics")).text
            assert 'edgewise_requests_total{route="/v1/decide",status="200"} 1' in text
            assert 'edgewise_decisions_total{slot="hero",tier="model",cause=""} 1' in text
            assert "edgewise_decide_seconds_count 1" in text
            assert "edgewise_ready 1" in text

    play(story)


scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)
events = st.fixed_dictionaries(
    {"id": st.just("e") | anything, "type": st.sampled_from(["view", "exposure", "add_to_cart"]) | anything},
    optional={
        "at": st.just("2026-01-05T08:00:00Z") | anything,
        "item": st.just("t-01") | anything,
        "slot": st.just("hero") | anything,
        "data": st.dictionaries(st.text(max_size=3), scalars) | anything,
    },
)
asked = st.fixed_dictionaries(
    {}, optional={"page": st.just("home") | anything, "slots": st.just(["hero"]) | anything, "context": anything}
)
bodies = (
    anything
    | asked
    | st.fixed_dictionaries({"events": st.lists(events, max_size=3)}, optional={"decide": asked})
    | st.fixed_dictionaries({}, optional={"granted": st.just(["personalisation"]) | anything, "opted_out": anything})
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["/v1/decide", "/v1/events", "/v1/consent"]), bodies), min_size=1, max_size=4)
)
def test_no_body_is_answered_with_500(edge: SimulatedEdge, asks: list[tuple[str, object]]) -> None:
    async def story() -> None:
        async with edge.run() as node:
            await node.turns("bundles")
            for path, body in asks:
                packed = cbor2.dumps(body)
                answer = await node.client.post(
                    f"{path}?as=5", content=packed, headers={"Content-Type": "application/cbor"}
                )
                assert answer.status_code in (200, 400, 404, 413)

    play(story)
