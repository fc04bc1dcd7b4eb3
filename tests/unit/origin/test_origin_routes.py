import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from records import empty_record
from tea_origin import KEY, MONDAY, OPERATOR, caller, household, microseconds, purchase

from contracts.codec import CBOR, JSON, MSGPACK, decode, encode, encode_cbor, encode_json, pack
from contracts.controls import Controls
from contracts.features import FeatureValue, FeedPage
from origin import wire
from origin.app import open_origin
from origin.config import Config
from origin.routes import Origin, RecordsPage

Call = Callable[..., httpx.Response]
PACKED = {"content-type": MSGPACK, "accept": MSGPACK}


def feed_page(answer: httpx.Response) -> FeedPage:
    assert answer.status_code == 200
    return decode(answer.content, FeedPage)


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["detail"], body.get("path")


@pytest.mark.parametrize(("media_type", "encoder"), [(JSON, encode_json), (MSGPACK, encode), (CBOR, encode_cbor)])
def test_events_come_in_every_format_and_leave_by_the_feed(
    call: Call, media_type: str, encoder: Callable[[object], bytes]
) -> None:
    headers = {"content-type": media_type}
    answer = call("POST", "/v1/events", content=encoder([purchase("1"), purchase("2")]), headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"stored": 2})
    in_json = call("GET", "/v1/feed")
    packed = feed_page(call("GET", "/v1/feed", headers=PACKED))
    assert in_json.json()["deltas"][0]["values"]["purchased"] == {"assam": 2.0}
    assert in_json.json()["cursor"]["positions"] == packed.cursor.positions == {"visitor": 1}


def test_a_batch_that_came_before_is_stored_already(call: Call) -> None:
    for _ in range(2):
        answer = call("POST", "/v1/events", content=encode([purchase("1")]), headers=PACKED)
        assert decode(answer.content, dict[str, int]) == {"stored": 1}
    assert "edgewise_origin_events_total 1\n" in call("GET", "/metrics").text
    assert "edgewise_origin_duplicate_events_total 1\n" in call("GET", "/metrics").text


def test_records_are_given_back_in_order_and_once(call: Call) -> None:
    records = [empty_record(str(number), habit=FeatureValue(value={"a": 1.0}, as_of=2)) for number in range(5)]
    for batch in (records[:3], records[1:]):
        assert call("POST", "/v1/records", content=pack(batch), headers=PACKED).status_code == 200
    first = decode(call("GET", "/v1/records?limit=3", headers=PACKED).content, RecordsPage)
    rest = decode(call("GET", f"/v1/records?after={first.next}", headers=PACKED).content, RecordsPage)
    end = decode(call("GET", f"/v1/records?after={rest.next}", headers=PACKED).content, RecordsPage)
    assert [*first.records, *rest.records] == records
    assert (end.records, end.next) == ((), rest.next)
    assert [each["request"]["request_id"] for each in call("GET", "/v1/records").json()["records"]] == list("01234")
    assert "edgewise_origin_records_total 5\n" in call("GET", "/metrics").text


MALFORMED = [
    ("/v1/events", b"\xc1", MSGPACK, 400, "not msgpack", "$"),
    ("/v1/events", b"[", JSON, 400, "not JSON", "$"),
    ("/v1/events", b"{}", JSON, 400, "Expected `array`", "$"),
    ("/v1/events", b'[{"visitor": null}]', JSON, 400, "missing required field `event`", "$[0]"),
    ("/v1/events", b'[{"event": {"id": ""}}]', JSON, 400, "length >= 1", "$[0].event.id"),
    ("/v1/events", b"[]", "text/plain", 415, "Content-Type text/plain is not read here", "content-type"),
    ("/v1/events", b"[]", "", 415, "Content-Type (none) is not read here", "content-type"),
    ("/v1/records", b'[{"format_version": "1"}]', JSON, 400, "Expected `int`", "$[0].format_version"),
    ("/v1/controls", b'{"killed": "hero"}', JSON, 400, "Expected `array`", "$.killed"),
    ("/v1/controls", b'{"killed": [""]}', JSON, 400, "length >= 1", "$.killed[0]"),
    ("/v1/publish", b'{"as_of": "2017-11-20T00:00:00"}', JSON, 400, "timezone", "$.as_of"),
    ("/v1/publish", b'{"as_of": "Monday"}', JSON, 400, "RFC3339", "$.as_of"),
    ("/v1/controls", b" " * 70_000, JSON, 413, "the body is over 65536 bytes", "$"),
]


