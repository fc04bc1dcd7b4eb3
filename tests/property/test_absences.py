"""Why not, for every item of every slot: one reason, true by hand, and without that constraint the item moves on.

Shops have pools, a candidate cap, a guardrail, a frequency cap, pins, a diversity limit, two de-duplicated slots,
holdouts and any policy. What holds for an item is worked out here from definitions and from what was recorded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec
from builders import Shop, columns, const, once, read, request, run, slot
from hypothesis import event, given, settings
from hypothesis import strategies as st

from contracts.decision import Decision, Trace
from contracts.experiments import ExperimentSpec, Holdout
from contracts.explanation import Absence, Absent
from contracts.features import Root, ValueType
from contracts.slots import Cap, CapWindow, Diversity, Pin, PolicySpec, Pool, SlotSpec
from engine.absences import Absences

IDS = "abcdefgh"
STOCK, PRICE = read(Root.ITEM, "stock", "int"), read(Root.ITEM, "price", "int")
RULES = (
    columns("in_stock", "bool", ("greater_int64", "bool", STOCK, const(0))),
    columns("by_price", "double", ("int64_to_double", "double", PRICE)),
    once("title", "string", read(Root.ITEM, "title", "string")),
)
GREEDY = PolicySpec(name="greedy")
STRICT = PolicySpec(name="epsilon", params={"epsilon": 0.0})
POLICIES = (
    GREEDY,
    STRICT,
    PolicySpec(name="epsilon", params={"epsilon": 0.4}),
    PolicySpec(name="softmax", params={"temperature": 200.0}),
    PolicySpec(name="igw", params={"gamma": 0.01}),
)
HELD = ExperimentSpec(holdouts=(Holdout(salt="g", share=1.0),))
WITHOUT: dict[Absence, dict[str, object]] = {
    Absence.CUT: {"cap_candidates": 1000},
    Absence.TAKEN: {"is_deduplicated": False},
    Absence.DIVERSITY: {"diversity": None},
    Absence.PINNED: {"pins": ()},
    Absence.OUTRANKED: {"size": len(IDS)},
    Absence.NOT_DRAWN: {"size": len(IDS)},
    Absence.NO_CHANCE: {"size": len(IDS)},
}


@dataclass(frozen=True)
class World:
    """A shop with two slots, who asks, and which items were met today."""

    slots: tuple[SlotSpec, ...]
    prices: tuple[int, ...]
    kinds: tuple[str | None, ...]
    stock: tuple[int, ...]
    met: frozenset[str]
    visitor: str
    is_held_out: bool


class Told(NamedTuple):
    """One slot's decision, and why each item is not in it."""

    spec: SlotSpec
    decision: Decision
    trace: Trace
    why: dict[str, Absent | None]


def told(world: World) -> list[Told]:
    table = {
        "id": (ValueType.STRING, list(IDS)),
        "title": (ValueType.STRING, list(IDS)),
        "kind": (ValueType.STRING, list(world.kinds)),
        "price": (ValueType.INT, list(world.prices)),
        "stock": (ValueType.INT, list(world.stock)),
    }
    held = HELD if world.is_held_out else ExperimentSpec()
    loaded = Shop(slots=world.slots, rules=RULES, table=table, live=(), experiments=held).load()  # type: ignore[arg-type]
    names = tuple(spec.name for spec in world.slots)
    met = {f"daily-{name}": dict.fromkeys(world.met, 1) for name in names}
    asked = request(slots=names, units={"visitor": world.visitor}, exposures=met)
    made = run(loaded, asked)
    found = [Absences(loaded, asked, loaded.snapshot, made, at) for at in range(len(names))]
    whys = [{item: each.of(item) for item in IDS} for each in found]
    return [Told(*each) for each in zip(world.slots, made.decisions, made.traces, whys, strict=True)]


def slots_of(name: str) -> st.SearchStrategy[SlotSpec]:
    ids = st.lists(st.sampled_from(IDS), unique=True, min_size=1)
    daily = Cap(name=f"daily-{name}", limit=1, window=CapWindow.DAY)
    pins = st.lists(st.builds(Pin, item=st.sampled_from(IDS), position=st.integers(0, 2)), max_size=2)
    return st.builds(
        slot,
        st.just(name),
        retrieve=st.lists(st.builds(Pool, ids=ids.map(tuple)), min_size=1, max_size=2).map(tuple),
        cap_candidates=st.sampled_from([2, 4, 1000, 1000]),
        size=st.integers(1, 4),
        guards=st.sampled_from([(), ("in_stock",)]),
        caps=st.sampled_from([(), (daily,)]),
        pins=st.one_of(st.just([]), pins).map(tuple),
        diversity=st.one_of(st.none(), st.builds(Diversity, column=st.just("kind"), at_most=st.integers(1, 2))),
        is_deduplicated=st.booleans(),
        policy=st.sampled_from(POLICIES),
    )


def each_of(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, min_size=len(IDS), max_size=len(IDS)).map(tuple)


