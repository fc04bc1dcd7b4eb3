"""Caps: what an exposure adds, what counts, what is over; and that cookie and origin count alike."""

from collections import Counter
from collections.abc import Sequence

import pytest
from builders import FEATURES, NOW, PERSONAL, Shop, batch, request, run, slot
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.errors import NotRunnableError
from contracts.features import FeatureValue, Value
from contracts.slots import AnyCap, Cap, CapPer, CapWindow, RecencyCap
from contracts.visitor_state import CapCount
from engine import folds
from engine.caps import counting, ends_with_visit, met, synced_feature
from engine.folds import FoldEvent
from engine.guard import guard
from engine.loaded import LoadedBundle
from engine.programs.values import Batch, Scope
from engine.snapshot import Snapshot

SECOND = 1_000_000
DAY = 24 * 3600 * SECOND
DAILY = Cap(name="c", limit=3, window=CapWindow.DAY, is_synced=True)
WEEKLY = Cap(name="c", limit=3, window=CapWindow.WEEK, is_synced=True)
PER_SLOT = Cap(name="c", limit=3, window=CapWindow.DAY, per=CapPer.SLOT, is_synced=True)
FRESH = RecencyCap(name="c", apart_s=3600, is_synced=True)
VARIED = RecencyCap(name="c", apart=2)
SYNCED: tuple[AnyCap, ...] = (DAILY, WEEKLY, PER_SLOT, FRESH)

