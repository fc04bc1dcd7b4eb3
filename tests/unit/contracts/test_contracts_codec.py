import math
from datetime import UTC, datetime

import cbor2
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import (
    WIRE_FORMATS,
    Contract,
    decode,
    decode_cbor,
    decode_json,
    encode,
    encode_cbor,
    encode_json,
    pack,
    unpack,
)
from contracts.errors import ContractError, TooLargeError


class Sample(Contract, frozen=True):
    name: str
    sizes: tuple[int, ...] = ()
    nested: dict[str, float] = {}


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_encoding_is_canonical(value: object) -> None:
    packed = encode(value)
    again = msgpack.unpackb(packed, strict_map_key=True)
    assert again == value
    assert encode(again) == packed


class Whole(Contract, frozen=True):
    zebra: dict[str, dict[str, float]]
    apple: tuple[Sample, ...]
    data: bytes = b""
    at: datetime | None = None


samples = st.builds(
    Sample,
    name=st.text(),
    sizes=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4).map(tuple),
    nested=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False), max_size=4),
)
LOOKS_INFINITE = b"\xcb\x7f\xf0\0\0\0\0\0\0"


@given(
    st.builds(
        Whole,
        zebra=st.dictionaries(st.text(), st.dictionaries(st.text(), st.floats(-9, 9), max_size=3), max_size=3),
        apple=st.lists(samples, max_size=3).map(tuple),
        data=st.binary(max_size=9) | st.just(LOOKS_INFINITE),
        at=st.none() | st.datetimes(timezones=st.just(UTC)),
    )
)
def test_the_quick_way_of_contracts_gives_the_canonical_bytes(value: Whole) -> None:
    packed = encode(value)
    assert packed == encode(msgpack.unpackb(packed, strict_map_key=True))  # plain values go the slow way
    assert decode(packed, Whole).apple == value.apple


def test_keys_are_sorted_by_their_utf8_bytes() -> None:
    assert encode({"b": 1, "a": 2, "é": 3, "z": 4}) == encode({"é": 3, "z": 4, "a": 2, "b": 1})
    assert list(msgpack.unpackb(encode({"é": 3, "z": 4}))) == ["z", "é"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_without_a_canonical_form_are_refused(number: float) -> None:
    with pytest.raises(ContractError, match=r"no canonical form - at \$\.nested\.x"):
        encode(Sample(name="a", nested={"x": number}))
    with pytest.raises(ContractError, match="no canonical form"):
        encode(Whole(zebra={"y": {"x": number}}, apple=(), data=LOOKS_INFINITE))


@given(plain)
def test_packed_values_are_read_by_the_same_decoder(value: object) -> None:
    assert msgpack.unpackb(pack(value), strict_map_key=True) == value
    assert decode(pack(Sample(name="a", sizes=(1,))), Sample) == Sample(name="a", sizes=(1,))


def test_what_was_packed_is_unpacked() -> None:
    sample = Sample(name="a", sizes=(1, 2**40), nested={"x": math.inf})
    assert unpack(pack(sample), Sample) == sample


@pytest.mark.parametrize(
    ("data", "path"), [(b"", "$"), (b"\xc1", "$"), (pack({"name": 1}), "$.name"), (pack({"name": "a"}) + b"\0", "$")]
)
def test_what_was_not_packed_is_refused(data: bytes, path: str) -> None:
    with pytest.raises(ContractError) as caught:
        unpack(data, Sample)
    assert caught.value.path == path


def test_depth_is_bounded() -> None:
    value: object = 1
    for _ in range(100):
        value = [value]
    with pytest.raises(ContractError, match="nested too deeply"):
        encode(value)


@pytest.mark.parametrize("media_type", sorted(WIRE_FORMATS))
def test_every_wire_format_round_trips(media_type: str) -> None:
    wire = WIRE_FORMATS[media_type]
    sample = Sample(name="pears", sizes=(1, 2), nested={"x": 0.5})
    assert wire.decode(wire.encode(sample), Sample) == sample


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": 3}, r"Expected `str`, got `int` - at \$\.name"),
        ({"name": "a", "sizes": [1, "2"]}, r"Expected `int`, got `str` - at \$\.sizes\[1\]"),
        ({"name": "a", "colour": 1}, "Object contains unknown field `colour`"),
        ({}, "Object missing required field `name`"),
        ([1], "Expected `object`, got `array`"),
    ],
)
def test_malformed_values_are_refused_with_their_path(body: object, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        decode(msgpack.packb(body), Sample)
    with pytest.raises(ContractError, match=message):
        decode_json(encode_json(body), Sample)
    with pytest.raises(ContractError, match=message):
        decode_cbor(cbor2.dumps(body), Sample)


@pytest.mark.parametrize("decoder", [decode, decode_json, decode_cbor])
def test_oversized_input_is_refused_before_it_is_read(decoder: object) -> None:
    with pytest.raises(TooLargeError, match="11 bytes, at most 10 are accepted"):
        decoder(b"x" * 11, Sample, max_bytes=10)  # type: ignore[operator]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        encode({"name": "a"}) + b"\x00",
        encode({"name": "a"})[:-1],
        b"\x81\x01\x02",
        b"\xc7\x01\x05x",
        b"\x81\xa4name\xa1\xff",
    ],
    ids=["empty", "reserved byte", "trailing", "truncated", "integer key", "extension", "not UTF-8"],
)
def test_bytes_that_are_not_our_msgpack_are_refused(data: bytes) -> None:
    with pytest.raises(ContractError):
        decode(data, Sample)


@pytest.mark.parametrize("data", [b"", b"{", b'{"name": "\xff"}', b'{"name":"a"} x', b"[" * 100_000])
def test_bytes_that_are_not_json_are_refused(data: bytes) -> None:
    with pytest.raises(ContractError):
        decode_json(data, Sample, max_bytes=1_000_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xa1",
        cbor2.dumps(cbor2.CBORTag(4711, 1)),
        cbor2.dumps(cbor2.CBORTag(35, "a+")),
        encode_cbor({"name": "a"}) + b"\x00",
        b"\x81" * 5000,
    ],
    ids=["empty", "truncated", "tag", "regex", "trailing", "deep"],
)
def test_bytes_that_are_not_our_cbor_are_refused(data: bytes) -> None:
    with pytest.raises(ContractError):
        decode_cbor(data, Sample)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for decoder in (decode, decode_json, decode_cbor):
        try:
            decoder(data, Sample)
        except ContractError:
            continue
