"""Who asks, and what they allow: from headers, cookie and, in development, `?as=` to one caller per request.

Ids leave this room only as pseudonyms. Without a grant there are none: the caller is nobody in particular.
"""

import re
import secrets
from dataclasses import dataclass

from msgspec.structs import replace
from starlette.types import Scope

from contracts.errors import ContractError
from contracts.visitor_state import Consent, VisitorState
from edge.activation import Live
from edge.config import parse_instant
from edge.node import Node
from edge.visits import begun, chosen, resumed
from edge.wire import header, query_values

_BOT = re.compile(r"bot\b|crawl|spider|slurp|headless", re.IGNORECASE)
_MAX_ID_CHARS = 128
_ID_BYTES = 16


@dataclass(frozen=True)
class Caller:
    """One request's visitor. `now` is `request.now`; `is_new` tells that the cookie does not know this visitor yet.

    `granted` is what counts for this request: nothing under Sec-GPC or after opting out. `units` are pseudonyms.
    """

    state: VisitorState
    granted: tuple[str, ...]
    units: dict[str, str]
    now: int
    is_new: bool = False
    is_gpc: bool = False
    is_bot: bool = False


def identify(node: Node, live: Live, scope: Scope) -> Caller:
    """The caller of a request. A cookie that does not hold is a new visitor."""
    kept = node.jar.open(header(scope, b"cookie"), node.clock.now_us()) or VisitorState()
    is_gpc = header(scope, b"sec-gpc") == "1"
    household = _household(node, scope)
    granted = () if is_gpc else _granted(kept, live, household)
    state = _known(node, live, kept, household) if granted else VisitorState(consent=kept.consent)
    return Caller(
        state=state,
        granted=granted,
        units=units(node, state),
        now=_now(node, scope),
        is_new=bool(granted) and state.visitor != kept.visitor,
        is_gpc=is_gpc,
        is_bot=_BOT.search(header(scope, b"user-agent")) is not None,
    )


def with_state(node: Node, caller: Caller, state: VisitorState) -> Caller:
    """The same caller after their state changed."""
    return Caller(state, caller.granted, units(node, state), caller.now, False, caller.is_gpc, caller.is_bot)


def choose(node: Node, live: Live, scope: Scope, consent: Consent) -> VisitorState:
    """The state of a caller who has just made this choice. Who opts out keeps the choice and nothing else."""
    caller = identify(node, live, scope)
    if caller.is_gpc or consent.is_opted_out or not consent.granted:
        return VisitorState(consent=consent)
    return chosen(_known(node, live, caller.state, _household(node, scope)), consent, live.loaded)


def set_cookie(node: Node, state: VisitorState) -> tuple[bytes, bytes]:
    """The header that hands a state to the browser, seen now."""
    seen = replace(state, seen_at=node.clock.now_us())
    return b"set-cookie", node.jar.seal(seen).encode()


def units(node: Node, state: VisitorState) -> dict[str, str]:
    """What splits hash: pseudonyms of visitor and visit; empty for nobody in particular."""
    if not state.visitor:
        return {}
    return {"visitor": node.pseudonym(state.visitor), "session": node.pseudonym(f"{state.visitor}/{state.visit}")}


def _known(node: Node, live: Live, kept: VisitorState, household: str | None) -> VisitorState:
    now = node.clock.now_us()
    if kept.visitor and household in (None, kept.visitor):
        return resumed(kept, now, live.loaded)
    return begun(household or secrets.token_urlsafe(_ID_BYTES), secrets.token_urlsafe(_ID_BYTES), kept.consent, now)


def _granted(kept: VisitorState, live: Live, household: str | None) -> tuple[str, ...]:
    """What the visitor granted; in development a household that has not chosen yet has granted everything."""
    purposes = live.loaded.schema.purposes
    if kept.consent.is_opted_out:
        return ()
    if household is not None and not kept.consent.is_chosen:
        return purposes
    return tuple(purpose for purpose in purposes if purpose in kept.consent.granted)


def _household(node: Node, scope: Scope) -> str | None:
    household = query_values(scope).get("as") if node.config.is_dev and scope["query_string"] else None
    if household is not None and not 0 < len(household) <= _MAX_ID_CHARS:
        raise ContractError(f"?as= names a household in 1 to {_MAX_ID_CHARS} characters", "?as")
    return household


def _now(node: Node, scope: Scope) -> int:
    told = header(scope, b"x-edgewise-now") if node.config.is_dev else ""
    if not told:
        return node.request_now()
    instant = parse_instant(told, "X-Edgewise-Now")
    node.advance(instant)
    return instant
