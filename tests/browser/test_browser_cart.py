"""The basket's page: what lies in it, what goes with it, the nudge; it adapts, stays still, and works for all."""

import json
from collections.abc import Callable

import pytest
from probes import faint_texts, nameless_controls, painted, shifts_of
from shop_answers import HOSTILE, LONG, cart_of, item, nudge, shelf
from stand_in import Edge, Json, decision

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need the package playwright")
Page = sync_api.Page
expect = sync_api.expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SLOTS = ("nudge", "goes-with")


def holding(*lines: Json) -> str:
    """A script that puts products into the basket of household 208 before the page opens."""
    kept = {str(line["id"]): {"props": line["props"], "quantity": 2} for line in lines}
    basket = json.dumps({"lines": kept, "code": ""})
    return f"sessionStorage['basket.208'] ??= JSON.stringify({basket})"


TWO = holding(item(1, "Bananas"), item(2, "Milk", price=249, was=299))


@pytest.fixture(autouse=True)
def cart(edge: Edge) -> None:
    edge.slots = cart_of("Fresh today")
    edge.redecided = {"goes-with": shelf(24, "Fresh today", "goes-with", 6), "nudge": nudge("reminder", "Waiting")}


@pytest.fixture
def open_cart(visit: Open) -> Open:
    """Opens the basket of household 208 with two products in it, once its slots are decided."""

    def open_page(script: str = TWO, **options: object) -> Page:
        page = visit("cart.html?as=208", script=script, **options)
        expect(page.locator(".shelf .card[data-item]")).to_have_count(6)
        return page

    return open_page


def test_it_asks_for_the_slots_of_its_page_and_shows_what_goes_with_the_basket(open_cart: Open, edge: Edge) -> None:
    page = open_cart()
    assert edge.requests("/v1/decide")[0].body == {"page": "cart", "context": {"device": "desktop"}}
    expect(page.locator("#shelf-title")).to_have_text("Goes with your basket")
    expect(page.locator(".card").first).to_contain_text("Fresh today")


def test_lines_and_totals_add_up(open_cart: Open) -> None:
    page = open_cart()
    expect(page.locator("#cart-size")).to_have_text("4 items")
    expect(page.locator("[data-line='2'] .each")).to_contain_text("$4.98")
    expect(page.locator("#cart-total")).to_have_text("$7.56")
    expect(page.locator("#cart-saved")).to_have_text("$1.00")
    page.get_by_role("button", name="One Milk less").click()
    expect(page.locator("#cart-total")).to_have_text("$5.07")


def test_adding_from_the_shelf_adapts_shelf_and_nudge(open_cart: Open, edge: Edge) -> None:
    page = open_cart()
    expect(page.locator(".nudge")).to_have_attribute("data-kind", "incentive")
    page.locator(".card[data-item='21'] .add").click()
    expect(page.locator(".card[data-item='29']")).to_be_visible()
    expect(page.locator(".nudge")).to_have_attribute("data-kind", "reminder")
    expect(page.locator("[data-line='21']")).to_contain_text("Fresh today")
    expect(page.locator("#fresh")).to_have_text("3 new picks")
    event = edge.events("add_to_cart")[0]
    assert (event["item"], event["slot"], event["decision_id"]) == ("21", "goes-with", "r21.goes-with")
    assert edge.requests("/v1/events")[0].body["decide"] == {"page": "cart", "context": {"device": "desktop"}}


def test_one_more_of_a_line_is_told_without_a_slot(open_cart: Open, edge: Edge) -> None:
    page = open_cart()
    page.get_by_role("button", name="One Bananas more").click()
    edge.wait_for(lambda: edge.events("add_to_cart"))
    event = edge.events("add_to_cart")[0]
    assert (event["item"], event.get("slot")) == ("1", None)


def test_the_last_one_of_a_line_goes_with_the_same_request(open_cart: Open, edge: Edge) -> None:
    page = open_cart()
    page.get_by_role("button", name="One Bananas less").click()
    expect(page.locator(".nudge")).to_have_attribute("data-kind", "reminder")
    page.get_by_role("button", name="One Bananas less").click()
    edge.wait_for(lambda: edge.events("clear_from_cart"))
    told = [[event["type"] for event in asked.body["events"]] for asked in edge.requests("/v1/events")]
    assert told == [["remove_from_cart"], ["remove_from_cart", "clear_from_cart"]]
    assert all("decide" in asked.body for asked in edge.requests("/v1/events"))


def test_an_offer_whose_worth_is_unknown_counts_at_the_till(open_cart: Open) -> None:
    page = open_cart(TWO.replace('"code": ""', '"code": "FRESH20"'))
    expect(page.locator("#cart-code")).to_have_text("FRESH20, at the till")
    expect(page.locator("#cart-total")).to_have_text("$7.56")


