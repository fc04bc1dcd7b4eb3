"""The feature values of all visitors that the feed told of, packed until a request asks for one of them.

A visitor may have thousands of values and asks seldom, so what stands in memory is what came, compressed; the last few
visitors asked for stay unpacked. Immutable, as snapshots are: news make a new mapping that shares the rest.
"""

import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from contracts.codec import pack, unpack
from contracts.errors import ContractError
from contracts.features import FeatureDelta, FeatureValue, Value, ValueType, conform

MAX_UNPACKED = 64
_LEVEL = 1


@dataclass(frozen=True)
class PackedDelta:
    """One delta of a visitor: which values it sets, and itself in few bytes."""

    columns: frozenset[str]
    body: bytes


@dataclass(frozen=True, eq=False)
class VisitorFeatures(Mapping[str, Mapping[str, FeatureValue]]):
    """Values by pseudonym, as the types that the bundle declares; others are passed over."""

    declared: Mapping[str, ValueType]
    packed: Mapping[str, tuple[PackedDelta, ...]] = field(default_factory=dict)
    _unpacked: OrderedDict[str, Mapping[str, FeatureValue]] = field(default_factory=OrderedDict)

    def __getitem__(self, pseudonym: str) -> Mapping[str, FeatureValue]:
        known = self._unpacked.get(pseudonym)
        if known is None:
            known = self._unpacked[pseudonym] = _merged(self.packed[pseudonym], self.declared)
            if len(self._unpacked) > MAX_UNPACKED:
                self._unpacked.popitem(last=False)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self.packed)

    def __len__(self) -> int:
        return len(self.packed)

    def after(self, news: Iterable[tuple[str, PackedDelta]]) -> "VisitorFeatures":
        """The mapping after packed deltas, given with their visitors in the order of the feed."""
        packed = dict(self.packed)
        for pseudonym, delta in news:
            before = packed.get(pseudonym, ())
            packed[pseudonym] = (*(each for each in before if not each.columns <= delta.columns), delta)
        return VisitorFeatures(self.declared, packed)


def packed_delta(delta: FeatureDelta) -> PackedDelta:
    """A delta in few bytes."""
    return PackedDelta(column_set(tuple(sorted(delta.values))), zlib.compress(pack(delta), _LEVEL))


@lru_cache(maxsize=4096)
def column_set(names: tuple[str, ...]) -> frozenset[str]:
    """The same set for the same names: most visitors have the same."""
    return frozenset(names)


def fitting(
    values: Mapping[str, Value | None], declared: Mapping[str, ValueType]
) -> Iterator[tuple[str, Value | None]]:
    """The values that are declared, as their types; what does not fit is passed over."""
    for name, value in values.items():
        if name in declared:
            try:
                yield name, None if value is None else conform(value, declared[name], name)
            except ContractError:
                continue


def _merged(deltas: Iterable[PackedDelta], declared: Mapping[str, ValueType]) -> dict[str, FeatureValue]:
    merged: dict[str, FeatureValue] = {}
    for packed in deltas:
        delta = unpack(zlib.decompress(packed.body), FeatureDelta)
        for name, value in fitting(delta.values, declared):
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = FeatureValue(value=value, as_of=delta.as_of)
    return merged
