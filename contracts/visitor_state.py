"""Visitor state: what the sealed cookie carries. Written and read by `edge.cookie` alone; times are the node's clock.

Without granted consent it holds the consent choice and nothing else.
"""

from contracts.codec import Contract
from contracts.features import Value


class Consent(Contract, frozen=True, omit_defaults=True):
    """What the visitor chose. No choice yet grants nothing; `is_opted_out` overrides every grant."""

    granted: tuple[str, ...] = ()
    is_opted_out: bool = False
    is_chosen: bool = False


class CapCount(Contract, frozen=True):
    """What a cap keeps of an item: exposures since the `request.now` (microseconds) at which its window began.

    Of a recency cap `since` is the last exposure; one that counts exposures of the slot has those that came after.
    """

    count: int
    since: int


class VisitorState(Contract, frozen=True, omit_defaults=True):
    """Identity of browser and visit, consent, fold states by fold digest, cap counters, recent event-id hashes.

    `caps` maps a cap's name to its counters by item, or under `*` for the slot. `unit` is the profile's unit that the
    feed told first: splits stay with it. New fields come with defaults; unknown digests are dropped.
    """

    consent: Consent = Consent()
    visitor: str = ""
    visit: str = ""
    unit: str = ""
    created_at: int = 0
    seen_at: int = 0
    folds: dict[str, Value] = {}
    caps: dict[str, dict[str, CapCount]] = {}
    recent_events: tuple[int, ...] = ()
