"""What programs read and give: the scope of a request, a batch of candidates, a computed column.

Closures work on CEL values: None, bool, int, float, str, bytes, tuples for lists, mappings (a dict when all keys are
strings, else a `KeyedMap`), and the classes below. Columns hold times as int64 microseconds, so a column program
whose times could be finer is refused when it is planned. Nothing here knows rules or functions.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from contracts.errors import RuleError
from contracts.features import FeatureValue, Value
from engine.column import Array, Column
from engine.snapshot import Table

Mask: TypeAlias = NDArray[np.bool_]
NANOSECONDS_PER_MICROSECOND = 1_000


class Timestamp(int):
    """An instant: nanoseconds since 1970-01-01T00:00Z."""

    __slots__ = ()


class Duration(int):
    """A length of time in nanoseconds; it may be negative."""

    __slots__ = ()


class Uint(int):
    """An unsigned 64-bit integer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type as a value: its name."""

    name: str


@dataclass(frozen=True, slots=True)
class OptionalValue:
    """A value that may be absent: `held` is empty, or holds the one value."""

    held: tuple["CelValue", ...] = ()


CelMap: TypeAlias = Mapping["CelValue", "CelValue"] | dict[str, float]  # the second one as features have it
CelValue: TypeAlias = (
    bool | int | float | str | bytes | tuple["CelValue", ...] | CelMap | OptionalValue | TypeValue | None
)
_KIND_OF: dict[type, str] = {
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    tuple: "list",
    Timestamp: "timestamp",
    Duration: "duration",
    TypeValue: "type",
    OptionalValue: "optional",
    type(None): "null",
}
KINDS = frozenset(_KIND_OF.values()) | {"map"}


def kind_of(value: CelValue) -> str:
    """The name of a value's type, without what it holds."""
    return _KIND_OF.get(type(value), "map")


_KEY_TYPES = frozenset({int, Uint, float, str})


class KeyedMap(Mapping[CelValue, CelValue]):
    """A map whose keys are not all strings: 1, 1u and 1.0 are one key, true is another."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[tuple[CelValue, CelValue]]) -> None:
        self._entries = {_identity(key): (key, value) for key, value in entries}

    def __getitem__(self, key: CelValue) -> CelValue:
        return self._entries[_identity(key)][1]

    def __iter__(self) -> Iterator[CelValue]:
        return (key for key, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


def as_map(entries: Sequence[tuple[CelValue, CelValue]]) -> Mapping[CelValue, CelValue]:
    """A map of these entries. Raises `RuleError` for a value that cannot be a key."""
    kinds = {type(key) for key, _ in entries}
    if kinds <= {str}:
        return dict(entries)
    if kinds <= {bool, int, Uint, str}:
        return KeyedMap(entries)
    raise RuleError("a map's keys are strings, ints, uints and bools")


def _identity(key: CelValue) -> Hashable:
    """What equal keys share; a value that cannot be a key shares nothing."""
    if isinstance(key, bool):
        return bool, key
    return key if type(key) in _KEY_TYPES else object()


class Scope(Struct, eq=False):
    """The values of one request by root; `now` in microseconds. With a `table` and `row`, `item` may be read too.

    `score` is the row's score, once it is known: rules that run over candidates may read it; `scores` are those of all
    models that scored, by name, where a rule reads them. `variables` is where the rule that runs keeps what its macros
    bind, by slot: nobody reads it afterwards. `of_words` keeps what an expression gives for each word of a column, so
    that all slots of a page look it up once.
    """

    now: int
    granted: frozenset[str]
    request: Mapping[str, Value]
    visitor_state: Mapping[str, Value]
    visitor: Mapping[str, FeatureValue]
    table: Table | None = None
    row: int = -1
    score: float | None = None
    variables: list[CelValue] = field(default_factory=list)
    scores: Mapping[str, float] | None = None
    of_words: dict[tuple[str, Column], "Operand"] = field(default_factory=dict)

    def at(self, table: Table, row: int, score: float | None = None) -> "Scope":
        """The same scope with `item` being one row of a table."""
        return Scope(self.now, self.granted, self.request, self.visitor_state, self.visitor, table, row, score)


class Texts(Struct, eq=False):
    """A string per candidate, as codes into a dictionary of distinct strings; `column` is where they come from.

    `known` are the strings, once somebody asked for them.
    """

    codes: Array
    dictionary: tuple[str, ...]
    column: Column | None = None
    known: list[str] | None = None

    def code(self, text: str) -> int:
        """The code of a string, -1 when no candidate can have it."""
        if self.column is not None:
            return self.column.code_of.get(text, -1)
        return self.dictionary.index(text) if text in self.dictionary else -1

    @property
    def strings(self) -> list[str]:
        """The strings, one per candidate."""
        if self.known is None:
            dictionary = self.dictionary  # each entry waits for memory: what is known goes on to other batches
            self.known = [dictionary[code] for code in self.codes.tolist()]
        return self.known

    def at(self, places: NDArray[np.int64]) -> "Texts":
        """Those of some of the candidates."""
        known = self.known and [self.known[place] for place in places.tolist()]
        return Texts(self.codes.take(places), self.dictionary, self.column, known)


class Lists(Struct, frozen=True, eq=False, dict=True):
    """A list or map per candidate: from where to where each one's entries stand in the arrays of a column."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    column: Column

    @cached_property
    def entries(self) -> tuple[Array, Array, Array]:
        """The entries of all candidates, one after the other: whose each is, where it stands, the code of its text."""
        lengths = self.ends - self.starts
        places = np.repeat(self.starts - (np.cumsum(lengths) - lengths), lengths)
        places += np.arange(len(places))
        return np.repeat(np.arange(len(lengths)), lengths), places, self.column.values.take(places)


