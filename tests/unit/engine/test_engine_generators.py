"""What each kind of generator finds, and what it refuses to be loaded with."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from builders import NOW, RULES, TABLE, Shop, columns, const, once, read, slot

from contracts.errors import ExpiredError, NotRunnableError, RuleError
from contracts.features import (
    Cursor,
    FeatureDelta,
    FeatureSpec,
    FeatureValue,
    FoldSpec,
    OnExpired,
    Root,
    Status,
    Value,
    ValueType,
)
from contracts.slots import Filter, Generator, Neighbours, PerVisitor, Pool, Trending
from engine.capabilities import CAPABILITIES
from engine.column import Column
from engine.generators import GENERATORS
from engine.generators.neighbours import which_count
from engine.load import LoadedBundle
from engine.programs.values import Scope
from engine.retrieve import Retrieved, retrieve

PERSONAL = "personalisation"
GOES_WITH = [{"b": 1.0, "c": 2.0, "gone": 9.0}, {"a": 1.0, "c": 0.5, "d": 2.5}, {}, {"d": 8.0}, {"b": 3.0, "a": -1.0}]
HOT = [{"phone": 1.0, "*": 1.0}, {"phone": 2.0}, {"phone": 2.0, "desktop": 0.0}, {"*": 3.0}, {}]
FEATURES = (
    FeatureSpec(name="device", root=Root.REQUEST, type=ValueType.STRING, values=("phone", "desktop", "tv")),
    FeatureSpec(name="own", root=Root.VISITOR, type=ValueType.STRINGS, purpose=PERSONAL),
    FeatureSpec(
        name="old_list", root=Root.VISITOR, type=ValueType.STRINGS, max_age_s=60, on_expired=OnExpired.FALLBACK
    ),
    FeatureSpec(
        name="cart",
        root=Root.VISITOR_STATE,
        type=ValueType.STRINGS,
        purpose=PERSONAL,
        fold=FoldSpec(fold="last_n", event="add", key="item"),
    ),
)
OWN = read(Root.VISITOR, "own", "list(string)")
OWN_RULES = (
    *(rule for rule in RULES if rule.name in ("title", "by_price", "price", "in_stock", "cheap")),
    once("cart", "list(string)", read(Root.VISITOR_STATE, "cart", "list(string)")),
    once("own", "list(string)", OWN),
    once("old_list", "list(string)", read(Root.VISITOR, "old_list", "list(string)")),
    once("device", "string", read(Root.REQUEST, "device", "string")),
    once("first_own", "string", ("index_list", "string", OWN, const(0))),
    columns("for_device", "bool", ("equals", "bool", read(Root.REQUEST, "device", "string"), const("tv"))),
)
ITEMS = {**TABLE, "goes_with": (ValueType.NUMBERS, GOES_WITH), "hot": (ValueType.NUMBERS, HOT)}
NEAR = Neighbours(of="cart", column="goes_with", limit=9)
TREND = Trending(key="device", column="hot", limit=9)


def shop(*generators: Generator, cap: int = 1000) -> LoadedBundle:
    slots = (slot(retrieve=generators, cap_candidates=cap),)
    live = ("goes_with", "hot")
    return Shop(slots=slots, rules=OWN_RULES, features=FEATURES, table=ITEMS, live=live).load()  # type: ignore[arg-type]


def found(loaded: LoadedBundle, now: int = NOW, device: str | None = None, **values: Value) -> Retrieved:
    state = {name: values.pop(name) for name in ("cart",) if name in values}
    visitor = {name: FeatureValue(value=value, as_of=0) for name, value in values.items()}
    request: Mapping[str, Value] = {} if device is None else {"device": device}
    scope = Scope(now, frozenset({PERSONAL}), request, {"cart": (), **state}, visitor)
    return retrieve(loaded.slots["shelf"], scope, loaded.snapshot)


def ids(loaded: LoadedBundle, retrieved: Retrieved) -> str:
    return "".join(loaded.snapshot.tables["products"].ids[row] for row in retrieved.rows)


def best(loaded: LoadedBundle, **values: Value) -> str:
    """What the slot's one generator finds, in its own order."""
    asked = {"device": values.pop("device")} if "device" in values else {}
    scope = Scope(NOW, frozenset({PERSONAL}), asked, {"cart": (), **values}, {})
    table = loaded.snapshot.tables["products"]
    return "".join(table.ids[row] for row in loaded.slots["shelf"].generators[0].rows(scope, table))


