"""QA tokens: who holds one sees the arms, or the holdout, that it names, and is left out of measurement.

A token is what it says and a keyed hash over that, each as base64url. Nothing of it is parsed before the hash holds.
Who shows a token that does not hold is told so: passed over, it would count among the shoppers. Time is an argument.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from contracts.codec import Contract, decode, encode
from contracts.decision import Override
from contracts.experiments import ExperimentSpec
from edge.wire import ForbiddenError

COOKIE = "ew-qa"
_MAX_CHARS = 2048
_CONTEXT = b"edgewise qa token\0"


class Token(Contract, frozen=True):
    """What a token says: the override, and until when (microseconds) it holds."""

    override: Override
    expires_at: int


def signed(key: bytes, token: Token) -> str:
    """The token as a text for cookie `ew-qa`."""
    body = encode(token)
    return f"{_text(body)}.{_text(_hash(key, body))}"


def verified(key: bytes | None, text: str, now: int) -> Override:
    """What a token's text puts in place. Raises `ForbiddenError`, saying why and what to do."""
    if key is None:
        raise _refused("this node has no key for QA tokens: add `qa` to its secrets")
    body_text, _, hash_text = text.partition(".")
    try:
        body, given = _bytes(body_text), _bytes(hash_text)
    except ValueError:
        raise _refused("it is no QA token") from None
    if len(text) > _MAX_CHARS or not hmac.compare_digest(_hash(key, body), given):
        raise _refused("its signature does not hold here")
    token = decode(body, Token)
    if now >= token.expires_at:
        raise _refused("it has expired")
    return token.override


def check_arms(override: Override, spec: ExperimentSpec) -> None:
    """Raises `ForbiddenError` for an arm that the bundle lacks: its bearer would take what chance gives for it."""
    known = {each.name: [arm.name for arm in each.arms] for each in spec.experiments}
    for experiment, arm in override.arms.items():
        if arm not in known.get(experiment, ()):
            raise _refused(f"the bundle in use has no arm {experiment}={arm}")


def _refused(why: str) -> ForbiddenError:
    return ForbiddenError(f"the QA token is refused: {why}; make one with `edgewise qa`, or delete the cookie", COOKIE)


def _hash(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, _CONTEXT + body, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(data) != text:
        raise ValueError("not canonical")
    return data
