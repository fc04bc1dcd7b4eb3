"""The ladder of tiers: which cause, which tier, which answer; and what a page's slots know of each other."""

import itertools

import pytest
from builders import NOW, PERSONAL, RULES, Shop, columns, model, read, request, run, slot
from graphs import weighed

from contracts.codec import encode
from contracts.controls import Controls
from contracts.decision import REASONS, Cause, DecisionRequest, Override, Reason, Stage, Tier, TimeOut
from contracts.experiments import Arm, Experiment, ExperimentSpec, Holdout
from contracts.features import FeatureValue, Root, Value, ValueType
from contracts.slots import Cap, CapWindow, Filter, PayloadField, PerVisitor, Pin, PolicySpec, Pool, Sticky
from engine import hashing
from engine.decide import decide
from engine.load import LoadedBundle
from engine.snapshot import Snapshot

ALL_HELD = ExperimentSpec(holdouts=(Holdout(salt="g", share=1.0),))
ANY_BUCKET = {("*",): ("b", "zz", "a", "c", "d")}
M = {"models": (model("price"),), "graphs": {"m": weighed(-1.0)}}


def shop(**changes: object) -> Shop:
    given: dict[str, object] = {"fallbacks": {"shelf": ANY_BUCKET}, "fallback_keys": ("device",)}
    return Shop(**{**given, **changes})  # type: ignore[arg-type]


def seen(loaded: LoadedBundle, as_of: int = NOW, **values: Value) -> Snapshot:
    """A snapshot in which visitor v1 has these values since that instant."""
    entries = {name: FeatureValue(value=value, as_of=as_of) for name, value in values.items()}
    return Snapshot(loaded.snapshot.tables, {"v1": entries})


def outcome(loaded: LoadedBundle, asked: DecisionRequest | None = None, **how: object) -> tuple[str, str | None, str]:
    decision = run(loaded, asked, **how).decisions[0]  # type: ignore[arg-type]
    assert decision.reason is REASONS[decision.tier, decision.cause]
    return decision.tier, decision.cause, "".join(decision.answer)


def test_the_model_decides_at_its_best() -> None:
    decided = run(shop(slots=(slot(model="m"),), **M).load())
    (decision,), (trace,) = decided.decisions, decided.traces
    assert (decision.tier, decision.cause, decision.reason) == (Tier.MODEL, None, Reason.TARGETING_MATCH)
    assert decision.answer == ("a", "b", "c")
    assert [item.props for item in decision.items] == [{"title": "Apple"}, {"title": "Bread"}, {"title": "Cheese"}]
    assert decision.decision_id == "r1.shelf"
    assert decision.component == "shelf"
    assert trace.scores == (-100.0, -200.0, -300.0, -400.0, -500.0)
    assert trace.generated == {"retrieve[0]": 5}
    assert [(draw.u, draw.propensity) for draw in trace.draws] == [(None, 1.0)] * 3
    assert decided.timed_out_at is None


def test_without_a_model_rules_are_the_best() -> None:
    assert outcome(shop().load()) == (Tier.RULES, None, "edc")
    assert outcome(shop(slots=(slot(score=None),)).load()) == (Tier.RULES, None, "abc")


GATED = [
    ({}, ("*",), Cause.KILLED),
    ({}, ("shelf",), Cause.KILLED),
    ({"is_opted_out": True}, (), Cause.OPTED_OUT),
    ({"granted": ()}, (), Cause.NO_CONSENT),
    ({"granted": ("marketing",)}, (), Cause.NO_CONSENT),
    ({"is_gpc": True}, (), Cause.NO_CONSENT),
    ({"is_bot": True}, (), Cause.BOT),
    ({"is_feed_stale": True}, (), Cause.STALE_FEED),
]


