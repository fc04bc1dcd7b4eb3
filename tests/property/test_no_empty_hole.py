"""A slot is never an empty hole, and what fills it passed the guards: whatever is blocked, broken, late or missing.

Which items may be shown is computed here by hand. Fallback ids go through the same guards as candidates do; where
nothing is left the plain content stands, which is never empty.
"""

from dataclasses import dataclass, replace

from builders import PERSONAL, RULES, TABLE, Shop, columns, const, model, once, request, slot
from graphs import weighed
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.controls import Controls
from contracts.decision import Cause, Decision, DecisionRequest, Stage, Tier
from contracts.experiments import ExperimentSpec, Holdout
from contracts.features import FeatureValue, ValueType
from contracts.slots import Cap, CapWindow, PayloadField, PerVisitor, Pool
from engine.decide import decide
from engine.loaded import LoadedBundle

IDS = "abcde"
PLAIN = {"title": "Welcome"}
PRICES = dict(zip(IDS, TABLE["price"][1], strict=True))
BROKEN_TITLE = once(
    "broken_title",
    "string",
    ("conditional", "string", ("less_int64", "bool", const(1), ("divide_int64", "int", const(1), const(0))),
     const("a"), const("b")),
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """What may go wrong on the way to one slot's answer."""

    stock: tuple[int, ...]
    guards: tuple[str, ...]
    met: dict[str, int]
    fallback: tuple[str, ...]
    own: tuple[str, ...] | None
    has_model: bool
    is_scored: bool
    is_payload_broken: bool
    late_at: Stage | None
    flags: frozenset[str]


worlds = st.builds(
    World,
    stock=st.lists(st.integers(0, 1), min_size=5, max_size=5).map(tuple),
    guards=st.lists(st.sampled_from(["in_stock", "cheap", "likes", "nothing_passes"]), unique=True).map(tuple),
    met=st.dictionaries(st.sampled_from(IDS), st.integers(0, 2)),
    fallback=st.lists(st.sampled_from([*IDS, "gone"]), unique=True).map(tuple),
    own=st.none() | st.lists(st.sampled_from([*IDS, "gone"])).map(tuple),
    has_model=st.booleans(),
    is_scored=st.booleans(),
    is_payload_broken=st.booleans(),
    late_at=st.none() | st.sampled_from(Stage),
    flags=st.frozensets(
        st.sampled_from(["killed", "opted_out", "bot", "stale", "overload", "retry", "held", "stranger"]), max_size=2
    ),
)


def loaded_from(world: World) -> LoadedBundle:
    title = "broken_title" if world.is_payload_broken else "title"
    spec = slot(
        retrieve=(Pool(),) if world.own is None else (PerVisitor(feature="own", limit=9),),
        guards=world.guards,
        caps=(Cap(name="daily", limit=1, window=CapWindow.DAY),),
        model="m" if world.has_model else None,
        score="by_price" if world.is_scored else None,
        payload={"title": PayloadField(type=ValueType.STRING, rule=title)},
    )
    holdouts = (Holdout(salt="all", share=1.0),) if "held" in world.flags else ()
    return Shop(
        slots=(spec,),
        rules=(*RULES, columns("nothing_passes", "bool", const(False)), BROKEN_TITLE),
        table={**TABLE, "stock": (ValueType.INT, list(world.stock))},
        models=(model("price"),),
        graphs={"m": weighed(1.0)} if world.is_scored else {},
        experiments=ExperimentSpec(holdouts=holdouts),
        fallbacks={"shelf": {(): world.fallback}},
    ).load()


def asked(world: World) -> DecisionRequest:
    flags = world.flags
    return request(
        granted=() if "stranger" in flags else (PERSONAL,),
        units={} if "stranger" in flags else {"visitor": "v1", "session": "s1"},
        exposures={"daily": world.met},
        is_opted_out="opted_out" in flags,
        is_bot="bot" in flags,
        is_feed_stale="stale" in flags,
        is_overloaded="overload" in flags,
        is_retry="retry" in flags,
    )


def decided(world: World) -> Decision:
    loaded = loaded_from(world)
    visitors = {} if world.own is None else {"v1": {"own": FeatureValue(value=world.own, as_of=0)}}
    killed = ("*",) if "killed" in world.flags else ()
    snapshot = replace(loaded.snapshot, visitors=visitors)
    controls = Controls(killed=killed)
    return decide(loaded, asked(world), snapshot, controls, lambda _, stage: stage is world.late_at).decisions[0]


def allowed(world: World) -> set[str]:
    """The items for which every guard holds and no cap is reached. Nobody's taste is known, so `likes` never holds."""
    holds = {
        "in_stock": lambda item: world.stock[IDS.index(item)] > 0,
        "cheap": lambda item: PRICES[item] < 450,
        "likes": lambda item: False,
        "nothing_passes": lambda item: False,
    }
    met = {item for item, count in world.met.items() if count >= 1}
    return {item for item in IDS if item not in met and all(holds[name](item) for name in world.guards)}


@settings(max_examples=300, deadline=None)
@given(worlds)
def test_a_slot_shows_what_passed_the_guards_or_plain_content(world: World) -> None:
    decision, may_be_shown = decided(world), allowed(world)
    if decision.tier is Tier.PLAIN:
        assert (decision.answer, decision.props) == ((), PLAIN)
        assert decision.cause is not None
        return
    assert decision.answer
    assert len(decision.items) == len(decision.answer)
    assert set(decision.answer) <= may_be_shown
    if decision.tier is Tier.FALLBACK:
        assert decision.answer == tuple(item for item in world.fallback if item in may_be_shown)[:3]


@settings(max_examples=200, deadline=None)
@given(worlds)
def test_plain_content_stands_only_where_nothing_else_could(world: World) -> None:
    world = replace(world, flags=world.flags & {"overload", "retry"}, is_payload_broken=False)
    decision, may_be_shown = decided(world), allowed(world)
    is_late = world.late_at is not None or bool(world.flags)
    candidates = set(IDS if world.own is None else world.own) & may_be_shown
    fallback = [item for item in world.fallback if item in may_be_shown]
    if decision.tier is Tier.PLAIN:
        assert not fallback
        assert is_late or not candidates or (world.has_model and not world.is_scored)
    if not is_late and not candidates:
        assert decision.tier is (Tier.FALLBACK if fallback else Tier.PLAIN)
        assert decision.cause is Cause.NO_CANDIDATE
