"""What the pictures of docs/storefront.md show: requests to the running shop, and which card or page comes of each.

Households are real ones. Which of them are held out, or meet an offer, is found by asking.
"""

import csv
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page

from docs.picture_cards import Cell, Raw, bars, big, card, code, columns, heading, lines, table, tier

FIRST, SECOND, THIRD = "1057", "478", "208"
CITY = "45202"
SLOTS = ("hero", "for-you", "offer", "delivery", "ask", "popular")
SHELVES = ("for-you", "goes-with", "popular")
GENERATORS = {
    "retrieve[0]": "own history",
    "retrieve[1]": "popular everywhere",
    "retrieve[2]": "promoted in favourite aisles",
}
WIDE = {"width": 1280, "height": 1000}
TALL = {"width": 1280, "height": 1290}
LONG = {"width": 1280, "height": 1830}  # down to the second shelf
HOUSEHOLDS, TRIES = 400, 5
SHOPPER = "Mozilla/5.0 (X11; Linux x86_64) Chrome"  # a headless browser says so, and is taken for a bot
UPLINK_S = 10  # records and events travel to the origin after the answer, features back
Json = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """The running shop: its nodes, the origin, the registry, the secrets file, the bundle's sources.

    Beside the edge stand one without time, one whose clock is some weeks ahead, and one whose feed is silent.
    """

    edge: str
    hasty: str
    later: str
    silent: str
    origin: str
    secrets: Path
    registry: Path
    folder: Path

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """Names of products by id."""
        with (self.folder / "data/products.csv").open(encoding="utf-8", newline="") as file:
            return {row["id"]: row["title"] for row in csv.DictReader(file)}

    def households(self) -> Iterator[str]:
        """Households that shop in the test weeks."""
        visits = (self.folder / "data/visits.jsonl").read_text(encoding="utf-8").splitlines()
        yield from list(dict.fromkeys(json.loads(line)["household"] for line in visits))[:HOUSEHOLDS]

    def named(self, slot: str, item: str) -> str:
        """What a shopper would call an answer."""
        return self.titles.get(item, item) if slot in SHELVES else item


class Visitor:
    """One household's browser at an edge, with its cookie."""

    def __init__(self, edge: str, household: str, **headers: str) -> None:
        self._client = httpx.Client(base_url=edge, params={"as": household}, headers=headers, timeout=30)

    def decide(self, *slots: str, **context: str) -> dict[str, Json]:
        """The decisions of these slots, or of the home page; `context` is what the page tells."""
        asked: Json = {"slots": list(slots)} if slots else {"page": "home"}
        asked["context"] = context
        answer: dict[str, Json] = self._post("/v1/decide", asked)["slots"]
        return answer

    def consent(self, *granted: str) -> None:
        """Grants these purposes and no other."""
        self._client.post("/v1/consent", json={"granted": list(granted), "opted_out": False}).raise_for_status()

    def see(self, slot: str, decision: Json, number: int) -> None:
        """The visitor meets an answer."""
        event: Json = {"id": f"seen-{number}", "type": "exposure", "slot": slot, "at": "2017-11-20T14:00:00Z"}
        event |= {"decision_id": decision["decision_id"], "item": decision["answer"][0]}
        self._post("/v1/events", {"events": [event]})

    def trace(self, decision: Json) -> Json:
        """How a decision came about."""
        answer: Json = self._client.get(f"/v1/trace/{decision['decision_id']}").raise_for_status().json()
        return answer

    def _post(self, path: str, body: Json) -> Json:
        answer: Json = self._client.post(path, json=body).raise_for_status().json()
        return answer


def home(shop: Shop, browser: Browser) -> dict[str, bytes]:
    """The page on which the tour begins."""
    return {"home": _photograph(_opened(browser, f"{shop.edge}/?as={FIRST}", WIDE))}


def households(shop: Shop, browser: Browser) -> dict[str, bytes]:
    """The same page for two households."""
    return {
        f"household {name}": _photograph(_opened(browser, f"{shop.edge}/?as={name}", WIDE)) for name in (FIRST, SECOND)
    }


def cart(shop: Shop, browser: Browser) -> dict[str, bytes]:
    """The basket before and after something of the shelf below it went in."""
    page = _opened(browser, f"{shop.edge}/?as={FIRST}", TALL)
    for place in (0, 1):
        page.locator(".shelf .card[data-item] .add").nth(place).click()
        page.wait_for_timeout(1500)
    _open(page, f"{shop.edge}/cart.html?as={FIRST}")
    before = _photograph(page)
    page.locator("edge-slot[name=goes-with] .add").first.click()
    page.locator("#fresh[data-state=shown]").wait_for()
    page.wait_for_timeout(700)
    return {"two items in the basket": before, "one more, and the shelf has adapted": _photograph(page)}