@pytest.mark.parametrize(("changes", "killed", "cause"), GATED)
def test_what_makes_a_slot_plain(changes: dict[str, object], killed: tuple[str, ...], cause: Cause) -> None:
    decided = run(shop(slots=(slot(purposes=(PERSONAL,)),)).load(), request(**changes), killed=killed)
    (decision,) = decided.decisions
    assert (decision.tier, decision.cause, decision.answer, decision.propensity) == (Tier.PLAIN, cause, (), None)
    assert decision.props == {"title": "Welcome"}
    assert decision.items == ()
    assert decision.reason is REASONS[Tier.PLAIN, cause]


def test_a_slot_without_purposes_is_decided_from_context() -> None:
    for changes in ({"granted": (), "units": {}}, {"is_gpc": True}):
        assert outcome(shop().load(), request(**changes)) == (Tier.RULES, None, "edc")


def test_other_kill_switches_do_not_matter() -> None:
    assert outcome(shop().load(), killed=("hero",)) == (Tier.RULES, None, "edc")


PRECEDENCE = [
    (Cause.KILLED, {}),
    (Cause.OPTED_OUT, {"is_opted_out": True}),
    (Cause.NO_CONSENT, {"granted": ()}),
    (Cause.BOT, {"is_bot": True}),
    (Cause.HOLDOUT, {}),
    (Cause.INELIGIBLE, {"context": {"is_member": False}}),
    (Cause.STALE_FEED, {"is_feed_stale": True}),
    (Cause.OVERLOAD, {"is_overloaded": True}),
    (Cause.INTERNAL_ERROR, {"is_retry": True}),
]


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(range(len(PRECEDENCE)), 2)))
def test_of_two_causes_the_higher_is_told(first: int, second: int) -> None:
    changes: dict[str, object] = {"context": {"is_member": True}}
    for at in (second, first):
        changes.update(PRECEDENCE[at][1])
    causes = {PRECEDENCE[first][0], PRECEDENCE[second][0]}
    held = ALL_HELD if Cause.HOLDOUT in causes else ExperimentSpec()
    loaded = shop(slots=(slot(purposes=(PERSONAL,), eligible="is_member"),), experiments=held).load()
    killed = ("*",) if Cause.KILLED in causes else ()
    assert run(loaded, request(**changes), killed=killed).decisions[0].cause is PRECEDENCE[first][0]


def test_eligibility_holds_or_the_slot_is_plain() -> None:
    loaded = shop(slots=(slot(eligible="is_member"),)).load()
    assert outcome(loaded, request(context={"is_member": True}))[0] == Tier.RULES
    assert outcome(loaded, request(context={"is_member": False})) == (Tier.PLAIN, Cause.INELIGIBLE, "")


def test_eligibility_that_cannot_be_told_does_not_hold() -> None:
    loaded = shop(slots=(slot(eligible="is_member"),)).load()
    assert outcome(loaded) == (Tier.PLAIN, Cause.INELIGIBLE, "")
    assert "is_member" in run(loaded).traces[0].problem
    expired = shop(slots=(slot(eligible="old_once"),)).load()
    assert outcome(expired, snapshot=seen(expired, 0, old=1.0)) == (Tier.PLAIN, Cause.EXPIRED_FEATURE, "")


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"is_feed_stale": True}, Cause.STALE_FEED),
        ({"is_feed_stale": True, "is_overloaded": True}, Cause.STALE_FEED),
        ({"is_overloaded": True}, Cause.OVERLOAD),
        ({"is_retry": True}, Cause.INTERNAL_ERROR),
    ],
)
def test_what_expired_is_not_told_where_a_higher_cause_holds(changes: dict[str, object], cause: Cause) -> None:
    expired = shop(slots=(slot(eligible="old_once"),)).load()
    assert outcome(expired, request(**changes), snapshot=seen(expired, 0, old=1.0)) == (Tier.PLAIN, cause, "")


