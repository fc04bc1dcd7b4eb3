import asyncio
import logging

import pytest
from msgspec.structs import replace

import edge.deadline as room
from contracts.bundle import Bundle
from contracts.controls import Controls
from contracts.decision import Cause, DecisionRequest, Decisions, Reason, Stage, Tier, TimeOut
from edge.deadline import Deadline, LoopGauge, decide_in_time
from engine.decide import OutOfTime, decide
from engine.load import load
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

NOW_US = 1_767_600_000_000_000


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


def ask(loaded: LoadedBundle) -> DecisionRequest:
    return DecisionRequest(
        request_id="r", now=NOW_US, slots=("hero", "delivery"), page="home", granted=loaded.schema.purposes
    )


@pytest.mark.parametrize(
    ("arrived", "lateness", "now", "is_over"),
    [(10.0, 0.0, 10.02, False), (10.0, 0.0, 10.021, True), (10.0, 0.015, 10.004, False), (10.0, 0.015, 10.006, True)],
)
def test_the_lateness_of_the_loop_counts(arrived: float, lateness: float, now: float, is_over: bool) -> None:
    assert Deadline(0.0200001, arrived, lateness).is_over(now) is is_over


def test_in_time_the_best_tier_answers(loaded: LoadedBundle) -> None:
    timely = decide_in_time(loaded, ask(loaded), loaded.snapshot, Controls(), Deadline(1.0, 0.0), lambda: 0.0)
    assert [each.cause for each in timely.decisions.decisions] == [None, None]
    assert (timely.bugs, timely.is_plain, timely.request) == (0, False, ask(loaded))


def test_out_of_time_on_entry_is_overload(loaded: LoadedBundle) -> None:
    timely = decide_in_time(loaded, ask(loaded), loaded.snapshot, Controls(), Deadline(1.0, 0.0, 2.0), lambda: 0.0)
    assert {each.cause for each in timely.decisions.decisions} == {Cause.OVERLOAD}
    assert timely.request.is_overloaded
    assert timely.decisions.timed_out_at is None


def test_time_that_runs_out_on_the_way_is_late_and_the_check_is_kept(loaded: LoadedBundle) -> None:
    clock = iter([0.0, 0.0, 0.0, *[9.0] * 50])
    timely = decide_in_time(loaded, ask(loaded), loaded.snapshot, Controls(), Deadline(1.0, 0.0), lambda: next(clock))
    assert {each.cause for each in timely.decisions.decisions} == {Cause.LATE}
    assert timely.decisions.timed_out_at == TimeOut(slot="hero", stage=Stage.RERANK)


def failing(times: int):  # type: ignore[no-untyped-def]
    left = [times]

    def stand_in(
        loaded: LoadedBundle, request: DecisionRequest, snapshot: Snapshot, controls: Controls, out: OutOfTime
    ) -> Decisions:
        if left[0]:
            left[0] -= 1
            raise ZeroDivisionError("a bug")
        return decide(loaded, request, snapshot, controls, out)

    return stand_in


def test_after_a_bug_the_engine_is_asked_once_more_out_of_time(
    loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room, "decide", failing(1))
    timely = decide_in_time(loaded, ask(loaded), loaded.snapshot, Controls(), Deadline(1.0, 0.0), lambda: 0.0)
    assert {each.cause for each in timely.decisions.decisions} == {Cause.INTERNAL_ERROR}
    assert {each.tier for each in timely.decisions.decisions} <= {Tier.FALLBACK, Tier.PLAIN}
    assert (timely.bugs, timely.is_plain, timely.request.is_retry) == (1, False, True)
    again = decide(loaded, timely.request, loaded.snapshot, Controls(), lambda slot, stage: False)
    assert again == timely.decisions
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_after_two_bugs_every_slot_is_plain(loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "decide", failing(2))
    timely = decide_in_time(loaded, ask(loaded), loaded.snapshot, Controls(), Deadline(1.0, 0.0), lambda: 0.0)
    assert (timely.bugs, timely.is_plain) == (2, True)
    for made in timely.decisions.decisions:
        assert (made.tier, made.cause, made.reason) == (Tier.PLAIN, Cause.INTERNAL_ERROR, Reason.ERROR)
        assert made.props == loaded.slots[made.slot].spec.plain
        assert made.decision_id == f"r.{made.slot}"
    assert [trace.slot for trace in timely.decisions.traces] == ["hero", "delivery"]


def test_after_two_bugs_what_the_gate_says_is_told_first(loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    for asked, controls, cause in (
        (ask(loaded), Controls(killed=("hero",)), Cause.KILLED),
        (replace(ask(loaded), is_opted_out=True), Controls(), Cause.OPTED_OUT),
        (replace(ask(loaded), granted=()), Controls(), Cause.NO_CONSENT),
    ):
        monkeypatch.setattr(room, "decide", failing(2))
        timely = decide_in_time(loaded, asked, loaded.snapshot, controls, Deadline(1.0, 0.0), lambda: 0.0)
        assert {each.slot: each.cause for each in timely.decisions.decisions}["hero"] is cause


def test_what_is_no_exception_passes(loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> Decisions:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "decide", stop)
    with pytest.raises(KeyboardInterrupt):
        decide_in_time(loaded, ask(loaded), loaded.snapshot, Controls(), Deadline(1.0, 0.0), lambda: 0.0)


def test_a_request_keeps_its_other_fields(loaded: LoadedBundle) -> None:
    overloaded = replace(ask(loaded), is_overloaded=True)
    timely = decide_in_time(loaded, ask(loaded), loaded.snapshot, Controls(), Deadline(-1.0, 0.0), lambda: 0.0)
    assert timely.request == overloaded


def test_the_gauge_sees_a_blocked_loop() -> None:
    async def story() -> tuple[float, bool]:
        gauge = LoopGauge()
        gauge.start()
        seen = 0.0
        async with asyncio.timeout(30):
            while seen < 0.05:
                room.time.sleep(0.2)
                await asyncio.sleep(0)
                seen = max(seen, gauge.lateness_s)
        gauge.stop()
        return seen, True

    assert asyncio.run(story())[0] >= 0.05
