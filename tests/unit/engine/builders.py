"""A tiny bundle made by hand from contracts, so that tests of the engine need no compiler."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from contracts.bundle import Bundle, InputSpec, Manifest, ModelSet, ModelSpec, SectionRef, digest
from contracts.catalog import CatalogSchema, ColumnData, ColumnSpec, TableSpec
from contracts.codec import Contract, encode
from contracts.controls import Controls
from contracts.decision import DecisionRequest, Decisions
from contracts.experiments import ExperimentSpec
from contracts.fallback import FallbackRow, FallbackTable, SlotFallback
from contracts.features import FeatureSchema, FeatureSpec, FoldSpec, OnExpired, Root, Status, Value, ValueType
from contracts.rule_ir import IR_VERSION, Call, Const, Form, Has, ListOf, Node, Place, Read, Rule, RuleIR
from contracts.slots import PayloadField, PolicySpec, Pool, SlotSet, SlotSpec
from engine.decide import decide
from engine.load import load
from engine.loaded import LoadedBundle
from engine.programs.values import Batch, Scope
from engine.snapshot import Snapshot

NOW = 1_000_000_000_000_000
PERSONAL = "personalisation"
GREEDY = PolicySpec(name="greedy")

TABLE = {
    "id": (ValueType.STRING, ["a", "b", "c", "d", "e"]),
    "title": (ValueType.STRING, ["Apple", "Bread", "Cheese", "Dates", "Eggs"]),
    "kind": (ValueType.STRING, ["fruit", "bakery", "dairy", "fruit", "dairy"]),
    "price": (ValueType.INT, [100, 200, 300, 400, 500]),
    "stock": (ValueType.INT, [5, 5, 5, 5, 5]),
    "margin": (ValueType.DOUBLE, [0.1, 0.2, 0.3, 0.4, None]),
}
FEATURES = (
    FeatureSpec(name="device", root=Root.REQUEST, type=ValueType.STRING, values=("phone", "desktop"), default="phone"),
    FeatureSpec(name="is_member", root=Root.REQUEST, type=ValueType.BOOL),
    FeatureSpec(name="own", root=Root.VISITOR, type=ValueType.STRINGS, purpose=PERSONAL),
    FeatureSpec(name="taste", root=Root.VISITOR, type=ValueType.DOUBLE, purpose=PERSONAL),
    FeatureSpec(
        name="old", root=Root.VISITOR, type=ValueType.DOUBLE, max_age_s=60, on_expired=OnExpired.FALLBACK, default=0.5
    ),
    FeatureSpec(name="dead", root=Root.VISITOR, type=ValueType.DOUBLE, max_age_s=60, on_expired=OnExpired.BLOCK),
    FeatureSpec(
        name="old_list", root=Root.VISITOR, type=ValueType.STRINGS, max_age_s=60, on_expired=OnExpired.FALLBACK
    ),
    FeatureSpec(name="dead_list", root=Root.VISITOR, type=ValueType.STRINGS, max_age_s=60, on_expired=OnExpired.BLOCK),
    FeatureSpec(
        name="views",
        root=Root.VISITOR_STATE,
        type=ValueType.INT,
        purpose=PERSONAL,
        fold=FoldSpec(fold="count", event="view"),
    ),
)


def read(root: Root, name: str, kind: str) -> Read:
    return Read(type=kind, root=root, field=name)


PRICE = read(Root.ITEM, "price", "int")
STOCK = read(Root.ITEM, "stock", "int")
TITLE = read(Root.ITEM, "title", "string")
MARGIN = read(Root.ITEM, "margin", "double")
SCORE = Read(type="double", root=Root.SCORE)
OLD = read(Root.VISITOR, "old", "double")
DEAD = read(Root.VISITOR, "dead", "double")
TASTE = read(Root.VISITOR, "taste", "double")
VIEWS = read(Root.VISITOR_STATE, "views", "int")
IS_MEMBER = read(Root.REQUEST, "is_member", "bool")
TRUE = Const(type="bool", value=True)
FALSE = Const(type="bool", value=False)

Tree = tuple[object, ...] | Node


def const(value: bool | int | float | str) -> Const:
    kinds: dict[type, str] = {bool: "bool", int: "int", float: "double", str: "string"}
    return Const(type=kinds[type(value)], value=value)


def rule(name: str, form: Form, kind: str, tree: Tree) -> Rule:
    """A rule from nested tuples `(function id, result type, arg, ...)` and leaves."""
    nodes: list[Node] = []
    _flatten(tree, nodes)
    return Rule(name=name, form=form, type=kind, place=Place(file="test", line=1, column=1), nodes=tuple(nodes))


def _flatten(tree: Tree, nodes: list[Node]) -> int:
    if isinstance(tree, (Const, Read, Has, Call, ListOf)):
        nodes.append(tree)
    else:
        function, kind, *args = tree
        nodes.append(Call(type=str(kind), function=str(function), args=tuple(_flatten(arg, nodes) for arg in args)))
    return len(nodes) - 1


def columns(name: str, kind: str, tree: Tree) -> Rule:
    return rule(name, Form.COLUMNS, kind, tree)


def once(name: str, kind: str, tree: Tree) -> Rule:
    return rule(name, Form.REQUEST, kind, tree)


RULES = (
    columns("in_stock", "bool", ("greater_int64", "bool", STOCK, const(0))),
    columns("cheap", "bool", ("less_int64", "bool", PRICE, const(450))),
    columns("has_margin", "bool", ("greater_double", "bool", MARGIN, const(0.0))),
    columns("price", "int", PRICE),
    columns("by_price", "double", ("int64_to_double", "double", PRICE)),
    columns("by_margin", "double", MARGIN),
    columns("double_score", "double", ("multiply_double", "double", SCORE, const(2.0))),
    columns("huge", "double", ("multiply_double", "double", const(1e308), ("int64_to_double", "double", PRICE))),
    columns("taste", "double", TASTE),
    columns("old", "double", OLD),
    columns("old_ok", "bool", ("less_double", "bool", OLD, const(9.0))),
    columns("dead", "double", DEAD),
    columns("dead_ok", "bool", ("less_double", "bool", DEAD, const(9.0))),
    columns("likes", "bool", ("greater_double", "bool", TASTE, const(0.0))),
    once("is_member", "bool", IS_MEMBER),
    once("views_some", "bool", ("greater_int64", "bool", VIEWS, const(0))),
    once("old_once", "bool", ("less_double", "bool", OLD, const(9.0))),
    once("title", "string", TITLE),
    once("price_once", "int", PRICE),
    once("margin_once", "double", MARGIN),
    once("huge_once", "double", ("multiply_double", "double", const(1e308), const(1e308))),
    once("nothing", "string", const("")),
)


def slot(name: str = "shelf", **changes: object) -> SlotSpec:
    """A ranking of three by descending price, shown by title."""
    given: dict[str, object] = {
        "kind": "ranking",
        "table": "products",
        "component": "shelf",
        "retrieve": (Pool(),),
        "plain": {"title": "Welcome"},
        "policy": GREEDY,
        "size": 3,
        "score": "by_price",
        "payload": {"title": PayloadField(type=ValueType.STRING, rule="title")},
    }
    return SlotSpec(name=name, **{**given, **changes})  # type: ignore[arg-type]


def model(*rules: str, missing: str | float = "nan", name: str = "m") -> ModelSpec:
    inputs = tuple(InputSpec(name=each, rule=each, missing=missing) for each in rules)
    return ModelSpec(name=name, scorer="onnx", inputs=inputs, output="margin")


@dataclass
class Shop:
    """What the bundle is made of; `sections` replaces or (with None) removes whole sections."""

    slots: tuple[SlotSpec, ...] = field(default_factory=lambda: (slot(),))
    rules: tuple[Rule, ...] = RULES
    features: tuple[FeatureSpec, ...] = FEATURES
    table: Mapping[str, tuple[ValueType, list[Value | None]]] = field(default_factory=lambda: dict(TABLE))
    live: tuple[str, ...] = ("price", "stock")
    models: tuple[ModelSpec, ...] = ()
    graphs: Mapping[str, bytes] = field(default_factory=dict)
    experiments: ExperimentSpec = field(default_factory=ExperimentSpec)
    fallbacks: Mapping[str, Mapping[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    fallback_keys: tuple[str, ...] = ()
    pages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ("ir/2", "kind/ranking")
    sections: Mapping[str, Contract | bytes | None] = field(default_factory=dict)

    def bundle(self) -> Bundle:
        contents = {**self._contents(), **self.sections}
        kept = {name: data if isinstance(data, bytes) else encode(data) for name, data in contents.items() if data}
        refs = {name: SectionRef(digest=digest(data), size=len(data)) for name, data in kept.items()}
        return Bundle(Manifest(format_version=1, name="shop", capabilities=self.capabilities, sections=refs), kept)

    def load(self) -> LoadedBundle:
        return load(self.bundle())

    def _contents(self) -> dict[str, Contract | bytes | None]:
        specs = tuple(
            ColumnSpec(name=name, type=kind, is_nullable=None in values, is_live=name in self.live)
            for name, (kind, values) in self.table.items()
        )
        rows = len(self.table["id"][1])
        return {
            "schema": FeatureSchema(purposes=(PERSONAL,), features=self.features),
            "catalog": CatalogSchema(tables=(TableSpec(name="products", columns=specs, rows=rows),)),
            "rules": RuleIR(ir_version=IR_VERSION, rules={each.name: each for each in self.rules}),
            "slots": SlotSet(slots=self.slots, pages=dict(self.pages)),
            "models": ModelSet(models=self.models),
            "experiments": self.experiments,
            "fallbacks": self._fallbacks(),
            **{f"model/{name}": graph for name, graph in self.graphs.items()},
            **{f"column/products/{name}": column(kind, values) for name, (kind, values) in self.table.items()},
        }

    def _fallbacks(self) -> FallbackTable:
        return FallbackTable(
            now=NOW,
            slots=tuple(
                SlotFallback(
                    slot=name,
                    keys=self.fallback_keys,
                    rows=tuple(FallbackRow(key=key, answer=answer) for key, answer in rows.items()),
                )
                for name, rows in self.fallbacks.items()
            ),
        )


def column(kind: ValueType, values: list[Value | None]) -> ColumnData:
    """A column's bytes; None is MISSING."""
    status = bytes([Status.MISSING if value is None else Status.PRESENT for value in values])
    status = status if any(status) else b""
    if kind is ValueType.STRING:
        texts = [str(value or "") for value in values]
        dictionary = tuple(dict.fromkeys(texts))
        codes = np.array([dictionary.index(text) for text in texts], dtype="<i4")
        return ColumnData(type=kind, values=codes.tobytes(), status=status, dictionary=dictionary)
    if kind in (ValueType.STRINGS, ValueType.NUMBERS):
        return _ragged(kind, values)
    widths = {ValueType.BOOL: "<u1", ValueType.DOUBLE: "<f8"}
    raw = np.array([value or 0 for value in values], dtype=widths.get(kind, "<i8"))
    return ColumnData(type=kind, values=raw.tobytes(), status=status)