def test_a_slot_after_time_ran_out_says_so_though_its_condition_expired() -> None:
    slots = (slot("first"), slot(eligible="old_once"))
    loaded = shop(slots=slots).load()
    asked = request(slots=("first", "shelf"))
    made = run(loaded, asked, seen(loaded, 0, old=1.0), late_at=("first", Stage.RERANK)).decisions
    assert [(each.tier, each.cause) for each in made][1] == (Tier.PLAIN, Cause.LATE)


@pytest.mark.parametrize(
    ("answer", "blocked", "shown"),
    [("edacb", (), "ead"), ("edacb", ("e",), "dac"), ("aedcb", (), "ead"), ("ea", ("e",), "a"), ("edcb", (), "edc")],
)
def test_a_precomputed_answer_keeps_pins_at_their_position(answer: str, blocked: tuple[str, ...], shown: str) -> None:
    taken = slot("first", size=1, is_deduplicated=True, retrieve=(Pool(ids=blocked),)) if blocked else None
    pinned = slot(pins=(Pin(item="a", position=1),), is_deduplicated=True)
    slots = (pinned,) if taken is None else (taken, pinned)
    loaded = shop(slots=slots, fallbacks={"shelf": {("*",): tuple(answer)}}, fallback_keys=("device",)).load()
    asked = request(slots=tuple(each.name for each in slots))
    made = run(loaded, asked, late_at=("shelf", Stage.RETRIEVE)).decisions[-1]
    assert (made.tier, "".join(made.answer)) == (Tier.FALLBACK, shown)


def test_out_of_time_on_entry_gives_the_guarded_fallback() -> None:
    loaded = shop(slots=(slot(guards=("cheap",), model="m"),), **M).load()
    for changes, cause in (({"is_overloaded": True}, Cause.OVERLOAD), ({"is_retry": True}, Cause.INTERNAL_ERROR)):
        decided = run(loaded, request(**changes))
        assert decided.timed_out_at is None
        decision = decided.decisions[0]
        assert (decision.tier, decision.cause, decision.answer) == (Tier.FALLBACK, cause, ("b", "a", "c"))
        assert (decision.propensity, decision.reason) == (None, Reason.CACHED)
        assert [item.props["title"] for item in decision.items] == ["Bread", "Apple", "Cheese"]


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.RULES])
def test_late_at_any_stage_gives_the_fallback_from_there_on(stage: Stage) -> None:
    both = (slot("first"), slot())
    loaded = shop(slots=both, fallbacks={"first": ANY_BUCKET, "shelf": ANY_BUCKET}).load()
    decided = run(loaded, request(slots=("first", "shelf")), late_at=("first", stage))
    assert [(each.tier, each.cause) for each in decided.decisions] == [(Tier.FALLBACK, Cause.LATE)] * 2
    assert decided.timed_out_at == TimeOut(slot="first", stage=stage)
    assert all(trace.draws == () for trace in decided.traces)
    second = run(loaded, request(slots=("first", "shelf")), late_at=("shelf", stage))
    assert [each.cause for each in second.decisions] == [None, Cause.LATE]


def test_a_model_that_fails_too_late_leaves_no_time_for_rules() -> None:
    """The boost fails in tier model, after every stage before it was begun in time."""
    loaded = shop(slots=(slot(model="m", boosts=("old",)),), **M).load()
    old = seen(loaded, 0, old=1.0)
    assert outcome(loaded, snapshot=old)[:2] == (Tier.RULES, Cause.EXPIRED_FEATURE)
    assert outcome(loaded, snapshot=old, late_at=("shelf", Stage.RULES)) == (Tier.FALLBACK, Cause.LATE, "bac")


