"""The open-loop generator: arrivals at a constant rate, whatever the answers do.

Latency counts from the intended start, so a server that stalls is charged for every request that had to wait
(coordinated omission: Gil Tene, "How NOT to Measure Latency"). One gevent greenlet per request in flight.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle

import gevent
from gevent.pool import Pool
from geventhttpclient import HTTPClient

MAX_IN_FLIGHT = 512
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Call:
    """One request to send."""

    path: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Run:
    """What came of one run: latencies in ms from the intended start, failures by kind, what the answers were."""

    rate_per_s: float
    latencies_ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    duration_s: float = 0.0

    @property
    def achieved_per_s(self) -> float:
        """Answers per second, over the time from the first intended start to the last answer."""
        return len(self.latencies_ms) / self.duration_s

    def add(self, other: "Run") -> None:
        """Takes another round's figures in."""
        self.latencies_ms += other.latencies_ms
        self.failures += other.failures
        self.answers += other.answers
        self.duration_s += other.duration_s


def run(
    url: str, calls: list[Call], *, rate_per_s: float, duration_s: float, classify: Callable[[bytes], list[str]]
) -> Run:
    """Sends the calls in turn at a constant rate. `classify` names what is to be counted in an answer."""
    client = HTTPClient.from_url(
        url, concurrency=MAX_IN_FLIGHT, connection_timeout=TIMEOUT_S, network_timeout=TIMEOUT_S
    )
    pool = Pool(MAX_IN_FLIGHT)
    outcome = Run(rate_per_s)
    upcoming = cycle(calls)
    started = time.perf_counter()
    for number in range(int(rate_per_s * duration_s)):
        intended = started + number / rate_per_s
        pause = intended - time.perf_counter()
        if pause > 0:
            gevent.sleep(pause)
        pool.spawn(_send, client, next(upcoming), intended, outcome, classify)
    pool.join()
    outcome.duration_s = time.perf_counter() - started
    client.close()
    return outcome


def _send(
    client: HTTPClient, call: Call, intended: float, outcome: Run, classify: Callable[[bytes], list[str]]
) -> None:
    try:
        answer = client.post(call.path, body=call.body, headers=call.headers)
        body = bytes(answer.read())
    except OSError as error:
        outcome.failures[type(error).__name__] += 1
        return
    outcome.latencies_ms.append((time.perf_counter() - intended) * 1000)
    if answer.status_code == 200:
        outcome.answers.update(classify(body))
    else:
        outcome.failures[f"HTTP {answer.status_code}"] += 1
