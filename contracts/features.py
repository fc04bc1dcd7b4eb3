"""Features: the inputs of decisions, what they are for, how old they may be, and what a reader then gets.

Written by the compiler into the bundle's `schema` section; read by the engine, the edge and the origin.
Money is int64 minor units; timestamps are int64 microseconds since 1970-01-01T00:00Z.
"""

from enum import IntEnum, StrEnum
from typing import TypeAlias

from contracts.codec import Contract
from contracts.errors import ContractError

Value: TypeAlias = bool | int | float | str | tuple[str, ...] | dict[str, float]
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
UINT64_MAX = 2**64 - 1


class ValueType(StrEnum):
    """The types that columns and features have."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    TIMESTAMP = "timestamp"
    STRINGS = "strings"
    NUMBERS = "numbers"


class Status(IntEnum):
    """What a reader gets: the value, its default, or nothing, and why. The integers are stored in columns."""

    PRESENT = 0
    DEFAULT = 1
    EXPIRED = 2
    WITHHELD = 3
    MISSING = 4


class OnExpired(StrEnum):
    """What an EXPIRED feature means: read its default, end the slot's model tier, or make the slot plain."""

    DEFAULT = "default"
    FALLBACK = "fallback"
    BLOCK = "block"


class Root(StrEnum):
    """The names an expression may start with."""

    NOW = "now"
    REQUEST = "request"
    VISITOR_STATE = "visitor_state"
    VISITOR = "visitor"
    ITEM = "item"
    SCORE = "score"
    SCORES = "scores"


class FoldWindow(StrEnum):
    """How long a fold remembers: the current visit, or as long as its state is kept."""

    VISIT = "visit"
    ALL = "all"


class FoldSpec(Contract, frozen=True, omit_defaults=True):
    """A fold over events, run by edge and origin from `engine.folds`. New arguments may be added with defaults.

    `event` is the event type it folds; `key` and `value` are what it reads of each event: `item` (the id),
    `item.<column>`, `slot` or `data.<name>`; `limit` bounds how many keys or entries are kept (the oldest go first).
    An event of type `undone_by` takes one such event back, one of type `emptied_by` all of them. Folds of caps take the
    exposures of one `slot`, count for `within_s` seconds, and, when they restart, do so from the last exposure instead
    of the first. Its digest keys the state, so a changed fold starts afresh.
    """

    fold: str
    event: str
    key: str | None = None
    value: str | None = None
    window: FoldWindow = FoldWindow.VISIT
    limit: int = 50
    undone_by: str | None = None
    emptied_by: str | None = None
    slot: str | None = None
    within_s: int | None = None
    restarts: bool = False


class FeatureSpec(Contract, frozen=True):
    """One declared feature. `max_age_s` is in seconds; `values` closes the set of a string (needed for buckets).

    `purpose` names what consent must have granted; None means that it is not personal. A feature of root
    `visitor_state` has a `fold`; one of root `visitor` may have one (the origin folds it) or comes in batches.
    """

    name: str
    root: Root
    type: ValueType
    purpose: str | None = None
    max_age_s: int | None = None
    on_expired: OnExpired = OnExpired.DEFAULT
    default: Value | None = None
    values: tuple[str, ...] = ()
    is_sensitive: bool = False
    fold: FoldSpec | None = None
    description: str = ""


class FeatureSchema(Contract, frozen=True):
    """All declared features of a bundle, and the purposes that consent may grant."""

    purposes: tuple[str, ...]
    features: tuple[FeatureSpec, ...]

    def of(self, root: Root) -> tuple[FeatureSpec, ...]:
        """The features of one root, in declared order."""
        return tuple(spec for spec in self.features if spec.root == root)


class FeatureValue(Contract, frozen=True):
    """A value as the feed delivered it, and the instant (microseconds) from which it was true."""

    value: Value
    as_of: int


_PYTHON_TYPES: dict[ValueType, type] = {
    ValueType.BOOL: bool,
    ValueType.INT: int,
    ValueType.DOUBLE: float,
    ValueType.STRING: str,
    ValueType.TIMESTAMP: int,
    ValueType.STRINGS: tuple,
    ValueType.NUMBERS: dict,
}


def conform(value: Value, kind: ValueType, path: str) -> Value:
    """The value as its declared type: a whole number becomes a double where one is declared; nothing else is bent."""
    if kind is ValueType.DOUBLE and type(value) is int:
        return float(value)
    if type(value) is not _PYTHON_TYPES[kind]:
        raise ContractError(f"expected {kind}, got {type(value).__name__}", path)
    if isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        raise ContractError("outside int64", path)
    return value


class FeatureDelta(Contract, frozen=True):
    """One change from the origin: absolute values of some columns of one entity, true from `as_of` on.

    `table` is `visitor` or a catalog table; `entity` a pseudonym or an item id; None withdraws a value. `seq`
    counts within one epoch and table.
    """

    table: str
    seq: int
    entity: str
    as_of: int
    values: dict[str, Value | None]


class Cursor(Contract, frozen=True):
    """How far a reader has come: per table the last sequence number applied, within one epoch of the feed."""

    epoch: str = ""
    positions: dict[str, int] = {}


class FeedPage(Contract, frozen=True):
    """One answer of the feed. `is_reset` tells a reader of another epoch to start from its bundle again."""

    cursor: Cursor
    deltas: tuple[FeatureDelta, ...]
    is_reset: bool = False
    is_last: bool = True