def test_time_is_asked_at_each_check_once_and_never_again_once_it_is_out() -> None:
    asked: list[tuple[str, str]] = []

    def never(slot: str, stage: Stage) -> bool:
        asked.append((slot, stage))
        return stage is Stage.RENDER

    missing = shop(
        slots=(slot(model="m"), slot("next")), models=(model("taste", missing="refuse"),), graphs=M["graphs"]
    )
    loaded = missing.load()  # tier model fails, so score is reached twice
    decided = decide(loaded, request(slots=("shelf", "next")), loaded.snapshot, Controls(), never)
    assert asked == [("shelf", stage) for stage in Stage]
    assert [each.cause for each in decided.decisions] == [Cause.LATE, Cause.LATE]


def test_a_blocked_fallback_is_plain_and_keeps_its_cause() -> None:
    loaded = shop(slots=(slot(guards=("has_margin",)),), fallbacks={"shelf": {("*",): ("e", "zz")}}).load()
    decided = run(loaded, request(is_overloaded=True))
    assert (decided.decisions[0].tier, decided.decisions[0].cause) == (Tier.PLAIN, Cause.OVERLOAD)
    assert decided.traces[0].blockers == {"e": "has_margin"}
    assert outcome(Shop().load(), request(is_overloaded=True)) == (Tier.PLAIN, Cause.OVERLOAD, "")


def test_fallbacks_are_found_by_bucket() -> None:
    rows = {("*", "*"): ("a",), ("phone", "true"): ("b",), ("desktop", "true"): ("c",)}
    loaded = shop(fallbacks={"shelf": rows}, fallback_keys=("device", "is_member")).load()

    def answer(**context: Value) -> str:
        return outcome(loaded, request(is_overloaded=True, context=context))[2]

    assert answer(device="desktop", is_member=True) == "c"
    assert answer(is_member=True) == "b"
    assert answer(device="tablet", is_member=True) == "a"
    assert answer(device="phone") == "a"


CAUSED = {
    "no model": ({"models": (model("price"),)}, Cause.NO_MODEL),
    "missing": ({"models": (model("taste", missing="refuse"),), "graphs": M["graphs"]}, Cause.MISSING_FEATURE),
    "expired": ({"models": (model("old"),), "graphs": M["graphs"]}, Cause.EXPIRED_FEATURE),
    "rule": ({"models": (model("divided", missing="refuse"),), "graphs": M["graphs"]}, Cause.RULE_ERROR),
    "scoring": ({"models": (model("taste"),), "graphs": M["graphs"]}, Cause.SCORING_ERROR),
}
DIVIDED = columns(
    "divided", "int", ("divide_int64", "int", read(Root.ITEM, "price", "int"), read(Root.ITEM, "none", "int"))
)


@pytest.mark.parametrize("case", CAUSED)
def test_what_fails_in_tier_model_moves_to_rules(case: str) -> None:
    changes, cause = CAUSED[case]
    table = {**Shop().table, "none": (ValueType.INT, [0] * 5)}
    loaded = shop(slots=(slot(model="m"),), rules=(*RULES, DIVIDED), table=table, **changes).load()
    old = seen(loaded, NOW - 61_000_000, old=1.0)
    assert outcome(loaded, snapshot=old) == (Tier.RULES, cause, "edc")
    assert run(loaded, snapshot=old).traces[0].problem
    without = shop(slots=(slot(model="m", score=None),), rules=(*RULES, DIVIDED), table=table, **changes).load()
    assert outcome(without, snapshot=old) == (Tier.FALLBACK, cause, "bac")


def test_a_feature_that_blocks_when_expired_makes_the_slot_plain() -> None:
    for changes in ({"score": "dead"}, {"guards": ("dead_ok",)}, {"boosts": ("dead",)}):
        loaded = shop(slots=(slot(**changes),)).load()
        old = seen(loaded, NOW - 61_000_000, dead=1.0)
        assert outcome(loaded, snapshot=old) == (Tier.PLAIN, Cause.EXPIRED_FEATURE, "")
        fresh = seen(loaded, NOW - 60_000_000, dead=1.0)
        assert outcome(loaded, snapshot=fresh)[:2] == (Tier.RULES, None)
    listed = shop(slots=(slot(retrieve=(PerVisitor(feature="dead_list", limit=9),)),)).load()
    old = seen(listed, 0, dead_list=("a",))
    assert outcome(listed, snapshot=old) == (Tier.PLAIN, Cause.EXPIRED_FEATURE, "")


