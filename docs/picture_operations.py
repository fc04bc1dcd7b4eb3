"""What the pictures of docs/storefront.md show of a shop's operation: old values, experiments, a shadow, masks.

The requests go to the nodes of `docs.pictures`; which households tell most is found by asking.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice

from contracts.decision import Override
from docs.picture_cards import Cell, below, card, code, heading, table
from docs.picture_scenes import CITY, SLOTS, THIRD, Json, Shop, Visitor, shown
from edge.config import MICROSECONDS, read_secrets
from edge.qa import COOKIE, Token, signed

EXPERIMENT, ARMS = "hero-exploration", ("greedy", "curious", "rising")
ZIP_CODES = ("", CITY, "45840", "10001", CITY[:3])
ROWS, TRIES = 6, 60
HOUR_S = 3600


def freshness(shop: Shop) -> str:
    """One household: on this week's values, on values that have expired, and at a node that hears nothing."""
    household = next(name for name in shop.households() if _is_known(Visitor(shop.edge, name).decide()))
    pages = [Visitor(node, household).decide() for node in (shop.edge, shop.later)] + [_in_silence(shop, household)]
    rows = [[code(slot), *(below(*shown(shop, slot, page[slot])) for page in pages)] for slot in SLOTS]
    return card(
        f"Household {household}: the same page as its data grows old",
        "batch values are good for 15 days; a node that hears nothing of its feed for 8 days stops guessing",
        table(("slot", "on the day of publication", "16 days later", "the feed is silent"), rows),
    )


def policies(shop: Shop) -> str:
    """Households in each arm of the experiment, by QA token; offers beside what their shadow would have shown."""
    arms = [[name, *(_story(shop, name, arm) for arm in ARMS)] for name in islice(shop.households(), ROWS)]
    shadows = list(islice(_shadows(shop), ROWS))
    return card(
        "Who draws, and who would have drawn otherwise",
        "real households; the number is the propensity of the answer",
        heading("hero: one household in each arm, looked at with a QA token"),
        table(("household", *ARMS), arms),
        heading("offer: what is served, and what its shadow says"),
        table(("household", "epsilon serves", "softmax would show", "softmax gives to what was served"), shadows),
    )


def delivery(shop: Shop) -> str:
    """What is promised to each ZIP code, and what the record of the answer holds of it."""
    rows: list[list[Cell]] = []
    for zip_code in ZIP_CODES:
        visitor = Visitor(shop.edge, THIRD)
        context = {"device": "desktop"} | ({"zip": zip_code} if zip_code else {})
        decision = visitor.decide("delivery", **context)["delivery"]
        record = visitor.trace(decision)["record"]
        promise = below(code(decision["answer"][0]), decision["props"]["by"])
        held = ", ".join(f"{name} = {value}" for name, value in record["request"]["context"].items())
        masked = code(", ".join(record["masked"]) or "-")
        rows.append([zip_code or "not told", promise, str(decision["why"]), code(held), masked])
    return card(
        "Deliver to ...",
        "one table of promises, at nine in the morning in Ohio; three digits are no ZIP code",
        table(("ZIP code", "promise", "why", "context in the record", "masked in the record"), rows),
    )


def _in_silence(shop: Shop, household: str) -> dict[str, Json]:
    """The page of a node whose feed has said nothing for longer than its bundle allows."""
    for _ in range(TRIES):
        page = Visitor(shop.silent, household).decide()
        if page["hero"]["cause"] == "stale_feed":
            return page
        time.sleep(0.5)
    raise SystemExit(f"the feed of {shop.silent} is never silent")


def _is_known(page: dict[str, Json]) -> bool:
    """Whether the shop knows the household well: its own story, the model's shelf, an offer."""
    own = str(page["hero"]["why"]).startswith("You buy more")
    return own and page["for-you"]["tier"] == "model" and page["offer"]["answer"] not in ([], ["none"])


def _story(shop: Shop, household: str, arm: str) -> Cell:
    """What a household is told in an arm."""
    key = read_secrets(shop.secrets).qa_key
    if key is None:
        raise SystemExit(f"{shop.secrets} has no key for QA tokens")
    expires_at = time.time_ns() // 1000 + HOUR_S * MICROSECONDS
    token = signed(key, Token(override=Override(arms={EXPERIMENT: arm}), expires_at=expires_at))
    decision = Visitor(shop.edge, household, Cookie=f"{COOKIE}={token}").decide("hero")["hero"]
    return below(code(decision["answer"][0]), f"{decision['propensity']:.3g}")


def _shadows(shop: Shop) -> Iterator[list[Cell]]:
    """Households whose shadow would have shown something else."""
    for household in shop.households():
        visitor = Visitor(shop.edge, household)
        decision = visitor.decide("offer")["offer"]
        told = visitor.trace(decision)["trace"]["shadow"] if decision["tier"] == "model" else None
        if told and told["answer"] != decision["answer"]:
            served = below(code(decision["answer"][0]), f"{decision['propensity']:.3g}")
            other = below(code(told["answer"][0]), f"{told['propensity']:.3g}")
            yield [household, served, other, f"{told['of_served']:.3g}"]


CARDS: dict[str, Callable[[Shop], str]] = {"freshness": freshness, "policies": policies, "delivery": delivery}
