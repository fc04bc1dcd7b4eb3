"""Every generator keeps these promises; a new entry of GENERATORS is tested as soon as it has a specimen here."""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "unit/engine"))

from builders import NOW, PERSONAL, RULES, TABLE, Shop, once, read, slot

from compiler.reading.retrieval import GENERATOR_NAMES
from contracts.features import FeatureSpec, FeatureValue, FoldSpec, Root, Value, ValueType
from contracts.slots import Filter, Generator, Neighbours, PerVisitor, Pool, Trending
from engine.generators import GENERATORS
from engine.load import LoadedBundle
from engine.programs.values import Scope
from engine.retrieve import retrieve

LIMIT = 3
SPECIMENS: dict[str, Generator] = {
    "pool": Pool(ids=("d", "a", "c")),
    "filter": Filter(where="cheap", order="price", match="likes", limit=LIMIT),
    "per_visitor": PerVisitor(feature="own", limit=LIMIT),
    "neighbours": Neighbours(of="cart", column="near", limit=LIMIT),
    "trending": Trending(key="device", column="near", limit=LIMIT),
}
FEATURES = (
    FeatureSpec(name="device", root=Root.REQUEST, type=ValueType.STRING, default="phone"),
    FeatureSpec(name="taste", root=Root.VISITOR, type=ValueType.DOUBLE, purpose=PERSONAL),
    FeatureSpec(name="own", root=Root.VISITOR, type=ValueType.STRINGS, purpose=PERSONAL),
    FeatureSpec(
        name="cart",
        root=Root.VISITOR_STATE,
        type=ValueType.STRINGS,
        purpose=PERSONAL,
        fold=FoldSpec(fold="last_n", event="add", key="item"),
    ),
)
OWN = (
    *(rule for rule in RULES if rule.name in ("cheap", "price", "likes", "title", "by_price")),
    once("cart", "list(string)", read(Root.VISITOR_STATE, "cart", "list(string)")),
    once("device", "string", read(Root.REQUEST, "device", "string")),
)
NEAR = [{"b": 1.0, "phone": 2.0}, {"c": 3.0, "a": 1.0}, {"*": 1.0, "phone": 2.0}, {"e": 1.0}, {}]
IDS = ("a", "b", "c", "d", "e", "gone")
every = pytest.mark.parametrize("name", GENERATORS)
lists = st.lists(st.sampled_from(IDS), max_size=8).map(tuple)


def loaded_with(generator: Generator) -> LoadedBundle:
    table = {**TABLE, "near": (ValueType.NUMBERS, NEAR)}
    spec = slot(retrieve=(generator,))
    return Shop(slots=(spec,), rules=OWN, features=FEATURES, table=table).load()  # type: ignore[arg-type]


LOADED = {name: loaded_with(generator) for name, generator in SPECIMENS.items()}


def asked(own: tuple[str, ...], cart: tuple[str, ...], taste: float, device: str) -> Scope:
    known: Mapping[str, Value] = {"own": own, "taste": taste}
    visitor = {name: FeatureValue(value=value, as_of=0) for name, value in known.items()}
    return Scope(NOW, frozenset({PERSONAL}), {"device": device}, {"cart": cart}, visitor)


def test_each_generator_has_a_specimen_and_can_be_written() -> None:
    assert set(SPECIMENS) == set(GENERATORS) == set(GENERATOR_NAMES)


@every
@settings(max_examples=60, deadline=None)
@given(own=lists, cart=lists, taste=st.floats(-1, 1), device=st.sampled_from(["phone", "desktop", "*", ""]))
def test_it_finds_rows_of_the_table_each_once_within_its_limit(
    name: str, own: tuple[str, ...], cart: tuple[str, ...], taste: float, device: str
) -> None:
    loaded, scope = LOADED[name], asked(own, cart, taste, device)
    table = loaded.snapshot.tables["products"]
    (generator,) = loaded.slots["shelf"].generators
    rows = generator.rows(scope, table)
    assert rows.dtype == np.int64
    assert len(set(rows.tolist())) == len(rows) <= LIMIT
    assert all(0 <= row < len(table.ids) for row in rows.tolist())
    assert generator.rows(scope, table).tolist() == rows.tolist()
    retrieved = retrieve(loaded.slots["shelf"], scope, loaded.snapshot)
    assert retrieved.rows.tolist() == sorted(rows.tolist())
    assert retrieved.generated == {"retrieve[0]": len(rows)}


@every
def test_a_stranger_is_no_error(name: str) -> None:
    nobody = Scope(NOW, frozenset(), {}, {}, {})
    assert retrieve(LOADED[name].slots["shelf"], nobody, LOADED[name].snapshot).expired is None
