"""G4: freshness as a contract. However old a value is, in every place that may read it, of every type: it is read while
it is fresh, and has its declared consequence from then on. A value of the future is none. The clock is an argument.
"""

from dataclasses import dataclass
from enum import Enum

import pytest
from builders import (
    FEATURES,
    NOW,
    PERSONAL,
    RULES,
    TABLE,
    Shop,
    Tree,
    columns,
    const,
    model,
    once,
    read,
    request,
    run,
    slot,
)
from graphs import weighed
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decision import Cause, Tier
from contracts.features import FeatureDelta, FeatureSpec, FeatureValue, OnExpired, Root, Value, ValueType
from contracts.rule_ir import Const
from contracts.slots import Filter, PayloadField, PerVisitor, Pool
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

SECOND = 1_000_000
MAX_AGE_S = 60
FRESH: dict[ValueType, Value] = {
    ValueType.BOOL: True,
    ValueType.INT: 7,
    ValueType.DOUBLE: 7.5,
    ValueType.STRING: "fresh",
    ValueType.TIMESTAMP: 9 * SECOND,
    ValueType.STRINGS: ("fresh", "a"),
    ValueType.NUMBERS: {"fresh": 1.0},
}
DEFAULTS: dict[ValueType, Value] = {
    ValueType.BOOL: False,
    ValueType.INT: 0,
    ValueType.DOUBLE: 0.0,
    ValueType.STRING: "",
    ValueType.TIMESTAMP: 0,
    ValueType.STRINGS: ("b",),
    ValueType.NUMBERS: {},
}
KINDS = {ValueType.STRINGS: "list(string)", ValueType.NUMBERS: "map(string,double)"}


class Reads(Enum):
    """What a reader is to get."""

    VALUE = "value"
    DEFAULT = "default"
    MISSING = "missing"
    FALLBACK = "expired, ends tier model"
    BLOCK = "expired, makes the slot plain"


def is_fresh(root: Root, name: str, kind: ValueType) -> Tree:
    """A condition that holds of the fresh value and not of the default."""
    value = read(root, name, KINDS.get(kind, kind.value))
    match kind:
        case ValueType.BOOL:
            return value
        case ValueType.TIMESTAMP:
            return ("equals", "bool", value, Const(type="timestamp", value=9 * SECOND * 1000))
        case ValueType.STRINGS:
            return ("in_list", "bool", const("fresh"), value)
        case ValueType.NUMBERS:
            return ("in_map", "bool", const("fresh"), value)
        case _:
            return ("equals", "bool", value, const(FRESH[kind]))  # type: ignore[arg-type]


IS_FRUIT: Tree = ("equals", "bool", read(Root.ITEM, "kind", "string"), const("fruit"))
EVERY_FEATURE = {
    f"{kind.value}_{on.value}{'_default' if has_default else ''}": FeatureSpec(
        name=f"{kind.value}_{on.value}{'_default' if has_default else ''}",
        root=Root.VISITOR,
        type=kind,
        purpose=PERSONAL,
        max_age_s=MAX_AGE_S,
        on_expired=on,
        default=DEFAULTS[kind] if has_default else None,
    )
    for kind in ValueType
    for on in OnExpired
    for has_default in (False, True)
}


def expected(spec: FeatureSpec, age_us: int) -> Reads:
    """DESIGN 4: a value of the future is MISSING; one as old as its limit is fresh, older has what was declared."""
    without = Reads.MISSING if spec.default is None else Reads.DEFAULT
    if age_us < 0:
        return without
    if age_us <= MAX_AGE_S * SECOND:
        return Reads.VALUE
    return {OnExpired.DEFAULT: without, OnExpired.FALLBACK: Reads.FALLBACK, OnExpired.BLOCK: Reads.BLOCK}[
        spec.on_expired
    ]


