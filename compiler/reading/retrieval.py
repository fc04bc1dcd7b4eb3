"""`[[retrieve]]` of a slot -> its generators; their inline expressions become rules named by place."""

from dataclasses import dataclass

from compiler.places import Text, Value
from compiler.reading import fields
from compiler.reading.expressions import MATCH, ORDER, WHERE, Expression, Use
from compiler.reading.fields import Fields, Log, Reader
from contracts.features import FeatureSchema, Root, ValueType
from contracts.slots import Filter, Generator, PerVisitor, Pool

_GENERATORS = ("pool", "filter", "per_visitor")
_MOST_ROWS = 10_000


@dataclass(frozen=True)
class Retrieval:
    """What reading a generator needs to know of its slot; found expressions are added to `expressions`."""

    slot: str
    table: str
    schema: FeatureSchema
    expressions: list[Expression]

    def read_all(self, value: Value, log: Log) -> tuple[Generator, ...] | None:
        """All generators of the slot."""
        read: Reader[tuple[Generator, ...]] = fields.many(self._read)
        return read(value, log)

    def _read(self, value: Value, log: Log) -> Generator | None:
        generator = Fields(value, "a generator", log)
        name = generator.need("generator", fields.known(_GENERATORS, "generator"), "")
        if name not in _GENERATORS:
            return None
        result = self._read_one(name, generator, f"slots/{self.slot}:{value.path}")
        generator.close()
        return result

    def _read_one(self, name: str, generator: Fields, place: str) -> Generator:
        limit = fields.whole(1, _MOST_ROWS)
        if name == "pool":
            return Pool(ids=generator.take("ids", fields.distinct(fields.many(fields.text)), ()))
        if name == "per_visitor":
            lists = [spec.name for spec in self.schema.of(Root.VISITOR) if spec.type is ValueType.STRINGS]
            feature = generator.need("feature", fields.known(lists, "`visitor` feature of type strings"), "")
            return PerVisitor(feature=feature, limit=generator.need("limit", limit, 1))
        return Filter(
            where=self._add(place, "where", generator.need("where", fields.written, None), WHERE) or "",
            match=self._add(place, "match", generator.take("match", fields.written, None), MATCH),
            order=self._add(place, "order", generator.take("order", fields.written, None), ORDER),
            limit=generator.need("limit", limit, 1),
        )

    def _add(self, place: str, key: str, written: Text | None, use: Use) -> str | None:
        if written is None:
            return None
        self.expressions.append(Expression(f"{place}.{key}", written, use, (self.table,)))
        return self.expressions[-1].name
