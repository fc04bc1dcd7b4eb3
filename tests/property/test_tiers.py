"""G3: an answer is always there. Whenever time runs out, gate, assignment and guardrails still hold, tier and cause are
named by precedence, and nothing that may take long begins any more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from builders import GREEDY, NOW, PERSONAL, Shop, model, request, slot
from graphs import weighed
from hypothesis import given, settings
from hypothesis import strategies as st

import engine.decide as room
from contracts.controls import Controls
from contracts.decision import REASONS, TIER_OF_CAUSE, Cause, DecisionRequest, Decisions, Stage, Tier, TimeOut
from contracts.experiments import ExperimentSpec, Holdout
from contracts.features import FeatureValue
from contracts.slots import Cap, CapWindow, PolicySpec
from edge.deadline import Deadline, decide_in_time
from engine.decide import decide
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

EPSILON = PolicySpec(name="epsilon", params={"epsilon": 0.5})
CAP = Cap(name="daily", limit=2, window=CapWindow.DAY)
ANY_BUCKET = {("*",): tuple("edcba")}
NAMES = ("first", "second", "third", "fourth")
PLACE = {cause: place for place, cause in enumerate(Cause)}
BUDGET_S = 0.02
VISITOR = {"taste": FeatureValue(value=1.0, as_of=NOW), "old": FeatureValue(value=1.0, as_of=0)}
T = TypeVar("T")


def shop(share: float = 0.0, fallbacks: tuple[str, ...] = NAMES) -> LoadedBundle:
    """Four slots on every tier; `cheap` blocks item e, the cap item d. The second model fails late, in rerank."""
    common: dict[str, object] = {"guards": ("cheap",), "caps": (CAP,), "policy": EPSILON}
    capless = {**common, "caps": ()}
    slots = (
        slot("first", model="m", shadow=GREEDY, **common),
        slot("second", is_deduplicated=True, size=2, use_cases=("offers",), model="m", boosts=("old",), **capless),
        slot("third", kind="choice", model="refuses", purposes=(PERSONAL,), **capless),
        slot("fourth", eligible="is_member", score=None, model="m", **capless),
    )
    return Shop(
        slots=slots,
        models=(model("price"), model("taste", missing="refuse", name="refuses")),
        graphs={"m": weighed(-1.0), "refuses": weighed(1.0)},
        experiments=ExperimentSpec(holdouts=(Holdout(salt="offers", share=share, use_case="offers"),)),
        fallbacks={name: ANY_BUCKET for name in fallbacks},
        fallback_keys=("device",),
    ).load()


LOADED = {(share, few): shop(share, NAMES[:2] if few else NAMES) for share in (0.0, 1.0) for few in (False, True)}
PAGES = st.fixed_dictionaries(
    {"context": st.sampled_from([{"is_member": True}, {"is_member": False}, {}])},
    optional={
        "is_opted_out": st.just(True),
        "granted": st.just(()),
        "is_bot": st.just(True),
        "is_feed_stale": st.just(True),
        "exposures": st.just({"daily": {"d": 2}}),
        "is_overloaded": st.just(True),
        "is_retry": st.just(True),
    },
)


def decided(
    loaded: LoadedBundle, page: DecisionRequest, is_out: Callable[[int], bool], killed: tuple[str, ...] = ()
) -> tuple[Decisions, list[tuple[str, Stage]]]:
    """The page when time is out at the checks of these numbers, and the checks that were asked."""
    asked: list[tuple[str, Stage]] = []

    def out_of_time(name: str, stage: Stage) -> bool:
        asked.append((name, stage))
        return is_out(len(asked) - 1)

    snapshot = Snapshot(loaded.snapshot.tables, {"v1": VISITOR})
    return decide(loaded, page, snapshot, Controls(killed=killed), out_of_time), asked


@settings(deadline=None, max_examples=60)
@given(
    changes=PAGES,
    killed=st.sampled_from([(), (), ("second",)]),
    share=st.sampled_from([0.0, 1.0]),
    is_few=st.booleans(),
)
def test_time_may_run_out_at_every_check_there_is(
    changes: dict[str, object], killed: tuple[str, ...], share: float, is_few: bool
) -> None:
    loaded, page = LOADED[share, is_few], request(slots=NAMES, **changes)
    unhurried, checks = decided(loaded, page, lambda number: False, killed)
    check_named(loaded, page, unhurried)
    for last in range(len(checks)):
        hurried, asked = decided(loaded, page, lambda number, last=last: number == last, killed)
        assert asked == checks[: last + 1], "after it is out, time is not asked for again"
        slot_, stage = checks[last]
        assert hurried.timed_out_at == TimeOut(slot=slot_, stage=stage)
        check_named(loaded, page, hurried)
        at = NAMES.index(slot_)
        assert hurried.decisions[:at] == unhurried.decisions[:at], "what was decided in time stays"
        for meant, late in zip(unhurried.decisions[at:], hurried.decisions[at:], strict=True):
            check_late(meant.cause, late.tier, late.cause)
        assert replayed_at(loaded, page, killed, hurried.timed_out_at) == hurried


def replayed_at(loaded: LoadedBundle, page: DecisionRequest, killed: tuple[str, ...], at: TimeOut) -> Decisions:
    snapshot = Snapshot(loaded.snapshot.tables, {"v1": VISITOR})
    return decide(loaded, page, snapshot, Controls(killed=killed), lambda *check: check == (at.slot, at.stage))


def check_late(meant: Cause | None, tier: Tier, cause: Cause | None) -> None:
    """A slot whose turn came too late: its own higher cause, else LATE, from the fallback or plain."""
    assert cause is not None
    assert PLACE[cause] <= PLACE[Cause.LATE]
    if meant is not None and PLACE[meant] < PLACE[Cause.LATE]:
        assert cause is meant
    else:
        assert cause is Cause.LATE
    assert tier in (Tier.FALLBACK, Tier.PLAIN)
    assert tier is Tier.PLAIN or TIER_OF_CAUSE[cause] is Tier.FALLBACK


def check_named(loaded: LoadedBundle, page: DecisionRequest, result: Decisions) -> None:
    """Of every slot: an answer that gate, guardrails and caps allow, or plain content; tier, cause and reason agree."""
    assert [each.slot for each in result.decisions] == list(page.slots)
    for each in result.decisions:
        assert each.reason is REASONS[each.tier, each.cause]
        assert "e" not in each.answer, "guardrail cheap"
        assert not ("d" in each.answer and each.slot == "first" and page.exposures), "cap daily"
        assert bool(each.answer) is (each.tier is not Tier.PLAIN)
        assert each.answer or each.props == loaded.slots[each.slot].spec.plain
        assert each.cause is not None or each.tier is loaded.slots[each.slot].best_tier
        if page.is_opted_out:
            assert each.cause in (Cause.KILLED, Cause.OPTED_OUT)
        if each.slot == "third" and not page.granted:
            assert each.tier is Tier.PLAIN


@dataclass
class Stalling:
    """The stages of `decide`, each taking as long as told; `calls` keeps when each began."""

    seconds: dict[str, float]
    now_s: float = 0.0
    calls: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def installed(self) -> Iterator[None]:
        kept = {name: getattr(room, name) for name in self.seconds if name != "score"}
        try:
            for name, stage in kept.items():
                setattr(room, name, self.slowed(name, stage))
            yield
        finally:
            for name, stage in kept.items():
                setattr(room, name, stage)

    def slowed(self, name: str, stage: Callable[..., T]) -> Callable[..., T]:
        def run(*args: object) -> T:
            self.calls.append((name, self.now_s))
            self.now_s += self.seconds[name]
            return stage(*args)

        return run

    def with_slow_models(self, loaded: LoadedBundle) -> LoadedBundle:
        """The same bundle; scoring is its models' run."""
        stalling = self

        @dataclass
        class Slow:
            scorer: object

            def score(self, matrix: object) -> object:
                return stalling.slowed("score", self.scorer.score)(matrix)  # type: ignore[attr-defined]

        slots = {
            name: replace(each, model=replace(each.model, scorer=Slow(each.model.scorer))) if each.model else each
            for name, each in loaded.slots.items()
        }
        return replace(loaded, slots=slots)


