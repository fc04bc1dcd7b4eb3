"""One delta of a visitor in few bytes, and back: the same values, to the bit and in the same order.

The maps of a visitor share their keys, and their numbers repeat. So each list of keys and each number stands here once;
the maps say which. Numbers of six decimals stand as whole millionths, others as their bits. What nearly repeats is laid
side by side, for zlib.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.codec import Contract, pack, unpack
from contracts.features import FeatureDelta, Value

Array: TypeAlias = NDArray[Any]
_BITS, _MILLIONTHS = 1.0, 1e6
_MANY = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True)
class PackedDelta:
    """Which values a delta sets, and the delta in few bytes."""

    columns: frozenset[str]
    body: bytes


class _Body(Contract, frozen=True):
    """What is compressed. Among `values`, None keeps the place of a map; `maps` tells which of `keys` each one has.

    `numbers` are the different numbers, times `scale`, rising, as differences. `places` say for each entry of each map
    in turn which of them it has. Both hold the first bytes of all, then the second bytes, and so on.
    """

    as_of: int
    values: dict[str, Value | None]
    maps: dict[str, int]
    keys: tuple[tuple[str, ...], ...]
    scale: float
    numbers: bytes
    places: bytes


def packed_delta(delta: FeatureDelta) -> PackedDelta:
    """A delta in few bytes."""
    maps = {name: value for name, value in delta.values.items() if isinstance(value, dict)}
    lists = {keys: which for which, keys in enumerate(dict.fromkeys(map(tuple, maps.values())))}
    numbers = np.array(list(chain.from_iterable(each.values() for each in maps.values())), dtype=np.float64)
    scale, whole = _whole(numbers)
    distinct, places = np.unique(whole, return_inverse=True)
    body = _Body(
        as_of=delta.as_of,
        values=delta.values | dict.fromkeys(maps),
        maps={name: lists[tuple(value)] for name, value in maps.items()},
        keys=tuple(lists),
        scale=scale,
        numbers=_spread(np.diff(distinct, prepend=0), "<i8"),
        places=_spread(places, _width(len(distinct))),
    )
    return PackedDelta(column_set(tuple(sorted(delta.values))), zlib.compress(pack(body)))


def unpacked(packed: PackedDelta) -> tuple[dict[str, Value | None], int]:
    """The values of a delta, and as of when (microseconds) they are true."""
    body = unpack(zlib.decompress(packed.body), _Body)
    whole = np.cumsum(_gathered(body.numbers, "<i8"), dtype=np.int64)
    numbers = (whole.view(np.float64) if body.scale == _BITS else whole / body.scale).tolist()
    places = _gathered(body.places, _width(len(numbers))).tolist()
    each = map(numbers.__getitem__, places)
    maps = {name: dict(zip(body.keys[which], each, strict=False)) for name, which in body.maps.items()}
    return body.values | maps, body.as_of


@lru_cache(maxsize=4096)
def column_set(names: tuple[str, ...]) -> frozenset[str]:
    """The same set for the same names: most visitors have the same."""
    return frozenset(names)


def _whole(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.int64]]:
    """The numbers as integers, and the scale from which they come back exactly."""
    with np.errstate(over="ignore", invalid="ignore"):
        millionths = np.rint(numbers * _MILLIONTHS).astype(np.int64)
    if np.array_equal((millionths / _MILLIONTHS).view(np.int64), numbers.view(np.int64)):
        return _MILLIONTHS, millionths
    return _BITS, numbers.view(np.int64)


def _width(count: int) -> str:
    return "<u2" if count <= _MANY else "<u4"


def _spread(numbers: Array, width: str) -> bytes:
    return numbers.astype(width).view(np.uint8).reshape(-1, np.dtype(width).itemsize).T.tobytes()


def _gathered(data: bytes, width: str) -> Array:
    return np.frombuffer(data, dtype=np.uint8).reshape(np.dtype(width).itemsize, -1).T.copy().view(width).ravel()
