"""What every fold must hold, over the whole of `FOLDS`."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import decode, decode_cbor, encode, encode_cbor
from contracts.features import FeatureSpec, FoldSpec, Root, Value, conform
from contracts.visitor_state import VisitorState
from engine.folds import FOLDS, Fold, FoldEvent, advance, fold_digest, read

EACH = pytest.mark.parametrize("fold", FOLDS.values(), ids=FOLDS)
NOW = 1_700_000_000_000_000
EVENTS = st.lists(
    st.builds(
        FoldEvent,
        type=st.sampled_from(["view", "view", "buy"]),
        now_us=st.integers(NOW, NOW + 10**9),
        item=st.sampled_from(["a", "b", "c", "d"]) | st.none(),
        data=st.fixed_dictionaries(
            {}, optional={"amount": st.integers(-5, 5) | st.floats(-9, 9) | st.text(max_size=3)}
        ),
        seen=st.sampled_from([(), ("a",), ("b", "c", "d"), None]),
    ),
    max_size=12,
)


def specs(fold: Fold) -> list[FeatureSpec]:
    spec = FoldSpec(fold=fold.name, event="view", key="item" if fold.has_key else None, value="data.amount", limit=2)
    return [FeatureSpec(name=f"f_{kind}", root=Root.VISITOR_STATE, type=kind, fold=spec) for kind in sorted(fold.types)]


def folded(fold: Fold, events: Sequence[FoldEvent]) -> dict[str, Value]:
    states: dict[str, Value] = {}
    for event in events:
        states = advance(specs(fold), states, event)
    return states


@EACH
@given(events=EVENTS)
def test_reads_have_the_declared_type(fold: Fold, events: list[FoldEvent]) -> None:
    for spec in specs(fold):
        value = read([spec], folded(fold, events), NOW + 10**9)[spec.name]
        assert conform(value, spec.type, "$") == value
        assert type(conform(value, spec.type, "$")) is type(value)


@EACH
@given(events=EVENTS, cut=st.integers(0, 12))
def test_a_state_survives_any_codec_between_events(fold: Fold, events: list[FoldEvent], cut: int) -> None:
    states = folded(fold, events[:cut])
    for copy in (
        decode(encode(VisitorState(folds=states)), VisitorState),
        decode_cbor(encode_cbor(VisitorState(folds=states)), VisitorState),
    ):
        resumed = dict(copy.folds)
        for event in events[cut:]:
            resumed = advance(specs(fold), resumed, event)
        assert resumed == folded(fold, events)


@EACH
@given(events=EVENTS)
def test_other_events_change_nothing(fold: Fold, events: list[FoldEvent]) -> None:
    views = [event for event in events if event.type == "view"]
    now = NOW + 10**9
    assert read(specs(fold), folded(fold, events), now) == read(specs(fold), folded(fold, views), now)


@EACH
def test_over_no_events_it_has_its_initial_value(fold: Fold) -> None:
    assert fold.initial is not None
    for spec in specs(fold):
        assert read([spec], {}, NOW) == read([spec], {fold_digest(spec.fold): fold.initial}, NOW)  # type: ignore[arg-type]


@EACH
def test_a_state_of_another_type_counts_as_none(fold: Fold) -> None:
    digest = fold_digest(specs(fold)[0].fold)  # type: ignore[arg-type]
    assert read(specs(fold), {digest: {"x": 1.0}}, NOW) == read(specs(fold), {}, NOW)


@EACH
@given(events=EVENTS)
def test_the_limit_bounds_the_state(fold: Fold, events: list[FoldEvent]) -> None:
    (state,) = folded(fold, events).values() or [fold.initial]
    assert not isinstance(state, tuple) or len(state) <= 6, "of two keys at most, three texts each at most"
