import pytest
from builders import RULES, Shop, batch, columns, const, slot

from contracts.errors import ExpiredError
from contracts.features import FeatureValue
from contracts.slots import Cap, CapWindow
from engine.guard import Guarded, guard
from engine.load import LoadedBundle
from engine.programs.values import Batch, Scope

NOTHING = columns("nothing_passes", "bool", const(False))
CAPS = (Cap(name="daily", limit=1, window=CapWindow.DAY), Cap(name="weekly", limit=3, window=CapWindow.WEEK))


def shop(*guards: str, caps: tuple[Cap, ...] = ()) -> LoadedBundle:
    return Shop(slots=(slot(guards=guards, caps=caps),), rules=(*RULES, NOTHING)).load()


def guarded(loaded: LoadedBundle, **exposures: dict[str, int]) -> tuple[str, dict[str, str]]:
    result: Guarded = guard(loaded.slots["shelf"], batch(loaded), exposures)
    return "".join(loaded.snapshot.tables["products"].ids[row] for row in result.rows), result.blockers


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


def test_an_expired_guardrail_ends_the_tier() -> None:
    loaded = shop("old_ok")
    everything = batch(loaded)
    scope = Scope(everything.scope.now, frozenset(), {}, {}, {"old": FeatureValue(value=1.0, as_of=0)})
    with pytest.raises(ExpiredError):
        guard(loaded.slots["shelf"], Batch(scope, everything.table, everything.rows))
