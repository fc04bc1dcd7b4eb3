"""Who asks, and what they allow: from headers, cookie and, in development, `?as=` to one caller per request.

Ids leave this room only as pseudonyms. Without a grant there are none: the caller is nobody in particular. Sec-GPC,
opting out and being a bot grant nothing.
"""

import dataclasses
import re
import secrets
from dataclasses import dataclass

from msgspec.structs import replace
from starlette.types import Scope

from contracts.decision import Override
from contracts.errors import ContractError
from contracts.visitor_state import Consent, VisitorState
from edge import qa
from edge.activation import Live
from edge.config import parse_instant
from edge.cookie import cookie_value
from edge.node import Node
from edge.visits import begun, chosen, resumed
from edge.wire import header, query_values
from engine.assign import PROFILE

_BOT = re.compile(r"bot\b|crawl|spider|slurp|headless", re.IGNORECASE)
_MAX_ID_CHARS = 128
_ID_BYTES = 16


@dataclass(frozen=True)
class Caller:
    """One request's visitor. `now` is `request.now`; `is_new` tells that the cookie does not know this visitor yet.

    `granted` is what counts for this request. `units` are pseudonyms. `qa` is what a verified QA token says.
    """

    state: VisitorState
    granted: tuple[str, ...]
    units: dict[str, str]
    now: int
    is_new: bool = False
    is_gpc: bool = False
    is_bot: bool = False
    qa: Override | None = None


def identify(node: Node, live: Live, scope: Scope) -> Caller:
    """The caller of a request. A cookie that does not hold is a new visitor. Raises `ForbiddenError` for a QA token."""
    cookies = header(scope, b"cookie")
    kept = node.jar.open(cookies, node.clock.now_us()) or VisitorState()
    is_gpc = header(scope, b"sec-gpc") == "1"
    is_bot = _BOT.search(header(scope, b"user-agent")) is not None
    household = _household(node, scope)
    now = _now(node, scope)
    granted = () if is_gpc or is_bot else _granted(kept, live, household)
    state = _known(node, live, kept, household, now) if granted else VisitorState(consent=kept.consent)
    return Caller(
        state=state,
        granted=granted,
        units=units(node, state),
        now=now,
        is_new=bool(granted) and state.visitor != kept.visitor,
        is_gpc=is_gpc,
        is_bot=is_bot,
        qa=_override(node, live, cookies),
    )


def with_state(node: Node, caller: Caller, state: VisitorState) -> Caller:
    """The same caller after their state changed."""
    return dataclasses.replace(caller, state=state, units=units(node, state), is_new=False)


def choose(node: Node, live: Live, scope: Scope, consent: Consent) -> VisitorState:
    """The state of a caller who has just made this choice. Who opts out keeps the choice and nothing else."""
    caller = identify(node, live, scope)
    if caller.is_gpc or caller.is_bot or consent.is_opted_out or not consent.granted:
        return VisitorState(consent=consent)
    return chosen(_known(node, live, caller.state, _household(node, scope), caller.now), consent, live.loaded)


def set_cookie(node: Node, state: VisitorState) -> tuple[bytes, bytes]:
    """The header that hands a state to the browser, seen now."""
    seen = replace(state, seen_at=node.clock.now_us())
    return b"set-cookie", node.jar.seal(seen).encode()


def units(node: Node, state: VisitorState) -> dict[str, str]:
    """Pseudonyms of visitor and visit, and the unit of the profile; empty for nobody in particular."""
    if not state.visitor:
        return {}
    known = {"visitor": node.pseudonym(state.visitor), "session": node.pseudonym(f"{state.visitor}/{state.visit}")}
    return {**known, PROFILE: state.unit} if state.unit else known


def _known(node: Node, live: Live, kept: VisitorState, household: str | None, now: int) -> VisitorState:
    """The state of somebody in particular, as of the node's clock, with the unit that the feed tells at `now`."""
    clock = node.clock.now_us()
    if kept.visitor and household in (None, kept.visitor):
        state = resumed(kept, clock, live.loaded)
    else:
        visitor, visit = household or secrets.token_urlsafe(_ID_BYTES), secrets.token_urlsafe(_ID_BYTES)
        state = begun(visitor, visit, kept.consent, clock)
    return state if state.unit else replace(state, unit=_unit(node, live, state.visitor, now))


def _unit(node: Node, live: Live, visitor: str, now: int) -> str:
    """What the feed tells of the profile that a visitor belongs to; empty where it tells nothing."""
    feature = live.loaded.experiments.unit
    known = None if feature is None else live.snapshot.visitor(node.pseudonym(visitor)).get(feature)
    return str(known.value) if known is not None and known.as_of <= now else ""


def _override(node: Node, live: Live, cookies: str) -> Override | None:
    token = cookie_value(cookies, qa.COOKIE)
    if token is None:
        return None
    override = qa.verified(node.config.secrets.qa_key, token, node.clock.now_us())
    qa.check_arms(override, live.loaded.experiments)
    return override


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
