import pytest
from builders import GREEDY, PERSONAL, Shop, request, slot

from contracts.decision import Override
from contracts.errors import NotRunnableError
from contracts.experiments import Arm, Experiment, ExperimentSpec, Holdout
from contracts.features import FeatureSpec, FoldSpec, Root, ValueType
from engine.assign import Assigned, assign, is_unit, unit_of
from engine.load import LoadedBundle

VISITORS = [f"v{n}" for n in range(3000)]
HALVES = (Arm(name="control", share=0.5), Arm(name="treatment", share=0.5, policy=GREEDY))


def experiment(
    name: str, layer: str, start: float, end: float, arms: tuple[Arm, ...] = HALVES, on: str = "one"
) -> Experiment:
    return Experiment(name=name, layer=layer, start=start, end=end, slots=(on,), arms=arms)


def shop(*experiments: Experiment, holdouts: tuple[Holdout, ...] = ()) -> LoadedBundle:
    slots = (slot("one", use_cases=("offers",)), slot("two"))
    return Shop(slots=slots, experiments=ExperimentSpec(holdouts=holdouts, experiments=experiments)).load()


def of(
    loaded: LoadedBundle, visitor: str, slots: tuple[str, ...] = ("one", "two"), qa: Override | None = None
) -> Assigned:
    return assign(loaded, request(slots=slots, units={"visitor": visitor}, qa=qa))


def test_without_an_id_there_is_no_assignment() -> None:
    loaded = shop(experiment("x", "l", 0, 1), holdouts=(Holdout(salt="g", share=1.0),))
    assert assign(loaded, request(slots=("one",), units={"session": "s"})) == Assigned()


def test_the_global_holdout_covers_every_slot_and_a_use_case_its_own() -> None:
    everywhere = shop(holdouts=(Holdout(salt="g", share=1.0),))
    assert of(everywhere, "v").held_out == {"one", "two"}
    offers = shop(holdouts=(Holdout(salt="o", share=1.0, use_case="offers"), Holdout(salt="g", share=0.0)))
    assert of(offers, "v").held_out == {"one"}
    assert of(offers, "v", qa=Override()).held_out == frozenset()


def test_a_holdout_takes_its_share_and_keeps_it_while_growing() -> None:
    small, large = (shop(holdouts=(Holdout(salt="g", share=share),)) for share in (0.05, 0.1))
    held = [{visitor for visitor in VISITORS if of(loaded, visitor).held_out} for loaded in (small, large)]
    assert held[0] < held[1]
    assert 100 < len(held[0]) < 200
    assert 240 < len(held[1]) < 360


def test_experiments_of_one_layer_exclude_each_other() -> None:
    loaded = shop(experiment("x", "l", 0.0, 0.4), experiment("y", "l", 0.4, 1.0))
    arms = [of(loaded, visitor).arms for visitor in VISITORS]
    assert all(len(each) == 1 for each in arms)
    assert 1080 < sum("x" in each for each in arms) < 1320


def test_arms_are_independent_of_the_layer_even_under_one_name() -> None:
    loaded = shop(experiment("same", "same", 0.0, 0.5))
    arms = [of(loaded, visitor).arms.get("same") for visitor in VISITORS]
    assert 640 < arms.count("control") < 860
    assert 640 < arms.count("treatment") < 860


def test_layers_are_independent() -> None:
    loaded = shop(experiment("x", "l", 0.0, 0.5), experiment("y", "m", 0.0, 0.5, on="two"))
    both = sum(len(of(loaded, visitor).arms) == 2 for visitor in VISITORS)
    assert 640 < both < 860


def test_only_experiments_on_the_slots_asked_for_count() -> None:
    loaded = shop(experiment("x", "l", 0, 1))
    assert of(loaded, "v", slots=("two",)) == Assigned()
    treated = next(visitor for visitor in VISITORS if of(loaded, visitor).arms["x"] == "treatment")
    assert set(of(loaded, treated).policies) == {"one"}


def test_held_out_visitors_are_in_no_experiment_but_keep_its_policy_for_their_counterfactual() -> None:
    loaded = shop(experiment("x", "l", 0, 1), holdouts=(Holdout(salt="g", share=1.0),))
    assigned = [of(loaded, visitor) for visitor in VISITORS[:40]]
    assert all(each.arms == {} for each in assigned)
    assert any(each.policies for each in assigned)


def test_an_experiment_without_arms_assigns_nobody() -> None:
    assert of(shop(experiment("x", "l", 0, 1, arms=())), "v").arms == {}


