import base64
from collections.abc import Callable

import cbor2
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.codec import encode_cbor
from contracts.visitor_state import CapCount, Consent, VisitorState
from edge.cookie import MAX_AGE_S, MAX_OCTETS, CookieJar

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND
KEY, OLD_KEY = b"k" * 32, b"o" * 32
JAR = CookieJar("k1", {"k1": KEY})
STATE = VisitorState(
    consent=Consent(granted=("personalisation",), is_chosen=True),
    visitor="someone",
    visit="now",
    created_at=NOW,
    seen_at=NOW,
    folds={"0123456789abcdef": ("a", "b"), "1123456789abcdef": 2, "2123456789abcdef": 0.1},
    caps={"weekly": {"item": CapCount(count=2, since=NOW)}},
    recent_events=(1, 2**63 - 1),
)


def value_of(set_cookie: str) -> str:
    return set_cookie.partition("=")[2].partition(";")[0]


def header_of(set_cookie: str) -> str:
    return set_cookie.partition(";")[0]


def raw(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def as_header(data: bytes, jar: CookieJar = JAR) -> str:
    return f"{jar.name}=" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_what_is_sealed_opens_again() -> None:
    assert JAR.open(header_of(JAR.seal(STATE)), NOW) == STATE


def test_it_is_found_among_other_cookies() -> None:
    assert JAR.open(f"a=b; {header_of(JAR.seal(STATE))};c=d", NOW) == STATE


def test_attributes_bind_it_to_the_host_and_to_https() -> None:
    attributes = JAR.seal(STATE).split("; ")[1:]
    assert JAR.seal(STATE).startswith("__Host-ew=")
    assert set(attributes) == {f"Max-Age={MAX_AGE_S}", "Path=/", "HttpOnly", "SameSite=Lax", "Secure"}


def test_in_development_it_travels_over_plain_http() -> None:
    jar = CookieJar("k1", {"k1": KEY}, is_secure=False)
    assert jar.seal(STATE).startswith("ew=")
    assert "Secure" not in jar.seal(STATE)


def test_clearing_removes_it_at_once() -> None:
    assert JAR.clear() == "__Host-ew=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"


def test_it_is_cose_encrypt0_as_the_standard_writes_it() -> None:
    message = cbor2.loads(raw(value_of(JAR.seal(STATE))))
    protected, unprotected, sealed = message.value
    assert message.tag == 16
    assert cbor2.loads(protected) == {1: 3}
    assert unprotected[4] == b"k1"
    aad = cbor2.dumps(["Encrypt0", protected, b"__Host-ew"])
    plain = AESGCM(KEY).decrypt(unprotected[5], sealed, aad)
    assert plain == encode_cbor(STATE)


def test_every_cookie_has_its_own_nonce() -> None:
    assert JAR.seal(STATE) != JAR.seal(STATE)


def test_a_retired_key_still_opens_and_does_not_seal() -> None:
    old = CookieJar("k0", {"k0": OLD_KEY})
    both = CookieJar("k1", {"k0": OLD_KEY, "k1": KEY})
    assert both.open(header_of(old.seal(STATE)), NOW) == STATE
    assert old.open(header_of(both.seal(STATE)), NOW) is None


def test_a_cookie_holds_under_its_own_name_alone() -> None:
    plain = CookieJar("k1", {"k1": KEY}, is_secure=False)
    assert JAR.open(f"__Host-ew={value_of(plain.seal(STATE))}", NOW) is None


@pytest.mark.parametrize(("age_s", "is_known"), [(0, True), (MAX_AGE_S, True), (MAX_AGE_S + 1, False)])
def test_after_30_days_it_is_forgotten(age_s: int, is_known: bool) -> None:
    assert (JAR.open(header_of(JAR.seal(STATE)), NOW + age_s * SECOND) is not None) is is_known


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[:-1],
    "without its ciphertext": lambda data: data[:30],
    "with a trailing byte": lambda data: data + b"\0",
    "without its tag": lambda data: data[1:],
    "under another tag": lambda data: b"\xd1" + data[1:],
    "with another algorithm": lambda data: data.replace(b"\xa1\x01\x03", b"\xa1\x01\x01", 1),
    "with an unknown kid": lambda data: data.replace(b"k1", b"k2", 1),
    "with a flipped bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "with a longer head": lambda data: data[:27] + b"\x5a\x00\x00" + data[28:],
    "not CBOR": lambda data: b"\xff" * 80,
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_a_new_visitor(name: str) -> None:
    data = raw(value_of(JAR.seal(STATE)))
    assert FORGERIES[name](data) != data
    assert JAR.open(as_header(FORGERIES[name](data)), NOW) is None


@pytest.mark.parametrize(
    "change", [lambda v: v + "=", lambda v: v + "A", lambda v: v[:9] + "!" + v[9:], lambda v: v + "é"]
)
def test_only_canonical_base64url_is_read(change: Callable[[str], str]) -> None:
    value = value_of(JAR.seal(STATE))
    assert JAR.open(f"__Host-ew={value}", NOW) == STATE
    assert JAR.open(f"__Host-ew={change(value)}", NOW) is None


def test_spare_bits_of_base64_are_refused() -> None:
    jar = CookieJar("k1", {"k1": KEY})
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for extra in range(3):
        value = value_of(jar.seal(VisitorState(visitor="v" * extra)))
        if len(value) % 4:
            sibling = value[:-1] + alphabet[alphabet.index(value[-1]) ^ 1]
            assert raw(sibling) == raw(value)
            assert jar.open(f"__Host-ew={sibling}", 0) is None
            return
    raise AssertionError("no length has spare bits")


def test_an_oversized_cookie_is_not_even_decoded() -> None:
    assert JAR.open("__Host-ew=" + "A" * (MAX_OCTETS + 1), NOW) is None


def test_sealed_bytes_that_are_no_state_are_a_new_visitor() -> None:
    jar = CookieJar("k1", {"k1": KEY}, new_nonce=lambda: b"n" * 12)
    sealed = AESGCM(KEY).encrypt(b"n" * 12, cbor2.dumps({"visitor": 5}), jar._aad())
    message = cbor2.dumps(cbor2.CBORTag(16, [cbor2.dumps({1: 3}), {4: b"k1", 5: b"n" * 12}, sealed]))
    assert jar.open(as_header(message), NOW) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    assert JAR.open(as_header(data), NOW) is None


@given(st.text(max_size=200))
def test_no_header_raises(text: str) -> None:
    assert JAR.open(text, NOW) is None
    assert JAR.open(f"__Host-ew={text}", NOW) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(at: int, change: int) -> None:
    data = bytearray(raw(value_of(JAR.seal(STATE))))
    data[at % len(data)] ^= change
    assert JAR.open(as_header(bytes(data)), NOW) is None


texts = st.text(max_size=30)
states = st.builds(
    VisitorState,
    visitor=texts,
    visit=texts,
    seen_at=st.just(NOW),
    folds=st.dictionaries(
        texts,
        st.one_of(
            st.integers(-(2**63), 2**63 - 1),
            st.booleans(),
            st.floats(allow_nan=False, allow_infinity=False),
            texts,
            st.lists(texts, max_size=40).map(tuple),
        ),
        max_size=20,
    ),
    caps=st.dictionaries(
        texts,
        st.dictionaries(
            texts, st.builds(CapCount, count=st.integers(1, 9), since=st.integers(0, NOW)), max_size=30, min_size=1
        ),
        max_size=8,
    ),
    recent_events=st.lists(st.integers(0, 2**63 - 1), max_size=60).map(tuple),
)


@given(states)
def test_any_state_fits_into_a_browser_and_loses_the_same_parts(state: VisitorState) -> None:
    jar = CookieJar("k1", {"k1": KEY}, new_nonce=lambda: b"n" * 12)
    sealed = jar.seal(state)
    assert len("__Host-ew") + len(value_of(sealed)) <= MAX_OCTETS
    assert jar.seal(state) == sealed
    opened = jar.open(header_of(sealed), NOW)
    assert opened is not None
    assert (opened.visitor, opened.visit, opened.consent) == (state.visitor, state.visit, state.consent)
    assert opened.folds.items() <= state.folds.items()


def test_eviction_takes_no_more_than_it_must_and_asks_few_times() -> None:
    """What a page says was shown becomes counters: their number must not become work."""
    sealed_count = 0

    def nonce() -> bytes:
        nonlocal sealed_count
        sealed_count += 1
        return b"n" * 12

    jar = CookieJar("k1", {"k1": KEY}, new_nonce=nonce)
    caps = {"cap": {f"item-{n:04}": CapCount(count=1, since=NOW + n) for n in range(4000)}}
    state = VisitorState(visitor="v", seen_at=NOW, caps=caps)
    sealed = jar.seal(state)
    assert sealed_count < 20
    opened = jar.open(header_of(sealed), NOW)
    assert opened is not None
    one_more = {f"item-{n:04}": caps["cap"][f"item-{n:04}"] for n in range(4000 - len(opened.caps["cap"]) - 1, 4000)}
    sealed_count = 0
    jar.seal(replace(state, caps={"cap": one_more}))
    assert sealed_count > 1, "it does not fit"


def test_eviction_takes_event_hashes_first_then_the_oldest_caps_then_the_largest_folds() -> None:
    slot = {"*": CapCount(count=9, since=NOW - 1)}
    caps = {"cap": {f"item-{n:03}": CapCount(count=1, since=NOW + n) for n in range(100)}, "slot": slot}
    folds = {"small": ("x",), "large": tuple("y" * 30 for _ in range(20))}
    state = VisitorState(visitor="v", seen_at=NOW, caps=caps, folds=folds, recent_events=tuple(range(40)))
    opened = JAR.open(header_of(JAR.seal(state)), NOW)
    assert opened is not None
    assert opened.recent_events == ()
    assert opened.folds == folds
    assert opened.caps["slot"] == slot, "one counter that stands for all items"
    kept = sorted(opened.caps["cap"])
    assert 0 < len(kept) < 100
    assert kept == sorted(caps["cap"])[-len(kept) :]
    huge = VisitorState(visitor="v", seen_at=NOW, folds={**folds, "huge": tuple("z" * 90 for _ in range(60))})
    assert JAR.open(header_of(JAR.seal(huge)), NOW) == VisitorState(visitor="v", seen_at=NOW, folds=folds)
