"""QA tokens: what is signed is what is verified, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.decision import Override
from contracts.errors import ContractError
from edge.qa import Token, signed, verified
from edge.wire import ForbiddenError

KEY = b"k" * 32
OVERRIDE = Override(arms={"x": "treatment"}, is_held_out=True)
TEXT = signed(KEY, Token(override=OVERRIDE, expires_at=1000))


@given(
    arms=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
    is_held_out=st.booleans(),
    expires_at=st.integers(1, 2**62),
)
def test_a_token_says_what_was_signed_until_it_expires(
    arms: dict[str, str], is_held_out: bool, expires_at: int
) -> None:
    override = Override(arms=arms, is_held_out=is_held_out)
    text = signed(KEY, Token(override=override, expires_at=expires_at))
    assert verified(KEY, text, expires_at - 1) == override
    with pytest.raises(ForbiddenError, match="expired"):
        verified(KEY, text, expires_at)


@given(place=st.integers(0, len(TEXT) - 1), character=st.sampled_from("Aa0_-.=~ \0é"))
def test_a_token_with_one_character_changed_does_not_hold(place: int, character: str) -> None:
    forged = TEXT[:place] + character + TEXT[place + 1 :]
    if forged != TEXT:
        with pytest.raises(ForbiddenError):
            verified(KEY, forged, 0)


@given(text=st.text(max_size=40))
def test_whatever_is_shown_is_refused_without_a_bug(text: str) -> None:
    with pytest.raises(ForbiddenError):
        verified(KEY, text, 0)


def test_another_key_and_no_key_verify_nothing() -> None:
    for key in (b"x" * 32, None):
        with pytest.raises(ContractError, match="ew-qa"):
            verified(key, TEXT, 0)
