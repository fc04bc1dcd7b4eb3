"""Generators: which rows of a table come into question. One file per kind, one line in `GENERATORS`.

Each file has its kind made ready to run (a `LoadedGenerator`) and the function that makes it so from its contract.
What only items decide is derived once per state of the columns that it reads, and kept in the table's memo.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from contracts.errors import NotRunnableError
from contracts.slots import Filter, Generator, Neighbours, PerVisitor, Pool, SlotSpec, Trending
from engine.generators import filter, neighbours, per_visitor, pool, trending
from engine.load_parts import Parts
from engine.loaded import LoadedGenerator

__all__ = ["GENERATORS", "load_generators"]

G = TypeVar("G", contravariant=True)
S = TypeVar("S", bound=Generator)


class Loader(Protocol[G]):
    """Makes a generator ready to run. Raises `NotRunnableError`."""

    def __call__(self, generator: G, name: str, table: str, parts: Parts) -> LoadedGenerator:
        """`name` is what the trace calls it."""


@dataclass(frozen=True)
class Entry(Generic[S]):
    """A kind of generator: its contract, and how it is loaded."""

    spec: type[S]
    loader: Loader[S]

    def load(self, generator: Generator, name: str, table: str, parts: Parts) -> LoadedGenerator:
        """The generator, ready to run."""
        if not isinstance(generator, self.spec):
            raise NotRunnableError(f"{name} is no {self.spec.__name__}")
        return self.loader(generator, name, table, parts)


class AnyEntry(Protocol):
    """An entry, whatever its contract."""

    @property
    def load(self) -> Callable[[Generator, str, str, Parts], LoadedGenerator]:
        """The generator, ready to run."""


GENERATORS: dict[str, AnyEntry] = {
    "pool": Entry(Pool, pool.load),
    "filter": Entry(Filter, filter.load),
    "per_visitor": Entry(PerVisitor, per_visitor.load),
    "neighbours": Entry(Neighbours, neighbours.load),
    "trending": Entry(Trending, trending.load),
}


def load_generators(parts: Parts, slot: SlotSpec) -> tuple[LoadedGenerator, ...]:
    """The generators of a slot. Raises `NotRunnableError` for what this engine cannot run."""
    for generator in slot.retrieve:
        if not isinstance(generator, Pool) and generator.limit < 1:
            raise NotRunnableError("a generator's limit is at least 1")
    quotas = [generator.quota for generator in slot.retrieve]
    if min(quotas, default=0) < 0 or sum(quotas) > slot.cap_candidates:
        raise NotRunnableError(f"quotas are at least 0 and sum up to at most {slot.cap_candidates}, the slot's cap")
    return tuple(
        GENERATORS[str(generator.__struct_config__.tag)].load(generator, f"retrieve[{at}]", slot.table, parts)
        for at, generator in enumerate(slot.retrieve)
    )
