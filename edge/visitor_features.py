"""The feature values of all visitors that the feed told of, packed until a request asks for one of them.

A visitor may have thousands of values and asks seldom, so what stands in memory is what came, packed; the last few
visitors asked for stay unpacked. Immutable, as snapshots are: news make a new mapping that shares the rest.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from contracts.errors import ContractError
from contracts.features import FeatureValue, Root, Value, ValueType, conform
from edge.packed_deltas import PackedDelta, unpacked
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

MAX_UNPACKED = 64


@dataclass(frozen=True, slots=True)
class PackedVisitor:
    """What came of one visitor, oldest first, and the types that the bundle declares."""

    declared: Mapping[str, ValueType]
    deltas: tuple[PackedDelta, ...]

    def values(self) -> dict[str, FeatureValue]:
        """The values; the same ones at every call."""
        values: dict[str, FeatureValue] = {}
        for packed in self.deltas:
            told, as_of = unpacked(packed)
            for name, value in fitting(told, self.declared):
                if value is None:
                    values.pop(name, None)
                else:
                    values[name] = FeatureValue(value=value, as_of=as_of)
        return values


@dataclass(frozen=True, eq=False)
class VisitorFeatures(Mapping[str, Mapping[str, FeatureValue]]):
    """Values by pseudonym, as the types that the bundle declares; others are passed over."""

    declared: Mapping[str, ValueType]
    packed: Mapping[str, tuple[PackedDelta, ...]] = field(default_factory=dict)
    _unpacked: OrderedDict[str, Mapping[str, FeatureValue]] = field(default_factory=OrderedDict)

    def __getitem__(self, pseudonym: str) -> Mapping[str, FeatureValue]:
        known = self._unpacked.get(pseudonym)
        if known is None:
            known = self._unpacked[pseudonym] = PackedVisitor(self.declared, self.packed[pseudonym]).values()
            if len(self._unpacked) > MAX_UNPACKED:
                self._unpacked.popitem(last=False)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self.packed)

    def __len__(self) -> int:
        return len(self.packed)

    def of(self, pseudonym: str | None) -> PackedVisitor:
        """What came of a visitor: nothing of a stranger."""
        return PackedVisitor(self.declared, self.packed.get(pseudonym or "", ()))

    def after(self, news: Iterable[tuple[str, PackedDelta]]) -> "VisitorFeatures":
        """The mapping after packed deltas, given with their visitors in the order of the feed."""
        packed = dict(self.packed)
        for pseudonym, delta in news:
            before = packed.get(pseudonym, ())
            packed[pseudonym] = (*(each for each in before if not each.columns <= delta.columns), delta)
        return VisitorFeatures(self.declared, packed)


def known_visitors(loaded: LoadedBundle, snapshot: Snapshot) -> VisitorFeatures:
    """What a snapshot knows of visitors: nothing, when it is the one that the bundle shipped."""
    if isinstance(snapshot.visitors, VisitorFeatures):
        return snapshot.visitors
    return VisitorFeatures({spec.name: spec.type for spec in loaded.schema.of(Root.VISITOR)})


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
