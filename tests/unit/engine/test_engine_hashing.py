"""Known vectors: an engine that hashes otherwise would reassign every visitor, so these numbers never change."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ContractError
from engine import hashing

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


def test_a_draw_is_53_bits_of_sha256_over_2_to_53() -> None:
    raw = hashlib.sha256(b"seed\0hero\0\x00\x00\x00\x02").digest()
    assert hashing.draws("seed", "hero", 3)[2] == (int.from_bytes(raw[:7], "big") >> 3) / 2**53


def test_a_split_hashes_salt_and_unit() -> None:
    raw = hashlib.sha256("glöbal\0v1".encode()).digest()
    assert hashing.split("glöbal", "v1") == (int.from_bytes(raw[:7], "big") >> 3) / 2**53


def test_vectors() -> None:
    assert hashing.draws("s1", "shelf", 1)[0] == 0.9907130569377216
    assert hashing.draws("s1", "shelf", 2)[1] == 0.08930222067480786
    assert hashing.split("global-2017", "v1") == 0.28318990651603293
    assert hashing.event_hash("e-1") == 6676490896555726444
    assert hashing.content_digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_pseudonym_is_hmac_sha256_of_rfc_4231_case_2() -> None:
    assert hashing.pseudonym(b"Jefe", "what do ya want for nothing?") == "5bdcc146bf60754e6a042426089575c7"


@given(WORDS, WORDS, st.integers(0, 40))
def test_draws_and_splits_lie_in_the_unit_interval(seed: str, slot: str, count: int) -> None:
    numbers = hashing.draws(seed, slot, count)
    assert len(numbers) == count
    assert all(0.0 <= u < 1.0 for u in numbers)
    assert 0.0 <= hashing.split(seed, slot) < 1.0


@given(st.text(max_size=200))
def test_an_event_hash_fits_int64(event_id: str) -> None:
    assert 0 <= hashing.event_hash(event_id.encode("utf-8", "replace").decode()) < 2**63


def test_words_cannot_run_into_each_other() -> None:
    with pytest.raises(ContractError, match="contain no NUL"):
        hashing.split("a\0b", "c")
    with pytest.raises(ContractError, match="contain no NUL"):
        hashing.draws("a", "b\0c", 1)[0]


def test_a_growing_share_keeps_its_units() -> None:
    def members(share: float) -> set[int]:
        return {unit for unit in range(2000) if hashing.split("salt", str(unit)) < share}

    assert members(0.1) < members(0.2) < members(0.5)
    assert 120 < len(members(0.1)) < 280
