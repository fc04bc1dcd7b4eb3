"""Waiting for the feed: until it is in use, never for ever, and never without a word."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from contracts.codec import encode_json
from contracts.features import Cursor
from contracts.node_status import NodeStatus
from deploy import catching_up
from deploy.catching_up import wait_for_feed
from deploy.outcome import OperationError

ORIGIN, EDGE = "http://origin", "http://edge"


@dataclass
class Programs:
    """An origin and an edge that is one step farther with the feed whenever somebody sleeps; None does not answer."""

    published: dict[str, int] | None = field(default_factory=lambda: {"teas": 3, "visitor": 1000})
    steps: list[Cursor | None] = field(default_factory=lambda: [Cursor(epoch="e")])
    slept: int = 0
    said: list[str] = field(default_factory=list)

    def get(self, url: str, timeout: float) -> httpx.Response:
        request = httpx.Request("GET", url)
        if url == f"{ORIGIN}/v1/status" and self.published is not None:
            told = {"revision": "r", "epoch": "e", "positions": self.published}
            return httpx.Response(200, content=encode_json(told), request=request)
        cursor = self.steps[min(self.slept, len(self.steps) - 1)]
        if url == f"{EDGE}/v1/status" and cursor is not None:
            return httpx.Response(200, content=encode_json(status(cursor)), request=request)
        raise httpx.ConnectError("nobody listens", request=request)

    def sleep(self, seconds: float) -> None:
        self.slept += 1

    def clock(self) -> float:
        return self.slept * catching_up.PAUSE_S

    def wait(self) -> bool:
        return wait_for_feed(ORIGIN, EDGE, self.said.append, sleep=self.sleep, clock=self.clock)


def status(cursor: Cursor) -> NodeStatus:
    return NodeStatus(
        node="edge",
        revision="r",
        is_ready=True,
        cursor=cursor,
        feed_age_s=None,
        is_origin_reachable=True,
        controls_sequence=0,
        spooled=0,
        dropped_records=0,
        unknown_items=0,
    )


def at(epoch: str = "e", **positions: int) -> Cursor:
    return Cursor(epoch=epoch, positions=positions)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    told = Programs()
    monkeypatch.setattr(catching_up.httpx, "get", told.get)
    return told


def test_it_ends_when_the_edge_uses_what_was_published(programs: Programs) -> None:
    programs.steps = [at("before", teas=9, visitor=2000), at(teas=3), at(teas=3, visitor=999), at(teas=3, visitor=1000)]
    assert programs.wait()
    assert (programs.slept, programs.said) == (3, [])


def test_an_origin_without_features_is_waited_for_until_the_edge_has_heard_of_it(programs: Programs) -> None:
    programs.published, programs.steps = {}, [Cursor(), at()]
    assert programs.wait()
    assert programs.slept == 1


def test_a_long_wait_tells_how_far_it_is(programs: Programs) -> None:
    programs.steps = [*[at("before", visitor=5)] * 11, *[at(teas=3, visitor=500)] * 10, at(teas=3, visitor=1001)]
    assert programs.wait()
    assert programs.said == [
        "the feed is coming in: 0 of 1,003 changes are in use",
        "the feed is coming in: 503 of 1,003 changes are in use",
    ]


def test_an_origin_that_is_down_is_not_waited_for(programs: Programs) -> None:
    programs.published = None
    assert not programs.wait()
    assert programs.slept == 0
    assert programs.said == [f"the origin does not answer at {ORIGIN}: the edge goes on with what it has"]


def test_an_edge_may_miss_a_poll_or_two(programs: Programs) -> None:
    programs.steps = [None, None, at(teas=1), None, None, at(teas=3, visitor=1000)]
    assert programs.wait()


def test_what_is_no_address_does_not_answer() -> None:
    said: list[str] = []
    assert not wait_for_feed("http://[", EDGE, said.append)
    assert said == ["the origin does not answer at http://[: the edge goes on with what it has"]


@pytest.mark.parametrize(("cursor", "slept"), [(None, 2), (at(teas=3), 601)])
def test_it_never_waits_for_ever(cursor: Cursor | None, slept: int, programs: Programs) -> None:
    programs.steps = [cursor]
    assert not programs.wait()
    assert programs.slept == slept
    assert programs.said[-1] == f"the feed is not all in yet: `edgewise status {EDGE}` tells how far it is"


def test_a_program_that_ended_ends_the_waiting(programs: Programs) -> None:
    def check() -> None:
        if programs.slept == 2:
            raise OperationError("the origin ended")

    with pytest.raises(OperationError, match="the origin ended"):
        wait_for_feed(ORIGIN, EDGE, programs.said.append, check, programs.sleep)
