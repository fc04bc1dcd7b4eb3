import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.bundle import Bundle
from contracts.slots import Cap, CapPer, CapWindow
from contracts.visitor_state import CapCount, Consent, VisitorState
from edge.visits import MAX_RECENT, begun, chosen, exposed, exposures, folded, has_seen, permitted, resumed
from engine import folds
from engine.folds import FoldEvent
from engine.load import load
from engine.loaded import LoadedBundle

MINUTE = 60 * 1_000_000
DAY = 24 * 60 * MINUTE
NOW = 1_767_600_000_000_000
GRANT = Consent(granted=("personalisation",), is_chosen=True)
STATE = begun("someone", "first visit", GRANT, NOW)
DAILY = Cap(name="daily", limit=2, window=CapWindow.DAY)
PER_VISIT = Cap(name="visit", limit=2, window=CapWindow.VISIT)


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


def carted(state: VisitorState, loaded: LoadedBundle, item: str = "t-01") -> VisitorState:
    event = FoldEvent("add_to_cart", NOW, item)
    return folded(state, f"event-{item}", event, permitted(loaded, state.consent.granted))


def cart(state: VisitorState, loaded: LoadedBundle) -> object:
    return folds.read(loaded.state_features, state.folds, NOW)["cart_items"]


def test_events_fold_into_the_visit(loaded: LoadedBundle) -> None:
    state = carted(carted(STATE, loaded), loaded, "t-02")
    assert cart(state, loaded) == ("t-02", "t-01"), "newest first"
    assert has_seen(state, "event-t-01")
    assert not has_seen(state, "another")


@pytest.mark.parametrize(("idle", "is_same"), [(0, True), (30 * MINUTE, True), (30 * MINUTE + 1, False)])
def test_thirty_idle_minutes_end_a_visit(loaded: LoadedBundle, idle: int, is_same: bool) -> None:
    state = exposed(carted(STATE, loaded), [DAILY, PER_VISIT], ("x",), NOW)
    after = resumed(state, NOW + idle, loaded)
    assert (after.visit == state.visit) is is_same
    assert (cart(after, loaded) == ("t-01",)) is is_same
    assert after.visitor == "someone"


def test_requests_of_a_new_visit_agree_on_it_without_a_cookie(loaded: LoadedBundle) -> None:
    first, second = (resumed(STATE, NOW + later * MINUTE, loaded) for later in (31, 45))
    assert first.visit == second.visit != STATE.visit
    third = resumed(replace(first, seen_at=NOW + 45 * MINUTE), NOW + 90 * MINUTE, loaded)
    assert third.visit != first.visit


def test_nobody_in_particular_has_no_visit(loaded: LoadedBundle) -> None:
    assert resumed(VisitorState(), NOW, loaded) == VisitorState()


def test_opting_out_leaves_the_choice_alone(loaded: LoadedBundle) -> None:
    out = Consent(is_opted_out=True, is_chosen=True)
    assert chosen(carted(STATE, loaded), out, loaded) == VisitorState(consent=out)


def test_granting_nothing_leaves_the_choice_alone(loaded: LoadedBundle) -> None:
    nothing = Consent(is_chosen=True)
    assert chosen(carted(STATE, loaded), nothing, loaded) == VisitorState(consent=nothing)


def test_folds_of_a_withdrawn_purpose_go(loaded: LoadedBundle) -> None:
    other = Consent(granted=("another purpose",), is_chosen=True)
    after = chosen(carted(STATE, loaded), other, loaded)
    assert (after.visitor, after.folds) == ("someone", {})
    assert chosen(carted(STATE, loaded), GRANT, loaded).folds == carted(STATE, loaded).folds


def test_counters_of_slots_that_are_no_longer_granted_go(loaded: LoadedBundle) -> None:
    counts = {"t-01": CapCount(count=2, since=NOW)}
    met = replace(carted(STATE, loaded), caps={"for-you-daily": counts, "of another bundle": counts})
    assert chosen(met, GRANT, loaded).caps == {"for-you-daily": counts}
    assert chosen(met, Consent(granted=("another purpose",), is_chosen=True), loaded).caps == {}


def test_only_granted_purposes_fold(loaded: LoadedBundle) -> None:
    assert permitted(loaded, ()) == ()
    assert {spec.name for spec in permitted(loaded, ("personalisation",))} == {"cart_items", "viewed_kinds"}


def test_few_event_ids_are_remembered(loaded: LoadedBundle) -> None:
    state = STATE
    for number in range(MAX_RECENT + 5):
        state = folded(state, f"e{number}", FoldEvent("x", NOW), ())
    assert len(state.recent_events) == MAX_RECENT
    assert has_seen(state, f"e{MAX_RECENT + 4}")
    assert not has_seen(state, "e4")


def test_exposures_count_within_their_window() -> None:
    state = exposed(exposed(STATE, [DAILY], ("x", "y"), NOW), [DAILY], ["x"], NOW + DAY - 1)
    assert exposures(state, [DAILY], NOW + DAY - 1) == {"daily": {"x": 2, "y": 1}}
    assert exposures(state, [DAILY], NOW + DAY) == {}
    again = exposed(state, [DAILY], ("x",), NOW + DAY)
    assert again.caps == {"daily": {"x": CapCount(count=1, since=NOW + DAY)}}, "what counts no longer is gone"


def test_a_visit_cap_counts_as_long_as_the_visit() -> None:
    state = exposed(STATE, [PER_VISIT], ("x",), NOW)
    assert exposures(state, [PER_VISIT], NOW + 300 * DAY) == {"visit": {"x": 1}}
    assert exposed(STATE, [], ("x",), NOW) == STATE
    assert exposed(STATE, [PER_VISIT], (), NOW).caps == {}


def test_an_exposure_of_nobody_knows_what_counts_for_the_slot_alone() -> None:
    per_slot = replace(DAILY, name="slot", per=CapPer.SLOT)
    state = exposed(exposed(STATE, [DAILY, per_slot], ("x", "y"), NOW), [DAILY, per_slot], None, NOW)
    assert exposures(state, [DAILY, per_slot], NOW) == {"daily": {"x": 1, "y": 1}, "slot": {"*": 2}}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3 * DAY)), max_size=20))
def test_no_count_exceeds_what_was_seen(seen: list[tuple[str, int]]) -> None:
    state, now = STATE, NOW
    for item, gap in seen:
        now += gap
        state = exposed(state, [DAILY], (item,), now)
    counts = exposures(state, [DAILY], now).get("daily", {})
    for item, count in counts.items():
        assert count <= sum(each == item for each, _ in seen)