worlds = st.builds(
    World,
    slots=st.tuples(slots_of("one"), slots_of("two")),
    prices=each_of(st.sampled_from([100, 200, 300, 400])),
    kinds=each_of(st.sampled_from(["x", "y", "z", None])),
    stock=each_of(st.sampled_from([0, 1, 1, 1, 1])),
    met=st.frozensets(st.sampled_from(IDS), max_size=2),
    visitor=st.text("uvw", min_size=1, max_size=5),
    is_held_out=st.sampled_from([False, False, True]),
)


def meant(page: Told) -> tuple[str, ...]:
    """What is shown, or would be were nobody held out."""
    return page.trace.held_out or page.decision.answer


def by_hand(world: World, page: Told, taken: set[str], item: str) -> set[Absence] | None:
    """The reasons that may be told of an item, by their definitions; None when it is shown."""
    spec, trace, place = page.spec, page.trace, IDS.index(item)
    if item in page.decision.answer:
        return None
    if not any(item in pool.ids for pool in spec.retrieve if isinstance(pool, Pool)):
        return {Absence.NOT_RETRIEVED}
    if item not in trace.survivors and item not in trace.blockers:
        return {Absence.CUT}
    if (spec.guards and not world.stock[place]) or (spec.caps and item in world.met):
        return {Absence.BLOCKED}
    if item in trace.held_out:
        return {Absence.HELD_OUT}
    if item in taken:
        return {Absence.TAKEN}
    if is_left_out(world, page, item):
        return {Absence.DIVERSITY}
    return undrawn(world, page, taken, item)


def is_left_out(world: World, page: Told, item: str) -> bool:
    """Whether the limit was reached before a position that no pin has. Pins count from the start."""
    limit, kind, draws = page.spec.diversity, world.kinds[IDS.index(item)], page.trace.draws
    if limit is None or kind is None:
        return False
    alike = [at for at, each in enumerate(draws) if world.kinds[IDS.index(each.item)] == kind]
    reached = sorted(-1 if draws[at].is_pinned else at for at in alike)[limit.at_most - 1 :]
    free = [at for at, each in enumerate(draws) if not each.is_pinned]
    return bool(reached) and (len(draws) < page.spec.size or any(at > reached[0] for at in free))


def undrawn(world: World, page: Told, taken: set[str], item: str) -> set[Absence]:
    """What the policy and pins made of it."""
    is_pinned = {draw.is_pinned for draw in page.trace.draws}
    if page.spec.policy is GREEDY:
        return {Absence.PINNED if item in best(world, page, taken) else Absence.OUTRANKED}
    if is_pinned == {True}:
        return {Absence.PINNED}
    never = page.spec.policy is STRICT
    return {Absence.NO_CHANCE if never else Absence.NOT_DRAWN, *([Absence.PINNED] if True in is_pinned else [])}


def best(world: World, page: Told, taken: set[str]) -> list[str]:
    """The answer of a greedy slot without pins."""
    found: list[str] = []
    limit = page.spec.diversity
    for item in sorted(page.trace.survivors, key=lambda each: (-world.prices[IDS.index(each)], each)):
        kind = world.kinds[IDS.index(item)]
        alike = sum(world.kinds[IDS.index(each)] == kind for each in found)
        if item not in taken and (limit is None or kind is None or alike < limit.at_most):
            found.append(item)
    return found[: page.spec.size]


def without(world: World, at: int, item: str, absent: Absent) -> World:
    """The world without what keeps an item out."""
    if absent.reason is Absence.HELD_OUT:
        return replace(world, is_held_out=False)
    changes = WITHOUT.get(absent.reason)
    if absent.reason is Absence.BLOCKED:
        changes = {"guards": ()} if absent.told.endswith("in_stock") else {"caps": ()}
    if absent.reason is Absence.NOT_RETRIEVED:
        changes = {"retrieve": (Pool(ids=(item,)), *world.slots[at].retrieve)}
    assert changes, absent
    specs = list(world.slots)
    specs[at] = msgspec.structs.replace(specs[at], **changes)
    return replace(world, slots=tuple(specs))


def told_of(world: World) -> Iterator[tuple[int, str, Absent | None, set[Absence] | None]]:
    """Of every item and slot: what is told, and what may be."""
    shown: set[str] = set()
    for at, page in enumerate(told(world)):
        taken = shown if page.spec.is_deduplicated else set()
        yield from ((at, item, page.why[item], by_hand(world, page, taken, item)) for item in IDS)
        shown |= set(meant(page))


@settings(max_examples=150, deadline=None)
@given(worlds)
def test_every_item_that_is_not_shown_has_its_one_reason(world: World) -> None:
    for _, _, absent, allowed in told_of(world):
        event(str(absent and absent.reason))
        if allowed is None:
            assert absent is None
        else:
            assert absent is not None
            assert absent.reason in allowed


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_without_its_reason_an_item_moves_on(world: World) -> None:
    for at, item, absent, _ in told_of(world):
        if absent is not None:
            after = told(without(world, at, item, absent))[at].why[item]
            assert after is None or (after.reason, after.told) != (absent.reason, absent.told)
            if after is not None and absent.reason is not Absence.BLOCKED:
                assert WITHOUT.get(after.reason, after.reason) != WITHOUT.get(absent.reason, absent.reason)