def test_an_expired_guardrail_blocks_in_every_tier() -> None:
    loaded = shop(slots=(slot(guards=("old_ok",), model="m"),), **M).load()
    assert outcome(loaded, snapshot=seen(loaded, 0, old=1.0)) == (Tier.PLAIN, Cause.EXPIRED_FEATURE, "")


def test_an_expired_boost_ends_tier_model_and_is_zero_in_rules() -> None:
    loaded = shop(slots=(slot(boosts=("old",), model="m"),), **M).load()
    decided = run(loaded, snapshot=seen(loaded, 0, old=1.0))
    assert (decided.decisions[0].tier, decided.decisions[0].cause) == (Tier.RULES, Cause.EXPIRED_FEATURE)
    assert decided.traces[0].boost_errors == 5


def test_an_expired_generator_gives_nothing_and_no_model_decides() -> None:
    generators = (Pool(ids=("a",)), PerVisitor(feature="old_list", limit=9))
    loaded = shop(slots=(slot(retrieve=generators, model="m"),), **M).load()
    decided = run(loaded, snapshot=seen(loaded, 0, old_list=("b",)))
    assert (decided.decisions[0].tier, decided.decisions[0].cause) == (Tier.RULES, Cause.EXPIRED_FEATURE)
    assert decided.traces[0].generated == {"retrieve[0]": 1, "retrieve[1]": 0}
    fresh = run(loaded, snapshot=seen(loaded, NOW, old_list=("b",)))
    assert (fresh.decisions[0].tier, fresh.decisions[0].answer) == (Tier.MODEL, ("a", "b"))


def test_no_candidate_gives_the_fallback() -> None:
    for changes in ({"retrieve": ()}, {"retrieve": (PerVisitor(feature="own", limit=3),)}, {"guards": ("likes",)}):
        loaded = shop(slots=(slot(**changes),), fallbacks={"shelf": {("*",): ("a",)}}).load()
        tier = Tier.PLAIN if "guards" in changes else Tier.FALLBACK
        assert outcome(loaded)[:2] == (tier, Cause.NO_CANDIDATE)


def test_failing_payload_takes_lower_tiers_down_to_plain() -> None:
    payload = {"margin": PayloadField(type=ValueType.DOUBLE, rule="margin_once")}
    loaded = shop(slots=(slot(model="m", payload=payload, size=5),), **M).load()
    assert outcome(loaded) == (Tier.FALLBACK, Cause.MISSING_FEATURE, "bacd")
    all_bad = shop(slots=(slot(payload=payload),), fallbacks={"shelf": {("*",): ("e",)}}).load()
    assert outcome(all_bad) == (Tier.PLAIN, Cause.MISSING_FEATURE, "")


def test_a_failing_objective_fails_in_both_tiers() -> None:
    loaded = shop(slots=(slot(model="m", objective="by_margin"),), **M).load()
    assert outcome(loaded) == (Tier.FALLBACK, Cause.MISSING_FEATURE, "bac")


def test_the_cause_of_highest_precedence_is_told() -> None:
    loaded = shop(slots=(slot(model="m", boosts=("huge",)),), models=(model("taste"),), graphs=M["graphs"]).load()
    assert outcome(loaded)[:2] == (Tier.RULES, Cause.SCORING_ERROR)
    broken = shop(slots=(slot(model="m", objective="huge"),), models=(model("taste"),), graphs=M["graphs"]).load()
    assert outcome(broken)[:2] == (Tier.FALLBACK, Cause.RULE_ERROR)


