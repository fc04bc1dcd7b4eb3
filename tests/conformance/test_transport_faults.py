"""Whatever is wrong with an origin, every transport says so by an `OriginError`, and soon."""

import asyncio

import pytest
from roads import LONG_S, ROADS, Call, events, every_call, every_transport, made, play, road, waiting

from contracts.features import Cursor
from edge.transports import TRANSPORTS, OriginError

every_fault = pytest.mark.parametrize(
    ("name", "fault"), [(name, fault) for name in sorted(TRANSPORTS) if name in ROADS for fault in ROADS[name].to_none]
)


@every_fault
@every_call
def test_no_usable_answer_is_an_origin_error(name: str, fault: str, call: Call) -> None:
    async def story() -> None:
        async with ROADS[name].to_none[fault]() as address, made(name, address) as transport:
            for _ in range(2):
                with pytest.raises(OriginError) as caught:
                    await call(transport)
                assert str(caught.value)
                assert caught.value.retry_after_s is None

    play(story)


@every_transport
@every_call
@pytest.mark.parametrize(
    ("words", "retry_after_s"),
    [("7", 7.0), ("0", 0.0), ("soon", None), ("-1", None), ("Wed, 21 Oct 2015 07:28:00 GMT", None)],
)
def test_an_origin_may_ask_for_some_time(name: str, words: str, retry_after_s: float | None, call: Call) -> None:
    async def story() -> None:
        async with road(name).to_busy(words) as address, made(name, address) as transport:
            with pytest.raises(OriginError) as caught:
                await call(transport)
            assert caught.value.retry_after_s == retry_after_s

    play(story)


@every_transport
@every_call
def test_a_silent_origin_is_given_up(name: str, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        road(name).hurried(monkeypatch)
        async with road(name).to_silence() as address, made(name, address) as transport:
            with pytest.raises(OriginError):
                await call(transport)

    play(story)


@every_transport
def test_an_answer_without_end_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        road(name).hurried(monkeypatch)
        async with road(name).to_endless() as address, made(name, address) as transport:
            with pytest.raises(OriginError):
                await asyncio.wait_for(transport.feed(Cursor(), 0), 3)

    play(story)


@every_transport
def test_closing_ends_all_calls(name: str) -> None:
    async def story() -> None:
        async with road(name).to_silence() as address, made(name, address) as transport:
            calls = [
                await waiting(transport.feed(Cursor(), LONG_S)),
                await waiting(transport.controls(0, LONG_S)),
                await waiting(transport.send(events("1"))),
            ]
            await transport.close()
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(end) for end in ends] == [OriginError] * 3

    play(story)