Outcome = tuple[Tier, Cause | None, str]
MODEL_ALL: Outcome = (Tier.MODEL, None, "abc")
PLAIN_EXPIRED: Outcome = (Tier.PLAIN, Cause.EXPIRED_FEATURE, "")
BLOCKED: Outcome = (Tier.PLAIN, Cause.NO_CANDIDATE, "")
FRUIT: Outcome = (Tier.MODEL, None, "ad")
TO_RULES: Outcome = (Tier.RULES, Cause.EXPIRED_FEATURE, "edc")
OUTCOMES: dict[str, dict[Reads, Outcome]] = {
    "eligible": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: (Tier.PLAIN, Cause.INELIGIBLE, ""),
        Reads.MISSING: (Tier.PLAIN, Cause.INELIGIBLE, ""),
        Reads.FALLBACK: PLAIN_EXPIRED,
    },
    "guard": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: BLOCKED,
        Reads.MISSING: BLOCKED,
        Reads.FALLBACK: PLAIN_EXPIRED,
    },
    "guard of some": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: FRUIT,
        Reads.MISSING: FRUIT,
        Reads.FALLBACK: (Tier.RULES, Cause.EXPIRED_FEATURE, "da"),
    },
    "input": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: MODEL_ALL,
        Reads.MISSING: MODEL_ALL,
        Reads.FALLBACK: TO_RULES,
    },
    "input that refuses": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: MODEL_ALL,
        Reads.MISSING: (Tier.RULES, Cause.MISSING_FEATURE, "edc"),
        Reads.FALLBACK: TO_RULES,
    },
    "static score": {
        Reads.VALUE: (Tier.RULES, None, "abc"),
        Reads.DEFAULT: (Tier.RULES, None, "abc"),
        Reads.MISSING: (Tier.FALLBACK, Cause.MISSING_FEATURE, "bda"),
        Reads.FALLBACK: (Tier.FALLBACK, Cause.EXPIRED_FEATURE, "bda"),
    },
    "objective": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: MODEL_ALL,
        Reads.MISSING: (Tier.FALLBACK, Cause.MISSING_FEATURE, "bda"),
        Reads.FALLBACK: (Tier.FALLBACK, Cause.EXPIRED_FEATURE, "bda"),
    },
    "boost": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: MODEL_ALL,
        Reads.MISSING: MODEL_ALL,
        Reads.FALLBACK: TO_RULES,
    },
    "match": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: (Tier.MODEL, None, "a"),
        Reads.MISSING: (Tier.MODEL, None, "a"),
        Reads.FALLBACK: (Tier.RULES, Cause.EXPIRED_FEATURE, "a"),
    },
    "payload": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: MODEL_ALL,
        Reads.MISSING: (Tier.PLAIN, Cause.MISSING_FEATURE, ""),
        Reads.FALLBACK: PLAIN_EXPIRED,
    },
    "offer": {
        Reads.VALUE: MODEL_ALL,
        Reads.DEFAULT: MODEL_ALL,
        Reads.MISSING: (Tier.PLAIN, Cause.MISSING_FEATURE, ""),
        Reads.FALLBACK: PLAIN_EXPIRED,
    },
    "why": dict.fromkeys((Reads.VALUE, Reads.DEFAULT, Reads.MISSING, Reads.FALLBACK), MODEL_ALL),
    "per_visitor": {
        Reads.VALUE: (Tier.MODEL, None, "ac"),
        Reads.DEFAULT: (Tier.MODEL, None, "bc"),
        Reads.MISSING: (Tier.MODEL, None, "c"),
        Reads.FALLBACK: (Tier.RULES, Cause.EXPIRED_FEATURE, "c"),
    },
}
CHANGES: dict[str, dict[str, object]] = {
    "eligible": {"eligible": "once"},
    "guard": {"guards": ("held",)},
    "guard of some": {"guards": ("held_by_some",)},
    "input": {"model": "reading"},
    "input that refuses": {"model": "refusing"},
    "static score": {"model": None, "score": "number"},
    "objective": {"objective": "ranked"},
    "boost": {"boosts": ("number",)},
    "match": {"retrieve": (Pool(ids=("a",)), Filter(where="any", match="held", limit=9))},
    "payload": {"payload": {"x": PayloadField(type=ValueType.BOOL, rule="once")}},
    "offer": {"offer": "sentence"},
    "why": {"why": "sentence"},
}


