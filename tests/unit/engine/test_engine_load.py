"""Nothing in a bundle is believed: each case breaks one thing and expects the section and the thing by name."""

import dataclasses
import gc
import weakref
from typing import Any

import msgspec
import pytest
from builders import RULES, TABLE, Shop, column, columns, const, model, read, slot
from graphs import one, weighed

from contracts.bundle import Bundle
from contracts.catalog import CatalogSchema, ColumnData, ColumnSpec, TableSpec
from contracts.errors import ContractError, NotRunnableError
from contracts.experiments import Arm, Experiment, ExperimentSpec
from contracts.features import FeatureSpec, FoldSpec, Root, Value, ValueType
from contracts.rule_ir import RuleIR
from contracts.slots import Diversity, Filter, PayloadField, PerVisitor, Pin, PolicySpec, Pool
from engine.load import load

EXPERIMENT = Experiment(name="x", layer="l", start=0.0, end=1.0, slots=("shelf",), arms=(Arm(name="t", share=1.0),))


def state(kind: ValueType = ValueType.INT, fold: FoldSpec | None = None) -> FeatureSpec:
    return FeatureSpec(name="n", root=Root.VISITOR_STATE, type=kind, fold=fold)


def table(**changed: tuple[ValueType, list[Value | None]]) -> dict[str, Any]:
    return {"table": {**TABLE, **changed}}


def experiment(slots: tuple[str, ...] = ("shelf",), policy: PolicySpec | None = None) -> dict[str, Any]:
    arms = (Arm(name="t", share=1.0, policy=policy),)
    return {"experiments": ExperimentSpec(experiments=(msgspec.structs.replace(EXPERIMENT, slots=slots, arms=arms),))}


def one_slot(**changes: Any) -> dict[str, Any]:
    return {"slots": (slot(**changes),)}


