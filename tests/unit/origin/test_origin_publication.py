from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tea_origin import EXPRESSION, MONDAY, household, microseconds, page_of, purchase, state_of

from contracts.errors import ContractError
from contracts.features import Cursor, FeatureDelta
from engine.snapshot import VISITOR
from origin import collect, publication
from origin.app import open_origin
from origin.config import BatchConfig, Config
from origin.routes import Origin

WEEK = timedelta(days=7)


def publish(origin: Origin, as_of: datetime) -> dict[str, int]:
    assert origin.declared.plan is not None
    return publication.publish(origin.database, origin.declared.plan, as_of)


def new_deltas(origin: Origin, cursor: Cursor) -> tuple[FeatureDelta, ...]:
    return page_of(origin, cursor).deltas


def test_the_first_publication_says_everything_as_of_its_instant(origin: Origin) -> None:
    assert publish(origin, MONDAY) == {"teas": 2, "visitor": 2}
    page = page_of(origin)
    assert page.cursor.positions == {"teas": 2, "visitor": 2}
    assert {delta.as_of for delta in page.deltas} == {microseconds(MONDAY)}
    assert state_of(page.deltas) == {
        ("teas", "assam"): {"price": 500},
        ("teas", "mint"): {"price": 300},
        (VISITOR, household(1)): {"affinity": {"black": 3.0}, "orders": 3},
        (VISITOR, household(2)): {"affinity": {"herbal": 1.0}, "orders": 1},
    }


def test_the_next_one_says_what_changed_and_confirms_what_ages(origin: Origin) -> None:
    publish(origin, MONDAY)
    before = page_of(origin).cursor
    assert publish(origin, MONDAY + timedelta(days=2)) == {"teas": 0, "visitor": 2}
    values = {delta.entity: delta.values for delta in new_deltas(origin, before)}
    assert values == {household(1): {"orders": 3}, household(2): {"orders": 1}}
    before = page_of(origin).cursor
    assert publish(origin, MONDAY + WEEK) == {"teas": 2, "visitor": 2}
    changed = {delta.entity: delta.values for delta in new_deltas(origin, before)}
    assert changed["assam"] == {"price": 510}
    assert changed["sencha"] == {"price": 900}
    assert changed[household(1)] == {"affinity": {"black": 4.0}, "orders": 4}


def test_what_the_expression_no_longer_gives_is_withdrawn(origin: Origin, batch: BatchConfig) -> None:
    publish(origin, MONDAY)
    before = page_of(origin).cursor
    text = EXPRESSION.replace("past = lines", "past = lines.filter(lines.household == '1')")
    batch.expression.write_text(text)
    publish(origin, MONDAY)
    values = {delta.entity: delta.values for delta in new_deltas(origin, before)}
    assert values == {
        "mint": {"price": None},
        household(1): {"orders": 3},
        household(2): {"affinity": None, "orders": None},
    }
    before = page_of(origin).cursor
    publish(origin, MONDAY)
    assert {delta.entity for delta in new_deltas(origin, before)} == {household(1)}


def test_an_earlier_instant_is_refused(origin: Origin) -> None:
    publish(origin, MONDAY)
    with pytest.raises(ContractError, match=r"features are out as of 2017-11-20T00:00:00\+00:00: name that instant"):
        publish(origin, MONDAY - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("orders=past.count()", "order=past.count()", "no batch feature or live column of it - at visitor.order"),
        ("price=past.price", "kind=past.kind", "declares no batch feature or live column of it - at teas.kind"),
        ("price=past.price", "price=past.kind", "expected int, got str - at teas.price"),
        ('"teas": teas', '"tees": teas', "the bundle has no table of this name, only teas, visitor - at tees"),
    ],
)
def test_what_the_bundle_does_not_declare_is_refused_and_nothing_is_said(
    origin: Origin, batch: BatchConfig, old: str, new: str, message: str
) -> None:
    batch.expression.write_text(EXPRESSION.replace(old, new))
    with pytest.raises(ContractError) as raised:
        publish(origin, MONDAY)
    assert str(raised.value).endswith(message)
    assert page_of(origin).deltas == ()
    assert origin.database.reads.run_now(publication.last) is None


def test_a_restart_publishes_nothing_twice(config: Config) -> None:
    def start() -> tuple[str, dict[str, int]]:
        origin = open_origin(replace(config, publish=MONDAY))
        cursor = page_of(origin).cursor
        origin.close()
        return cursor.epoch, cursor.positions

    assert start() == start()


def test_a_restart_with_another_expression_publishes_again(config: Config, batch: BatchConfig) -> None:
    open_origin(replace(config, publish=MONDAY)).close()
    batch.expression.write_text(EXPRESSION.replace("past.price.argmax", "(past.price + 1).argmax"))
    origin = open_origin(replace(config, publish=MONDAY))
    assert state_of(page_of(origin).deltas)["teas", "assam"] == {"price": 501}
    origin.close()


def test_a_start_in_the_past_begins_an_epoch_as_of_then(config: Config) -> None:
    origin = open_origin(replace(config, publish=MONDAY))
    events = [purchase("1", at=MONDAY), purchase("2", at=MONDAY + WEEK)]
    origin.database.writes.run_now(collect.collect, origin.declared.folding, events)
    publish(origin, MONDAY + WEEK)
    later = page_of(origin)
    origin.close()
    origin = open_origin(replace(config, publish=MONDAY))
    page = page_of(origin, later.cursor)
    assert page.is_reset
    assert page.cursor.epoch != later.cursor.epoch
    state = state_of(page.deltas)
    assert state["teas", "assam"] == {"price": 500}
    assert state[VISITOR, "v1"]["purchased"] == {"assam": 1.0}
    assert max(delta.as_of for delta in page.deltas) == microseconds(MONDAY)
    replayed = page_of(origin, Cursor(epoch=later.cursor.epoch), until={"teas": later.cursor.positions["teas"]})
    assert state_of(replayed.deltas)["teas", "assam"] == {"price": 510}
    origin.close()


def test_an_expression_that_is_not_there_is_named_at_the_start(config: Config, batch: BatchConfig) -> None:
    batch.expression.unlink()
    with pytest.raises(ContractError, match=r"batch\.py is no file: name the bundle's batch\.py - at --batch"):
        open_origin(config)