def test_shares_that_sum_to_less_than_one_still_cover_everyone() -> None:
    loaded = shop(experiment("x", "l", 0, 1, arms=(Arm(name="a", share=0.25), Arm(name="b", share=0.25))))
    arms = [of(loaded, visitor).arms["x"] for visitor in VISITORS]
    assert 600 < arms.count("a") < 900
    assert arms.count("a") + arms.count("b") == len(VISITORS)


def test_the_unit_of_a_profile_goes_before_that_of_the_browser() -> None:
    loaded = shop(experiment("x", "l", 0, 1), holdouts=(Holdout(salt="o", share=0.5, use_case="offers"),))
    for visitor in VISITORS[:50]:
        alone = assign(loaded, request(slots=("one", "two"), units={"visitor": visitor}))
        joined = assign(loaded, request(slots=("one", "two"), units={"visitor": "other", "profile": visitor}))
        assert joined == alone
    assert unit_of(request(units={"session": "s"})) is None


def test_a_token_names_arms_and_puts_holdouts_aside() -> None:
    loaded = shop(experiment("x", "l", 0.0, 0.0001), holdouts=(Holdout(salt="g", share=1.0),))
    forced = of(loaded, "v", qa=Override(arms={"x": "treatment"}))
    assert (forced.held_out, forced.arms, set(forced.policies)) == (frozenset(), {"x": "treatment"}, {"one"})
    assert of(loaded, "v", qa=Override(arms={"x": "control"})).policies == {}
    assert of(loaded, "v", qa=Override(arms={"x": "gone", "y": "control"})).arms == {}


def test_a_token_names_the_holdout() -> None:
    loaded = shop(experiment("x", "l", 0, 1))
    assert of(loaded, "v", qa=Override(is_held_out=True)).held_out == {"one", "two"}
    assert of(loaded, "v", qa=Override(arms={"x": "treatment"}, is_held_out=True)).arms == {}


def test_a_token_works_for_nobody_in_particular() -> None:
    loaded = shop(experiment("x", "l", 0, 1), holdouts=(Holdout(salt="g", share=1.0),))
    assigned = assign(loaded, request(slots=("one",), units={}, qa=Override(arms={"x": "treatment"})))
    assert assigned.arms == {"x": "treatment"}


CURIOUS = (Arm(name="a", share=1.0, policy=GREEDY),)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (ExperimentSpec(holdouts=(Holdout(salt="s", share=0.1), Holdout(salt="s", share=0.2))), "salt of two"),
        (
            ExperimentSpec(experiments=(experiment("x", "l", 0, 0.5), experiment("x", "m", 0, 1, on="two"))),
            "salt of two",
        ),
        (
            ExperimentSpec(holdouts=(Holdout(salt="layer/l", share=0.1),), experiments=(experiment("x", "l", 0, 0.5),)),
            "layer/l is the salt of two",
        ),
        (
            ExperimentSpec(experiments=(experiment("x", "l", 0, 0.5), experiment("y", "l", 0.4, 1))),
            "overlap in layer l",
        ),
        (
            ExperimentSpec(
                experiments=(experiment("x", "l", 0, 1, CURIOUS), experiment("y", "m", 0, 1, CURIOUS)),
            ),
            "set the policy of one in two layers",
        ),
        (ExperimentSpec(unit="taste"), "visitor.taste is no string"),
        (ExperimentSpec(unit="gone"), "visitor.gone is no string"),
    ],
)
def test_splits_that_depend_on_each_other_are_refused(spec: ExperimentSpec, why: str) -> None:
    with pytest.raises(NotRunnableError, match=why):
        Shop(slots=(slot("one"), slot("two")), experiments=spec).load()


def test_experiments_of_two_layers_may_share_a_slot_when_only_one_sets_its_policy() -> None:
    plain_arms = (Arm(name="a", share=1.0),)
    assert shop(experiment("x", "l", 0, 1, CURIOUS), experiment("y", "m", 0, 1, plain_arms))


@pytest.mark.parametrize(
    ("changes", "is_steady"),
    [
        ({}, True),
        ({"purpose": PERSONAL}, False),
        ({"max_age_s": 60}, False),
        ({"default": ""}, False),
        ({"type": ValueType.INT}, False),
        ({"fold": FoldSpec(fold="last_n", event="login", key="item")}, False),
    ],
)
def test_a_unit_is_a_string_that_nothing_takes_away(changes: dict[str, object], is_steady: bool) -> None:
    given = {"name": "profile", "root": Root.VISITOR, "type": ValueType.STRING, **changes}
    assert is_unit(FeatureSpec(**given)) is is_steady  # type: ignore[arg-type]
