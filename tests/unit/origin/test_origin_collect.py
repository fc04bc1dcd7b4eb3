from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tea_origin import MONDAY, microseconds, page_of, purchase, state_of

from contracts.events import StoredEvent
from engine.snapshot import VISITOR
from origin import feed, folding, log, publication
from origin.app import open_origin
from origin.collect import Collected, collect
from origin.config import Config
from origin.database import Connection
from origin.routes import Origin


def send(origin: Origin, *events: StoredEvent) -> Collected:
    return origin.database.writes.run_now(collect, origin.declared.folding, events)


def features(origin: Origin, visitor: str = "v1") -> dict[str, object]:
    return state_of(page_of(origin).deltas).get((VISITOR, visitor), {})


def test_events_fold_into_features(origin: Origin) -> None:
    at = MONDAY + timedelta(days=1)
    sent = send(origin, purchase("1", "assam", at=at), purchase("2", "mint", at=at), purchase("3", "assam", at=at))
    assert sent == Collected(stored=3, duplicates=0, unknown_items=0, deltas=1)
    assert features(origin) == {
        "purchased": {"assam": 2.0, "mint": 1.0},
        "kinds": {"black": 2.0, "herbal": 1.0},
        "spent": 1 + 2 + 1,
    }
    assert {delta.as_of for delta in page_of(origin).deltas} == {microseconds(at)}


def test_a_retry_folds_nothing_twice(origin: Origin) -> None:
    send(origin, purchase("1"))
    before = page_of(origin)
    assert send(origin, purchase("1"), purchase("1")) == Collected(0, 2, 0, 0)
    assert page_of(origin) == before


def test_an_unknown_item_is_kept_and_counted(origin: Origin) -> None:
    unknown = replace(purchase("1", "oolong"), is_known_item=False)
    assert send(origin, unknown) == Collected(1, 0, 1, 1)
    assert features(origin)["purchased"] == {"oolong": 1.0}
    assert features(origin).get("kinds", {}) == {}


def test_without_a_visitor_or_a_fold_events_are_logged_alone(origin: Origin) -> None:
    view = purchase("2")
    view = replace(view, event=replace(view.event, type="view"))
    assert send(origin, purchase("1", visitor=None), view) == Collected(2, 0, 0, 0)
    assert page_of(origin).deltas == ()
    last = microseconds(MONDAY)
    assert len(origin.database.reads.run_now(lambda c: list(log.events_until(c, last)))) == 2


def test_a_live_column_is_read_as_the_feed_last_said_it(origin: Origin) -> None:
    assert origin.declared.plan is not None
    publication.publish(origin.database, origin.declared.plan, MONDAY)
    send(origin, purchase("1", "assam", "v1", MONDAY), purchase("2", "sencha", "v1", MONDAY))
    assert features(origin, "v1")["spent"] == 500 + 3
    send(origin, purchase("3", "assam", "v2", MONDAY - timedelta(days=1)))
    assert features(origin, "v2").get("spent", 0) == 0


def test_as_of_never_goes_back(origin: Origin) -> None:
    send(origin, purchase("1", "assam", at=MONDAY))
    send(origin, purchase("2", "mint", at=MONDAY - timedelta(days=1)))
    assert [delta.as_of for delta in page_of(origin).deltas] == [microseconds(MONDAY)] * len(page_of(origin).deltas)
    assert features(origin)["purchased"] == {"assam": 1.0, "mint": 1.0}


def test_states_survive_a_restart(config: Config) -> None:
    for number in range(2):
        origin = open_origin(config)
        send(origin, purchase(str(number)))
        found = features(origin)["purchased"]
        origin.close()
    assert found == {"assam": 2.0}


def test_what_fails_half_way_leaves_no_trace(origin: Origin) -> None:
    def fail(connection: Connection) -> None:
        collect(connection, origin.declared.folding, [purchase("1")])
        raise ValueError("power cut")

    with pytest.raises(ValueError, match="power cut"):
        origin.database.writes.run_now(fail)
    assert send(origin, purchase("1")).stored == 1
    assert features(origin)["purchased"] == {"assam": 1.0}


EVENTS = st.builds(
    purchase, st.sampled_from("abcdefgh"), st.sampled_from(["assam", "mint"]), st.sampled_from(["v1", "v2", None])
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(EVENTS, max_size=6), max_size=6))
def test_any_retries_give_what_the_first_arrivals_give(origin: Origin, batches: list[list[StoredEvent]]) -> None:
    origin.database.writes.run_now(clear)
    first: dict[str, StoredEvent] = {}
    for batch in batches:
        for event in batch:
            first.setdefault(event.event.id, event)
        collected = send(origin, *batch)
        assert collected.stored + collected.duplicates == len(batch)
    assert current(origin) == {
        visitor: counts(first.values(), visitor) for visitor in {e.visitor for e in first.values()} - {None}
    }
    numbers = [delta.seq for delta in page_of(origin).deltas]
    assert numbers == sorted(set(numbers))


def clear(connection: Connection) -> None:
    for table in ("event", "delta"):
        connection.execute(f"DELETE FROM {table}")
    folding.forget(connection)
    feed.begin_epoch(connection)


def current(origin: Origin) -> dict[str, object]:
    state = state_of(page_of(origin).deltas)
    return {visitor: values["purchased"] for (_, visitor), values in state.items()}


def counts(events: object, visitor: str | None) -> dict[str, float]:
    found: dict[str, float] = {}
    for event in events:  # type: ignore[attr-defined]
        if event.visitor == visitor:
            found[event.event.item] = found.get(event.event.item, 0.0) + 1.0
    return found