def loaded_for(place: str, spec: FeatureSpec) -> LoadedBundle:
    """A bundle in which one place reads one feature. Models and rules prefer cheap, then expensive items."""
    condition = is_fresh(Root.VISITOR, spec.name, spec.type)
    number: Tree = ("conditional", "double", condition, const(0.0), const(0.0))
    rules = (
        columns("any", "bool", ("greater_int64", "bool", read(Root.ITEM, "price", "int"), const(0))),
        once("once", "bool", condition),
        columns("held", "bool", condition),
        columns("held_by_some", "bool", ("logical_or", "bool", IS_FRUIT, condition)),
        columns("number", "double", number),
        columns("ranked", "double", ("add_double", "double", read(Root.SCORE, "", "double"), number)),
        once("sentence", "string", ("conditional", "string", condition, const("yes"), const("no"))),
    )
    changes = CHANGES.get(place, {"retrieve": (Pool(ids=("c",)), PerVisitor(feature=spec.name, limit=9))})
    two = weighed(-1.0, 1.0)
    return Shop(
        slots=(slot(**{"model": "m", "purposes": (PERSONAL,), **changes}),),
        features=(*FEATURES, spec),
        rules=(*RULES, *rules),
        models=(
            model("price"),
            model("price", "number", missing=0.0, name="reading"),
            model("price", "number", missing="refuse", name="refusing"),
        ),
        graphs={"m": weighed(-1.0), "reading": two, "refusing": two},
        fallbacks={"shelf": {("*",): tuple("bdace")}},
        fallback_keys=("device",),
    ).load()


@dataclass
class Cache:
    """Bundles by place and feature: planning is slow, ages are many."""

    loaded: dict[tuple[str, str], LoadedBundle]

    def of(self, place: str, spec: FeatureSpec) -> LoadedBundle:
        key = place, spec.name
        if key not in self.loaded:
            self.loaded[key] = loaded_for(place, spec)
        return self.loaded[key]


CACHE = Cache({})
LIMIT_US = MAX_AGE_S * SECOND
AGES = st.sampled_from([-1, 0, LIMIT_US, LIMIT_US + 1, -(10**12), 10**14]) | st.integers(-2 * LIMIT_US, 3 * LIMIT_US)


@pytest.mark.parametrize("place", OUTCOMES)
@settings(deadline=None, max_examples=120)
@given(spec=st.sampled_from(list(EVERY_FEATURE.values())), age_us=AGES, now=st.sampled_from([NOW, NOW + 10**9]))
def test_a_value_has_its_declared_consequence_at_every_age(
    place: str, spec: FeatureSpec, age_us: int, now: int
) -> None:
    if place == "per_visitor" and spec.type is not ValueType.STRINGS:
        spec = EVERY_FEATURE[spec.name.replace(spec.type.value, "strings", 1)]
    loaded = CACHE.of(place, spec)
    known = {spec.name: FeatureValue(value=FRESH[spec.type], as_of=now - age_us)}
    snapshot = Snapshot(loaded.snapshot.tables, {"v1": known})
    decision = run(loaded, request(now=now), snapshot).decisions[0]
    reads = expected(spec, age_us)
    wanted = PLAIN_EXPIRED if reads is Reads.BLOCK else OUTCOMES[place][reads]
    assert (decision.tier, decision.cause, "".join(decision.answer)) == wanted, (spec.name, reads)
    if place == "why":
        said = {Reads.VALUE: "yes", Reads.DEFAULT: "no"}.get(reads)
        assert {item.why for item in decision.items} == (set() if reads is Reads.BLOCK else {said})