SECONDS = st.sampled_from([0.0, 0.001, 0.004, 0.03, 0.5])
UNHURRIED = ("refusal", "check_eligible", "look_up", "guard", "render")  # what precomputed answers go through too
HURRIED = {  # all else, and where time is asked for next
    "scope_of": Stage.RETRIEVE,
    "assign": Stage.RETRIEVE,
    "retrieve": Stage.SCORE,
    "score": Stage.RERANK,
    "rerank": Stage.EXPLORE,
    "explore": Stage.RENDER,
    "shadow": Stage.RENDER,
}
STAGES = (*HURRIED, *UNHURRIED)
STEPS = (  # what runs between two checks
    ("scope_of", "assign", "refusal", "check_eligible"),
    ("retrieve", "guard"),
    ("score",),
    ("rerank", "check_eligible"),  # of tier `rules`, once tier `model` has failed
    ("explore", "shadow"),
    ("render", "refusal", "check_eligible"),  # of the next slot
)


def stalled(seconds: dict[str, float], lateness_s: float = 0.0) -> tuple[Stalling, Decisions]:
    """A page of four slots with a deadline, on a clock that moves only while stages run."""
    stalling = Stalling(seconds)
    loaded = stalling.with_slow_models(LOADED[0.0, False])
    page = request(slots=NAMES, context={"is_member": True})
    snapshot = Snapshot(loaded.snapshot.tables, {"v1": VISITOR})
    deadline = Deadline(BUDGET_S, 0.0, lateness_s)
    with stalling.installed():
        timely = decide_in_time(loaded, page, snapshot, Controls(), deadline, lambda: stalling.now_s)
    assert not timely.bugs
    return stalling, timely.decisions


