from dataclasses import replace

from contracts.features import FeatureSpec, FoldSpec, FoldWindow, Root, Value, ValueType
from engine.folds import FoldEvent, advance, begin_visit, fold_digest, read

NOW = 1_700_000_000_000_000


def spec(fold: str, kind: ValueType, name: str = "f", **changes: object) -> FeatureSpec:
    given = FoldSpec(fold=fold, event="view", **changes)  # type: ignore[arg-type]
    return FeatureSpec(name=name, root=Root.VISITOR_STATE, type=kind, fold=given)


def event(item: str | None = None, at_s: int = 0, **data: bool | int | float | str | None) -> FoldEvent:
    columns: dict[str, Value] = {"category": f"of {item}", "price": 250, "tags": ("x",)} if item else {}
    return FoldEvent(type="view", now_us=NOW + at_s * 1_000_000, item=item, slot="hero", data=data, columns=columns)


def after(feature: FeatureSpec, *events: FoldEvent, at_s: int = 0) -> Value:
    states: dict[str, Value] = {}
    for each in events:
        states = advance([feature], states, each)
    return read([feature], states, NOW + at_s * 1_000_000)["f"]


def test_count() -> None:
    assert after(spec("count", ValueType.INT), event("a"), event(), event("a")) == 3


def test_sum_reads_the_item_or_the_data_and_keeps_money_whole() -> None:
    assert after(spec("sum", ValueType.INT, value="item.price"), event("a"), event("b"), event()) == 500
    assert after(spec("sum", ValueType.DOUBLE, value="data.x"), event(x=1.5), event(x=True), event(x="2")) == 1.5
    assert after(spec("sum", ValueType.DOUBLE), event(), event()) == 2.0
    assert after(spec("sum", ValueType.DOUBLE, value="data.x"), event(x=1e308), event(x=1e308)) == 1e308


def test_what_is_undone_or_emptied_is_gone() -> None:
    words = {"undone_by": "out", "emptied_by": "paid"}
    into, paid = [event("a"), event("b"), event("a")], replace(event(), type="paid")
    out = replace(event("a"), type="out")
    for fold, kind, how, in_all, less in (
        ("count", ValueType.INT, {}, 3, 2),
        ("sum", ValueType.INT, {"value": "item.price"}, 750, 500),
        ("last_n", ValueType.STRINGS, {"key": "item"}, ("a", "b"), ("b",)),
        ("count_by_key", ValueType.NUMBERS, {"key": "item"}, {"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 1.0}),
    ):
        cart = spec(fold, kind, **how, **words)
        assert after(cart, *into) == in_all
        assert after(cart, *into, out) == less
        assert after(cart, *into, paid) == after(cart)
        assert after(cart, *into, paid, event("b")) == after(cart, event("b"))
    counts = spec("count_by_key", ValueType.NUMBERS, key="item", **words)
    assert after(counts, *into, out, out) == {"b": 1.0}
    assert after(counts, event("b"), out) == {"b": 1.0}
    assert after(spec("count", ValueType.INT, **words), out) == 0
    assert after(spec("recency", ValueType.DOUBLE, emptied_by="paid"), event(), paid) == after(
        spec("recency", ValueType.DOUBLE)
    )


def test_last_n_keeps_each_key_once_newest_first() -> None:
    last = spec("last_n", ValueType.STRINGS, key="item", limit=3)
    assert after(last, *map(event, ["a", "b", "a", None, "c", "d"])) == ("d", "c", "a")
    assert after(spec("last_n", ValueType.STRINGS, key="item.category"), event("a")) == ("of a",)
    assert after(spec("last_n", ValueType.STRINGS, key="item.tags"), event("a")) == ()
    assert after(spec("last_n", ValueType.STRINGS, key="slot"), event()) == ("hero",)
    assert after(spec("last_n", ValueType.STRINGS, key="data.q"), event(q="tea"), event(q=None)) == ("tea",)


def test_count_by_key_drops_the_longest_untouched_key() -> None:
    counts = spec("count_by_key", ValueType.NUMBERS, key="item", limit=2)
    assert after(counts, *map(event, ["a", "b", "a", "c"])) == {"a": 2.0, "c": 1.0}
    weighed = spec("count_by_key", ValueType.NUMBERS, key="item", value="data.x")
    assert after(weighed, event("a", x=0.1), event("a", x=0.2), event("b", x="?")) == {"a": 0.1 + 0.2}
    assert after(weighed, event("a", x=1e308), event("a", x=1e308)) == {}


def test_latest_by_key_is_when_each_key_was_met_last() -> None:
    latest = spec("latest_by_key", ValueType.NUMBERS, key="item", limit=2, undone_by="out", emptied_by="paid")
    day = NOW / 86_400e6
    assert after(latest) == {}
    assert after(latest, event("a"), event("b", at_s=86_400), event()) == {"a": day, "b": day + 1.0}
    assert after(latest, event("a", at_s=86_400), event("a")) == {"a": day + 1.0}, "events may come late"
    assert after(latest, *map(event, ["a", "b", "a", "c"])) == {"a": day, "c": day}
    assert after(latest, event("a"), event("b"), replace(event("a"), type="out")) == {"b": day}
    assert after(latest, event("a"), replace(event(), type="paid")) == {}


def test_recency_is_seconds_since_the_latest_event() -> None:
    recency = spec("recency", ValueType.DOUBLE)
    assert after(recency, event(at_s=5), event(at_s=2), at_s=65) == 60.0
    assert after(recency, event(at_s=5), at_s=1) == 0.0
    assert after(recency) == NOW / 1_000_000


def test_features_of_one_fold_share_its_state() -> None:
    both = [spec("count", ValueType.INT, "f"), spec("count", ValueType.INT, "g")]
    states = advance(both, {}, event())
    assert list(states.values()) == [1]
    assert read(both, states, NOW) == {"f": 1, "g": 1}


def test_the_digest_names_the_whole_fold() -> None:
    one, two = (FoldSpec(fold="last_n", event="view", key="item", limit=limit) for limit in (2, 3))
    assert fold_digest(one) != fold_digest(two)
    assert fold_digest(one) == fold_digest(FoldSpec(fold="last_n", event="view", key="item", limit=2))
    assert len(fold_digest(one)) == 16


def test_a_new_visit_forgets_the_last_one_and_what_nobody_declares() -> None:
    visit = spec("count", ValueType.INT, window=FoldWindow.VISIT)
    ever = spec("count", ValueType.INT, "g", window=FoldWindow.ALL)
    states = {**advance([visit, ever], {}, event()), "0123456789abcdef": 7}
    kept = begin_visit([visit, ever], states)
    assert read([visit, ever], kept, NOW) == {"f": 0, "g": 1}
    assert len(kept) == 1


def test_features_without_a_fold_are_left_out() -> None:
    batch = FeatureSpec(name="b", root=Root.VISITOR, type=ValueType.INT)
    assert read([batch], {}, NOW) == {}
    assert advance([batch], {"kept": 1}, event()) == {"kept": 1}