def test_held_out_visitors_are_shown_plain_and_the_rest_is_kept() -> None:
    free, held = (shop(slots=(slot(),), experiments=spec).load() for spec in (ExperimentSpec(), ALL_HELD))
    decided = run(held)
    (decision,), (trace,) = decided.decisions, decided.traces
    assert (decision.tier, decision.cause, decision.answer) == (Tier.PLAIN, Cause.HOLDOUT, ())
    assert (decision.reason, decision.propensity) == (Reason.SPLIT, None)
    would_be = run(free)
    assert trace.held_out == would_be.decisions[0].answer
    assert (trace.draws, trace.scores) == (would_be.traces[0].draws, would_be.traces[0].scores)


def test_qa_requests_pass_by_the_holdout() -> None:
    assert outcome(shop(experiments=ALL_HELD).load(), request(qa=Override())) == (Tier.RULES, None, "edc")


def test_a_counterfactual_goes_by_the_page_it_belongs_to() -> None:
    use_case = ExperimentSpec(holdouts=(Holdout(salt="u", share=1.0, use_case="held"),))
    slots = (
        slot("one", is_deduplicated=True, size=2, use_cases=("held",)),
        slot("two", is_deduplicated=True, size=2),
        slot("three", is_deduplicated=True, size=1, use_cases=("held",)),
    )
    asked = request(slots=("one", "two", "three"))
    decided = run(Shop(slots=slots, experiments=use_case).load(), asked)
    assert [each.answer for each in decided.decisions] == [(), ("e", "d"), ()]
    assert [trace.held_out for trace in decided.traces] == [("e", "d"), (), ("c",)]
    everywhere = run(Shop(slots=slots, experiments=ALL_HELD).load(), asked)
    assert [trace.held_out for trace in everywhere.traces] == [("e", "d"), ("c", "b"), ("a",)]


def test_later_slots_do_not_repeat_earlier_ones() -> None:
    slots = (slot("one", size=2), slot("two", is_deduplicated=True, size=2), slot("three", size=1))
    asked = request(slots=("one", "two", "three"))
    loaded = shop(slots=slots, fallbacks={name: {("*",): tuple("edcba")} for name in ("one", "two", "three")}).load()
    answers = [each.answer for each in run(loaded, asked).decisions]
    assert answers == [("e", "d"), ("c", "b"), ("e",)]
    late = [each.answer for each in run(loaded, asked, late_at=("two", "retrieve")).decisions]
    assert late == [("e", "d"), ("c", "b"), ("e",)]


def test_a_page_may_run_out_of_items() -> None:
    slots = (slot("one", size=5), slot("two", is_deduplicated=True))
    decided = run(Shop(slots=slots).load(), request(slots=("one", "two")))
    assert (decided.decisions[1].tier, decided.decisions[1].cause) == (Tier.PLAIN, Cause.NO_CANDIDATE)


def test_caps_block_after_guardrails_and_in_fallbacks_too() -> None:
    cap = Cap(name="weekly", limit=2, window=CapWindow.WEEK)
    loaded = shop(slots=(slot(caps=(cap,), guards=("cheap",)),), fallbacks={"shelf": {("*",): ("e", "d", "c")}}).load()
    exposures = {"weekly": {"e": 9, "d": 2, "c": 1, "gone": 5}, "other": {"a": 99}}
    decided = run(loaded, request(exposures=exposures))
    assert decided.decisions[0].answer == ("c", "b", "a")
    assert decided.traces[0].blockers == {"e": "cheap", "d": "cap:weekly"}
    assert outcome(loaded, request(exposures=exposures, is_overloaded=True))[2] == "c"


def test_a_choice_shows_its_payload_offer_and_sentence() -> None:
    hero = slot(kind="choice", size=9, offer="title", why="nothing")
    decision = run(Shop(slots=(hero,)).load()).decisions[0]
    assert (decision.answer, decision.props, decision.items) == (("e",), {"title": "Eggs"}, ())
    assert (decision.offer_id, decision.why, decision.propensity) == ("Eggs", None, 1.0)