def slots_left(result: Decisions) -> int:
    """The slot in which time ran out and those after it: all of a page that was out of time when it came in."""
    late = [each.slot for each in result.decisions if each.cause in (Cause.LATE, Cause.OVERLOAD)]
    assert result.timed_out_at is None or late[0] == result.timed_out_at.slot
    return len(NAMES) - NAMES.index(late[0]) if late else 0


@settings(deadline=None, max_examples=100)
@given(seconds=st.fixed_dictionaries(dict.fromkeys(STAGES, SECONDS)), lateness_s=st.sampled_from([0.0, 0.01, 0.1]))
def test_after_the_budget_only_precomputed_answers_are_guarded_and_rendered(
    seconds: dict[str, float], lateness_s: float
) -> None:
    stalling, result = stalled(seconds, lateness_s)
    assert len(result.decisions) == len(NAMES)
    left_s = max(BUDGET_S - lateness_s, 0.0)
    longest_s = max(sum(seconds[name] for name in step) for step in STEPS)
    begun_late = [name for name, at_s in stalling.calls if at_s > left_s + longest_s]
    assert set(begun_late) <= set(UNHURRIED)
    rest_s = slots_left(result) * sum(seconds[name] for name in UNHURRIED)
    assert stalling.now_s <= left_s + longest_s + rest_s + 1e-9


@pytest.mark.parametrize("stage", HURRIED)
@pytest.mark.parametrize("stall_s", [0.021, 0.5, 30.0])
def test_a_stall_costs_the_budget_and_itself_once(stage: str, stall_s: float) -> None:
    stalling, result = stalled({**dict.fromkeys(STAGES, 0.0), stage: stall_s})
    assert stalling.now_s == stall_s <= BUDGET_S + stall_s
    assert {each.cause for each in result.decisions} == {Cause.LATE}
    assert all(each.answer and each.tier is Tier.FALLBACK for each in result.decisions)
    assert result.timed_out_at == TimeOut(slot="first", stage=HURRIED[stage])


@pytest.mark.parametrize(
    ("stage", "in_time"), [("refusal", 0), ("check_eligible", 0), ("guard", 0), ("render", 1), ("look_up", 4)]
)
def test_a_stall_of_what_always_runs_makes_the_slots_after_it_late(stage: str, in_time: int) -> None:
    stalling, result = stalled({**dict.fromkeys(STAGES, 0.0), stage: 0.021})
    times = sum(name == stage for name, _ in stalling.calls)
    assert stalling.now_s == pytest.approx(0.021 * times)
    assert times <= 2 * len(NAMES)
    assert all(each.answer for each in result.decisions)
    assert Cause.LATE not in [each.cause for each in result.decisions[:in_time]]
    assert {(each.tier, each.cause) for each in result.decisions[in_time:]} <= {(Tier.FALLBACK, Cause.LATE)}


@pytest.mark.parametrize("stage", UNHURRIED)
@pytest.mark.parametrize("stall_s", [0.021, 30.0])
def test_a_stall_of_what_always_runs_is_paid_once_per_slot(stage: str, stall_s: float) -> None:
    stalling, result = stalled({**dict.fromkeys(STAGES, 0.0), stage: stall_s}, lateness_s=5.0)
    assert [name for name, _ in stalling.calls].count(stage) == len(NAMES)
    assert stalling.now_s == len(NAMES) * stall_s
    assert all(each.answer for each in result.decisions)
    assert {(each.tier, each.cause) for each in result.decisions} == {(Tier.FALLBACK, Cause.OVERLOAD)}


def test_a_late_loop_leaves_no_time_and_still_gives_guarded_answers() -> None:
    stalling, result = stalled(dict.fromkeys(STAGES, 0.001), lateness_s=5.0)
    assert {each.cause for each in result.decisions} == {Cause.OVERLOAD}
    assert {name for name, _ in stalling.calls} == {"scope_of", "assign", *UNHURRIED}
    assert all(each.tier is Tier.FALLBACK and "e" not in each.answer for each in result.decisions)
