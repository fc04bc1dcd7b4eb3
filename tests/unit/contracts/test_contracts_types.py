"""Every hand-over survives its codec, and refuses what is malformed with a path."""

from datetime import UTC, datetime

import msgspec
import pytest

from contracts import (
    bundle,
    catalog,
    codec,
    controls,
    decision,
    events,
    experiments,
    fallback,
    features,
    node_status,
    record,
    release,
    rule_ir,
    slots,
    visitor_state,
)
from contracts.errors import ContractError

PLACE = rule_ir.Place(file="rules/stock.toml", line=2, column=8)
CONST = rule_ir.Const(type="int", value=1)
REQUEST = decision.DecisionRequest(
    request_id="r1", now=1, slots=("hero",), units={"visitor": "v"}, visitor_state={"adds": 2, "names": ("a",)}
)
DECISION = decision.Decision(
    decision_id="r1.hero",
    slot="hero",
    tier=decision.Tier.RULES,
    cause=decision.Cause.NO_MODEL,
    reason=decision.Reason.TARGETING_MATCH,
    answer=("a",),
    propensity=0.5,
    component="hero",
    props={"title": "x", "n": 1, "tags": ("a", "b"), "none": None},
    items=(decision.RankedItem(id="a", props={}),),
)
RESULT = decision.Decisions(
    decisions=(DECISION,),
    traces=(decision.Trace(slot="hero", draws=(decision.Draw(u=0.5, item="a", propensity=0.5),)),),
    timed_out_at=decision.TimeOut(slot="hero", stage=decision.Stage.SCORE),
)
CURSOR = features.Cursor(epoch="e", positions={"visitor": 3})
EVENT = events.Event(id="1", type="view_item", at=datetime(2017, 11, 27, tzinfo=UTC), item="i", data={"quantity": 2})

HAND_OVERS: list[codec.Contract] = [
    bundle.Manifest(
        format_version=1, name="n", capabilities=("ir/2",), sections={"rules": bundle.SectionRef(digest="d", size=1)}
    ),
    bundle.ModelSet(
        models=(
            bundle.ModelSpec(
                name="m",
                scorer="onnx",
                inputs=(bundle.InputSpec(name="a", rule="r"), bundle.InputSpec(name="b", rule="r", missing=0.0)),
                output="margin",
            ),
        )
    ),
    bundle.Certificates(
        parity=(bundle.ParityCertificate(model="m", source_digest="d", points=3, bound=1e-5, verdict="equal"),)
    ),
    catalog.CatalogSchema(
        tables=(
            catalog.TableSpec(
                name="t", columns=(catalog.ColumnSpec(name="id", type=features.ValueType.STRING, default="x"),), rows=1
            ),
        )
    ),
    catalog.ColumnData(type=features.ValueType.STRING, values=b"\0\0\0\0", dictionary=("a",)),
    controls.Controls(sequence=1, killed=("*",), holds=("h",)),
    REQUEST,
    RESULT,
    EVENT,
    events.StoredEvent(event=EVENT, visitor="v", folded_at=1, node="n", revision="r"),
    experiments.ExperimentSpec(
        holdouts=(experiments.Holdout(salt="s", share=0.05),),
        experiments=(
            experiments.Experiment(
                name="e",
                layer="l",
                start=0.0,
                end=1.0,
                slots=("hero",),
                arms=(experiments.Arm(name="a", share=1.0, policy=slots.PolicySpec(name="greedy")),),
            ),
        ),
    ),
    fallback.FallbackTable(
        now=1,
        slots=(fallback.SlotFallback(slot="hero", keys=(), rows=(fallback.FallbackRow(key=(), answer=("a",)),)),),
    ),
    features.FeatureSchema(
        purposes=("p",),
        features=(
            features.FeatureSpec(
                name="f",
                root=features.Root.VISITOR_STATE,
                type=features.ValueType.STRINGS,
                default=("a",),
                fold=features.FoldSpec(fold="last_n", event="view_item"),
            ),
        ),
    ),
    features.FeedPage(
        cursor=CURSOR,
        deltas=(
            features.FeatureDelta(
                table="t",
                seq=1,
                entity="e",
                as_of=1,
                values={"a": 1, "b": 1.5, "c": ("x",), "d": {"k": 1.0}, "n": None},
            ),
        ),
    ),
    node_status.NodeStatus(
        node="n",
        revision=None,
        is_ready=False,
        cursor=CURSOR,
        feed_age_s=None,
        is_origin_reachable=False,
        controls_sequence=0,
        spooled=0,
        dropped_records=0,
        unknown_items=0,
    ),
    record.DecisionRecord(
        format_version=1,
        fingerprint={"numpy": "2"},
        revision="r",
        node="n",
        request=REQUEST,
        visitor={"a": features.FeatureValue(value=1.0, as_of=2)},
        cursor=CURSOR,
        controls=controls.Controls(),
        result=RESULT,
        result_digest="d",
    ),
    record.Recording(records=()),
    release.Release(sequence=1, revision="r", created_at=1),
    rule_ir.RuleIR(
        ir_version=1,
        rules={
            "r": rule_ir.Rule(
                name="r",
                form=rule_ir.Form.COLUMNS,
                type="map(string,double)",
                place=PLACE,
                nodes=(
                    CONST,
                    rule_ir.Read(type="int", root=features.Root.ITEM, field="stock"),
                    rule_ir.Has(root=features.Root.ITEM, field="stock"),
                    rule_ir.Call(type="bool", function="greater_int64", args=(1, 0)),
                    rule_ir.ListOf(type="list(int)", items=(0,)),
                    rule_ir.MapOf(type="map(string,double)", keys=(0,), values=(0,)),
                ),
            )
        },
    ),
    slots.SlotSet(
        slots=(
            slots.SlotSpec(
                name="s",
                kind="ranking",
                table="t",
                component="c",
                retrieve=(slots.Pool(), slots.Filter(where="w", limit=3), slots.PerVisitor(feature="f", limit=2)),
                plain={"title": "x"},
                policy=slots.PolicySpec(name="epsilon", params={"epsilon": 0.1}),
                pins=(slots.Pin(item="a", position=0),),
                caps=(slots.Cap(name="c", limit=1, window=slots.CapWindow.DAY),),
                payload={"title": slots.PayloadField(type=features.ValueType.STRING, rule="r")},
            ),
        ),
        pages={"home": ("s",)},
    ),
    visitor_state.VisitorState(
        visitor="v",
        folds={"d": ("a",)},
        caps={"c": {"i": visitor_state.CapCount(count=1, since=2)}},
        recent_events=(1,),
    ),
]
IDS = [type(value).__name__ for value in HAND_OVERS]


