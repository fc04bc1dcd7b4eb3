"""The storefront page: complete without scripts, still while it adapts, usable by all, never fooled by its data."""

from collections.abc import Callable

import pytest
from probes import faint_texts, nameless_controls, painted, shifts_of
from shop_answers import HOSTILE, LONG, page_of, shelf
from stand_in import Edge, decision

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need the package playwright")
Page = sync_api.Page
expect = sync_api.expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SLOTS = ("hero", "for-you", "offer", "delivery", "ask", "popular")


@pytest.fixture(autouse=True)
def storefront(edge: Edge) -> None:
    edge.slots = page_of("Fresh today")
    edge.redecided = {"for-you": shelf(7)}


def decided(page: Page) -> Page:
    expect(page.locator("edge-slot[name=for-you] .card[data-item]")).to_have_count(12)
    expect(page.locator("edge-slot[name=popular] .card[data-item]")).to_have_count(6)
    return page


def test_without_scripts_it_is_a_shop_that_names_no_price(visit: Open, edge: Edge) -> None:
    page = visit(java_script_enabled=False, is_awaited=False)
    expect(page.locator("h1")).to_have_text("Good food, fairly priced")
    expect(page.locator(".shelf .card")).to_have_count(18)
    assert "$" not in page.locator("main").inner_text()


def test_without_the_client_it_stays_plain(visit: Open, edge: Edge) -> None:
    edge.status["/v1/decide"] = [503]
    page = visit("?as=208")
    expect(page.locator("#panel-peek")).to_contain_text("503")
    expect(page.locator("h1")).to_have_text("Good food, fairly priced")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
@pytest.mark.parametrize("text", ["Fresh today", LONG])
def test_nothing_moves_when_the_slots_are_filled(visit: Open, edge: Edge, viewport: dict[str, int], text: str) -> None:
    edge.slots = page_of(text)
    edge.gate.clear()
    page = painted(visit("?as=208", viewport=viewport))
    before = [page.locator(f"edge-slot[name={name}]").bounding_box() for name in SLOTS]
    edge.gate.set()
    decided(page)
    assert [page.locator(f"edge-slot[name={name}]").bounding_box() for name in SLOTS] == before
    assert shifts_of(page) == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_nothing_moves_while_the_page_arrives_in_pieces(visit: Open, edge: Edge, viewport: dict[str, int]) -> None:
    edge.drips = True
    page = decided(visit("?as=208", viewport=viewport))
    assert shifts_of(page) == []


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280, 1920])
def test_no_width_scrolls_sideways(visit: Open, edge: Edge, width: int) -> None:
    edge.slots = page_of(LONG)
    page = decided(visit("?as=208", viewport={"width": width, "height": 800}))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_card_shows_the_product_with_its_price(visit: Open, edge: Edge) -> None:
    edge.slots["for-you"] = shelf(title="Gala apples", price=249, was=299, size="3 lb")
    card = decided(visit("?as=208")).locator(".card").first
    expect(card.locator("h3")).to_have_text("Gala apples")
    expect(card.locator(".note")).to_have_text("National brand · 3 lb")
    expect(card.locator(".price")).to_contain_text("$2.49")
    expect(card.locator(".price s")).to_contain_text("$2.99")
    expect(card.locator(".saved")).to_have_text("Save $0.50")


def test_why_opens_by_hand(visit: Open, edge: Edge) -> None:
    card = decided(visit("?as=208")).locator(".card").first
    expect(card.locator(".reason")).to_be_hidden()
    card.get_by_role("button", name="Why am I seeing this?").press("Enter")
    expect(card.locator(".reason")).to_contain_text("You bought this before")