ColumnValues: TypeAlias = Array | Texts | Lists | bool  # a bool: the same for all candidates
Operand: TypeAlias = tuple[ColumnValues, Mask | None]


class Batch(Struct, frozen=True, eq=False):
    """Candidates: rows of one table, in the order of their ids, read in one scope; `score` once it is known.

    `scores` are those of all models that scored, by name, where a rule reads them. `variables` are what macros bound,
    by slot. `gathered` keeps what programs have read of these rows, or looked up by them, so that it is done once.
    """

    scope: Scope
    table: Table
    rows: NDArray[np.int64]
    score: NDArray[np.float64] | None = None
    variables: Mapping[int, ColumnValues] = field(default_factory=dict)
    scores: Mapping[str, NDArray[np.float64]] | None = None
    gathered: dict[str, Operand] = field(default_factory=dict)

    def scored(self, score: NDArray[np.float64], scores: Mapping[str, NDArray[np.float64]] | None = None) -> "Batch":
        """The same candidates, `score` being known, and what each model says; what was read of them is kept."""
        return Batch(self.scope, self.table, self.rows, score, {}, scores, self.gathered)

    def where(self, is_kept: Mask) -> "Batch":
        """Some of the candidates, with what was read of them."""
        places = is_kept.nonzero()[0]
        gathered = {key: operand_at(operand, places) for key, operand in self.gathered.items()}
        return Batch(self.scope, self.table, self.rows.take(places), gathered=gathered)


def operand_at(operand: Operand, places: NDArray[np.int64]) -> Operand:
    """What an operand has at some places, in their order."""
    values, errors = operand
    left = None if errors is None else errors.take(places)
    return _some(values, places), left if left is not None and np.count_nonzero(left) else None


def _some(values: ColumnValues, places: NDArray[np.int64]) -> ColumnValues:
    if isinstance(values, Texts):
        return values.at(places)
    if isinstance(values, Lists):
        return Lists(values.starts.take(places), values.ends.take(places), values.column)
    return values if isinstance(values, bool) else values.take(places)


class Computed(Struct, eq=False):
    """A column program's result: a value per candidate, and where it is in error (None: nowhere).

    `values` is bool, int64 (timestamps and durations: microseconds), float64 or, for strings, object; where it is
    in error it means nothing.
    """

    values: Array
    errors: Mask | None = None
    first_error: Callable[[], RuleError | None] = lambda: None

    @property
    def problem(self) -> RuleError | None:
        """The error of the first candidate in error, worded only when somebody asks."""
        return self.first_error()


RequestProgram: TypeAlias = Callable[[Scope], CelValue]
ColumnStep: TypeAlias = Callable[[Batch], Operand]
ColumnProgram: TypeAlias = Callable[[Batch], Computed]
NOTHING = Scope(0, frozenset(), {}, {}, {})


def constant(value: CelValue) -> RequestProgram:
    """A program that always gives this value."""
    return lambda scope: value
