import pytest
from builders import DEAD, OLD, PRICE, RULES, TASTE, Shop, Tree, batch, columns, const, read, slot

from contracts.errors import ExpiredError
from contracts.features import FeatureValue, Root
from contracts.slots import Cap, CapWindow
from engine.guard import Guarded, guard
from engine.load import LoadedBundle
from engine.programs.values import Batch, Scope

NOTHING = columns("nothing_passes", "bool", const(False))
IS_FRUIT: Tree = ("equals", "bool", read(Root.ITEM, "kind", "string"), const("fruit"))
OLD_OK: Tree = ("less_double", "bool", OLD, const(9.0))
DEAD_OK: Tree = ("less_double", "bool", DEAD, const(9.0))
TASTE_OK: Tree = ("less_double", "bool", TASTE, const(9.0))
EXPIRING = (
    columns("fruit_or_old", "bool", ("logical_or", "bool", IS_FRUIT, OLD_OK)),
    columns("fruit_or_dead", "bool", ("logical_or", "bool", IS_FRUIT, DEAD_OK)),
    columns("any_or_old", "bool", ("logical_or", "bool", ("greater_int64", "bool", PRICE, const(0)), OLD_OK)),
    columns("fruit", "bool", IS_FRUIT),
    columns("fruit_or_old_again", "bool", ("logical_or", "bool", IS_FRUIT, OLD_OK)),
    columns("taste_of_fruit_or_old", "bool", ("conditional", "bool", IS_FRUIT, TASTE_OK, OLD_OK)),
)
CAPS = (Cap(name="daily", limit=1, window=CapWindow.DAY), Cap(name="weekly", limit=3, window=CapWindow.WEEK))


def shop(*guards: str, caps: tuple[Cap, ...] = ()) -> LoadedBundle:
    return Shop(slots=(slot(guards=guards, caps=caps),), rules=(*RULES, NOTHING, *EXPIRING)).load()


def guarded(loaded: LoadedBundle, **exposures: dict[str, int]) -> tuple[str, dict[str, str]]:
    result: Guarded = guard(loaded.slots["shelf"], batch(loaded), exposures)
    return "".join(loaded.snapshot.tables["products"].ids[row] for row in result.batch.rows), result.blockers


def test_without_guardrails_all_pass() -> None:
    assert guarded(shop()) == ("abcde", {})
    assert guarded(shop("in_stock")) == ("abcde", {})


def test_the_first_blocker_is_recorded() -> None:
    assert guarded(shop("cheap", "has_margin")) == ("abcd", {"e": "cheap"})
    assert guarded(shop("has_margin", "cheap")) == ("abcd", {"e": "has_margin"})


def test_once_nothing_is_left_no_more_is_asked() -> None:
    assert guarded(shop("nothing_passes", "has_margin")) == ("", dict.fromkeys("abcde", "nothing_passes"))


def test_what_cannot_be_evaluated_blocks() -> None:
    assert guarded(shop("likes")) == ("", dict.fromkeys("abcde", "likes"))


def test_caps_come_last_and_in_order() -> None:
    loaded = shop("cheap", caps=CAPS)
    seen = {"daily": {"e": 1, "a": 1, "gone": 1}, "weekly": {"a": 3, "b": 3, "c": 2}}
    assert guarded(loaded, **seen) == ("cd", {"e": "cheap", "a": "cap:daily", "b": "cap:weekly"})


def expired(name: str, *guardrails: str) -> Guarded:
    """Guardrails over candidates of whom a feature is told that is too old."""
    loaded = shop("cheap", *guardrails)
    everything = batch(loaded)
    scope = Scope(everything.scope.now, frozenset(), {}, {}, {name: FeatureValue(value=1.0, as_of=0)})
    return guard(loaded.slots["shelf"], Batch(scope, everything.table, everything.rows))


def test_what_needs_an_expired_feature_is_blocked_and_no_model_may_decide() -> None:
    all_need_it = expired("old", "old_ok")
    assert all_need_it.blockers == {"e": "cheap", **dict.fromkeys("abcd", "old_ok")}
    assert all_need_it.expired is not None
    some_need_it = expired("old", "fruit_or_old")
    assert some_need_it.blockers == {"e": "cheap", "b": "fruit_or_old", "c": "fruit_or_old"}
    assert some_need_it.batch.rows.tolist() == [0, 3]
    assert some_need_it.expired is not None
    assert not some_need_it.expired.is_blocking


def test_an_expired_feature_that_blocks_is_raised() -> None:
    for guardrail in ("dead_ok", "fruit_or_dead"):
        with pytest.raises(ExpiredError) as caught:
            expired("dead", guardrail)
        assert caught.value.is_blocking


def test_a_guardrail_that_no_candidate_asks_for_the_feature_does_not_expire() -> None:
    guarded = expired("old", "any_or_old")
    assert (guarded.blockers, guarded.expired) == ({"e": "cheap"}, None)


def test_beside_an_expired_feature_other_errors_block_too() -> None:
    """Fruit needs a taste, which is missing, the others the feature that is too old."""
    guarded = expired("old", "taste_of_fruit_or_old")
    assert guarded.blockers == {"e": "cheap", **dict.fromkeys("abcd", "taste_of_fruit_or_old")}
    assert guarded.expired is not None


def test_a_later_guardrail_that_needs_the_feature_no_more_takes_nothing_back() -> None:
    guarded = expired("old", "fruit_or_old", "fruit_or_old_again")
    assert guarded.blockers == {"e": "cheap", "b": "fruit_or_old", "c": "fruit_or_old"}
    assert guarded.expired is not None, "no model decides"


def test_what_is_blocked_already_asks_for_no_feature() -> None:
    guarded = expired("old", "fruit", "fruit_or_old")
    assert guarded.blockers == {"e": "cheap", "b": "fruit", "c": "fruit"}
    assert guarded.expired is None, "the model decides"
