"""`edgewise qa`.

examples:
  edgewise qa --secrets .edgewise/storefront/secrets.json --arm hero-exploration=curious
  edgewise qa --secrets .edgewise/storefront/secrets.json --held-out --hours 2

Prints a token. A browser that sends it in cookie `ew-qa` is shown what the token names, and is left out of measurement.
"""

import argparse
import time
from pathlib import Path

from contracts.decision import Override
from deploy.outcome import OperationError, Outcome
from edge.config import MICROSECONDS, read_secrets
from edge.qa import COOKIE, Token, signed

_MAX_HOURS = 24.0 * 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `qa`."""
    parser.add_argument("--secrets", type=Path, required=True, help="the edge's secrets")
    parser.add_argument(
        "--arm", action="append", default=[], metavar="EXPERIMENT=ARM", help="the arm to be in; may be repeated"
    )
    parser.add_argument("--held-out", action="store_true", help="be held out; without it, be in no holdout")
    parser.add_argument("--hours", type=float, default=8.0, help="how long the token holds (default: %(default)s)")


def run(options: argparse.Namespace) -> Outcome:
    """Signs a token that holds from now on."""
    key = read_secrets(options.secrets).qa_key
    if key is None:
        raise OperationError(f'{options.secrets} has no key for QA tokens: add "qa", 32 random bytes in base64')
    if not 0 < options.hours <= _MAX_HOURS:
        raise OperationError(f"--hours {options.hours:g}: choose more than 0, at most {_MAX_HOURS:g}")
    expires_at = time.time_ns() // 1000 + round(options.hours * 3600 * MICROSECONDS)
    override = Override(arms=dict(_arm(text) for text in options.arm), is_held_out=options.held_out)
    token = signed(key, Token(override=override, expires_at=expires_at))
    text = f"{token}\n\nIn the browser's console:  document.cookie = '{COOKIE}={token}; path=/'"
    return Outcome({"cookie": COOKIE, "token": token, "override": override, "expires_at": expires_at}, text)


def _arm(text: str) -> tuple[str, str]:
    experiment, equals, arm = text.partition("=")
    if not (experiment and equals and arm):
        raise OperationError(f"--arm {text}: write EXPERIMENT=ARM")
    return experiment, arm