def answer(shop: Shop, browser: Browser) -> dict[str, bytes]:
    """The shelf before and after its household said what it would rather not see."""
    page = _opened(browser, f"{shop.edge}/?as={THIRD}", LONG)
    before = _photograph(page)
    page.get_by_role("button", name="Dairy").click()
    page.locator("#fresh[data-state=shown]").wait_for()
    page.wait_for_timeout(700)
    return {"asked": before, "answered: Dairy": _photograph(page)}


def phone(shop: Shop, browser: Browser) -> dict[str, bytes]:
    """Home and basket on a phone."""
    page = _opened(browser, f"{shop.edge}/?as={SECOND}", {"width": 390, "height": 844})
    shown = {"home": _photograph(page)}
    page.evaluate("document.querySelector('.shelf .card[data-item] .add').click()")
    page.wait_for_timeout(1500)
    _open(page, f"{shop.edge}/cart.html?as={SECOND}")
    return shown | {"basket": _photograph(page)}


def trace(shop: Shop) -> str:
    """One ranking from candidates to draws."""
    household, told = next(found for found in _rankings(shop) if _explored(found[1]))
    found = {GENERATORS[name]: count for name, count in told["generated"].items()}
    blocked = Counter(told["blockers"].values())
    union = len(told["survivors"]) + len(told["blockers"])
    most = max(found.values())
    flow = columns(
        [heading("generators"), bars(found, most)],
        [heading("first blockers"), bars(dict(blocked.most_common()), union // 8, is_bad=True)],
        [heading("left"), big(len(told["survivors"]), f"of {union} different candidates are scored")],
    )
    return card(
        f"for-you for household {household}",
        "one recorded decision; at most one item per product type, so ranks leave gaps; tinted: drawn by exploration",
        flow,
        heading("the draws, position by position"),
        _draws(shop, told),
    )


def _draws(shop: Shop, told: Json) -> Raw:
    """The drawn items with scores, terms, rank and propensity; those that exploration chose are marked."""
    at = {item: place for place, item in enumerate(told["survivors"])}
    order = sorted(told["values"], reverse=True)
    rows: list[list[Cell]] = []
    for draw in told["draws"]:
        place = at[draw["item"]]
        value = told["values"][place]
        rows.append(
            [
                lines(shop.titles[draw["item"]], draw["item"]),
                told["scores"][place],
                told["other_scores"]["discount"][place],
                told["terms"]["profit"][place],
                value,
                str(order.index(value) + 1),
                draw["u"],
                draw["propensity"],
            ]
        )
    names = ("item", "bought", "at a reduced price", "profit adds", "value", "rank", "u", "propensity")
    return table(names, rows, _explored(told))


def _rankings(shop: Shop) -> Iterator[tuple[str, Json]]:
    """Traces of the shelf, household by household."""
    for household in shop.households():
        visitor = Visitor(shop.edge, household)
        decision = visitor.decide("for-you")["for-you"]
        if decision["tier"] == "model":
            yield household, visitor.trace(decision)["trace"]


def _explored(told: Json) -> frozenset[int]:
    """The positions that exploration filled."""
    return frozenset(number for number, draw in enumerate(told["draws"]) if draw["propensity"] < 0.5)


def holdout(shop: Shop) -> str:
    """A held-out household: what it sees, and what the pipeline decided all the same."""
    household = next(
        name for name in shop.households() if Visitor(shop.edge, name).decide("hero")["hero"]["cause"] == "holdout"
    )
    visitor = Visitor(shop.edge, household)
    rows: list[list[Cell]] = []
    for slot, decision in visitor.decide().items():
        told = visitor.trace(decision)["trace"]
        names = [shop.named(slot, item) for item in told["held_out"]]
        drawn = [draw["propensity"] for draw in told["draws"] if draw["propensity"] is not None]
        chance = f"{math.prod(drawn):.3g}" if drawn else "no draw"
        rows.append([code(slot), tier(decision["tier"], decision["cause"]), _few(names), chance])
    columns_ = ("slot", "what is shown", "what would have been", "propensity")
    return card(
        f"Household {household} is held out",
        "plain in every slot; the pipeline ran and is logged",
        table(columns_, rows),
    )


def late(shop: Shop) -> str:
    """The same household at a node that has time and at one that has none."""
    calm, hasty = Visitor(shop.edge, THIRD).decide(), Visitor(shop.hasty, THIRD).decide()
    rows: list[list[Cell]] = [
        [code(slot), *shown(shop, slot, calm[slot]), *shown(shop, slot, hasty[slot])] for slot in SLOTS
    ]
    names = ("slot", "in time", "", "out of time", "")
    return card(
        f"Household {THIRD} at a node that is out of time",
        "answers come from the table made at build; guardrails still hold",
        table(names, rows),
    )


def consent(shop: Shop) -> str:
    """The same household under four choices."""
    one, two = Visitor(shop.edge, THIRD), Visitor(shop.edge, THIRD)
    one.consent("personalisation")
    two.consent()
    private = Visitor(shop.edge, THIRD, **{"Sec-GPC": "1"})
    given = [each.decide() for each in (Visitor(shop.edge, THIRD), one, two, private)]
    rows = [[code(slot), *(tier(each[slot]["tier"], each[slot]["cause"]) for each in given)] for slot in SLOTS]
    names = ("slot", "both purposes", "personalisation alone", "withdrawn", "browser says Sec-GPC")
    return card(
        f"Household {THIRD} chooses",
        "what a slot reads decides what it needs; delivery reads nothing personal",
        table(names, rows),
    )


def caps(shop: Shop) -> str:
    """One household meets its offer until the weekly cap is reached."""
    visits = ((name, Visitor(shop.edge, name)) for name in shop.households())
    household, visitor = next(found for found in visits if _is_offered(found[1]))
    rows: list[list[Cell]] = []
    for number in range(1, 9):
        decision = visitor.decide("offer")["offer"]
        blockers = visitor.trace(decision)["trace"]["blockers"]
        capped = [item for item, blocker in blockers.items() if blocker.startswith("cap:")]
        why = Raw(" ".join(code(f"{item}: {blockers[item]}").text for item in capped))
        rows.append([str(number), decision["answer"][0], float(decision["propensity"]), why])
        visitor.see("offer", decision, number)
    time.sleep(UPLINK_S)
    elsewhere = Visitor(shop.edge, household).decide("offer")["offer"]
    why = "the origin counted with it, and told this node"
    rows.append(["another browser", elsewhere["answer"][0], float(elsewhere["propensity"]), why])
    names = ("view", "answer", "propensity", "blocked by the cap")
    note = "offer-weekly: an offer is seen six times a week; the cap counts exposures, not decisions"
    return card(f"Household {household} has seen its offer often enough", note, table(names, rows))


def recorded(shop: Shop) -> dict[str, Json]:
    """Pages of sixty households, so that the origin has records; of them the decisions that the page explains."""
    for household in list(shop.households())[:60]:
        Visitor(shop.edge, household).decide()
    told = Visitor(shop.edge, FIRST).decide("for-you") | Visitor(shop.edge, THIRD).decide("delivery", zip=CITY)
    offered = (Visitor(shop.edge, name) for name in shop.households())
    told |= next(visitor for visitor in offered if _is_offered(visitor)).decide("offer")
    time.sleep(UPLINK_S)
    return told


def _is_offered(visitor: Visitor) -> bool:
    """Whether an incentive is the best that there is for this visitor."""
    decision = visitor.decide("offer")["offer"]
    return decision["answer"] not in ([], ["none"]) and decision["propensity"] > 0.5


def shown(shop: Shop, slot: str, decision: Json) -> tuple[Raw, str]:
    """Where an answer came from, and what it names."""
    named = [shop.named(slot, item) for item in decision["answer"]]
    return tier(decision["tier"], decision["cause"]), _few(named) or "the page's own content"


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _opened(browser: Browser, address: str, size: Mapping[str, int]) -> Page:
    viewport = {"width": size["width"], "height": size["height"]}
    page = browser.new_page(viewport=viewport, user_agent=SHOPPER)
    _open(page, address)
    return page


def _open(page: Page, address: str) -> None:
    """Opens a page until its answer came in time: a busy machine may take longer than the page waits."""
    cards = page.locator(".shelf .card[data-item]")
    for _ in range(TRIES):
        page.goto(address)
        page.wait_for_timeout(2000)
        if cards.count():
            return
    raise SystemExit(f"{address} shows no decisions; see the edge's last lines above")


def _photograph(page: Page) -> bytes:
    return page.screenshot(type="jpeg", quality=82)


PHOTOGRAPHS: dict[str, Callable[[Shop, Browser], dict[str, bytes]]] = {
    "storefront": home,
    "households": households,
    "cart": cart,
    "answer": answer,
    "phone": phone,
}
CARDS: dict[str, Callable[[Shop], str]] = {
    "trace": trace,
    "holdout": holdout,
    "late": late,
    "consent": consent,
    "caps": caps,
}