def test_an_incentive_is_used_once(open_cart: Open, edge: Edge) -> None:
    page = open_cart()
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#cart-code")).to_have_text("TODAY2 \u2212$2.00")
    expect(page.locator("#cart-total")).to_have_text("$5.56")
    expect(page.get_by_role("button", name="In your basket")).to_be_disabled()
    edge.wait_for(lambda: edge.events("take_offer"))
    taken = edge.events("take_offer")[0]
    assert (taken["slot"], taken["data"], taken["decision_id"]) == ("nudge", {"offer": "incentive"}, "r1.nudge")


@pytest.mark.parametrize("kind", ["urgency", "reminder"])
def test_other_nudges_have_nothing_to_use(open_cart: Open, edge: Edge, kind: str) -> None:
    edge.slots = cart_of("Fresh today", kind)
    page = open_cart()
    expect(page.locator(".nudge")).to_contain_text("Fresh today")
    expect(page.locator(".nudge .button")).to_have_count(0)


def test_an_order_is_told_line_by_line(open_cart: Open, edge: Edge) -> None:
    page = open_cart()
    page.locator("#checkout").click()
    edge.wait_for(lambda: len(edge.events("purchase")) == 2)
    assert [event["item"] for event in edge.events("purchase")] == ["1", "2"]
    expect(page.locator("#cart-count")).to_have_text("0")
    expect(page.locator("#cart-empty")).to_be_visible()
    expect(page.locator(".company")).to_be_hidden()


def test_plain_slots_leave_the_pages_own_words(visit: Open, edge: Edge) -> None:
    plain = {"tier": "plain", "cause": "no_consent", "answer": [], "propensity": None, "props": {}}
    edge.slots = {
        "nudge": decision("nudge", **plain),
        "goes-with": decision("goes-with", **{**plain, "component": "shelf"}),
    }
    page = visit("cart.html?as=208", script=TWO)
    expect(page.locator("#panel-peek")).to_contain_text("2 decided")
    expect(page.locator("#shelf-title")).to_have_text("Around the shop")
    expect(page.locator(".nudge h2")).to_have_text("Fresh, or we put it right")
    assert "$" not in page.locator("edge-slot[name=goes-with]").inner_text()


def test_without_scripts_it_says_so_and_names_no_price_of_a_product(visit: Open) -> None:
    page = visit("cart.html", java_script_enabled=False, is_awaited=False)
    assert "The basket needs JavaScript" in page.locator("body").inner_text()
    expect(page.locator(".shelf .card")).to_have_count(6)
    assert "$" not in page.locator("edge-slot[name=goes-with]").inner_text()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
@pytest.mark.parametrize("text", ["Fresh today", LONG])
def test_nothing_moves_when_the_slots_are_filled(visit: Open, edge: Edge, viewport: dict[str, int], text: str) -> None:
    edge.slots = cart_of(text)
    edge.gate.clear()
    page = painted(visit("cart.html?as=208", script=TWO, viewport=viewport))
    before = [page.locator(f"edge-slot[name={name}]").bounding_box() for name in SLOTS]
    edge.gate.set()
    expect(page.locator(".shelf .card[data-item]")).to_have_count(6)
    assert [page.locator(f"edge-slot[name={name}]").bounding_box() for name in SLOTS] == before
    assert shifts_of(page) == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_nothing_moves_while_the_page_arrives_in_pieces(open_cart: Open, edge: Edge, viewport: dict[str, int]) -> None:
    edge.drips = True
    assert shifts_of(open_cart(viewport=viewport)) == []


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280, 1920])
def test_no_width_scrolls_sideways(open_cart: Open, edge: Edge, width: int) -> None:
    edge.slots = cart_of(LONG)
    page = open_cart(holding(item(1, LONG, brand=LONG)), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_data_can_never_become_markup(open_cart: Open, edge: Edge) -> None:
    edge.slots = cart_of(HOSTILE)
    page = open_cart(holding(item(1, HOSTILE, brand=HOSTILE)))
    page.locator(".card .add").first.click()
    page.locator(".card h3 button").first.press("Enter")
    places = ("#cart-lines", "edge-slot", "dialog")
    assert page.locator(", ".join(f"{place} {tag}" for place in places for tag in ("img", "script"))).count() == 0
    assert page.evaluate("typeof window.hacked") == "undefined"


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
@pytest.mark.parametrize("kind", ["urgency", "incentive", "reminder"])
def test_controls_have_names_and_texts_have_contrast(
    open_cart: Open, edge: Edge, viewport: dict[str, int], kind: str
) -> None:
    edge.slots = cart_of("Fresh today", kind)
    page = open_cart(viewport=viewport)
    assert nameless_controls(page) == []
    assert faint_texts(page) == []
