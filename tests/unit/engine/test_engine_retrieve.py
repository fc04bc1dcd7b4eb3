import numpy as np
import pytest
from builders import FEATURES, NOW, RULES, TABLE, Shop, batch, columns, const, read, slot
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ExpiredError, RuleError
from contracts.features import Cursor, FeatureDelta, FeatureValue, Root, Value, ValueType
from contracts.slots import Filter, Generator, PerVisitor, Pool
from engine.load import LoadedBundle
from engine.programs.values import Scope
from engine.retrieve import Retrieved, retrieve

GREEN = columns("green", "bool", ("equals", "bool", read(Root.ITEM, "kind", "string"), const("fruit")))
LIKES = ("greater_double", "bool", read(Root.VISITOR, "taste", "double"), const(0.0))
CHEAP = ("less_int64", "bool", read(Root.ITEM, "price", "int"), const(450))
KEY = "filter cheap price"
NEVER_IN_ORDER = columns("in_order", "bool", ("less_int64", "bool", read(Root.ITEM, "price", "int"), const(10)))


def shop(*generators: Generator, cap: int = 1000) -> LoadedBundle:
    return Shop(slots=(slot(retrieve=generators, cap_candidates=cap),), rules=(*RULES, GREEN, NEVER_IN_ORDER)).load()


def found(loaded: LoadedBundle, now: int = NOW, **values: Value) -> Retrieved:
    scope = batch(loaded).scope
    visitor = {name: FeatureValue(value=value, as_of=0) for name, value in values.items()}
    asked = Scope(now, scope.granted, scope.request, scope.visitor_state, visitor)
    return retrieve(loaded.slots["shelf"], asked, loaded.snapshot)


def ids(loaded: LoadedBundle, retrieved: Retrieved) -> str:
    return "".join(loaded.snapshot.tables["products"].ids[row] for row in retrieved.rows)


def test_generators_are_united_sorted_and_counted() -> None:
    loaded = shop(Pool(ids=("e", "b")), Filter(where="green", limit=9), PerVisitor(feature="own", limit=9))
    retrieved = found(loaded, own=("d", "zz", "c"))
    assert ids(loaded, retrieved) == "abcde"
    assert retrieved.generated == {"retrieve[0]": 2, "retrieve[1]": 2, "retrieve[2]": 2}
    assert retrieved.rows.dtype == np.int64


def test_an_empty_pool_is_the_whole_table() -> None:
    assert ids(shop(Pool()), found(shop(Pool()))) == "abcde"


def test_no_generator_gives_no_candidate() -> None:
    assert len(found(shop()).rows) == 0


def test_a_filter_keeps_the_highest_order_ties_by_id() -> None:
    loaded = shop(Filter(where="cheap", order="price", limit=2))
    assert ids(loaded, found(loaded)) == "cd"
    constant = columns("constant", "int", const(1))
    tied = Shop(
        slots=(slot(retrieve=(Filter(where="cheap", order="constant", limit=2),)),), rules=(*RULES, constant)
    ).load()
    assert ids(tied, found(tied)) == "ab"
    unordered = shop(Filter(where="cheap", limit=3))
    assert ids(unordered, found(unordered)) == "abc"


def test_rows_without_an_order_go_last() -> None:
    loaded = shop(Filter(where="in_stock", order="by_margin", limit=4))
    assert ids(loaded, found(loaded)) == "abcd"
    every = shop(Filter(where="in_stock", order="by_margin", limit=5))
    assert ids(every, found(every)) == "abcde"


def test_an_erroring_filter_excludes() -> None:
    loaded = shop(Filter(where="has_margin", limit=9))
    assert ids(loaded, found(loaded)) == "abcd"


def test_match_is_evaluated_for_each_visitor_before_the_limit() -> None:
    loaded = shop(Filter(where="in_stock", match="likes", order="price", limit=2))
    assert ids(loaded, found(loaded, taste=1.0)) == "de"
    assert ids(loaded, found(loaded, taste=-1.0)) == ""
    assert ids(loaded, found(loaded)) == ""


def test_the_item_only_part_is_evaluated_once_per_table() -> None:
    loaded = shop(Filter(where="cheap", order="price", limit=2))
    memo = loaded.snapshot.tables["products"].memo
    found(loaded)
    first = memo.wholes[KEY]
    found(loaded, taste=1.0)
    assert memo.wholes[KEY] is first
    delta = FeatureDelta(table="products", seq=1, entity="e", as_of=NOW, values={"price": 5})
    changed = loaded.snapshot.with_deltas([delta], Cursor())
    assert changed.tables["products"].memo.wholes == {}
    after = retrieve(loaded.slots["shelf"], batch(loaded).scope, changed)
    assert ids(loaded, after) == "cd"
    assert len(changed.tables["products"].memo.wholes[KEY].made) == 5


