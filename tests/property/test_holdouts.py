"""G14: holdouts hold. Whatever the slots, shares, hour and override, on every node: the held out are shown plain
content, the whole pipeline runs for them all the same, and what they missed is logged as it would have been.
"""

from dataclasses import dataclass

from builders import GREEDY, NOW, PERSONAL, Shop, model, request, slot
from graphs import weighed
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.controls import Controls
from contracts.decision import Cause, Decisions, Override, Stage, Tier
from contracts.experiments import Arm, Experiment, ExperimentSpec, Holdout
from contracts.features import FeatureValue
from contracts.slots import Cap, CapWindow, PerVisitor, PolicySpec, Pool
from engine import hashing
from engine.decide import decide
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

EPSILON = PolicySpec(name="epsilon", params={"epsilon": 0.5})
CAP = Cap(name="daily", limit=2, window=CapWindow.DAY)
KINDS = {
    "shelf": slot("shelf", model="m", policy=EPSILON, use_cases=("ranking",), guards=("cheap",)),
    "dedup": slot("dedup", is_deduplicated=True, size=2, policy=EPSILON, use_cases=("offers", "ranking")),
    "hero": slot("hero", kind="choice", caps=(CAP,), use_cases=("offers",), purposes=(PERSONAL,), shadow=EPSILON),
    "own": slot("own", retrieve=(PerVisitor(feature="own", limit=9), Pool(ids=("a",))), purposes=(PERSONAL,)),
    "value": slot("value", kind="value", score="by_price"),
    "blocked": slot("blocked", guards=("likes",), use_cases=("offers",)),
}
ANY_BUCKET = {name: {("*",): tuple("becda")} for name in ("shelf", "hero", "blocked")}
ABOVE_HOLDOUT = {Cause.KILLED, Cause.OPTED_OUT, Cause.NO_CONSENT, Cause.BOT}
EXPERIMENT = Experiment(
    name="x",
    layer="l",
    start=0.1,
    end=0.9,
    slots=("shelf", "dedup"),
    arms=(Arm(name="control", share=0.5), Arm(name="curious", share=0.5, policy=GREEDY)),
)


@dataclass(frozen=True)
class World:
    """One page request, and the holdouts of its bundle."""

    slots: tuple[str, ...]
    holdouts: tuple[Holdout, ...]
    visitor: str | None
    profile: str | None
    changes: dict[str, object]
    killed: tuple[str, ...]
    late_at: tuple[str, Stage] | None
    override: Override | None

    def loaded(self, *, has_holdouts: bool = True) -> LoadedBundle:
        spec = ExperimentSpec(holdouts=self.holdouts if has_holdouts else (), experiments=(EXPERIMENT,))
        return Shop(
            slots=tuple(KINDS.values()),
            models=(model("price"),),
            graphs={"m": weighed(-1.0)},
            experiments=spec,
            fallbacks=ANY_BUCKET,
            fallback_keys=("device",),
        ).load()

    def units(self) -> dict[str, str]:
        told = {"visitor": self.visitor, "session": "s", "profile": self.profile}
        return {} if self.visitor is None else {name: unit for name, unit in told.items() if unit is not None}

    def decided(self, loaded: LoadedBundle, qa: Override | None) -> tuple[Decisions, list[tuple[str, Stage]]]:
        """The page, and the checks at which it asked for the time."""
        asked: list[tuple[str, Stage]] = []

        def out_of_time(name: str, stage: Stage) -> bool:
            asked.append((name, stage))
            return (name, stage) == self.late_at

        page = request(slots=self.slots, units=self.units(), qa=qa, **self.changes)
        values = {"own": FeatureValue(value=("d", "b"), as_of=NOW)}
        snapshot = Snapshot(loaded.snapshot.tables, {self.visitor: values} if self.visitor else {})
        return decide(loaded, page, snapshot, Controls(killed=self.killed), out_of_time), asked

    def is_held_out(self, name: str) -> bool:
        """By the definition: u = 53 bits of SHA-256 below the share; a use case holds out the slots that name it."""
        unit = self.profile if self.profile and self.visitor else self.visitor
        if self.override is not None:
            return self.override.is_held_out
        return any(
            unit is not None and hashing.split(each.salt, unit) < each.share
            for each in self.holdouts
            if each.use_case is None or each.use_case in KINDS[name].use_cases
        )


