import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import pack
from contracts.features import FeatureDelta, Value
from edge.packed_deltas import packed_delta, unpacked

numbers = st.floats() | st.integers(-(10**9), 10**9).map(lambda whole: whole / 1e6) | st.sampled_from([0.0, -0.0, 1.0])
maps = st.dictionaries(st.text(max_size=5), numbers, max_size=8)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.text(max_size=5), max_size=4).map(tuple),
    maps,
)


def delta(values: dict[str, Value | None]) -> FeatureDelta:
    return FeatureDelta(table="visitor", seq=1, entity="v", as_of=2**50, values=values)


def bits(numbers: dict[str, float]) -> list[bytes]:
    return [struct.pack("<d", number) for number in numbers.values()]


@given(st.dictionaries(st.text(max_size=5), values, max_size=8))
def test_a_delta_comes_back_to_the_bit_in_its_order(values: dict[str, Value | None]) -> None:
    packed = packed_delta(delta(values))
    back, as_of = unpacked(packed)
    assert pack(back) == pack(values), "bytes in field order: order, types and bits are the same"
    assert (packed.columns, as_of) == (frozenset(values), 2**50)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8, unique=True), st.data())
def test_maps_that_share_their_keys_come_back_apart(keys: list[str], data: st.DataObject) -> None:
    values: dict[str, dict[str, float]] = {
        name: {key: data.draw(numbers) for key in keys} for name in ("first", "second", "third")
    }
    values["reversed"] = dict(reversed(values["first"].items()))
    back, _ = unpacked(packed_delta(delta(dict(values))))
    for name, numbers_of in values.items():
        told = back[name]
        assert isinstance(told, dict)
        assert (list(told), bits(told)) == (list(numbers_of), bits(numbers_of))


@pytest.mark.parametrize("count", [255, 256, 257, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("step", [1.0, 1e-6, 1e-9])
def test_any_count_of_different_numbers_fits(count: int, step: float) -> None:
    told: Value = {str(number): number * step for number in range(count)}
    assert unpacked(packed_delta(delta({"m": told})))[0] == {"m": told}


def test_a_map_among_other_values_keeps_its_place() -> None:
    values: dict[str, Value | None] = {"a": 1, "m": {"x": 1.0}, "gone": None, "n": {}, "z": ("x",)}
    assert list(unpacked(packed_delta(delta(values)))[0].items()) == list(values.items())


def test_whole_numbers_in_a_map_come_back_as_doubles() -> None:
    told = unpacked(packed_delta(delta({"m": {"x": 1}})))[0]["m"]
    assert told == {"x": 1.0}
    assert isinstance(told, dict)
    assert type(told["x"]) is float


def test_another_map_over_the_same_keys_and_numbers_takes_little_more() -> None:
    keys = [f"item-{number * 7919 % 100_003}" for number in range(500)]
    told = [{key: float(number * 31 % 40 + shift) for number, key in enumerate(keys)} for shift in (0, 1, 2, 3)]
    sizes = [len(packed_delta(delta({str(n): told[n] for n in range(count)})).body) for count in (1, 2, 3, 4)]
    assert all(larger - smaller < sizes[0] / 3 for smaller, larger in pairwise(sizes))