@pytest.mark.parametrize(("path", "body", "media_type", "status", "message", "place"), MALFORMED)
def test_malformed_bodies_are_refused_naming_the_path(
    call: Call, path: str, body: bytes, media_type: str, status: int, message: str, place: str
) -> None:
    found, detail, where = problem(call("POST", path, content=body, headers={**OPERATOR, "content-type": media_type}))
    assert (found, where) == (status, place)
    assert message in detail
    assert call("GET", "/v1/feed").json()["deltas"] == []


def test_oversized_batches_are_refused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BATCH_BYTES", 100)
    answer = call("POST", "/v1/events", content=encode([purchase("1")]), headers=PACKED)
    assert problem(answer) == (413, "the body is over 100 bytes: send it in smaller parts", "$")


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("/v1/feed?at=teas", "at"),
        ("/v1/feed?at=teas:-1", "at"),
        ("/v1/feed?at=teas:1,:2", "at"),
        ("/v1/feed?at=teas:9999999999999999999", "at"),
        ("/v1/feed?limit=many", "limit"),
        ("/v1/feed?wait=long", "wait"),
        ("/v1/feed?wait=nan", "wait"),
        ("/v1/feed?wait=-1", "wait"),
        ("/v1/feed?until=teas:x", "until"),
        ("/v1/feed?epoch=x&until=teas:1", "epoch"),
        ("/v1/records?after=-1", "after"),
        ("/v1/controls?after=1.5", "after"),
    ],
)
def test_malformed_queries_are_refused_naming_the_parameter(call: Call, query: str, place: str) -> None:
    status, _, where = problem(call("GET", query))
    assert (status, where) == (400, place)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer "}])
@pytest.mark.parametrize("path", ["/v1/controls", "/v1/publish"])
def test_operators_need_their_token(call: Call, path: str, headers: dict[str, str]) -> None:
    answer = call("POST", path, json={"killed": ["*"]}, headers=headers)
    assert problem(answer)[0] == 403
    assert call("GET", "/v1/controls").json()["sequence"] == 0


def test_controls_grow_and_survive_a_restart(config: Config) -> None:
    async def change(origin: Origin, killed: list[str]) -> dict[str, object]:
        async with caller(origin) as client:
            return dict((await client.post("/v1/controls", json={"killed": killed}, headers=OPERATOR)).json())

    origin = open_origin(config)
    assert asyncio.run(change(origin, ["hero", "offer"])) == {"sequence": 1, "killed": ["hero", "offer"], "holds": []}
    origin.close()
    origin = open_origin(config)
    assert asyncio.run(change(origin, []))["sequence"] == 2
    origin.close()


def test_a_publication_leaves_by_the_feed(origin: Origin, call: Call) -> None:
    answer = call("POST", "/v1/publish", json={"as_of": MONDAY.isoformat()}, headers=OPERATOR)
    assert answer.json() == {"published": {"teas": 2, "visitor": 2}}
    page = feed_page(call("GET", "/v1/feed", headers=PACKED))
    assert {delta.entity for delta in page.deltas} == {"assam", "mint", household(1), household(2)}
    status = call("GET", "/v1/status").json()
    assert status == {
        "revision": origin.declared.revision,
        "problem": "",
        "epoch": page.cursor.epoch,
        "positions": page.cursor.positions,
        "published_as_of": microseconds(MONDAY),
        "controls_sequence": 0,
    }
    metrics = call("GET", "/metrics").text
    assert 'edgewise_origin_deltas_total{table="teas"} 2\n' in metrics
    assert 'edgewise_origin_feed_position{table="visitor"} 2\n' in metrics
    earlier = call("POST", "/v1/publish", json={"as_of": "2017-11-19T00:00:00Z"}, headers=OPERATOR)
    assert problem(earlier)[::2] == (400, "$.as_of")