def test_a_value_has_no_propensity() -> None:
    decided = run(Shop(slots=(slot(kind="value", score="price"),)).load())
    assert (decided.decisions[0].answer, decided.decisions[0].propensity) == (("e",), None)
    assert decided.traces[0].draws == ()


def test_experiment_arms_replace_the_policy() -> None:
    random = PolicySpec(name="epsilon", params={"epsilon": 1.0})
    arms = (Arm(name="control", share=0.5), Arm(name="random", share=0.5, policy=random))
    experiment = Experiment(name="x", layer="l", start=0.0, end=1.0, slots=("shelf",), arms=arms)
    loaded = Shop(experiments=ExperimentSpec(experiments=(experiment,))).load()
    seen_arms = set()
    for visitor in map(str, range(20)):
        decided = run(loaded, request(units={"visitor": visitor}))
        arm = decided.assignments["x"]
        seen_arms.add(arm)
        assert decided.decisions[0].propensity == (1.0 if arm == "control" else pytest.approx(1 / 5 / 4 / 3))
    assert seen_arms == {"control", "random"}
    assert run(loaded, request(units={})).assignments == {}


def test_the_propensity_is_the_product_of_the_draws() -> None:
    epsilon = PolicySpec(name="epsilon", params={"epsilon": 0.5})
    decided = run(Shop(slots=(slot(policy=epsilon),)).load())
    first, second, third = (draw.propensity for draw in decided.traces[0].draws)
    assert decided.decisions[0].propensity == first * second * third
    assert [draw.item for draw in decided.traces[0].draws] == list(decided.decisions[0].answer)


@pytest.mark.parametrize("sticky", list(Sticky))
def test_a_slot_flickers_only_with_its_own_seed(sticky: Sticky) -> None:
    epsilon = PolicySpec(name="epsilon", params={"epsilon": 1.0})
    loaded = Shop(slots=(slot(sticky=sticky, policy=epsilon),)).load()

    def answers(of: str) -> int:
        asked = [
            request(
                request_id=str(n) if of == "request" else "r",
                units={"visitor": str(n) if of == "visitor" else "v", "session": str(n) if of == "session" else "s"},
            )
            for n in range(12)
        ]
        return len({run(loaded, each).decisions[0].answer for each in asked})

    assert {of: answers(of) > 1 for of in ("request", "session", "visitor")} == {
        of: of == sticky for of in ("request", "session", "visitor")
    }


def test_without_ids_the_request_is_the_seed() -> None:
    random = PolicySpec(name="epsilon", params={"epsilon": 1.0})
    loaded = Shop(slots=(slot(sticky=Sticky.VISITOR, policy=random),)).load()
    assert run(loaded, request(units={})).traces[0].draws[0].u == hashing.draws("r1", "shelf", 1)[0]


def test_the_same_arguments_give_the_same_bytes() -> None:
    epsilon = PolicySpec(name="epsilon", params={"epsilon": 0.3})
    one_slot = slot(policy=epsilon, model="m", retrieve=(Filter(where="cheap", order="price", limit=4),))
    first, second = (shop(slots=(one_slot,), **M).load() for _ in range(2))
    assert encode(run(first)) == encode(run(first)) == encode(run(second))


def test_candidates_in_another_order_give_the_same_decision() -> None:
    epsilon = PolicySpec(name="epsilon", params={"epsilon": 0.7})
    loaded = [
        Shop(slots=(slot(policy=epsilon, retrieve=(Pool(ids=ids),)),)).load() for ids in itertools.permutations("abcd")
    ]
    assert len({encode(run(each)) for each in loaded}) == 1


def test_bugs_are_not_caught() -> None:
    loaded = Shop().load()
    with pytest.raises(KeyError):
        run(loaded, request(slots=("shelf", "gone")))
