"""Slots: places on a page that get one decision each. Written by the compiler, read by `engine.load` and the edge.

A slot names rules by their names in `RuleIR`, so this section is pure wiring. New fields come with defaults.
"""

from enum import StrEnum
from typing import TypeAlias

from contracts.codec import Contract
from contracts.features import ValueType


class Sticky(StrEnum):
    """Which seed the draws use: a page reloaded within this scope shows the same answer, all else being equal.

    A request without a pseudonym for its scope takes the next narrower one: visitor, session, request.
    """

    REQUEST = "request"
    SESSION = "session"
    VISITOR = "visitor"


class Pool(Contract, frozen=True, tag="pool", tag_field="generator"):
    """A generator of fixed ids; empty means the whole table."""

    ids: tuple[str, ...] = ()


class Filter(Contract, frozen=True, tag="filter", tag_field="generator"):
    """A generator over the table: `where` and `order` read the item alone and are evaluated once per snapshot.

    `match` may also read visitor and request; it is evaluated per request over the rows that `where` left. The
    `limit` rows with the highest `order` are kept (ties by id).
    """

    where: str
    limit: int
    order: str | None = None
    match: str | None = None


class PerVisitor(Contract, frozen=True, tag="per_visitor", tag_field="generator"):
    """A generator that takes the first `limit` ids of a visitor feature of type strings."""

    feature: str
    limit: int


Generator: TypeAlias = Pool | Filter | PerVisitor


class Weights(Contract, frozen=True):
    """The column of the slot's table that holds the probabilities a `table` policy draws by, each within 0 to 1.

    A column of type double holds one per item. One of type numbers holds them by context: `by` names the request
    feature whose value (as text, as in fallback keys) is looked up, and `*` is for the rest. What came by feed more
    than `max_age_s` ago counts as missing; what came with the bundle does not age.
    """

    column: str
    by: str | None = None
    max_age_s: int | None = None


class PolicySpec(Contract, frozen=True):
    """Which policy draws the answer, its numbers (`epsilon`, `floor`, ...), and where a table policy finds its own."""

    name: str
    params: dict[str, float] = {}
    weights: Weights | None = None


class Pin(Contract, frozen=True):
    """An item placed by hand at a position (from 0), if it is among the survivors."""

    item: str
    position: int


class Diversity(Contract, frozen=True):
    """At most `at_most` answers may share a value of this item column."""

    column: str
    at_most: int


class CapWindow(StrEnum):
    """The time over which exposures are counted."""

    VISIT = "visit"
    DAY = "day"
    WEEK = "week"


class Cap(Contract, frozen=True):
    """A frequency cap per item on exposures of this slot, and the overshoot tolerated under concurrency."""

    name: str
    limit: int
    window: CapWindow
    overshoot: int = 1


class PayloadField(Contract, frozen=True):
    """One field of the payload: its declared type and the rule that computes it."""

    type: ValueType
    rule: str


class SlotSpec(Contract, frozen=True):
    """One slot, from its conditions to its payload.

    `guards` block what they do not hold for; `score` is the static score of tier `rules`; `objective` turns
    scores into what is sorted (default: the score itself); `boosts` are added to it. `plain` is static content that
    references no item, price or offer. `offer` computes an offer id, `why` the sentence a shopper may read.
    `shadow` is a second policy: it decides too and is logged, while what `policy` answers is served.
    """

    name: str
    kind: str
    table: str
    component: str
    retrieve: tuple[Generator, ...]
    plain: dict[str, bool | int | float | str]
    policy: PolicySpec
    shadow: PolicySpec | None = None
    size: int = 1
    cap_candidates: int = 1000
    sticky: Sticky = Sticky.SESSION
    purposes: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    decision_right: str = "content"
    eligible: str | None = None
    guards: tuple[str, ...] = ()
    model: str | None = None
    score: str | None = None
    objective: str | None = None
    boosts: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    diversity: Diversity | None = None
    caps: tuple[Cap, ...] = ()
    is_deduplicated: bool = False
    payload: dict[str, PayloadField] = {}
    offer: str | None = None
    why: str | None = None
    fallback_keys: tuple[str, ...] = ()


class SlotSet(Contract, frozen=True):
    """All slots of a bundle, and the pages that list them in the order in which they are decided."""

    slots: tuple[SlotSpec, ...]
    pages: dict[str, tuple[str, ...]]
