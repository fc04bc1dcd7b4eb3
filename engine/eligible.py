"""Eligible: may this SLOT be decided for this visitor at all. Which ITEMS it may show is `engine.guard`'s question.

A condition that cannot be evaluated does not hold. Where the feed is stale, what has expired is no cause of its own.
"""

from contracts.decision import Cause
from contracts.errors import ExpiredError, RuleError
from engine.turn import RefusedError, Turn


def check_eligible(turn: Turn) -> None:
    """Raises `RefusedError`, or a blocking `ExpiredError`, when the slot must be plain."""
    if turn.slot.eligible is not None and not _holds(turn):
        raise RefusedError(Cause.INELIGIBLE)
    if turn.request.is_feed_stale:
        raise RefusedError(Cause.STALE_FEED)


def _holds(turn: Turn) -> bool:
    try:
        return turn.slot.eligible is None or bool(turn.slot.eligible(turn.scope))
    except ExpiredError as error:
        if turn.request.is_feed_stale:
            raise RefusedError(Cause.STALE_FEED) from None
        raise ExpiredError(error.message, error.rule, error.place, is_blocking=True) from None
    except RuleError as error:
        raise RefusedError(Cause.INELIGIBLE, str(error)) from None