@pytest.mark.parametrize("value", HAND_OVERS, ids=IDS)
def test_round_trip(value: codec.Contract) -> None:
    assert codec.decode(codec.encode(value), type(value)) == value
    assert codec.decode_cbor(codec.encode_cbor(value), type(value)) == value


@pytest.mark.parametrize("value", HAND_OVERS, ids=IDS)
def test_unknown_fields_are_refused(value: codec.Contract) -> None:
    plain = msgspec.to_builtins(value, builtin_types=(bytes,)) | {"colour": 1}
    with pytest.raises(ContractError, match="unknown field `colour`"):
        codec.decode(codec.encode(plain), type(value))


@pytest.mark.parametrize("value", HAND_OVERS, ids=IDS)
def test_wrong_types_are_refused_with_their_path(value: codec.Contract) -> None:
    for name in type(value).__struct_fields__:
        plain = msgspec.to_builtins(value, builtin_types=(bytes,)) | {name: {"no": ["such", {"value": []}]}}
        with pytest.raises(ContractError) as refusal:
            codec.decode(codec.encode(plain), type(value))
        assert refusal.value.path.startswith(f"$.{name}")


@pytest.mark.parametrize("value", HAND_OVERS, ids=IDS)
def test_truncated_bytes_are_refused(value: codec.Contract) -> None:
    data = codec.encode(value)
    for size in range(0, len(data), max(1, len(data) // 20)):
        with pytest.raises(ContractError):
            codec.decode(data[:size], type(value))


@pytest.mark.parametrize("value", HAND_OVERS, ids=IDS)
def test_the_docstring_says_what_it_is(value: codec.Contract) -> None:
    assert len(type(value).__doc__ or "") > 20


def test_events_need_a_zone() -> None:
    with pytest.raises(ContractError, match=r"timezone component - at \$\.at"):
        codec.decode_json(b'{"id":"1","type":"view","at":"2017-11-27T00:00:00"}', events.Event)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3, features.ValueType.DOUBLE, 3.0),
        (3, features.ValueType.INT, 3),
        (True, features.ValueType.BOOL, True),
        (("a",), features.ValueType.STRINGS, ("a",)),
        ({"a": 1.0}, features.ValueType.NUMBERS, {"a": 1.0}),
    ],
)
def test_values_conform(value: features.Value, kind: features.ValueType, expected: features.Value) -> None:
    conformed = features.conform(value, kind, "$")
    assert conformed == expected
    assert type(conformed) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (True, features.ValueType.INT, "expected int, got bool"),
        (True, features.ValueType.DOUBLE, "expected double, got bool"),
        (1.0, features.ValueType.INT, "expected int, got float"),
        (2**63, features.ValueType.INT, "outside int64"),
        ("a", features.ValueType.STRINGS, "expected strings, got str"),
    ],
)
def test_values_that_do_not_conform_say_where(value: features.Value, kind: features.ValueType, message: str) -> None:
    with pytest.raises(ContractError, match=rf"{message} - at context\.n"):
        features.conform(value, kind, "context.n")


def test_the_schema_lists_features_by_root() -> None:
    spec = features.FeatureSpec(name="a", root=features.Root.REQUEST, type=features.ValueType.BOOL)
    schema = features.FeatureSchema(purposes=(), features=(spec,))
    assert schema.of(features.Root.REQUEST) == (spec,)
    assert schema.of(features.Root.VISITOR) == ()