def test_adding_to_the_basket_adapts_the_shelf(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    page.locator(".card[data-item='3'] .add").click()
    expect(page.locator(".card[data-item='18']")).to_be_visible()
    expect(page.locator("#cart-count")).to_have_text("1")
    expect(page.locator("#fresh")).to_have_text("6 new picks")
    expect(page.locator("#said")).to_have_text("Fresh today is in your basket")
    event = edge.events("add_to_cart")[0]
    assert (event["item"], event["slot"], event["decision_id"]) == ("3", "for-you", "r1.for-you")


def test_each_shelf_has_its_own_heading(visit: Open, edge: Edge) -> None:
    edge.slots["for-you"] = decision("for-you", tier="plain", cause="no_consent", answer=[], component="shelf")
    page = visit("?as=208")
    expect(page.locator("edge-slot[name=popular] .card[data-item]")).to_have_count(6)
    expect(page.locator("#shelf-title")).to_have_text("On your shelf")
    expect(page.locator("#popular-title")).to_have_text("Fresh at this hour")


def test_what_is_popular_can_be_added_and_is_not_taken_for_new(visit: Open, edge: Edge) -> None:
    edge.redecided = {"popular": shelf(44, slot="popular", count=6)}
    page = decided(visit("?as=208"))
    page.locator(".card[data-item='42'] .add").click()
    expect(page.locator(".card[data-item='49']")).to_be_visible()
    assert page.locator(".card[data-new]").count() == 0
    event = edge.events("add_to_cart")[0]
    assert (event["item"], event["slot"], event["decision_id"]) == ("42", "popular", "r41.popular")


def test_the_basket_goes_along_to_its_own_page(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    page.locator(".card[data-item='8'] .add").click()
    page.locator("#cart-open").click()
    page.wait_for_url("**/cart.html?as=208")
    expect(page.locator("#cart-total")).to_have_text("$1.29")
    expect(page.locator("#cart-count")).to_have_text("1")


def test_the_basket_outlives_a_reload(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    page.locator(".card[data-item='8'] .add").click()
    page.reload()
    expect(page.locator("#cart-count")).to_have_text("1")


def test_an_answer_and_a_taken_offer_are_told(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    page.get_by_role("button", name="Use this offer").click()
    page.get_by_role("button", name="Three").click()
    edge.wait_for(lambda: edge.events("answer") and edge.events("take_offer"))
    taken, answer = edge.events("take_offer")[0], edge.events("answer")[0]
    assert (taken["item"], taken["data"]) == ("produce-2", {"offer": "produce-2"})
    assert (answer["item"], answer["data"]) == ("household-size", {"key": "size", "answer": "Three"})


def test_a_shelf_of_what_is_popular_does_not_say_that_it_was_picked(visit: Open, edge: Edge) -> None:
    for item in edge.slots["for-you"]["props"]["items"]:
        item["why"] = "Popular in our stores"
    page = decided(visit("?as=208"))
    expect(page.locator("#shelf-title")).to_have_text("Popular in our stores")


def test_answers_can_be_taken_back(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    page.get_by_role("button", name="Forget my answers").click()
    edge.wait_for(lambda: edge.events("forget_answers"))
    expect(page.locator("#said")).to_have_text("Your answers are forgotten")


def test_looking_at_a_product_is_told(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    page.locator(".card[data-item='2'] h3 button").click()
    expect(page.get_by_role("dialog")).to_contain_text("$1.29")
    edge.wait_for(lambda: edge.events("view_item"))
    assert edge.events("view_item")[0]["item"] == "2"


def test_no_offer_and_no_question_leave_the_pages_own_words(visit: Open, edge: Edge) -> None:
    edge.slots["offer"] = decision(
        "offer", answer=["none"], props={"title": "", "body": "", "code": "", "kind": "none"}
    )
    edge.slots["ask"] = decision("ask", answer=["nothing"], props={"question": "", "answers": [], "key": ""})
    page = decided(visit("?as=208"))
    expect(page.locator("edge-slot[name=offer]")).to_contain_text("Fresh, or we put it right")
    expect(page.locator("edge-slot[name=ask]")).to_contain_text("Something missing on our shelves?")


def test_data_can_never_become_markup(visit: Open, edge: Edge) -> None:
    edge.slots = page_of(HOSTILE)
    page = decided(visit("?as=208"))
    page.locator(".card .add").first.click()
    page.locator(".card h3 button").first.press("Enter")
    page.keyboard.press("Escape")
    page.locator("#panel-peek").click()
    expect(page.locator("#panel-slots .decided")).to_have_count(6)
    assert page.locator("main img, main script, dialog img, dialog script").count() == 0
    assert page.evaluate("typeof window.hacked") == "undefined"
    expect(page.locator("h1")).to_have_text(HOSTILE)


def test_the_panel_says_what_was_decided_and_how(visit: Open, edge: Edge) -> None:
    edge.slots["offer"] = decision(
        "offer", tier="plain", cause="no_consent", reason="DEFAULT", answer=[], propensity=None
    )
    page = decided(visit("?as=208"))
    page.locator("#panel-peek").click()
    panel = page.get_by_role("dialog", name="What was decided")
    for text in ("decide;dur=0.7", "request-1.hero", "no_consent", "TARGETING_MATCH", "0.5", "Fresh today"):
        expect(panel).to_contain_text(text)


def test_a_new_visitor_is_asked_with_equal_buttons(visit: Open, edge: Edge) -> None:
    page = decided(visit())
    buttons = page.locator("#consent .choices button")
    styles = buttons.evaluate_all(
        """(all) => all.map((one) => [one.offsetWidth, one.offsetHeight].concat(
            ["color", "backgroundColor", "fontWeight"].map((name) => getComputedStyle(one)[name])))"""
    )
    assert len(styles) == 3
    assert all(style == styles[0] for style in styles)
    page.get_by_label("Choose offers").check()
    page.get_by_role("button", name="Allow ticked").click()
    expect(page.locator("#consent")).to_be_hidden()
    edge.wait_for(lambda: edge.requests("/v1/consent"))
    assert edge.requests("/v1/consent")[0].body == {"granted": ["offers"], "opted_out": False}


def test_privacy_choices_show_what_holds_and_close_without_a_change(visit: Open, edge: Edge) -> None:
    page = decided(visit())
    page.get_by_label("Choose offers").check()
    page.get_by_role("button", name="Close without a change").click()
    expect(page.locator("#consent")).to_be_hidden()
    page.locator("#privacy-open").click()
    expect(page.get_by_label("Choose offers")).not_to_be_checked()
    page.get_by_role("button", name="Allow both").click()
    expect(page.locator("#privacy-state")).to_have_text("You allow: personalisation and offers.")
    page.locator("#privacy-open").click()
    expect(page.get_by_label("Choose offers")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.locator("#consent")).to_be_hidden()
    page.locator("#privacy-open").click()
    page.get_by_role("button", name="No, thanks").click()
    expect(page.locator("#privacy-state")).to_contain_text("You allow nothing")
    assert len(edge.requests("/v1/consent")) == 2


def test_personalising_can_be_stopped_and_forgotten(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    edge.slots = {}
    page.locator("#opt-out").click()
    expect(page.locator("h1")).to_have_text("Good food, fairly priced")
    expect(page.locator("#privacy-state")).to_contain_text("Personalising is off")
    page.locator("#forget").click()
    expect(page.locator("#privacy-state")).to_contain_text("You are forgotten")


def test_a_household_can_be_chosen(visit: Open, edge: Edge) -> None:
    page = decided(visit())
    page.locator("#household-choice").select_option(label="Household 208")
    page.wait_for_url("**/?as=208")
    decided(page)
    assert edge.requests("/v1/decide")[-1].query == {"as": "208"}


def test_a_household_that_is_not_in_the_list_is_named(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=17"))
    expect(page.locator("#household-choice option:checked")).to_have_text("Household 17")


def context(edge: Edge, number: int) -> object:
    edge.wait_for(lambda: len(edge.requests("/v1/decide")) == number)
    return edge.requests("/v1/decide")[-1].body["context"]


def test_a_zip_code_is_told_as_context_while_the_tab_keeps_it(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    assert context(edge, 1) == {"device": "desktop"}
    page.get_by_label("Deliver to").fill("45202-1234")
    page.get_by_role("button", name="Set").click()
    assert context(edge, 2) == {"device": "desktop", "zip": "45202"}
    expect(page.locator("#zip")).to_have_value("45202")
    page.reload()
    assert context(edge, 3) == {"device": "desktop", "zip": "45202"}
    expect(page.locator("#zip")).to_have_value("45202")
    assert "45202" not in page.url
    page.get_by_role("button", name="Forget", exact=True).click()
    assert context(edge, 4) == {"device": "desktop"}
    expect(page.locator("#zip")).to_have_value("")
    assert "45202" not in page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])")


def test_forget_me_forgets_the_zip_code_too(visit: Open, edge: Edge) -> None:
    page = decided(visit("?as=208"))
    page.get_by_label("Deliver to").fill("45202")
    page.get_by_label("Deliver to").press("Enter")
    assert context(edge, 2) == {"device": "desktop", "zip": "45202"}
    page.locator("#forget").click()
    assert context(edge, 3) == {"device": "desktop"}


@pytest.mark.parametrize("text", ["", "452", "abcde", "45202-", "452021"])
def test_what_is_no_zip_code_is_told_gently_and_stays_here(visit: Open, edge: Edge, text: str) -> None:
    page = decided(visit("?as=208"))
    field = page.get_by_label("Deliver to")
    field.fill(text)
    field.press("Enter")
    expect(page.locator("#zip-note")).to_have_text("A ZIP code has five digits, for example 45202")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    page.locator(".card[data-item='3'] .add").click()
    expect(page.locator("#cart-count")).to_have_text("1")
    assert edge.events("add_to_cart")
    assert len(edge.requests("/v1/decide")) == 1
    assert "zip" not in edge.requests("/v1/events")[0].body["decide"]["context"]
    field.fill("45202")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "false")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_controls_have_names_and_texts_have_contrast(visit: Open, edge: Edge, viewport: dict[str, int]) -> None:
    page = decided(visit(viewport=viewport))
    assert nameless_controls(page) == []
    assert faint_texts(page) == []
