import pytest

from edge.activation import Activation, ActivationError, Phase

A, B = "sha256:a", "sha256:b"


def live(revision: str, before: Activation | None = None) -> Activation:
    return (before or Activation()).verified(revision).loaded(revision).activated(revision)


def test_a_revision_goes_live_step_by_step() -> None:
    state = Activation()
    assert state.wants(A)
    assert live(A).live == A
    assert not live(A).wants(A)
    assert state.live is None, "moves give a new state"


def test_the_one_before_retires_and_may_come_back() -> None:
    second = live(B, live(A))
    assert second.phases == {A: Phase.RETIRED, B: Phase.LIVE}
    back = live(A, second)
    assert back.live == A
    assert back.phases == {A: Phase.LIVE, B: Phase.RETIRED}


@pytest.mark.parametrize("steps", [[], ["verified"], ["verified", "loaded"]])
def test_a_refusal_at_any_step_keeps_the_last_good_one(steps: list[str]) -> None:
    state = live(A)
    for step in steps:
        state = getattr(state, step)(B)
    refused = state.refused(B, "altered")
    assert refused.live == A
    assert refused.refusals == {B: "altered"}
    assert refused.phases[B] is Phase.REFUSED
    assert refused.refused(B, "still altered").refusals == {B: "still altered"}
    mended = live(B, refused)
    assert (mended.live, mended.refusals) == (B, {})


@pytest.mark.parametrize(
    ("before", "move"),
    [
        (Activation(), "loaded"),
        (Activation(), "activated"),
        (Activation().verified(A), "activated"),
        (Activation().verified(A), "verified"),
        (live(A), "verified"),
        (Activation().refused(A, "x"), "loaded"),
    ],
)
def test_steps_cannot_be_skipped(before: Activation, move: str) -> None:
    with pytest.raises(ActivationError, match="cannot go from"):
        getattr(before, move)(A)


def test_what_is_live_cannot_be_refused() -> None:
    with pytest.raises(ActivationError, match="sha256:a cannot go from live to refused"):
        live(A).refused(A, "x")