def test_without_an_expression_there_is_nothing_to_publish(config: Config, call: Call, origin: Origin) -> None:
    origin.declared = replace(origin.declared, plan=None)
    answer = call("POST", "/v1/publish", json={"as_of": MONDAY.isoformat()}, headers=OPERATOR)
    assert problem(answer)[:2] == (400, "this origin has no batch features: start it with --batch and --history")


async def woken(origin: Origin, waiting: str, method: str, path: str, **request: object) -> httpx.Response:
    """The answer to a long poll that begins before the change; the order is certain, not the time."""
    async with caller(origin) as client:
        poll = asyncio.create_task(client.get(waiting, headers=PACKED))
        await asyncio.sleep(0.05)
        assert not poll.done()
        assert (await client.request(method, path, **request)).status_code == 200  # type: ignore[arg-type]
        return await asyncio.wait_for(poll, 20)


def test_events_wake_those_who_wait_for_the_feed(origin: Origin, call: Call) -> None:
    cursor = feed_page(call("GET", "/v1/feed", headers=PACKED)).cursor
    body = {"content": encode([purchase("1")]), "headers": PACKED}
    answer = asyncio.run(woken(origin, f"/v1/feed?epoch={cursor.epoch}&wait=25", "POST", "/v1/events", **body))
    assert feed_page(answer).deltas[0].entity == "v1"


def test_a_publication_wakes_those_who_wait_for_the_feed(origin: Origin, call: Call) -> None:
    cursor = feed_page(call("GET", "/v1/feed", headers=PACKED)).cursor
    body = {"json": {"as_of": MONDAY.isoformat()}, "headers": OPERATOR}
    answer = asyncio.run(woken(origin, f"/v1/feed?epoch={cursor.epoch}&wait=25", "POST", "/v1/publish", **body))
    assert len(feed_page(answer).deltas) == 4


def test_a_kill_wakes_those_who_wait_for_controls(origin: Origin) -> None:
    body = {"json": {"killed": ["*"]}, "headers": OPERATOR}
    answer = asyncio.run(woken(origin, "/v1/controls?after=0&wait=25", "POST", "/v1/controls", **body))
    assert decode(answer.content, Controls) == Controls(sequence=1, killed=("*",))


def test_without_news_a_poll_answers_when_its_time_is_up(call: Call) -> None:
    cursor = feed_page(call("GET", "/v1/feed", headers=PACKED)).cursor
    page = feed_page(call("GET", f"/v1/feed?epoch={cursor.epoch}&wait=0.01", headers=PACKED))
    assert page == FeedPage(cursor=cursor, deltas=())
    assert decode(call("GET", "/v1/controls?wait=0.01", headers=PACKED).content, Controls) == Controls()


def test_a_reader_of_another_epoch_is_reset_at_once(call: Call) -> None:
    assert feed_page(call("GET", "/v1/feed?epoch=gone&at=teas:5&wait=25", headers=PACKED)).is_reset


def test_it_lives_and_is_ready(call: Call) -> None:
    assert call("GET", "/livez").status_code == call("GET", "/readyz").status_code == 200


def test_unknown_addresses_and_methods_are_problems_too(call: Call) -> None:
    lost = "no endpoint of an origin has this address: docs/reference/http.md lists all"
    assert problem(call("GET", "/v1/nothing")) == (404, lost, "/v1/nothing")
    wrong = call("PUT", "/v1/records")
    assert wrong.headers["allow"] == "POST, GET"
    assert problem(wrong) == (405, "PUT is not for this address: use POST or GET", "/v1/records")


def test_secrets_are_never_shown(config: Config) -> None:
    assert KEY.decode() not in repr(config)
    assert OPERATOR["authorization"].split()[1] not in repr(config)
