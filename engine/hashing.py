"""Every hash and every draw. Splits and draws are exact: 53 bits of SHA-256 over a power of two.

No other room hashes for a decision, and nothing here keeps state: the same words give the same number anywhere.
"""

import hashlib
import hmac

from contracts.errors import ContractError

_TWO_53 = 2**53


def draws(seed: str, slot: str, count: int) -> tuple[float, ...]:
    """The numbers u in [0, 1) of the steps from 0: 53 bits of SHA-256(seed 0x00 slot 0x00 step as uint32 BE) / 2^53."""
    start = hashlib.sha256(_word(seed) + b"\0" + _word(slot) + b"\0")
    numbers = []
    for step in range(count):
        state = start.copy()
        state.update(step.to_bytes(4, "big"))
        numbers.append(_unit(state.digest()))
    return tuple(numbers)


def split(salt: str, unit: str) -> float:
    """Where a unit falls in [0, 1) under a salt: it is in when below the share, so shares grow monotonically."""
    return _unit(hashlib.sha256(_word(salt) + b"\0" + _word(unit)).digest())


def pseudonym(key: bytes, identity: str) -> str:
    """A keyed pseudonym of an id: 32 hex digits of HMAC-SHA256 (RFC 2104); without the key it cannot be reversed."""
    return hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()[:32]


def event_hash(event_id: str) -> int:
    """63 bits that stand for an event id where room is short (the cookie's list of recent events)."""
    return int.from_bytes(hashlib.sha256(event_id.encode()).digest()[:8], "big") >> 1


def content_digest(data: bytes) -> str:
    """SHA-256 of bytes, as 64 hex digits: fold states and results are named by it."""
    return hashlib.sha256(data).hexdigest()


def _unit(digest: bytes) -> float:
    return (int.from_bytes(digest[:8], "big") >> 11) / _TWO_53


def _word(text: str) -> bytes:
    if "\0" in text:
        raise ContractError("ids, salts and slot names contain no NUL")
    return text.encode()
