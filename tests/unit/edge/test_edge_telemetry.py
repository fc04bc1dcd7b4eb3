from contracts.decision import Cause, Decision, Decisions, Reason, Tier
from edge.telemetry import (
    DECISIONS,
    DURATION,
    FEED_POSITION,
    LATENESS,
    QA_DECISIONS,
    REQUESTS,
    UNKNOWN_ITEMS,
    Telemetry,
)


def made(request_id: str, slot: str = "hero", cause: Cause | None = None) -> Decision:
    return Decision(
        decision_id=f"{request_id}.{slot}",
        slot=slot,
        tier=Tier.MODEL,
        cause=cause,
        reason=Reason.TARGETING_MATCH,
        answer=("a",),
        propensity=1.0,
        component="c",
        props={},
    )


def test_counters_and_gauges_are_written_as_prometheus_reads_them() -> None:
    counted = Telemetry()
    counted.count(REQUESTS, "/v1/decide", "200")
    counted.count(REQUESTS, "/v1/decide", "200")
    counted.count(REQUESTS, 'a"b\\c\n', "400", by=3)
    counted.count(UNKNOWN_ITEMS, by=5)
    lines = counted.exposition({LATENESS: {(): 0.25}, FEED_POSITION: {("teas",): 12_345_678}}).splitlines()
    assert "# TYPE edgewise_requests_total counter" in lines
    assert "# HELP edgewise_requests_total Requests answered." in lines
    assert 'edgewise_requests_total{route="/v1/decide",status="200"} 2' in lines
    assert r'edgewise_requests_total{route="a\"b\\c\n",status="400"} 3' in lines
    assert "edgewise_events_unknown_item_total 5" in lines
    assert "edgewise_loop_lateness_seconds 0.25" in lines
    assert 'edgewise_feed_position{table="teas"} 12345678' in lines
    assert counted.total(REQUESTS) == 5


def test_a_counter_that_nothing_moved_says_zero() -> None:
    assert "edgewise_engine_bugs_total 0" in Telemetry().exposition({}).splitlines()


def test_durations_fall_into_growing_buckets() -> None:
    counted = Telemetry()
    decided = Decisions(decisions=(made("r"), made("r", "offer", Cause.LATE)), traces=())
    for seconds in (0.0001, 0.001, 0.0011, 7.0):
        counted.decided(decided, seconds, bugs=0, is_qa=False)
    counted.decided(decided, 0.0001, bugs=2, is_qa=False)
    lines = counted.exposition({}).splitlines()
    assert f"# TYPE {DURATION.name} histogram" in lines
    buckets = {line.partition(" ")[0]: line.partition(" ")[2] for line in lines if "_bucket" in line}
    assert buckets['edgewise_decide_seconds_bucket{le="0.0005"}'] == "2"
    assert buckets['edgewise_decide_seconds_bucket{le="0.001"}'] == "3"
    assert buckets['edgewise_decide_seconds_bucket{le="0.002"}'] == "4"
    assert buckets['edgewise_decide_seconds_bucket{le="1.0"}'] == "4"
    assert buckets['edgewise_decide_seconds_bucket{le="+Inf"}'] == "5"
    assert "edgewise_decide_seconds_count 5" in lines
    assert "edgewise_decide_seconds_sum 7.002300" in lines
    assert "edgewise_engine_bugs_total 2" in lines
    assert 'edgewise_decisions_total{slot="offer",tier="model",cause="late"} 5' in lines


def test_what_a_qa_token_is_shown_is_counted_apart() -> None:
    counted = Telemetry()
    counted.decided(Decisions(decisions=(made("r"), made("r", "offer")), traces=()), 0.001, bugs=0, is_qa=False)
    counted.decided(Decisions(decisions=(made("q"),), traces=()), 0.001, bugs=1, is_qa=True)
    lines = counted.exposition({}).splitlines()
    assert (counted.total(DECISIONS), counted.total(QA_DECISIONS)) == (2, 1)
    assert 'edgewise_qa_decisions_total{slot="hero",tier="model",cause=""} 1' in lines
    assert "edgewise_decide_seconds_count 2" in lines
    assert "edgewise_engine_bugs_total 1" in lines
