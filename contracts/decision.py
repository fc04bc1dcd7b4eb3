"""Requests and decisions: tiers, causes, reasons. Requests are written by the edge, decisions by `engine.decide`.

Times are int64 microseconds; every id is a pseudonym.
"""

from enum import StrEnum
from typing import TypeAlias

from contracts.codec import Contract
from contracts.features import Value

Prop: TypeAlias = bool | int | float | str | tuple[str, ...] | None


class Tier(StrEnum):
    """Where an answer came from, best first."""

    MODEL = "model"
    RULES = "rules"
    FALLBACK = "fallback"
    PLAIN = "plain"


class Cause(StrEnum):
    """Why an answer is not at its slot's best tier; highest precedence first."""

    KILLED = "killed"
    OPTED_OUT = "opted_out"
    NO_CONSENT = "no_consent"
    BOT = "bot"
    HOLDOUT = "holdout"
    INELIGIBLE = "ineligible"
    STALE_FEED = "stale_feed"
    OVERLOAD = "overload"
    LATE = "late"
    INTERNAL_ERROR = "internal_error"
    NO_MODEL = "no_model"
    MISSING_FEATURE = "missing_feature"
    EXPIRED_FEATURE = "expired_feature"
    RULE_ERROR = "rule_error"
    SCORING_ERROR = "scoring_error"
    NO_CANDIDATE = "no_candidate"


class Reason(StrEnum):
    """OpenFeature's standard resolution reasons (specification, section 2.2.5 and types)."""

    STATIC = "STATIC"
    DEFAULT = "DEFAULT"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    CACHED = "CACHED"
    DISABLED = "DISABLED"
    STALE = "STALE"
    ERROR = "ERROR"


class Stage(StrEnum):
    """The checkpoints of `decide` at which time is asked for, in order.

    `rules` stands before tier `rules` is tried because tier `model` failed, whatever stage it had come to.
    """

    RETRIEVE = "retrieve"
    SCORE = "score"
    RULES = "rules"
    RERANK = "rerank"
    EXPLORE = "explore"
    RENDER = "render"


_RULES_CAUSES = (
    Cause.NO_MODEL,
    Cause.MISSING_FEATURE,
    Cause.EXPIRED_FEATURE,
    Cause.RULE_ERROR,
    Cause.SCORING_ERROR,
)
_FALLBACK_CAUSES = (Cause.OVERLOAD, Cause.LATE, Cause.INTERNAL_ERROR, Cause.NO_CANDIDATE)

TIER_OF_CAUSE: dict[Cause, Tier] = {
    cause: Tier.RULES if cause in _RULES_CAUSES else Tier.FALLBACK if cause in _FALLBACK_CAUSES else Tier.PLAIN
    for cause in Cause
}

_REASON_OF_TIER: dict[Tier, Reason] = {
    Tier.MODEL: Reason.TARGETING_MATCH,
    Tier.RULES: Reason.TARGETING_MATCH,
    Tier.FALLBACK: Reason.CACHED,
    Tier.PLAIN: Reason.STATIC,
}
_REASON_OF_PLAIN: dict[Cause, Reason] = {
    Cause.KILLED: Reason.DISABLED,
    Cause.HOLDOUT: Reason.SPLIT,
    Cause.STALE_FEED: Reason.STALE,
    Cause.OPTED_OUT: Reason.DEFAULT,
    Cause.NO_CONSENT: Reason.DEFAULT,
    Cause.BOT: Reason.DEFAULT,
    Cause.INELIGIBLE: Reason.DEFAULT,
    Cause.NO_CANDIDATE: Reason.DEFAULT,
}

REASONS: dict[tuple[Tier, Cause | None], Reason] = {
    (tier, cause): _REASON_OF_PLAIN.get(cause, Reason.ERROR)
    if tier is Tier.PLAIN and cause is not None
    else _REASON_OF_TIER[tier]
    for tier in Tier
    for cause in (None, *Cause)
}


class Override(Contract, frozen=True):
    """What a QA token puts in the place of chance: arms of experiments, and whether the visitor is held out."""

    arms: dict[str, str] = {}
    is_held_out: bool = False