def test_every_generator_is_a_capability() -> None:
    assert {f"generator/{name}" for name in GENERATORS} == {
        name for name in CAPABILITIES if name.startswith("generator/")
    }


def test_neighbours_are_the_strongest_and_never_the_items_themselves() -> None:
    loaded = shop(NEAR)
    assert best(loaded, cart=("a",)) == "cb"
    assert best(loaded, cart=("d",)) == ""
    assert best(loaded, cart=("e",)) == "b"
    assert best(loaded, cart=("zz",)) == best(loaded) == best(shop(NEAR), cart=("c",)) == ""


def test_strengths_of_several_items_add_up() -> None:
    loaded = shop(NEAR)
    assert best(loaded, cart=("a", "b")) == "cd"  # c: 2.0 + 0.5, d: 2.5: a tie goes by id
    assert best(loaded, cart=("a", "b", "e")) == "cd"
    assert best(loaded, cart=("a", "a")) == "cb"
    assert best(shop(Neighbours(of="cart", column="goes_with", limit=1)), cart=("a", "b")) == "c"


def test_only_the_most_recent_items_have_neighbours() -> None:
    loaded = shop(Neighbours(of="cart", column="goes_with", limit=9, recent=1))
    assert best(loaded, cart=("b", "a")) == "dac"
    assert best(loaded, cart=("zz", "a")) == ""


def test_neighbours_follow_the_feed() -> None:
    loaded = shop(NEAR)
    assert best(loaded, cart=("c",)) == ""
    delta = FeatureDelta(table="products", seq=1, entity="c", as_of=NOW, values={"goes_with": {"e": 1.0, "new": 2.0}})
    changed = loaded.snapshot.with_deltas([delta], Cursor())
    scope = Scope(NOW, frozenset({PERSONAL}), {}, {"cart": ("c",)}, {})
    assert ids(loaded, retrieve(loaded.slots["shelf"], scope, changed)) == "e"
    early = Scope(NOW - 1, frozenset({PERSONAL}), {}, {"cart": ("c",)}, {})
    assert ids(loaded, retrieve(loaded.slots["shelf"], early, changed)) == ""


def test_entries_count_by_their_strength_and_by_how_their_row_reads() -> None:
    strengths = np.array([1.0, 0.0, -1.0, math.inf, math.nan, 2.0, 3.0, 4.0])
    rows = np.array([0, 0, 0, 0, 0, 1, 2, 3])
    status = np.array([Status.PRESENT, Status.DEFAULT, Status.WITHHELD, Status.PRESENT], dtype=np.uint8)
    as_of = np.array([0, 0, 0, NOW + 1])
    column = Column(ValueType.NUMBERS, np.zeros(8, dtype=np.int32), status, as_of=as_of)
    assert which_count(column, rows, strengths, NOW).tolist() == [True, *[False] * 4, True, False, False]
    assert which_count(column, rows, strengths, NOW + 1).tolist() == [True, *[False] * 4, True, False, True]


def test_which_row_an_entry_names_is_looked_up_once_while_the_maps_stand() -> None:
    loaded = shop(NEAR)
    best(loaded, cart=("a",))
    memo, key = loaded.snapshot.tables["products"].memo, "rows of goes_with"
    known = memo.wholes[key]
    assert known.made.tolist()[:3] == [1, 2, -1]  # a goes with b and c; the table lacks what is gone
    assert best(loaded, cart=("b",)) == "dac"
    assert memo.wholes[key] is known
    other = FeatureDelta(table="products", seq=1, entity="c", as_of=NOW, values={"hot": {"phone": 7.0}})
    own = FeatureDelta(table="products", seq=2, entity="c", as_of=NOW, values={"goes_with": {"e": 1.0}})
    assert loaded.snapshot.with_deltas([other], Cursor()).tables["products"].memo.wholes[key] is known
    assert key not in loaded.snapshot.with_deltas([own], Cursor()).tables["products"].memo.wholes


def test_neighbours_of_a_list_that_is_missing_are_none_and_of_an_expired_one_end_the_model() -> None:
    assert found(shop(Neighbours(of="own", column="goes_with", limit=9))).generated == {"retrieve[0]": 0}
    expired = found(shop(Neighbours(of="old_list", column="goes_with", limit=9)), old_list=("a",))
    assert isinstance(expired.expired, ExpiredError)


