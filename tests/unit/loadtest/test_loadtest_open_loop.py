import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from ports import free_port

from contracts.codec import decode_json
from deploy.processes import Child, stop, wait_until_ready
from loadtest.open_loop import Call, Run, run
from loadtest.report import ratio, row, shares
from loadtest.scenarios import NotPreparedError, Visit, decide_calls, read_visits, visit_calls

CALLS = [Call(f"/{number}", b"{}", {"content-type": "application/json"}) for number in range(3)]
VISIT = Visit(household="7", at=datetime(2017, 11, 20, 15, tzinfo=UTC), items=("a", "b"))


@pytest.fixture(scope="module")
def bare() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "loadtest.bare", "--port", str(port), "--bytes", "500"]
    child = Child("bare", subprocess.Popen(command), f"http://127.0.0.1:{port}")
    try:
        wait_until_ready([child])
        yield child.ready_url
    finally:
        stop([child])


def test_every_arrival_is_sent_once_and_counted(bare: str) -> None:
    outcome = run(bare, CALLS, rate_per_s=50, duration_s=1, classify=lambda body: [str(len(body))])
    assert len(outcome.latencies_ms) == 50
    assert outcome.answers == {"500": 50}
    assert not outcome.failures
    assert all(latency > 0 for latency in outcome.latencies_ms)


def test_failures_are_counted_by_kind() -> None:
    outcome = run(f"http://127.0.0.1:{free_port()}", CALLS, rate_per_s=20, duration_s=0.2, classify=lambda _: [])
    assert sum(outcome.failures.values()) == 4
    assert outcome.latencies_ms == []


def test_the_table_shows_percentiles_shares_and_ratios() -> None:
    ours, floor = Run(10, [2.0] * 99 + [4.0], duration_s=10), Run(10, [1.0] * 100, duration_s=10)
    ours.answers.update({"model": 3, "fallback/late": 1})
    assert "2.00" in row("ours", ours, 12.0)
    assert shares(ours.answers) == "model 75.0%, fallback/late 25.0%"
    assert "2.00x" in ratio(ours, floor)
    ours.add(floor)
    assert ours.achieved_per_s == 10


def test_a_visit_opens_the_page_fills_the_cart_and_buys() -> None:
    calls = visit_calls(VISIT)
    assert [call.path for call in calls] == ["/v1/decide?as=7"] + ["/v1/events?as=7"] * 3
    assert decide_calls([VISIT])[0] == calls[0]
    assert all(call.headers["x-edgewise-now"] == "2017-11-20T15:00:00+00:00" for call in calls)
    bodies = [decode_json(call.body, dict) for call in calls[1:]]
    assert [[event["type"] for event in body["events"]] for body in bodies] == [
        ["add_to_cart"],
        ["add_to_cart"],
        ["purchase", "purchase"],
    ]
    assert len({event["id"] for body in bodies for event in body["events"]}) == 4


def test_a_large_purchase_goes_in_parts_that_the_edge_takes() -> None:
    calls = visit_calls(replace(VISIT, items=tuple(str(number) for number in range(122))))
    bodies = [decode_json(call.body, dict) for call in calls[-2:]]
    assert [len(body["events"]) for body in bodies] == [100, 22]


def test_without_data_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotPreparedError, match="make run"):
        read_visits(tmp_path / "visits.jsonl")
