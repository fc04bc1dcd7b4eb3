"""The catalog as a record read it: a bundle's tables with the feed's deltas applied, up to any cursor.

Deltas are kept packed, since a node's records may go back to an earlier cursor than another's; the snapshots used last
stay unpacked. Memory grows with what the feed said of the catalog, not with the records.
"""

import zlib
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from contracts.codec import pack, unpack
from contracts.errors import EdgewiseError
from contracts.features import Cursor, FeatureDelta
from edge.visitor_features import fitting
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot

KEPT_SNAPSHOTS = 3
_LEVEL = 1


class MissingDeltaError(EdgewiseError):
    """A record read deltas that the recording does not have."""


@dataclass
class Feed:
    """What was said of one table in one epoch, in packs with their first and last number; gap-free up to `reached`."""

    packs: list[tuple[int, int, bytes]] = field(default_factory=list)
    reached: int = 0

    def add(self, deltas: tuple[FeatureDelta, ...]) -> None:
        """Takes deltas in, in the order of their numbers. What follows a gap is as good as missing."""
        for delta in deltas:
            if delta.seq == self.reached + 1:
                self.reached = delta.seq
        self.packs.append((deltas[0].seq, deltas[-1].seq, zlib.compress(pack(deltas), _LEVEL)))

    def between(self, after: int, until: int) -> Iterator[FeatureDelta]:
        """The deltas after one number, up to another."""
        for first, last, packed in self.packs:
            if last > after and first <= until:
                deltas = unpack(zlib.decompress(packed), tuple[FeatureDelta, ...])
                yield from (delta for delta in deltas if after < delta.seq <= until)


class Catalogs:
    """Snapshots by revision and cursor. Records mostly come in order, so each one goes on from the last."""

    def __init__(self, bundles: Mapping[str, LoadedBundle]) -> None:
        self._bundles = bundles
        self._feeds: dict[tuple[str, str], Feed] = defaultdict(Feed)
        self._known: OrderedDict[tuple[str, str, tuple[int, ...]], Snapshot] = OrderedDict()

    def add(self, epoch: str, deltas: Iterable[FeatureDelta]) -> None:
        """Takes in what an epoch's feed said next."""
        by_table: dict[str, list[FeatureDelta]] = defaultdict(list)
        for delta in deltas:
            by_table[delta.table].append(delta)
        for table, said in by_table.items():
            self._feeds[epoch, table].add(tuple(said))

    def at(self, revision: str, cursor: Cursor) -> Snapshot:
        """A bundle's catalog as of a cursor. Raises `MissingDeltaError` naming what the recording lacks."""
        tables = self._bundles[revision].snapshot.tables
        wanted = tuple(cursor.positions.get(table, 0) for table in tables)
        for table, position in zip(tables, wanted, strict=True):
            if position > (reached := self._feeds[cursor.epoch, table].reached):
                place = f"of table {table} in epoch {cursor.epoch or '(none)'}"
                raise MissingDeltaError(f"the recording lacks delta {reached + 1} {place}, the record read {position}")
        key = (revision, cursor.epoch, wanted)
        if key not in self._known:
            self._known[key] = self._made(revision, cursor, wanted)
        self._known.move_to_end(key)
        while len(self._known) > KEPT_SNAPSHOTS:
            self._known.popitem(last=False)
        return self._known[key]

    def _made(self, revision: str, cursor: Cursor, wanted: tuple[int, ...]) -> Snapshot:
        """From the farthest snapshot that is not beyond: the bundle's own, if there is none."""
        loaded = self._bundles[revision]
        reached, snapshot = (0,) * len(wanted), loaded.snapshot
        for (known, epoch, positions), each in self._known.items():
            is_before = all(one <= other for one, other in zip(positions, wanted, strict=True))
            if (known, epoch) == (revision, cursor.epoch) and is_before and sum(positions) > sum(reached):
                reached, snapshot = positions, each
        for table, after, until in zip(snapshot.tables, reached, wanted, strict=True):
            said = self._feeds[cursor.epoch, table].between(after, until)
            snapshot = snapshot.with_deltas(_fitting(loaded, table, said), cursor)
        return snapshot


def _fitting(loaded: LoadedBundle, name: str, deltas: Iterable[FeatureDelta]) -> Iterator[FeatureDelta]:
    """Deltas with the values that the bundle can take, as on the edge: the feed may serve another bundle too."""
    spec = next(table for table in loaded.catalog.tables if table.name == name)
    declared = {column.name: column.type for column in spec.columns}
    return (replace(delta, values=dict(fitting(delta.values, declared))) for delta in deltas)
