"""G10: each candidate that is not shown has exactly one first blocker; without that constraint it moves on.

Which constraints hold for an item is computed here by hand, from the values of its row: no program of the engine is
asked. `None` is a value that cannot be read, so whatever reads it blocks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from builders import PERSONAL, Shop, batch, columns, const, read, request, run, slot
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from contracts.features import FeatureValue, Root, ValueType
from contracts.rule_ir import Rule
from contracts.slots import Cap, CapWindow
from engine.guard import guard
from engine.loaded import LoadedBundle
from engine.programs.values import Batch

IDS = "abcdefgh"
PRICE, STOCK = read(Root.ITEM, "price", "int"), read(Root.ITEM, "stock", "int")
MARGIN, TASTE = read(Root.ITEM, "margin", "double"), read(Root.VISITOR, "taste", "double")


@dataclass(frozen=True)
class Item:
    """What constraints read of a row."""

    price: int
    stock: int
    margin: float | None


@dataclass(frozen=True)
class World:
    """Items, what is known of the visitor, constraints in their order, and how often the caps' items were met."""

    items: tuple[Item, ...]
    taste: float | None
    guards: tuple[str, ...]
    caps: tuple[str, ...]
    met: dict[str, dict[str, int]]


def _known(value: float | None, holds: Callable[[float], bool]) -> bool:
    return value is not None and holds(value)


GUARDS: dict[str, tuple[Rule, Callable[[Item, float | None], bool]]] = {
    "stocked": (
        columns("stocked", "bool", ("greater_int64", "bool", STOCK, const(0))),
        lambda item, _: item.stock > 0,
    ),
    "band": (
        columns(
            "band",
            "bool",
            (
                "logical_and",
                "bool",
                ("greater_equals_int64", "bool", PRICE, const(100)),
                ("less_equals_int64", "bool", PRICE, const(300)),
            ),
        ),
        lambda item, _: 100 <= item.price <= 300,
    ),
    "floor": (
        columns("floor", "bool", ("greater_equals_double", "bool", MARGIN, const(0.1))),
        lambda item, _: _known(item.margin, lambda margin: margin >= 0.1),
    ),
    "status": (
        columns("status", "bool", ("greater_double", "bool", TASTE, const(0.0))),
        lambda _, taste: _known(taste, lambda value: value > 0.0),
    ),
    "cheap_or_liked": (  # an error on one side is absorbed where the other one holds
        columns(
            "cheap_or_liked",
            "bool",
            (
                "logical_or",
                "bool",
                ("less_int64", "bool", PRICE, const(200)),
                ("greater_double", "bool", TASTE, const(0.5)),
            ),
        ),
        lambda item, taste: item.price < 200 or _known(taste, lambda value: value > 0.5),
    ),
}
CAPS = {name: Cap(name=name, limit=limit, window=CapWindow.DAY) for name, limit in (("daily", 1), ("often", 3))}

numbers = st.sampled_from([None, 0.0, 0.1, 0.4])
items = st.builds(Item, price=st.sampled_from([50, 100, 150, 200, 300, 350]), stock=st.integers(0, 2), margin=numbers)
worlds = st.builds(
    World,
    items=st.lists(items, min_size=len(IDS), max_size=len(IDS)).map(tuple),
    taste=st.sampled_from([None, -1.0, 0.4, 0.9]),
    guards=st.lists(st.sampled_from(sorted(GUARDS)), unique=True).map(tuple),
    caps=st.lists(st.sampled_from(sorted(CAPS)), unique=True).map(tuple),
    met=st.dictionaries(st.sampled_from(sorted(CAPS)), st.dictionaries(st.sampled_from(IDS), st.integers(0, 4))),
)


def loaded_from(world: World) -> LoadedBundle:
    table = {
        "id": (ValueType.STRING, list(IDS)),
        "title": (ValueType.STRING, list(IDS)),
        "price": (ValueType.INT, [item.price for item in world.items]),
        "stock": (ValueType.INT, [item.stock for item in world.items]),
        "margin": (ValueType.DOUBLE, [item.margin for item in world.items]),
    }
    rules = (*(rule for rule, _ in GUARDS.values()), columns("by_price", "int", PRICE), TITLE)
    spec = slot(guards=world.guards, caps=tuple(CAPS[name] for name in world.caps), size=len(IDS))
    return Shop(slots=(spec,), rules=rules, table=table, live=()).load()  # type: ignore[arg-type]


TITLE = next(rule for rule in Shop().rules if rule.name == "title")


def failing(world: World, place: int) -> list[str]:
    """The constraints that do not hold for an item, in their order."""
    guards = [name for name in world.guards if not GUARDS[name][1](world.items[place], world.taste)]
    met = [name for name in world.caps if world.met.get(name, {}).get(IDS[place], 0) >= CAPS[name].limit]
    return [*guards, *(f"cap:{name}" for name in met)]


def outcome(world: World) -> dict[str, str | None]:
    """Each item's first blocker, None for those that may be shown."""
    loaded = loaded_from(world)
    given = batch(loaded)
    visitor = {} if world.taste is None else {"taste": FeatureValue(value=world.taste, as_of=0)}
    candidates = Batch(structs.replace(given.scope, visitor=visitor), given.table, given.rows)
    guarded = guard(loaded.slots["shelf"], candidates, world.met)
    survivors = {given.table.ids[row]: None for row in guarded.batch.rows.tolist()}
    assert not survivors.keys() & guarded.blockers.keys()
    return {**guarded.blockers, **survivors}


def without(world: World, constraint: str) -> World:
    guards = tuple(name for name in world.guards if name != constraint)
    return replace(world, guards=guards, caps=tuple(name for name in world.caps if f"cap:{name}" != constraint))


@settings(max_examples=150, deadline=None)
@given(worlds)
def test_each_candidate_has_one_first_blocker_and_moves_on_without_it(world: World) -> None:
    before = outcome(world)
    wrong = {identity: failing(world, place) for place, identity in enumerate(IDS)}
    assert before == {identity: _first(names) for identity, names in wrong.items()}
    for constraint in (*world.guards, *(f"cap:{name}" for name in world.caps)):
        after = outcome(without(world, constraint))
        for identity, names in wrong.items():
            rest = [name for name in names if name != constraint]
            assert after[identity] == _first(rest)
            if before[identity] == constraint:
                assert after[identity] != constraint
            else:
                assert after[identity] == before[identity]


@settings(max_examples=50, deadline=None)
@given(worlds)
def test_what_is_shown_and_what_is_blocked_is_all_there_is(world: World) -> None:
    loaded = loaded_from(world)
    visitor = {} if world.taste is None else {"v1": {"taste": FeatureValue(value=world.taste, as_of=0)}}
    snapshot = replace(loaded.snapshot, visitors=visitor)
    made = run(loaded, request(exposures=world.met, granted=(PERSONAL,)), snapshot)
    trace, answer = made.traces[0], made.decisions[0].answer
    assert sorted([*trace.survivors, *trace.blockers]) == list(IDS)
    assert set(answer) == set(trace.survivors)
    assert trace.blockers == {i: n[0] for i, n in zip(IDS, _all(world), strict=True) if n}


def _all(world: World) -> Sequence[list[str]]:
    return [failing(world, place) for place in range(len(IDS))]


def _first(names: Sequence[str]) -> str | None:
    return names[0] if names else None
