import asyncio
import gc
import weakref
from collections.abc import Callable

import httpx
import msgpack
import pytest

from contracts.codec import encode
from contracts.controls import Controls
from contracts.features import Cursor, FeatureDelta, FeedPage
from edge.config import ConfigError
from edge.spool import Batch, Kind
from edge.transports import TRANSPORTS, HttpTransport, OriginError

PAGE = FeedPage(
    cursor=Cursor(epoch="e", positions={"visitor": 2}),
    deltas=(FeatureDelta(table="visitor", seq=2, entity="v", as_of=1, values={"orders": 1}),),
)


def talking_to(origin: Callable[[httpx.Request], httpx.Response]) -> HttpTransport:
    transport = HttpTransport("http://origin")
    transport._client = httpx.AsyncClient(
        transport=httpx.MockTransport(origin), base_url="http://origin", headers=transport._client.headers
    )
    return transport


def test_the_table_names_them() -> None:
    assert {"http": HttpTransport} == TRANSPORTS


BAD_ADDRESSES = [
    *("http://o:99999", "o:8301", "http://", "ftp://o", "http://a b", "http://[x", " http://o", "http://o?x=1"),
    *("http://o\n", "http://o\x00", "http://☃..com", "http://o\u200b", "http://xn--"),
]


@pytest.mark.parametrize("origin", BAD_ADDRESSES)
def test_what_is_no_address_is_told_with_one_that_is(origin: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpTransport(origin)
    assert str(caught.value) == f"--origin {origin} is not an address: give one such as http://127.0.0.1:8301"


def test_the_feed_is_asked_from_the_cursor_on() -> None:
    asked: list[httpx.Request] = []

    def origin(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=encode(PAGE))

    cursor = Cursor(epoch="e", positions={"visitor": 12, "products": 40})
    assert asyncio.run(talking_to(origin).feed(cursor, 20)) == PAGE
    assert asked[0].url.path == "/v1/feed"
    assert dict(asked[0].url.params) == {"epoch": "e", "at": "products:40,visitor:12", "limit": "1000", "wait": "20"}
    assert asked[0].headers["accept"] == "application/msgpack"


def test_an_answer_does_not_await_the_collector() -> None:
    answers: list[weakref.ref[httpx.Response]] = []

    def origin(_request: httpx.Request) -> httpx.Response:
        answer = httpx.Response(200, content=encode(PAGE))
        answers.append(weakref.ref(answer))
        return answer

    async def story() -> None:
        await talking_to(origin).feed(Cursor(), 20)
        assert [answer() for answer in answers] == [None]

    gc.disable()
    try:
        asyncio.run(story())
    finally:
        gc.enable()


def test_controls_are_asked_for_what_is_newer() -> None:
    def origin(request: httpx.Request) -> httpx.Response:
        assert dict(request.url.params) == {"after": "3", "wait": "20"}
        return httpx.Response(200, content=encode(Controls(sequence=4, killed=("hero",))))

    assert asyncio.run(talking_to(origin).controls(3, 20)).killed == ("hero",)


@pytest.mark.parametrize(("kind", "path"), [(Kind.EVENT, "/v1/events"), (Kind.RECORD, "/v1/records")])
def test_a_batch_is_one_array_of_what_was_spooled(kind: Kind, path: str) -> None:
    def origin(request: httpx.Request) -> httpx.Response:
        assert request.url.path == path
        assert request.headers["content-type"] == "application/msgpack"
        assert msgpack.unpackb(request.content) == [{"a": 1}, {"b": 2}]
        return httpx.Response(200, content=encode({"stored": 2}))

    asyncio.run(talking_to(origin).send(Batch(kind, (encode({"a": 1}), encode({"b": 2})), 2)))


@pytest.mark.parametrize(
    ("answer", "said", "retry_after_s"),
    [
        (httpx.Response(503, headers={"Retry-After": "7"}), "the origin answered 503 to GET /v1/controls", 7.0),
        (httpx.Response(404), "the origin answered 404 to GET /v1/controls", None),
        (httpx.Response(200, content=b"\xc1"), "the origin's answer to /v1/controls is malformed: not msgpack", None),
        (httpx.Response(200, content=encode({"sequence": "x"})), "is malformed: Expected `int`, got `str`", None),
    ],
)
def test_no_usable_answer_is_an_origin_error(answer: httpx.Response, said: str, retry_after_s: float | None) -> None:
    with pytest.raises(OriginError) as caught:
        asyncio.run(talking_to(lambda request: answer).controls(0, 1))
    assert said in str(caught.value)
    assert caught.value.retry_after_s == retry_after_s


def test_a_broken_network_is_an_origin_error() -> None:
    def origin(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(OriginError, match=r"the origin does not answer \(ConnectError\)"):
        asyncio.run(talking_to(origin).feed(Cursor(), 1))


def test_it_closes() -> None:
    asyncio.run(HttpTransport("http://origin").close())