def test_the_item_only_part_stands_while_other_columns_change() -> None:
    loaded = shop(Filter(where="cheap", order="price", limit=2))
    found(loaded)
    delta = FeatureDelta(table="products", seq=1, entity="e", as_of=NOW + 1, values={"stock": 0})
    changed = loaded.snapshot.with_deltas([delta], Cursor())
    assert changed.tables["products"].memo.wholes[KEY] is loaded.snapshot.tables["products"].memo.wholes[KEY]
    assert ids(loaded, retrieve(loaded.slots["shelf"], batch(loaded).scope, changed)) == "cd"
    assert changed.tables["products"].memo.wholes[KEY] is loaded.snapshot.tables["products"].memo.wholes[KEY]


def test_matches_are_found_however_far_down_they_stand() -> None:
    size = 3000
    table = {name: (kind, [values[0]] * size) for name, (kind, values) in TABLE.items()}
    table["id"] = (ValueType.STRING, [f"{number:04}" for number in range(size)])
    table["price"] = (ValueType.INT, [100 if number % 700 == 99 else 900 for number in range(size)])
    affordable = columns("affordable", "bool", ("logical_and", "bool", LIKES, CHEAP))
    generator = Filter(where="in_stock", match="affordable", limit=3)
    loaded = Shop(slots=(slot(retrieve=(generator,)),), rules=(*RULES, affordable), table=table).load()
    assert found(loaded, taste=1.0).rows.tolist() == [99, 799, 1499]
    assert found(loaded, taste=-1.0).rows.tolist() == []


def test_what_is_remembered_ends_when_a_value_of_the_future_begins() -> None:
    loaded = shop(Filter(where="cheap", order="price", limit=9))
    delta = FeatureDelta(table="products", seq=1, entity="a", as_of=NOW + 1, values={"price": 7})
    changed = loaded.snapshot.with_deltas([delta], Cursor())
    before = retrieve(loaded.slots["shelf"], batch(loaded).scope, changed)
    assert ids(loaded, before) == "bcd"
    kept = changed.tables["products"].memo.wholes[KEY]
    assert retrieve(loaded.slots["shelf"], batch(loaded).scope, changed).rows.tolist() == before.rows.tolist()
    assert changed.tables["products"].memo.wholes[KEY] is kept
    after = retrieve(loaded.slots["shelf"], batch(loaded, now=NOW + 1).scope, changed)
    assert ids(loaded, after) == "abcd"


def test_a_visitors_list_is_cut_to_its_first_known_ids() -> None:
    loaded = shop(PerVisitor(feature="own", limit=2))
    assert ids(loaded, found(loaded, own=("zz", "e", "c", "a"))) == "ce"
    assert ids(loaded, found(loaded, own=("e", "e", "e", "c", "a"))) == "ce"
    assert ids(loaded, found(loaded, own=("e",))) == "e"
    assert ids(loaded, found(loaded, own=("zz",))) == ""
    assert found(loaded).generated == {"retrieve[0]": 0}


def test_an_expired_list_gives_nothing_and_says_so() -> None:
    loaded = shop(PerVisitor(feature="old_list", limit=2), PerVisitor(feature="old_list", limit=1), Pool(ids=("a",)))
    retrieved = found(loaded, old_list=("b",))
    assert ids(loaded, retrieved) == "a"
    assert retrieved.expired is not None
    blocked = shop(PerVisitor(feature="dead_list", limit=2))
    with pytest.raises(ExpiredError) as caught:
        found(blocked, dead_list=("b",))
    assert caught.value.is_blocking


def test_over_the_cap_earlier_generators_go_first() -> None:
    loaded = shop(Pool(ids=("e",)), Filter(where="cheap", order="price", limit=9), cap=3)
    assert ids(loaded, found(loaded)) == "cde"


@given(
    lists=st.lists(st.lists(st.sampled_from("abcde"), min_size=1, unique=True), min_size=1, max_size=4),
    quotas=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    spare=st.integers(0, 3),
)
def test_the_cap_is_filled_by_quotas_then_by_order(lists: list[list[str]], quotas: list[int], spare: int) -> None:
    quotas = quotas[: len(lists)]
    cap = max(sum(quotas) + spare, 1)
    pools = [Pool(ids=tuple(names), quota=quota) for names, quota in zip(lists, quotas, strict=True)]
    sure = [name for names, quota in zip(lists, quotas, strict=True) for name in names[:quota]]
    in_turn = dict.fromkeys([*sure, *(name for names in lists for name in names)])
    loaded = shop(*pools, cap=cap)
    assert ids(loaded, found(loaded)) == "".join(sorted(list(in_turn)[:cap]))


def test_a_pool_that_names_an_item_twice_gives_it_once() -> None:
    loaded = shop(Pool(ids=("b", "b", "c")), cap=2)
    assert ids(loaded, found(loaded)) == "bc"
    assert found(loaded).generated == {"retrieve[0]": 2}


def test_a_list_of_the_wrong_type_is_a_rule_error() -> None:
    with pytest.raises(RuleError):
        found(shop(PerVisitor(feature="own", limit=2)), own=7)


def test_list_columns_do_not_disturb() -> None:
    table = {**TABLE, "tags": (ValueType.STRINGS, [("x",), (), (), (), ()])}
    loaded = Shop(table=table, features=FEATURES).load()
    assert ids(loaded, found(loaded)) == "abcde"