@pytest.mark.parametrize("place", OUTCOMES)
def test_what_was_not_granted_has_no_age(place: str) -> None:
    """WITHHELD comes before EXPIRED: the slot is plain for want of consent, whatever the feed says."""
    spec = EVERY_FEATURE["strings_block_default"]
    known = {spec.name: FeatureValue(value=("fresh",), as_of=0)}
    loaded = CACHE.of(place, spec)
    decision = run(loaded, request(granted=()), Snapshot(loaded.snapshot.tables, {"v1": known})).decisions[0]
    assert (decision.tier, decision.cause) == (Tier.PLAIN, Cause.NO_CONSENT)


COLUMNS = {kind: f"live_{kind.value}" for kind in ValueType}
LIVE = {
    **TABLE,
    **{COLUMNS[kind]: (kind, [DEFAULTS[kind]] * 5) for kind in ValueType},
}


def live_shop(place: str, kind: ValueType) -> LoadedBundle:
    condition = is_fresh(Root.ITEM, COLUMNS[kind], kind)
    number: Tree = ("conditional", "double", condition, const(1.0), const(0.0))
    rules = (columns("held", "bool", condition), columns("number", "double", number), once("once", "bool", condition))
    changes: dict[str, dict[str, object]] = {
        "guard": {"guards": ("held",)},
        "where": {"retrieve": (Filter(where="held", limit=9),)},
        "boost": {"score": "number", "size": 1},
        "payload": {"retrieve": (Pool(ids=("c",)),), "payload": {"x": PayloadField(type=ValueType.BOOL, rule="once")}},
    }
    return Shop(
        slots=(slot(**changes[place]),), rules=(*RULES, *rules), table=LIVE, live=("price", *COLUMNS.values())
    ).load()


LIVE_SHOPS = {
    (place, kind): live_shop(place, kind) for place in ("guard", "where", "boost", "payload") for kind in ValueType
}


@settings(deadline=None, max_examples=200)
@given(
    place=st.sampled_from(["guard", "where", "boost", "payload"]),
    kind=st.sampled_from(list(ValueType)),
    age_us=st.sampled_from([-1, 0, 1, -(10**12), 10**14]) | st.integers(-LIMIT_US, LIMIT_US),
)
def test_a_live_column_of_the_future_is_missing_and_an_old_one_is_true(
    place: str, kind: ValueType, age_us: int
) -> None:
    """The feed tells changes alone, so an old value is the present one; that the feed is heard is for max_staleness."""
    loaded = LIVE_SHOPS[place, kind]
    delta = FeatureDelta(table="products", seq=1, entity="c", as_of=NOW - age_us, values={COLUMNS[kind]: FRESH[kind]})
    snapshot = loaded.snapshot.with_deltas([delta], loaded.snapshot.cursor)
    decision = run(loaded, request(), snapshot).decisions[0]
    is_future = age_us < 0
    if place == "payload":
        assert (decision.tier, decision.cause) == (
            (Tier.PLAIN, Cause.MISSING_FEATURE) if is_future else (Tier.RULES, None)
        )
    elif place == "boost":
        assert (decision.tier, decision.answer) == ((Tier.PLAIN, ()) if is_future else (Tier.RULES, ("c",)))
    else:
        assert decision.answer == (() if is_future else ("c",))


@given(now=st.integers(0, 4 * 10**15))
def test_what_comes_with_the_request_never_ages(now: int) -> None:
    loaded = CONTEXT
    decision = run(loaded, request(now=now, context={"is_member": True}, visitor_state={"views": 1})).decisions[0]
    assert (decision.tier, decision.cause) == (Tier.RULES, None)


CONTEXT = Shop(
    slots=(slot(eligible="views_some", guards=("member",)),),
    rules=(*RULES, columns("member", "bool", read(Root.REQUEST, "is_member", "bool"))),
).load()