UNKNOWN = "?"  # an exposure of which nobody knows the items
Stream = list[tuple[str, int]]
STREAM = st.lists(
    st.tuples(st.sampled_from(["a", "b", "ab", "cab", "", UNKNOWN]), st.integers(0, DAY // 2)), max_size=25
)


def items_of(text: str) -> tuple[str, ...] | None:
    return None if text == UNKNOWN else tuple(text)


def after(cap: AnyCap, stream: Stream) -> tuple[dict[str, CapCount], int]:
    """The counters after exposures, each of some items and so long after the one before."""
    counts: dict[str, CapCount] = {}
    now = NOW
    for items, gap in stream:
        now += gap
        counts = met(cap, counts, items_of(items), now)
    return counts, now


def seen(cap: AnyCap, stream: Stream, later: int = 0) -> dict[str, int]:
    counts, now = after(cap, stream)
    return counting(cap, counts, now + later)


def shop(*caps: AnyCap) -> Shop:
    one = slot(caps=caps, purposes=(PERSONAL,))
    counters = tuple(synced_feature(one, cap) for cap in caps if cap.is_synced)
    return Shop(slots=(one,), features=(*FEATURES, *counters))


def blocked(
    loaded: LoadedBundle, cookie: dict[str, int], told: tuple[str, ...] | None = None, granted: bool = True
) -> str:
    """The items that the only cap blocks, by what the cookie counts and what the feed told."""
    everything = batch(loaded)
    visitor = {} if told is None else {"cap:c": FeatureValue(value=told, as_of=NOW)}
    scope = Scope(NOW, frozenset({PERSONAL} if granted else ()), {}, {}, visitor)
    guarded = guard(loaded.slots["shelf"], Batch(scope, everything.table, everything.rows), {"c": cookie})
    assert set(guarded.blockers.values()) <= {"cap:c"}
    return "".join(guarded.blockers)


@pytest.mark.parametrize("cap", [DAILY, PER_SLOT])
def test_what_a_cap_spares_it_never_blocks(cap: Cap) -> None:
    counts = {"a": 9, "c": 9, "*": 9}
    strict, lenient = (blocked(shop(each).load(), counts) for each in (cap, replace(cap, spares=("c", "zz"))))
    assert "c" in strict
    assert lenient == strict.replace("c", "")


def test_a_day_begins_with_its_first_exposure() -> None:
    assert seen(DAILY, [("a", 0), ("a", DAY - 1), ("b", 0)]) == {"a": 2, "b": 1}
    assert seen(DAILY, [("a", 0), ("a", DAY - 1)], later=1) == {}
    assert seen(DAILY, [("a", 0), ("a", DAY - 1), ("a", 1)]) == {"a": 1}
    assert seen(WEEKLY, [("a", 0), ("a", 6 * DAY)], later=DAY - 1) == {"a": 2}
    assert seen(WEEKLY, [("a", 0), ("a", 6 * DAY)], later=DAY) == {}


def test_a_visit_ends_by_itself_alone() -> None:
    visit = Cap(name="v", limit=1, window=CapWindow.VISIT)
    assert seen(visit, [("a", 0), ("a", 300 * DAY)]) == {"a": 2}
    assert [ends_with_visit(cap) for cap in (visit, DAILY, FRESH, VARIED)] == [True, False, False, False]


def test_a_cap_per_slot_counts_exposures_not_items() -> None:
    assert seen(PER_SLOT, [("abc", 0), ("", 0), ("a", 0)]) == {"*": 2}


def test_an_exposure_of_unknown_items_counts_for_the_slot_and_for_no_item() -> None:
    assert seen(PER_SLOT, [("abc", 0), (UNKNOWN, 0)]) == {"*": 2}
    assert seen(DAILY, [("ab", 0), (UNKNOWN, 0)]) == {"a": 1, "b": 1}
    assert seen(VARIED, [("a", 0), (UNKNOWN, 0), (UNKNOWN, 0)]) == {"a": 1}, "it lets nothing come again sooner"
    assert seen(replace(VARIED, per=CapPer.SLOT), [(UNKNOWN, 0)]) == {"*": 1}


@pytest.mark.parametrize("cap", [DAILY, FRESH, VARIED], ids=["frequency", "recency", "apart"])
def test_a_cap_keeps_the_newest_of_items_without_end(cap: AnyCap) -> None:
    counts = met(cap, met(cap, {}, ("old",), NOW), [f"i{number}" for number in range(5000)], NOW + 1)
    assert len(counts) == 200
    assert "old" not in counts


def test_recency_runs_from_the_last_exposure() -> None:
    hour = 3600 * SECOND
    assert seen(FRESH, [("a", 0), ("a", hour // 2)], later=hour - 1) == {"a": 1}
    assert seen(FRESH, [("a", 0), ("a", hour // 2)], later=hour) == {}
    assert seen(DAILY, [("aa", 0)]) == {"a": 1}, "an exposure shows an item once"


def test_exposures_apart_are_those_of_the_slot() -> None:
    assert seen(VARIED, [("a", 0)], later=999 * DAY) == {"a": 1}
    assert seen(VARIED, [("a", 0), ("b", 0)]) == {"a": 1, "b": 1}
    assert seen(VARIED, [("a", 0), ("b", 0), ("", 0)]) == {"a": 1, "b": 1}, "plain content is no exposure"
    assert seen(VARIED, [("a", 0), ("b", 0), ("c", 0)]) == {"b": 1, "c": 1}
    assert seen(RecencyCap(name="c", apart=1), [("a", 0), ("b", 0)]) == {"b": 1}


@pytest.mark.parametrize("cap", [*SYNCED, VARIED], ids=lambda cap: f"{type(cap).__name__} {cap.per}")
@given(stream=STREAM, later=st.integers(0, 2 * DAY))
def test_no_count_exceeds_what_was_met_and_counters_that_are_over_are_gone(
    cap: AnyCap, stream: Stream, later: int
) -> None:
    counts, now = after(cap, stream)
    total = Counter(
        key
        for items, _ in stream
        for key in (set(items_of(items) or ()) if cap.per is CapPer.ITEM else {"*"} if items else ())
    )
    assert all(count <= total[key] for key, count in counting(cap, counts, now + later).items())
    assert set(met(cap, counts, (), now + later)) == set(counting(cap, counts, now + later))


@pytest.mark.parametrize("cap", SYNCED, ids=lambda cap: f"{type(cap).__name__} {cap.per}")
@given(stream=STREAM, later=st.integers(0, 2 * DAY))
def test_cookie_and_origin_count_alike(cap: AnyCap, stream: Stream, later: int) -> None:
    spec = synced_feature(slot("shelf", purposes=(PERSONAL,)), cap)
    states: dict[str, Value] = {}
    now = NOW
    for items, gap in stream:
        now += gap
        for name in ("other", "shelf"):
            event = FoldEvent("exposure", now, slot=name, seen=items_of(items if name == "shelf" else "abc"))
            states = folds.advance([spec], states, event)
    told = folds.read([spec], states, now)["cap:c"]
    loaded = shop(cap).load()
    by_feed = blocked_at(loaded, {}, told, now + later)
    by_cookie = blocked_at(loaded, seen(cap, stream, later), (), now + later)
    assert by_feed == by_cookie


def blocked_at(loaded: LoadedBundle, cookie: dict[str, int], told: Value, now: int) -> Sequence[str]:
    everything = batch(loaded)
    visitor = {"cap:c": FeatureValue(value=told, as_of=now)}
    scope = Scope(now, frozenset({PERSONAL}), {}, {}, visitor)
    return sorted(guard(loaded.slots["shelf"], Batch(scope, everything.table, everything.rows), {"c": cookie}).blockers)


def test_the_larger_of_cookie_and_feed_counts() -> None:
    loaded = shop(DAILY).load()
    since = str(NOW - 1)
    assert blocked(loaded, {"a": 3, "b": 2}, ("b", "3", since, "c", "2", since)) == "ab"
    assert blocked(loaded, {"a": 2, "b": 2}, ("a", "2", since)) == "", "they are not added: both saw the same"
    assert blocked(loaded, {}, ("a", "9", str(NOW - DAY))) == "", "its day is over"
    assert blocked(shop(PER_SLOT).load(), {"*": 2}, ("*", "3", since)) == "abcde"
    assert blocked(shop(PER_SLOT).load(), {"*": 2}) == ""


def test_a_counter_that_was_not_granted_is_not_read() -> None:
    told = ("a", "9", str(NOW))
    assert blocked(shop(DAILY).load(), {}, told) == "a"
    assert blocked(shop(DAILY).load(), {}, told, granted=False) == ""


@pytest.mark.parametrize("told", [("a",), ("a", "many", "1"), ("a", "1", "yesterday"), ("a", "1", "1", "b")])
def test_a_counter_that_makes_no_sense_blocks(told: tuple[str, ...]) -> None:
    assert blocked(shop(DAILY).load(), {}, told) == "abcde"


def test_a_cap_without_sync_does_not_ask_the_feed() -> None:
    loaded = Shop(slots=(slot(caps=(Cap(name="c", limit=1, window=CapWindow.DAY),)),)).load()
    assert blocked(loaded, {"b": 1}, ("a", "9", str(NOW))) == "b"


def test_a_full_slot_is_plain_in_every_tier() -> None:
    loaded = Shop(slots=(slot(caps=(PER_SLOT,), purposes=(PERSONAL,)),), features=shop(PER_SLOT).features).load()
    decided = run(loaded, request(exposures={"c": {"*": 3}})).decisions[0]
    assert (decided.tier, decided.cause, decided.answer) == ("plain", "no_candidate", ())
    assert run(loaded, request(exposures={"c": {"*": 2}})).decisions[0].tier == "rules"


def test_what_the_feed_counts_decides() -> None:
    loaded = shop(DAILY).load()
    told = {"v1": {"cap:c": FeatureValue(value=("e", "3", str(NOW - 1)), as_of=NOW)}}
    decided = run(loaded, snapshot=Snapshot(loaded.snapshot.tables, told))
    assert decided.decisions[0].answer == ("d", "c", "b")
    assert decided.traces[0].blockers == {"e": "cap:c"}


@pytest.mark.parametrize(
    ("cap", "why"),
    [
        (Cap(name="c", limit=0, window=CapWindow.DAY), "its limit is at least 1"),
        (RecencyCap(name="c"), "one of them"),
        (RecencyCap(name="c", apart=1, apart_s=1), "one of them"),
        (RecencyCap(name="c", apart_s=0), "at least 1"),
        (RecencyCap(name="c", apart=1, is_synced=True), "by the cookie alone"),
        (RecencyCap(name="c", apart=1, per=CapPer.SLOT), "per item"),
        (DAILY, "the schema lacks its visitor feature cap:c"),
    ],
)
def test_a_cap_that_cannot_be_kept_is_refused(cap: AnyCap, why: str) -> None:
    with pytest.raises(NotRunnableError, match=why):
        Shop(slots=(slot(caps=(cap,)),)).load()


def test_caps_of_one_name_are_refused() -> None:
    cap = Cap(name="c", limit=1, window=CapWindow.DAY)
    with pytest.raises(NotRunnableError, match="two caps are named c"):
        Shop(slots=(slot("one", caps=(cap,)), slot("two", caps=(cap,)))).load()