SHARES = st.sampled_from([0.0, 0.3, 0.7, 1.0])
WORLDS = st.builds(
    World,
    slots=st.permutations(list(KINDS)).flatmap(
        lambda names: st.integers(1, len(names)).map(lambda n: tuple(names[:n]))
    ),
    holdouts=st.tuples(
        st.builds(Holdout, salt=st.just("global"), share=SHARES),
        st.builds(Holdout, salt=st.just("offers"), share=SHARES, use_case=st.just("offers")),
        st.builds(Holdout, salt=st.just("ranking"), share=SHARES, use_case=st.just("ranking")),
    ),
    visitor=st.sampled_from([None, *"abcdefgh"]),
    profile=st.sampled_from([None, None, "p1", "p2"]),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "is_opted_out": st.just(True),
            "is_gpc": st.just(True),
            "is_bot": st.just(True),
            "is_overloaded": st.just(True),
            "is_feed_stale": st.just(True),
            "granted": st.just(()),
            "exposures": st.just({"daily": {"e": 2}}),
        },
    ),
    killed=st.sampled_from([(), (), ("hero",), ("*",)]),
    late_at=st.none() | st.tuples(st.sampled_from(list(KINDS)), st.sampled_from(list(Stage))),
    override=st.none() | st.builds(Override, arms=st.sampled_from([{}, {"x": "curious"}]), is_held_out=st.booleans()),
)
thorough = settings(deadline=None, max_examples=150)


@thorough
@given(world=WORLDS)
def test_the_held_out_are_shown_plain_content_and_nobody_else_is_called_held_out(world: World) -> None:
    decided, _ = world.decided(world.loaded(), world.override)
    for decision, trace in zip(decided.decisions, decided.traces, strict=True):
        if not world.is_held_out(decision.slot):
            assert decision.cause is not Cause.HOLDOUT
            assert trace.held_out == ()
            continue
        assert decision.cause is Cause.HOLDOUT or decision.cause in ABOVE_HOLDOUT
        assert (decision.tier, decision.answer, decision.items, decision.propensity) == (Tier.PLAIN, (), (), None)
        assert decision.props == KINDS[decision.slot].plain
    if not world.override and all(map(world.is_held_out, EXPERIMENT.slots)):
        assert decided.assignments == {}


@thorough
@given(world=WORLDS)
def test_what_they_missed_is_what_they_would_have_been_shown(world: World) -> None:
    """Everybody is held out on one side, nobody on the other: the same stages, checks, scores and draws."""
    everybody = World(**{**vars(world), "holdouts": (Holdout(salt="global", share=1.0),)})
    held, held_checks = everybody.decided(everybody.loaded(), None)
    free, free_checks = everybody.decided(everybody.loaded(has_holdouts=False), None)
    assert held_checks == free_checks
    assert held.timed_out_at == free.timed_out_at
    is_somebody = world.visitor is not None
    for shown, trace, meant, free_trace in zip(held.decisions, held.traces, free.decisions, free.traces, strict=True):
        is_held = is_somebody and shown.cause is Cause.HOLDOUT
        assert replace(trace, held_out=()) == free_trace
        assert trace.held_out == (meant.answer if is_held else ())
        assert is_held or shown == meant


@thorough
@given(world=WORLDS)
def test_every_node_holds_the_same_visitors_out(world: World) -> None:
    """Another process, another feed position, another hour."""
    here, _ = world.decided(world.loaded(), world.override)
    there = World(**{**vars(world), "changes": {**world.changes, "now": NOW + 10**12, "request_id": "other"}})
    other, _ = there.decided(there.loaded(), world.override)
    held = [[each.slot for each in page.decisions if each.cause is Cause.HOLDOUT] for page in (here, other)]
    assert held[0] == held[1]
    assert here.assignments == other.assignments


@thorough
@given(world=WORLDS)
def test_only_a_token_puts_another_arm_in_place(world: World) -> None:
    forced, _ = world.decided(world.loaded(), Override(arms={"x": "curious"}))
    assert not {each.slot for each in forced.decisions if each.cause is Cause.HOLDOUT}
    if set(world.slots) & set(EXPERIMENT.slots):
        assert forced.assignments == {"x": "curious"}