def _ragged(kind: ValueType, values: list[Value | None]) -> ColumnData:
    rows = [value if isinstance(value, (tuple, dict)) else () for value in values]
    keys = [key for row in rows for key in row]
    dictionary = tuple(dict.fromkeys(keys))
    numbers = [number for row in rows if isinstance(row, dict) for number in row.values()]
    return ColumnData(
        type=kind,
        values=np.array([dictionary.index(key) for key in keys], dtype="<i4").tobytes(),
        dictionary=dictionary,
        offsets=np.cumsum([0, *map(len, rows)]).astype("<i8").tobytes(),
        numbers=np.array(numbers, dtype="<f8").tobytes(),
    )


def request(**changes: object) -> DecisionRequest:
    """A request of a visitor who granted all, for slot `shelf`."""
    given: dict[str, object] = {
        "request_id": "r1",
        "now": NOW,
        "slots": ("shelf",),
        "units": {"visitor": "v1", "session": "s1"},
        "granted": (PERSONAL,),
    }
    return DecisionRequest(**{**given, **changes})  # type: ignore[arg-type]


def run(
    loaded: LoadedBundle,
    asked: DecisionRequest | None = None,
    snapshot: Snapshot | None = None,
    killed: tuple[str, ...] = (),
    late_at: tuple[str, str] | None = None,
) -> Decisions:
    """`decide`, with time running out at one check."""
    controls = Controls(killed=killed)
    return decide(loaded, asked or request(), snapshot or loaded.snapshot, controls, lambda *at: at == late_at)


def batch(loaded: LoadedBundle, *ids: str, now: int = NOW) -> Batch:
    """Candidates of the table, all of them by default."""
    table = loaded.snapshot.tables["products"]
    rows = np.array(sorted(table.row_of[name] for name in ids or table.ids), dtype=np.int64)
    return Batch(Scope(now, frozenset({PERSONAL}), {}, {"views": 0}, {}), table, rows)
