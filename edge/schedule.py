"""When to try again. Pure: chance comes in as u in [0, 1), nothing here sleeps."""

FIRST_S = 0.5
LONGEST_S = 30.0


def backoff_s(failures: int, u: float) -> float:
    """How long to wait after so many failures in a row: exponential, capped, fully jittered.

    Full jitter spreads a fleet's retries best (Marc Brooker, "Exponential Backoff And Jitter", AWS 2015).
    """
    ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 16))
    return ceiling * u
