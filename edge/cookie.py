"""Visitor state <-> sealed cookie: COSE_Encrypt0 (RFC 9052, section 5.2) over CBOR with AES-256-GCM, as base64url.

Whatever comes back from a browser is checked in size and exact shape before any key is used, and nothing of it is
parsed before it is authenticated. A cookie that is not ours, byte for byte, is no cookie: its bearer is a new visitor.
Time is an argument. What the state means is `edge.visits`' affair.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from contracts.codec import decode_cbor, encode_cbor
from contracts.errors import ContractError
from contracts.visitor_state import VisitorState
from engine.folds.exposures import SLOT_KEY

_Part: TypeAlias = tuple[str, ...]  # cap and item; a fold's digest; (): an event hash
MAX_OCTETS = 4096  # name and value, as browsers count (RFC 6265bis, section 5.6)
MAX_AGE_S = 30 * 24 * 3600
NONCE_BYTES = 12
_TAG_BYTES = 16
_ENCRYPT0 = 16  # the CBOR tag of COSE_Encrypt0
_PROTECTED = cbor2.dumps({1: 3})  # alg: A256GCM (RFC 9053, section 4.1)


@dataclass(frozen=True)
class CookieJar:
    """The keys by kid, which of them seals, and whether the cookie must travel over https alone."""

    kid: str
    keys: dict[str, bytes] = field(repr=False)
    is_secure: bool = True
    new_nonce: Callable[[], bytes] = lambda: os.urandom(NONCE_BYTES)

    @property
    def name(self) -> str:
        """`__Host-` binds the cookie to this host and to https; plain http (dev) cannot have that."""
        return "__Host-ew" if self.is_secure else "ew"

    def open(self, header: str, now: int) -> VisitorState | None:
        """The state in a Cookie header at `now` (microseconds); None for a stranger, a forgery, an old cookie."""
        value = cookie_value(header, self.name)
        state = None if value is None or not self._fits(value) else self._unsealed(value)
        return None if state is None or now - state.seen_at > MAX_AGE_S * 1_000_000 else state

    def seal(self, state: VisitorState) -> str:
        """A Set-Cookie header. State that does not fit is evicted: the same state always loses the same parts."""
        value = self._sealed(state)
        if not self._fits(value):
            parts = _evictable(state)
            fewest = bisect_left(
                range(len(parts)), True, key=lambda count: self._fits(self._leaner(state, parts, count))
            )
            value = self._leaner(state, parts, fewest)
        return f"{self.name}={value}; Max-Age={MAX_AGE_S}; {self._attributes}"

    def clear(self) -> str:
        """A Set-Cookie header that removes the cookie."""
        return f"{self.name}=; Max-Age=0; {self._attributes}"

    @property
    def _attributes(self) -> str:
        return "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self.is_secure else "")

    def _fits(self, value: str) -> bool:
        return len(self.name) + len(value) <= MAX_OCTETS

    def _leaner(self, state: VisitorState, parts: list[_Part], count: int) -> str:
        return self._sealed(_without(state, parts[:count]))

    def _sealed(self, state: VisitorState) -> str:
        nonce = self.new_nonce()
        sealed = AESGCM(self.keys[self.kid]).encrypt(nonce, encode_cbor(state), self._aad())
        return _text(_message(self.kid, nonce, sealed))

    def _unsealed(self, value: str) -> VisitorState | None:
        message = _bytes(value)
        parts = None if message is None else self._parts(message)
        if parts is None:
            return None
        key, nonce, sealed = parts
        try:
            return decode_cbor(AESGCM(key).decrypt(nonce, sealed, self._aad()), VisitorState, max_bytes=MAX_OCTETS)
        except (InvalidTag, ContractError):
            return None

    def _parts(self, message: bytes) -> tuple[bytes, bytes, bytes] | None:
        """Key, nonce and ciphertext, if writing them again gives exactly this message."""
        for kid, key in self.keys.items():
            start = len(_message(kid, b"", b"")) - 1
            nonce, rest = message[start : start + NONCE_BYTES], message[start + NONCE_BYTES :]
            sealed = rest[_head_bytes(rest) :]
            if len(sealed) >= _TAG_BYTES and _message(kid, nonce, sealed) == message:
                return key, nonce, sealed
        return None

    def _aad(self) -> bytes:
        """The Enc_structure (RFC 9052, section 5.3): a cookie holds under its own name alone."""
        return cbor2.dumps(["Encrypt0", _PROTECTED, self.name.encode()])


def cookie_value(header: str, name: str) -> str | None:
    """The value of a cookie in a Cookie header, the first of several; None when there is none."""
    return next((text for known, text in _pairs(header) if known == name), None)


def _message(kid: str, nonce: bytes, sealed: bytes) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(_ENCRYPT0, [_PROTECTED, {4: kid.encode(), 5: nonce}, sealed]))


def _head_bytes(text: bytes) -> int:
    """How long the head is of the CBOR byte string that is `text` (RFC 8949, section 3)."""
    return 1 if len(text) <= 24 else 2 if len(text) <= 257 else 3


def _pairs(header: str) -> Iterator[tuple[str, str]]:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        yield name, value


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(value: str) -> bytes | None:
    """The bytes of canonical base64url without padding, None for anything else."""
    try:
        data = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return None
    return data if _text(data) == value else None


def _evictable(state: VisitorState) -> list[_Part]:
    """What may go, in this order: the oldest event hashes, the oldest counters, the largest folds.

    Of counters those of items go first: a slot has one for each cap, a ranking fills the room with its items.
    """
    hashes: list[_Part] = [() for _ in state.recent_events]
    counters = [(name, item) for name, counts in state.caps.items() for item in counts]
    oldest: list[_Part] = sorted(counters, key=lambda key: (key[1] == SLOT_KEY, state.caps[key[0]][key[1]].since, key))
    digests = sorted(state.folds, key=lambda key: (-len(encode_cbor(state.folds[key])), key))
    return [*hashes, *oldest, *((digest,) for digest in digests)]


def _without(state: VisitorState, parts: list[_Part]) -> VisitorState:
    gone = set(parts)
    caps = {
        name: {item: count for item, count in counts.items() if (name, item) not in gone}
        for name, counts in state.caps.items()
    }
    return replace(
        state,
        recent_events=state.recent_events[parts.count(()) :],
        caps={name: counts for name, counts in caps.items() if counts},
        folds={digest: value for digest, value in state.folds.items() if (digest,) not in gone},
    )
