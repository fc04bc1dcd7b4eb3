"""`[[retrieve]]` of a slot -> its generators; their inline expressions become rules named by place.

What each kind of generator takes stands here in one function, one line in `_READERS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from compiler.places import Text, Value
from compiler.reading import fields
from compiler.reading.expressions import BUCKET, LISTED, MATCH, ORDER, WHERE, Expression, Use
from compiler.reading.fields import Fields, Log, Reader
from compiler.reading.tables import TableSource
from contracts.features import FeatureSchema, Root, ValueType
from contracts.slots import Filter, Generator, Neighbours, PerVisitor, Pool, Trending

_MOST_ROWS = 10_000
_MOST_RECENT = 100
_LIST_ROOTS = (Root.VISITOR, Root.VISITOR_STATE)


@dataclass(frozen=True)
class Retrieval:
    """What reading a generator needs to know of its slot; found expressions are added to `expressions`."""

    slot: str
    table: str
    source: TableSource | None
    schema: FeatureSchema
    expressions: list[Expression]

    def read_all(self, value: Value, log: Log) -> tuple[Generator, ...] | None:
        """All generators of the slot."""
        read: Reader[tuple[Generator, ...]] = fields.many(self._read)
        return read(value, log)

    def add(self, place: str, written: Text | None, use: Use) -> str | None:
        """The name of an inline expression, which is its place."""
        if written is None:
            return None
        self.expressions.append(Expression(place, written, use, (self.table,)))
        return self.expressions[-1].name

    def _read(self, value: Value, log: Log) -> Generator | None:
        written = Fields(value, "a generator", log)
        name = written.need("generator", fields.known(_READERS, "generator"), "")
        if name not in _READERS:
            return None
        result = _READERS[name](_One(self, written, f"slots/{self.slot}:{value.path}"))
        written.close()
        return result


@dataclass(frozen=True)
class _One:
    """One generator while it is read, and its place in the slot."""

    retrieval: Retrieval
    written: Fields
    place: str

    @property
    def limit(self) -> int:
        """How many rows it gives at most."""
        return self.written.need("limit", fields.whole(1, _MOST_ROWS), 1)

    @property
    def quota(self) -> int:
        """How many rows it is sure of."""
        return self.written.take("quota", fields.whole(0, _MOST_ROWS), 0)

    def rule(self, key: str, use: Use) -> str | None:
        """The name of the rule under a key, if there is one."""
        written = self.written.take(key, fields.written, None)
        return self.retrieval.add(f"{self.place}.{key}", written, use)

    def needed_rule(self, key: str, use: Use) -> str:
        """The name of the rule under a key that must be there."""
        written = self.written.need(key, fields.written, None)
        return self.retrieval.add(f"{self.place}.{key}", written, use) or ""

    def map_column(self) -> str:
        """A map column of the slot's table."""
        source = self.retrieval.source
        columns = source.columns if source else ()
        maps = [column.name for column in columns if column.type is ValueType.NUMBERS]
        return self.written.need("column", fields.known(maps, "column of type numbers"), "")


def _pool(one: _One) -> Pool:
    return Pool(ids=one.written.take("ids", fields.distinct(fields.many(fields.text)), ()), quota=one.quota)


def _filter(one: _One) -> Filter:
    where, match, order = one.needed_rule("where", WHERE), one.rule("match", MATCH), one.rule("order", ORDER)
    return Filter(where=where, match=match, order=order, limit=one.limit, quota=one.quota)


def _per_visitor(one: _One) -> PerVisitor:
    root = Root(one.written.take("root", fields.known(_LIST_ROOTS, "root"), str(Root.VISITOR)))
    lists = [spec.name for spec in one.retrieval.schema.of(root) if spec.type is ValueType.STRINGS]
    feature = one.written.need("feature", fields.known(lists, f"`{root}` feature of type strings"), "")
    return PerVisitor(feature=feature, root=root, limit=one.limit, quota=one.quota)


def _neighbours(one: _One) -> Neighbours:
    of, column = one.needed_rule("of", LISTED), one.map_column()
    recent = one.written.take("recent", fields.whole(1, _MOST_RECENT), 5)
    return Neighbours(of=of, column=column, recent=recent, limit=one.limit, quota=one.quota)


def _trending(one: _One) -> Trending:
    return Trending(key=one.needed_rule("key", BUCKET), column=one.map_column(), limit=one.limit, quota=one.quota)


_READERS: dict[str, Callable[[_One], Generator]] = {
    "pool": _pool,
    "filter": _filter,
    "per_visitor": _per_visitor,
    "neighbours": _neighbours,
    "trending": _trending,
}
GENERATOR_NAMES = tuple(_READERS)
