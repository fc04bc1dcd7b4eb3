"""Visitor state <-> sealed cookie: COSE_Encrypt0 (RFC 9052, section 5.2) with AES-256-GCM over CBOR, base64url.

Strict on the way in: size, canonical base64 and the exact shape of the envelope are checked before any key is used, and
nothing may follow it. Whatever is wrong, the answer is None: a bad cookie is a new visitor. What the state means
lives in `edge.visitor`.
"""

import base64
import binascii
from dataclasses import dataclass

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from contracts.codec import decode_cbor, encode_cbor
from contracts.errors import ContractError
from contracts.visitor_state import VisitorState

MAX_COOKIE_BYTES = 4096
NONCE_BYTES = 12
LIFE_S = 180 * 24 * 3600
_TAG_ENCRYPT0 = 16
_PROTECTED = cbor2.dumps({1: 3})
_TAG_BYTES = 16


@dataclass(frozen=True)
class CookieJar:
    """Name and keys of the cookie. `keys` maps key ids to keys; the first seals, all of them open."""

    keys: dict[bytes, bytes]
    is_secure: bool = True

    @property
    def name(self) -> str:
        """`__Host-` binds the cookie to this host and to https; plain http (dev) cannot have that."""
        return "__Host-ew" if self.is_secure else "ew"

    def seal(self, state: VisitorState, nonce: bytes) -> str:
        """The cookie's value for a state, shortened until a browser keeps it. `nonce` is 12 random bytes, used once."""
        value = self._sealed(state, nonce)
        while len(self.name) + len(value) > MAX_COOKIE_BYTES:
            state = shortened(state)
            value = self._sealed(state, nonce)
        return value

    def open(self, value: str) -> VisitorState | None:
        """The state in a cookie's value, None for anything that this jar did not seal."""
        if len(self.name) + len(value) > MAX_COOKIE_BYTES:
            return None
        try:
            data = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
            if _text(data) != value:
                return None
            return self._opened(data)
        except (binascii.Error, ValueError, ContractError, InvalidTag):
            return None

    def header(self, value: str, *, max_age_s: int = LIFE_S) -> str:
        """The Set-Cookie header's value."""
        secure = "; Secure" if self.is_secure else ""
        return f"{self.name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"

    def _sealed(self, state: VisitorState, nonce: bytes) -> str:
        kid, key = next(iter(self.keys.items()))
        sealed = AESGCM(key).encrypt(nonce, encode_cbor(state), self._aad())
        return _text(_envelope(kid, nonce) + _byte_string_head(len(sealed)) + sealed)

    def _opened(self, data: bytes) -> VisitorState | None:
        for kid, key in self.keys.items():
            head = _envelope(kid, data[len(_envelope(kid, b"")) :][:NONCE_BYTES])
            if data.startswith(head):
                sealed = _only_byte_string(data[len(head) :])
                nonce = head[-NONCE_BYTES:]
                return decode_cbor(AESGCM(key).decrypt(nonce, sealed, self._aad()), VisitorState)
        return None

    def _aad(self) -> bytes:
        return cbor2.dumps(["Encrypt0", _PROTECTED, self.name.encode()])


def shortened(state: VisitorState) -> VisitorState:
    """The state with its least valuable part gone: old event ids, then the oldest caps, then the largest fold."""
    if len(state.recent_events) > 4:
        return replace(state, recent_events=state.recent_events[len(state.recent_events) // 2 :])
    if state.caps:
        oldest = min(state.caps, key=lambda name: (max(cap.since for cap in state.caps[name].values()), name))
        return replace(state, caps={name: caps for name, caps in state.caps.items() if name != oldest})
    if state.folds:
        largest = max(state.folds, key=lambda digest: (len(cbor2.dumps(state.folds[digest])), digest))
        return replace(state, folds={key: fold for key, fold in state.folds.items() if key != largest})
    return VisitorState(consent=state.consent)


def _envelope(kid: bytes, nonce: bytes) -> bytes:
    """The bytes of COSE_Encrypt0 before its ciphertext: tag 16, three parts, headers {1: 3} and {4: kid, 5: nonce}."""
    head = bytes([0xC0 | _TAG_ENCRYPT0, 0x83]) + cbor2.dumps(_PROTECTED) + b"\xa2\x04" + cbor2.dumps(kid)
    return head + b"\x05" + bytes([0x40 | NONCE_BYTES]) + nonce


def _byte_string_head(size: int) -> bytes:
    return cbor2.dumps(b"\0" * size)[:-size]


def _only_byte_string(data: bytes) -> bytes:
    """The byte string that `data` is, exactly and canonically encoded. Raises `ContractError` for anything else."""
    for width in (1, 2, 3):
        sealed = data[width:]
        if len(sealed) >= _TAG_BYTES and data[:width] == _byte_string_head(len(sealed)):
            return sealed
    raise ContractError("not one byte string")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
