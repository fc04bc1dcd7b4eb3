"""Every hash and every draw. Splits and draws are exact: 53 bits of SHA-256 over a power of two.

No other room hashes for a decision, and nothing here keeps state: the same words give the same number anywhere.
"""

import hashlib
import hmac
import struct

from contracts.errors import ContractError

_TWO_53 = 2**53


def draw(seed: str, slot: str, step: int) -> float:
    """The number u in [0, 1) of one draw: 53 bits of SHA-256(seed 0x00 slot 0x00 step as uint32 BE), over 2^53."""
    return _unit(_word(seed) + b"\0" + _word(slot) + b"\0" + struct.pack(">I", step))


def split(salt: str, unit: str) -> float:
    """Where a unit falls in [0, 1) under a salt: it is in when below the share, so shares grow monotonically."""
    return _unit(_word(salt) + b"\0" + _word(unit))


def pseudonym(key: bytes, identity: str) -> str:
    """A keyed pseudonym of an id: 32 hex digits of HMAC-SHA256 (RFC 2104); without the key it cannot be reversed."""
    return hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()[:32]


def event_hash(event_id: str) -> int:
    """63 bits that stand for an event id where room is short (the cookie's list of recent events)."""
    return int.from_bytes(hashlib.sha256(event_id.encode()).digest()[:8], "big") >> 1


def content_digest(data: bytes) -> str:
    """SHA-256 of bytes, as 64 hex digits: fold states and results are named by it."""
    return hashlib.sha256(data).hexdigest()


def _unit(message: bytes) -> float:
    return (int.from_bytes(hashlib.sha256(message).digest()[:8], "big") >> 11) / _TWO_53


def _word(text: str) -> bytes:
    if "\0" in text:
        raise ContractError("ids, salts and slot names contain no NUL")
    return text.encode()