def test_trending_lists_the_requests_bucket() -> None:
    loaded = shop(TREND)
    assert best(loaded, device="phone") == "bca"
    assert best(shop(Trending(key="device", column="hot", limit=2)), device="phone") == "bc"


def test_a_bucket_of_which_nothing_is_known_reads_as_the_rest() -> None:
    loaded = shop(TREND)
    assert best(loaded, device="tv") == "da"
    assert best(loaded, device="desktop") == "da"  # known, but nothing is strong there
    assert best(loaded) == "da"


def test_trending_lists_are_made_once_for_known_buckets_alone() -> None:
    loaded = shop(TREND)
    memo = loaded.snapshot.tables["products"].memo
    for device in ("phone", "tv", "anything", "phone"):
        best(loaded, device=device)
    assert set(memo.wholes) == {"trending hot 9 phone", "trending hot 9 *"}
    known = memo.wholes["trending hot 9 phone"]
    best(loaded, device="phone")
    assert memo.wholes["trending hot 9 phone"] is known


def test_trending_follows_the_feed_and_its_clock() -> None:
    loaded = shop(TREND)
    deltas = [
        FeatureDelta(table="products", seq=1, entity="e", as_of=NOW, values={"hot": {"phone": 9.0, "car": 1.0}}),
        FeatureDelta(table="products", seq=2, entity="b", as_of=NOW, values={"hot": None}),
    ]
    changed = loaded.snapshot.with_deltas(deltas, Cursor())
    generator, table = loaded.slots["shelf"].generators[0], changed.tables["products"]

    def at(now: int, device: str) -> str:
        scope = Scope(now, frozenset(), {"device": device}, {}, {})
        return "".join(table.ids[row] for row in generator.rows(scope, table))

    assert at(NOW, "phone") == "eca"
    assert at(NOW, "car") == "e"
    assert at(NOW - 1, "phone") == "ca"
    assert at(NOW, "phone") == "eca"


def test_a_key_that_fails_ends_the_tier() -> None:
    with pytest.raises(RuleError, match="first_own"):
        found(shop(Trending(key="first_own", column="hot", limit=9)), own=())
    assert ids(shop(TREND), found(shop(Trending(key="first_own", column="hot", limit=9)))) == "ad"


def test_a_list_of_the_cookie_is_a_list_too() -> None:
    loaded = shop(PerVisitor(feature="cart", root=Root.VISITOR_STATE, limit=2))
    assert best(loaded, cart=("zz", "e", "c", "a")) == "ec"


def test_over_the_cap_quotas_go_first() -> None:
    pools = (Pool(ids=("a", "b", "c")), Pool(ids=("d", "e"), quota=1))
    assert ids(shop(), found(shop(*pools, cap=3))) == "abd"
    assert ids(shop(), found(shop(*pools, cap=4))) == "abcd"
    assert found(shop(*pools, cap=3)).generated == {"retrieve[0]": 3, "retrieve[1]": 2}
    both = (Pool(ids=("a", "b"), quota=1), Pool(ids=("a", "e", "d"), quota=2))
    assert ids(shop(), found(shop(*both, cap=3))) == "abe"


def test_a_quota_is_no_limit() -> None:
    assert ids(shop(), found(shop(Pool(ids=("a", "b"), quota=1), Pool(ids=("c",)), cap=3))) == "abc"


@pytest.mark.parametrize(
    ("generator", "reason"),
    [
        (Pool(ids=("a",), quota=-1), "quotas are at least 0"),
        (Pool(ids=("a",), quota=1001), "at most 1000"),
        (Filter(where="cheap", limit=0), "limit is at least 1"),
        (Filter(where="for_device", limit=1), "for_device reads more than the item"),
        (PerVisitor(feature="device", root=Root.REQUEST, limit=1), "request.device"),
        (PerVisitor(feature="cart", limit=1), "visitor.cart, which is no feature of type strings"),
        (Neighbours(of="cart", column="price", limit=1), "column price"),
        (Neighbours(of="cart", column="nowhere", limit=1), "column nowhere"),
        (Neighbours(of="cart", column="goes_with", limit=1, recent=0), "at least 1 item"),
        (Neighbours(of="device", column="goes_with", limit=1), "rule device is string"),
        (Trending(key="cart", column="hot", limit=1), "rule cart is list"),
        (Trending(key="device", column="title", limit=1), "column title"),
    ],
)
def test_what_cannot_run_is_refused_at_load(generator: Generator, reason: str) -> None:
    with pytest.raises(NotRunnableError, match=reason):
        shop(generator)
