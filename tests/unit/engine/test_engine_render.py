import pytest
from builders import NOW, RULES, TABLE, Shop, batch, const, once, read, slot

from contracts.decision import Prop
from contracts.errors import MissingError, RuleError
from contracts.features import Root, Value, ValueType
from contracts.rule_ir import Read, Rule
from contracts.slots import PayloadField
from engine.programs.values import CelValue
from engine.render import _prop, render

NOW_RULE = once("now", "timestamp", Read(type="timestamp", root=Root.NOW))


def prop(kind: ValueType, rule: Rule, column: tuple[ValueType, list[Value | None]] | None = None, row: int = 0) -> Prop:
    table = {**TABLE, **({"extra": column} if column else {})}
    payload = {"x": PayloadField(type=kind, rule=rule.name)}
    loaded = Shop(slots=(slot(payload=payload),), rules=(*RULES, rule), table=table).load()
    given = batch(loaded)
    return render(loaded.slots["shelf"], given.scope, given.table, [row])[0][0].props["x"]


def extra(kind: str) -> Rule:
    return once("extra", kind, read(Root.ITEM, "extra", kind))


def test_each_type_of_payload() -> None:
    assert prop(ValueType.STRING, once("t", "string", read(Root.ITEM, "title", "string"))) == "Apple"
    assert prop(ValueType.INT, once("p", "int", read(Root.ITEM, "price", "int"))) == 100
    assert prop(ValueType.DOUBLE, once("m", "double", read(Root.ITEM, "margin", "double"))) == 0.1
    assert prop(ValueType.BOOL, extra("bool"), (ValueType.BOOL, [True, False, True, True, True])) is True
    assert prop(ValueType.STRINGS, extra("list(string)"), (ValueType.STRINGS, [("q", "r"), *[()] * 4])) == ("q", "r")
    assert prop(ValueType.TIMESTAMP, NOW_RULE) == NOW


def test_items_come_in_answer_order_with_offer_and_sentence() -> None:
    loaded = Shop(slots=(slot(offer="title", why="nothing"),)).load()
    given = batch(loaded)
    items, problem = render(loaded.slots["shelf"], given.scope, given.table, [2, 0])
    assert [(item.id, item.offer_id, item.why) for item in items] == [("c", "Cheese", None), ("a", "Apple", None)]
    assert problem == ""


def test_errors_are_raised() -> None:
    margin = once("m", "double", read(Root.ITEM, "margin", "double"))
    with pytest.raises(MissingError, match=r"m \(test:1:1\): "):
        prop(ValueType.DOUBLE, margin, row=4)
    huge = once("h", "double", ("multiply_double", "double", const(1e308), const(1e308)))
    with pytest.raises(RuleError, match="not a finite number"):
        prop(ValueType.DOUBLE, huge)


@pytest.mark.parametrize("value", [None, True, 3, "x"])
def test_plain_values_stay(value: CelValue) -> None:
    assert _prop(value, "x") is value


def test_maps_are_refused() -> None:
    with pytest.raises(RuleError, match="payload x is of a type"):
        _prop({"a": 1.0}, "x")
