"""Precomputed answers, per slot and bucket. Filled at build by `engine.decide` itself; read by `engine.fallback`."""

from contracts.codec import Contract

ANY = "*"


class FallbackRow(Contract, frozen=True):
    """The answer of one bucket: the values of the table's keys in order, or `*` in each place for the rest.

    `answer` has the best first, and more ids than the slot shows: others stand in for those that guards or the page
    take away.
    """

    key: tuple[str, ...]
    answer: tuple[str, ...]


class SlotFallback(Contract, frozen=True):
    """The buckets of one slot: finite, declared request features; always with a `*` row."""

    slot: str
    keys: tuple[str, ...]
    rows: tuple[FallbackRow, ...]


class FallbackTable(Contract, frozen=True):
    """The fallbacks of all slots, and the instant (microseconds) for which they were computed."""

    now: int
    slots: tuple[SlotFallback, ...]
