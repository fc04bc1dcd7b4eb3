from builders import GREEDY, Shop, request, slot

from contracts.experiments import Arm, Experiment, ExperimentSpec, Holdout
from engine.assign import Assigned, assign
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


def of(loaded: LoadedBundle, visitor: str, slots: tuple[str, ...] = ("one", "two"), is_qa: bool = False) -> Assigned:
    return assign(loaded, request(slots=slots, units={"visitor": visitor}, is_qa=is_qa))


def test_without_an_id_there_is_no_assignment() -> None:
    loaded = shop(experiment("x", "l", 0, 1), holdouts=(Holdout(salt="g", share=1.0),))
    assert assign(loaded, request(slots=("one",), units={"session": "s"})) == Assigned()


def test_the_global_holdout_covers_every_slot_and_a_use_case_its_own() -> None:
    everywhere = shop(holdouts=(Holdout(salt="g", share=1.0),))
    assert of(everywhere, "v").held_out == {"one", "two"}
    offers = shop(holdouts=(Holdout(salt="o", share=1.0, use_case="offers"), Holdout(salt="g", share=0.0)))
    assert of(offers, "v").held_out == {"one"}
    assert of(offers, "v", is_qa=True).held_out == frozenset()


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
