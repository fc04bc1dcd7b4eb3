"""Slots: places on a page that get one decision each. Written by the compiler, read by `engine.load` and the edge.

A slot names rules by their names in `RuleIR`, so this section is pure wiring. New fields come with defaults.
"""

from enum import StrEnum
from typing import TypeAlias

from contracts.codec import Contract
from contracts.features import Root, ValueType

MAX_POSITIONS = 1000


class Sticky(StrEnum):
    """Which seed the draws use: a page reloaded within this scope shows the same answer, all else being equal.

    A request without a pseudonym for its scope takes the next narrower one: visitor, session, request.
    """

    REQUEST = "request"
    SESSION = "session"
    VISITOR = "visitor"


class Pool(Contract, frozen=True, tag="pool", tag_field="generator"):
    """A generator of fixed ids; empty means the whole table.

    Every generator has a `quota`: that many of its first rows go before all others when the slot's cap must cut.
    """

    ids: tuple[str, ...] = ()
    quota: int = 0


class Filter(Contract, frozen=True, tag="filter", tag_field="generator"):
    """A generator over the table: `where` and `order` read the item alone and are evaluated once per snapshot.

    `match` may also read visitor and request; it is evaluated per request over the rows that `where` left. The
    `limit` rows with the highest `order` are kept (ties by id).
    """

    where: str
    limit: int
    order: str | None = None
    match: str | None = None
    quota: int = 0


class PerVisitor(Contract, frozen=True, tag="per_visitor", tag_field="generator"):
    """A generator that takes the first `limit` ids of a feature of type strings, of the feed or of the cookie."""

    feature: str
    limit: int
    root: Root = Root.VISITOR
    quota: int = 0


class Neighbours(Contract, frozen=True, tag="neighbours", tag_field="generator"):
    """A generator of what goes with some items: the rule `of` lists their ids, of which the first `recent` count.

    `column` is a map column of the slot's table, item id -> strength. Strengths add up over the listed items, which
    are left out themselves; the `limit` strongest are kept (ties by id).
    """

    of: str
    column: str
    limit: int
    recent: int = 5
    quota: int = 0


class Trending(Contract, frozen=True, tag="trending", tag_field="generator"):
    """A generator of one list per bucket: the rule `key` names the request's bucket.

    `column` is a map column of the slot's table, bucket -> strength; a bucket that no item names reads as `*`. The
    `limit` strongest are kept (ties by id). Lists are made once per snapshot.
    """

    key: str
    column: str
    limit: int
    quota: int = 0


Generator: TypeAlias = Pool | Filter | PerVisitor | Neighbours | Trending


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


class CapPer(StrEnum):
    """What a cap counts: the exposures of each item, or those of the slot, whatever it shows."""

    ITEM = "item"
    SLOT = "slot"


class Cap(Contract, frozen=True, tag="frequency", tag_field="cap"):
    """A frequency cap: at most `limit` exposures of an item in this slot, or of the slot, within a window.

    A day or a week begins with the first exposure that counts. Who is counted is a browser, by its pseudonym; units
    of profiles are for splits alone. `is_synced`: the origin counts too, at whichever edges that browser's exposures
    arrive. `overshoot` is how many exposures more are tolerated while others are under way. What it `spares` by id it
    never blocks: the arm that offers nothing, say.
    """

    name: str
    limit: int
    window: CapWindow
    per: CapPer = CapPer.ITEM
    overshoot: int = 1
    is_synced: bool = False
    spares: tuple[str, ...] = ()


class RecencyCap(Contract, frozen=True, tag="recency", tag_field="cap"):
    """A recency cap: what was met in this slot is not shown again too soon.

    Too soon is within `apart_s` seconds of its last exposure, or among the next `apart` exposures of the slot: one of
    the two is given. `is_synced`, `overshoot` and `spares` mean what they mean of a frequency cap.
    """

    name: str
    apart_s: int | None = None
    apart: int | None = None
    per: CapPer = CapPer.ITEM
    overshoot: int = 1
    is_synced: bool = False
    spares: tuple[str, ...] = ()


AnyCap: TypeAlias = Cap | RecencyCap


class DecisionRight(StrEnum):
    """What a decision changes for a visitor, hence who has to agree that it may."""

    CONTENT = "content"
    MERCHANDISING = "merchandising"
    PRICING = "pricing"
    EXPERIENCE = "experience"


class PayloadField(Contract, frozen=True):
    """One field of the payload: its declared type and the rule that computes it."""

    type: ValueType
    rule: str


class Term(Contract, frozen=True):
    """One part of a composite objective: `weight` times what its rule gives."""

    name: str
    weight: float
    rule: str


class SlotSpec(Contract, frozen=True):
    """One slot, from its conditions to its payload.

    `guards` block what they do not hold for; `score` is the static score of tier `rules`; `objective` turns
    scores into what is sorted, as one rule or as the sum of `terms` (default: the score itself); `boosts` are added to
    it. `model` gives the score; `other_models` run over the same candidates, and what each of them says is read as
    `scores.<model>`. `decision_right` says of which kind the decision is: `SlotSet` says who grants it. `plain` is
    static content that references no item, price or offer. `offer` computes an offer id, `why` the sentence a shopper
    may read. `shadow` is a second policy: it decides too and is logged, while what `policy` answers is served.
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
    decision_right: DecisionRight = DecisionRight.CONTENT
    eligible: str | None = None
    guards: tuple[str, ...] = ()
    model: str | None = None
    other_models: tuple[str, ...] = ()
    score: str | None = None
    objective: str | None = None
    terms: tuple[Term, ...] = ()
    boosts: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    diversity: Diversity | None = None
    caps: tuple[AnyCap, ...] = ()
    is_deduplicated: bool = False
    payload: dict[str, PayloadField] = {}
    offer: str | None = None
    why: str | None = None
    fallback_keys: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """All models that score its candidates, the one that gives `score` first."""
        return (*(() if self.model is None else (self.model,)), *self.other_models)

    @property
    def ranking(self) -> tuple[str, ...]:
        """The rules that run after scoring."""
        objective = () if self.objective is None else (self.objective,)
        return (*objective, *(term.rule for term in self.terms), *self.boosts)


class SlotSet(Contract, frozen=True):
    """All slots of a bundle, and the pages that list them in the order in which they are decided.

    `decision_rights` says what may be decided per visitor: for everybody (true), nobody (false), or those for whom the
    rule holds. A right that is not named is not granted; a bundle that names none grants all.
    """

    slots: tuple[SlotSpec, ...]
    pages: dict[str, tuple[str, ...]]
    decision_rights: dict[str, bool | str] = {}