def fallbacks(keys: tuple[str, ...], *rows: tuple[str, ...]) -> dict[str, Any]:
    return {"fallbacks": {"shelf": {row: ("a",) for row in rows}}, "fallback_keys": keys}


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "capability": ({"capabilities": ("ir/2", "policy/dice", "fold/dice")}, "lacks fold/dice, policy/dice"),
    "fold name": (
        {"features": (state(fold=FoldSpec(fold="rate", event="v")),)},
        "schema: visitor_state.n needs fold rate",
    ),
    "fold type": (
        {"features": (state(ValueType.STRING, FoldSpec(fold="count", event="v")),)},
        "schema: visitor_state.n is string, fold count gives int",
    ),
    "fold key": (
        {"features": (state(ValueType.STRINGS, FoldSpec(fold="last_n", event="v")),)},
        "needs a key and a limit",
    ),
    "fold limit": ({"features": (state(fold=FoldSpec(fold="count", event="v", limit=0)),)}, "a limit of at least 1"),
    "no fold": ({"features": (state(),)}, "schema: visitor_state.n has no fold"),
    "column type": (
        {"sections": {"column/products/price": column(ValueType.DOUBLE, [1.0] * 5)}},
        "column/products/price: holds double, the catalog declares int",
    ),
    "column length": (
        {"sections": {"column/products/price": column(ValueType.INT, [1] * 4)}},
        "column/products/price: a column's bytes do not fit",
    ),
    "missing values": (
        {"sections": {"column/products/price": column(ValueType.INT, [1, 2, None, 4, 5])}},
        "column/products/price: has missing values",
    ),
    "infinite": (
        table(margin=(ValueType.DOUBLE, [1.0, 2.0, float("inf"), 4.0, 5.0])),
        "margin: has values that are not",
    ),
    "ids unsorted": (table(id=(ValueType.STRING, ["b", "a", "c", "d", "e"])), "column/products/id: ids are not unique"),
    "ids twice": (table(id=(ValueType.STRING, ["a", "a", "c", "d", "e"])), "column/products/id: ids are not unique"),
    "ids of another type": (table(id=(ValueType.INT, [1, 2, 3, 4, 5])), "needs a column id of type string"),
    "scorer": ({"models": (msgspec.structs.replace(model("price"), scorer="magic"),)}, "models: m needs magic"),
    "output": ({"models": (msgspec.structs.replace(model("price"), output="logit"),)}, "giving logit"),
    "model width": (
        {"models": (model("price"),), "graphs": {"m": weighed(1.0, 1.0)}},
        "model/m: the model takes 2 inputs, the bundle declares 1",
    ),
    "model operator": ({"models": (model("price"),), "graphs": {"m": one("Loop")}}, "model/m: .*Loop"),
    "table": (one_slot(table="arms"), "slots: slot shelf: names table arms"),
    "kind": (one_slot(kind="carousel"), "slot shelf: is of kind carousel"),
    "size": (one_slot(size=0), "slot shelf: size must be 1 to 1000"),
    "cap": (one_slot(cap_candidates=0), "cap_candidates at least 1"),
    "pin": (one_slot(pins=(Pin(item="zz", position=0),)), "pins zz, which table products lacks"),
    "diversity column": (one_slot(diversity=Diversity(column="colour", at_most=1)), "colour is none"),
    "diversity list": (
        {**table(tags=(ValueType.STRINGS, [()] * 5)), **one_slot(diversity=Diversity(column="tags", at_most=1))},
        "a column of single values, tags is none",
    ),
    "diversity limit": (one_slot(diversity=Diversity(column="kind", at_most=0)), "diversity allows at least 1"),
    "unknown rule": (one_slot(guards=("safe",)), "slot shelf: names rule safe, which the bundle lacks"),
    "rule type": (one_slot(guards=("price",)), "rule price is int in form columns; its place needs columns, bool"),
    "rule form": (one_slot(eligible="in_stock"), "rule in_stock is bool in form columns; its place needs request"),
    "bad rule": (
        {
            "rules": (*RULES, columns("broken", "bool", read(Root.ITEM, "colour", "bool"))),
            **one_slot(guards=("broken",)),
        },
        "slot shelf: .*item.colour",
    ),
    "score that reads score before it is known": (
        one_slot(score="double_score"),
        "slot shelf: rule double_score reads score",
    ),
    "payload type": (
        one_slot(payload={"x": PayloadField(type=ValueType.NUMBERS, rule="title")}),
        "payload x cannot be of type numbers",
    ),
    "payload rule": (
        one_slot(payload={"x": PayloadField(type=ValueType.INT, rule="title")}),
        "rule title is string in form request; its place needs request, int",
    ),
    "pool": (one_slot(retrieve=(Pool(ids=("a", "zz")),)), "its pool names zz"),
    "per visitor": (one_slot(retrieve=(PerVisitor(feature="taste", limit=3),)), "retrieves by visitor.taste"),
    "filter": (one_slot(retrieve=(Filter(where="price", limit=3),)), "rule price is int"),
    "limit": (one_slot(retrieve=(Filter(where="cheap", limit=-1),)), "a generator's limit is at least 1"),
    "model of a slot": (one_slot(model="m"), "names model m, which the bundle lacks"),
    "input": (
        {"models": (model("price", missing="zero"),), **one_slot(model="m")},
        "input price: missing is nan, refuse",
    ),
    "input rule": ({"models": (model("title"),), **one_slot(model="m")}, "rule title is string"),
    "policy": (one_slot(policy=PolicySpec(name="dice")), "needs policy dice"),
    "policy kind": (
        one_slot(kind="value", policy=PolicySpec(name="epsilon", params={"epsilon": 0.1})),
        "policy epsilon does not support kind value",
    ),
    "policy params": (one_slot(policy=PolicySpec(name="epsilon")), "policy epsilon needs epsilon"),
    "policy range": (
        one_slot(policy=PolicySpec(name="epsilon", params={"epsilon": 1.5})),
        "epsilon must be within 0.0 to 1.0",
    ),
    "page": ({"pages": {"home": ("shelf", "hero")}}, "slots: page home lists hero, which is no slot"),
    "experiment slot": (experiment(slots=("hero",)), "experiments: experiment x names hero"),
    "experiment policy": (experiment(policy=PolicySpec(name="dice")), "experiments: needs policy dice"),
    "fallback key": (fallbacks(("zip",), ("*",)), "keyed by zip, which is no request feature"),
    "fallback row": (fallbacks(("device",), ("phone",)), "slot shelf: its fallbacks lack the row"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_bundle_that_cannot_run_is_refused_by_name(case: str) -> None:
    changes, message = BROKEN[case]
    with pytest.raises(NotRunnableError, match=message):
        Shop(**changes).load()


@pytest.mark.parametrize("section", ["schema", "catalog", "rules", "slots", "column/products/price"])
def test_a_missing_or_malformed_section_is_named(section: str) -> None:
    with pytest.raises(ContractError, match=f"lacks this section - at {section}"):
        Shop(sections={section: None}).load()
    with pytest.raises(ContractError, match=f"{section}:"):
        Shop(sections={section: b"\xc1"}).load()


@pytest.mark.parametrize("section", ["models", "experiments", "fallbacks"])
def test_what_a_bundle_may_do_without(section: str) -> None:
    assert Shop(sections={section: None}).load().slots
    with pytest.raises(ContractError, match=f"{section}:"):
        Shop(sections={section: b"\xc1"}).load()


def test_a_table_without_ids_is_refused() -> None:
    spec = TableSpec(name="products", columns=(ColumnSpec(name="price", type=ValueType.INT),), rows=1)
    sections = {
        "catalog": CatalogSchema(tables=(spec,)),
        "column/products/price": ColumnData(type=ValueType.INT, values=bytes(8)),
    }
    with pytest.raises(NotRunnableError, match="column/products/id: every table needs a column id"):
        Shop(sections=sections).load()


def test_other_formats_are_refused() -> None:
    bundle = Shop().bundle()
    later = msgspec.structs.replace(bundle.manifest, format_version=2)
    with pytest.raises(NotRunnableError, match="manifest: format 2"):
        load(Bundle(later, bundle.sections))
    with pytest.raises(NotRunnableError, match="rules: IR 3"):
        Shop(sections={"rules": RuleIR(ir_version=3, rules={})}).load()


def test_everything_is_looked_up() -> None:
    epsilon = PolicySpec(name="epsilon", params={"epsilon": 0.5})
    shop = Shop(
        slots=(
            slot(
                model="m",
                eligible="is_member",
                guards=("in_stock",),
                retrieve=(Pool(ids=("b", "a")), Filter(where="cheap", limit=2), PerVisitor(feature="own", limit=3)),
                objective="double_score",
                boosts=("by_price",),
                offer="title",
                why="title",
            ),
            slot("other", model="m"),
        ),
        models=(model("price", "taste", missing=-1),),
        graphs={"m": weighed(1.0, 1.0)},
        pages={"home": ("shelf",)},
        fallback_keys=("device",),
        fallbacks={"shelf": {("*",): ("a", "b", "a"), ("phone",): ("c",)}},
        **experiment(policy=epsilon),
    )
    loaded = shop.load()
    shelf = loaded.slots["shelf"]
    assert shelf.model is not None
    assert shelf.model is loaded.slots["other"].model
    assert shelf.model.scorer is not None
    assert [each.missing for each in shelf.model.inputs] == [-1.0, -1.0]
    assert [generator.name for generator in shelf.generators] == ["retrieve[0]", "retrieve[1]", "retrieve[2]"]
    assert shelf.fallback is not None
    assert shelf.fallback.answers == {("*",): ("a", "b"), ("phone",): ("c",)}
    assert shelf.fallback.defaults == ("phone",)
    assert loaded.arm_policies["x", "t"].params == {"epsilon": 0.5}
    assert loaded.pages == {"home": ("shelf",)}
    assert loaded.revision == shop.bundle().revision
    assert [spec.name for spec in loaded.state_features] == ["views"]
    assert loaded.snapshot.tables["products"].columns["price"].is_live
    assert not loaded.snapshot.tables["products"].columns["title"].is_live


def test_a_model_without_its_graph_loads_without_a_scorer() -> None:
    loaded = Shop(models=(model("price"),), slots=(slot(model="m"),)).load()
    assert loaded.slots["shelf"].model is not None
    assert loaded.slots["shelf"].model.scorer is None


def test_a_bundle_that_was_let_go_leaves_nothing_behind() -> None:
    named = columns("named", "bool", ("starts_with_string", "bool", read(Root.ITEM, "title", "string"), const("B")))
    loaded = Shop(slots=(slot(guards=("named",)),), rules=(*RULES, named)).load()
    gone = weakref.ref(loaded.snapshot.tables["products"].columns["title"])
    assert gone() is not None
    del loaded
    gc.collect()
    assert gone() is None


def test_loaded_things_are_frozen() -> None:
    loaded = Shop().load()
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.revision = "x"  # type: ignore[misc]