class DecisionRequest(Contract, frozen=True):
    """Everything about one page request that decisions may depend on, besides snapshot and controls.

    `units` maps `visitor` and `session` to pseudonyms, and `profile` to the unit that the feed told for the visitor's
    profile, if any; it is empty without consent. `request_id` is the seed of scope `request`. `exposures` counts what
    the cookie knows of each cap: by item, or under `*` for the slot. `context` holds the declared request features.
    `qa` is there when a signed token was verified: such requests are excluded from measurement. `is_overloaded` and
    `is_retry` (the first attempt met a bug) enter `decide` already out of time.
    """

    request_id: str
    now: int
    slots: tuple[str, ...]
    page: str | None = None
    units: dict[str, str] = {}
    granted: tuple[str, ...] = ()
    is_opted_out: bool = False
    is_gpc: bool = False
    is_bot: bool = False
    qa: Override | None = None
    is_feed_stale: bool = False
    is_overloaded: bool = False
    is_retry: bool = False
    visitor_state: dict[str, Value] = {}
    exposures: dict[str, dict[str, int]] = {}
    context: dict[str, Value] = {}


class RankedItem(Contract, frozen=True):
    """One answer of a ranking, in answer order."""

    id: str
    props: dict[str, Prop]
    offer_id: str | None = None
    why: str | None = None


class Decision(Contract, frozen=True):
    """The outcome for one slot. `items` is filled for rankings alone.

    `propensity` is the product of its draws' propensities; None when no policy drew (pins alone, fallback, plain).
    """

    decision_id: str
    slot: str
    tier: Tier
    cause: Cause | None
    reason: Reason
    answer: tuple[str, ...]
    propensity: float | None
    component: str
    props: dict[str, Prop]
    items: tuple[RankedItem, ...] = ()
    offer_id: str | None = None
    why: str | None = None


class TimeOut(Contract, frozen=True):
    """The check at which time was found to be out: before this stage of this slot."""

    slot: str
    stage: Stage


class Draw(Contract, frozen=True):
    """One position's draw: its number u in [0, 1), what was drawn, and the propensity of that given what came before.

    u is None where nothing was left to chance: a pin stands there (`is_pinned`), or the policy is certain. Then the
    propensity is 1.
    """

    u: float | None
    item: str
    propensity: float
    is_pinned: bool = False


class Shadow(Contract, frozen=True):
    """What a slot's shadow policy would have shown on this page, by the same numbers u: logged, never served.

    Exposures and rewards belong to the answer that was served. `of_served` is the propensity that the shadow would
    have given to that answer; divided by the served one's own it weighs rewards for off-policy evaluation. It and
    `propensity` are None when no policy drew.
    """

    policy: str
    answer: tuple[str, ...]
    draws: tuple[Draw, ...]
    propensity: float | None
    of_served: float | None


class Trace(Contract, frozen=True):
    """How one slot's decision came about, for operators, replay and counterfactuals.

    `generated` counts ids per generator; `blockers` gives each dropped candidate's first blocker. In the order of
    `survivors` stand `scores`, those of the slot's other models (`other_scores`, by name), what each term of the
    objective and each boost added (`terms`, by name) and `values`, which all that comes to; `scored_tier` tells whose
    scores those are. `draws` has one entry per position of the answer, in its order. `boost_errors` counts erroring
    boosts. `shadow` is there when the slot has a shadow policy and a policy was asked. `held_out` is what a held-out
    visitor would have been answered.
    """

    slot: str
    generated: dict[str, int] = {}
    blockers: dict[str, str] = {}
    survivors: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    other_scores: dict[str, tuple[float, ...]] = {}
    values: tuple[float, ...] = ()
    terms: dict[str, tuple[float, ...]] = {}
    scored_tier: Tier | None = None
    draws: tuple[Draw, ...] = ()
    boost_errors: int = 0
    problem: str = ""
    shadow: Shadow | None = None
    held_out: tuple[str, ...] = ()


class Decisions(Contract, frozen=True):
    """The outcome for one page: decisions and traces in slot order, assignments, and where time ran out."""

    decisions: tuple[Decision, ...]
    traces: tuple[Trace, ...]
    assignments: dict[str, str] = {}
    timed_out_at: TimeOut | None = None
