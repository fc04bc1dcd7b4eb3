"""edgewise.js in a real browser: plain first, swapped in place, never worse than plain, silent where asked to be."""

from collections.abc import Callable
from typing import cast

import pytest
from probes import painted, shifts_of
from stand_in import Edge, Json, decision

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need the package playwright")
Page = sync_api.Page
expect = sync_api.expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
HEAR = """
    addEventListener("edgewise:decided", ({ target, detail }) =>
      (window.heard ??= []).push({ name: target.name, ...detail }));
    addEventListener("edgewise:kept", (event) => (window.kept ??= []).push(event.detail.problem));
"""
COMPONENTS = """
    for (const name of ["hero", "offer", "low"])
      edgewise.component(name, (box, slot) => edgewise.html`<h2>${slot.props.title}</h2>`);
"""


def page_of(components: str = COMPONENTS, timeout_ms: int = 20_000, reserved: str = "6rem") -> str:
    return f"""<!doctype html><title>t</title>
      <style>body {{ margin: 0 }} edge-slot {{ display: flow-root; min-height: {reserved} }}</style>
      <script>{HEAR}</script>
      <script src="/edgewise.js" data-page="home" data-timeout-ms="{timeout_ms}" defer></script>
      <edge-slot name="hero"><p>Plain hero</p></edge-slot>
      <edge-slot name="offer"><p>Plain offer</p></edge-slot>
      <p id="below">Below</p>
      <div style="height: 3000px"></div>
      <edge-slot name="low"><p>Plain low</p></edge-slot>
      <script>addEventListener("DOMContentLoaded", () => {{ {components} }})</script>"""


@pytest.fixture(autouse=True)
def small_page(edge: Edge) -> None:
    edge.html = page_of()
    edge.slots = {name: decision(name) for name in ("hero", "offer", "low")}


def slot(page: Page, name: str) -> sync_api.Locator:
    return page.locator(f"edge-slot[name={name}]")


def visit_unseen(visit: Open, edge: Edge) -> Page:
    """A page whose only decision lies below the fold: no exposure comes between the events of a test."""
    edge.slots = {"low": decision("low")}
    page = visit()
    expect(slot(page, "low")).to_have_text("Decided")
    return page


def wait_until_kept(page: Page) -> str:
    return str(page.wait_for_function("window.kept?.[0]").json_value())


def settle(page: Page, milliseconds: int) -> None:
    page.wait_for_timeout(milliseconds)


# Plain first


def test_without_scripts_the_plain_content_stands(visit: Open, edge: Edge) -> None:
    page = visit(java_script_enabled=False, is_awaited=False)
    for name in ("hero", "offer", "low"):
        expect(slot(page, name)).to_have_text(f"Plain {name}")
    assert edge.asked == []


def test_one_request_decides_all_slots_and_each_is_swapped(visit: Open, edge: Edge) -> None:
    page = visit()
    for name in ("hero", "offer", "low"):
        expect(slot(page, name).locator("h2")).to_have_text("Decided")
    assert [asked.body for asked in edge.requests("/v1/decide")] == [{"page": "home"}]


def test_the_page_hears_what_was_decided_with_its_timing(visit: Open) -> None:
    page = visit()
    heard = page.wait_for_function("window.heard?.length === 3 && window.heard").json_value()
    assert [one["name"] for one in heard] == ["hero", "offer", "low"]
    assert {one["timing"] for one in heard} == {"decide;dur=0.7"}
    assert {one["revision"] for one in heard} == {"sha256:aa"}
    assert all(one["isShown"] and one["ms"] > 0 for one in heard)


def test_a_plain_answer_keeps_the_pages_own_content(visit: Open, edge: Edge) -> None:
    edge.slots["hero"] = decision("hero", "Never", tier="plain", cause="holdout", answer=[])
    page = visit()
    expect(slot(page, "offer")).to_have_text("Decided")
    expect(slot(page, "hero")).to_have_text("Plain hero")


def test_without_a_page_name_the_slots_are_asked_by_name(visit: Open, edge: Edge) -> None:
    edge.html = page_of().replace('data-page="home"', "")
    expect(slot(visit(), "hero")).to_have_text("Decided")
    assert edge.requests("/v1/decide")[0].body == {"slots": ["hero", "offer", "low"]}


def test_declared_context_goes_along(visit: Open, edge: Edge) -> None:
    edge.html = page_of("edgewise.context = { device: 'phone' };" + COMPONENTS)
    expect(slot(visit("?as=208"), "hero")).to_have_text("Decided")
    asked = edge.requests("/v1/decide")[0]
    assert asked.body == {"page": "home", "context": {"device": "phone"}}
    assert asked.query == {"as": "208"}


def test_a_component_registered_late_shows_the_answer_that_waits(visit: Open, edge: Edge) -> None:
    edge.html = page_of(components="")
    page = visit()
    page.wait_for_function("window.heard?.length === 3")
    expect(slot(page, "hero")).to_have_text("Plain hero")
    page.evaluate(COMPONENTS)
    expect(slot(page, "hero")).to_have_text("Decided")


def test_a_slot_added_later_is_asked_by_its_name(visit: Open, edge: Edge) -> None:
    page = visit()
    expect(slot(page, "hero")).to_have_text("Decided")
    edge.slots = {"late": decision("late", "Late", component="hero")}
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<edge-slot name=late>Plain late</edge-slot>')")
    expect(slot(page, "late")).to_have_text("Late")
    assert [asked.body for asked in edge.requests("/v1/decide")] == [{"page": "home"}, {"slots": ["late"]}]


# Never worse than plain


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_an_error_keeps_the_content(visit: Open, edge: Edge, status: int) -> None:
    edge.status["/v1/decide"] = [status]
    page = visit()
    assert wait_until_kept(page) == f"the edge answered {status}"
    expect(slot(page, "hero")).to_have_text("Plain hero")


@pytest.mark.parametrize("body", [b"", b"not json", b'{"slots": null}', b'{"slots": {"hero": 3}}', b"[]"])
def test_a_senseless_answer_keeps_the_content(visit: Open, edge: Edge, body: bytes) -> None:
    edge.raw["/v1/decide"] = body
    page = visit()
    settle(page, 200)
    expect(slot(page, "hero")).to_have_text("Plain hero")


def test_an_answer_after_the_timeout_keeps_the_content(visit: Open, edge: Edge) -> None:
    edge.html = page_of(timeout_ms=50)
    edge.gate.clear()
    page = visit(is_awaited=False)  # on a busy machine the request may end before it has left
    assert "timed out" in wait_until_kept(page)
    edge.gate.set()
    settle(page, 200)
    expect(slot(page, "hero")).to_have_text("Plain hero")


def test_a_component_that_fails_keeps_its_content_and_no_others(visit: Open, edge: Edge) -> None:
    edge.html = page_of(
        COMPONENTS + 'edgewise.component("hero", (box, slot) => { box.append("half"); slot.no.such; });'
    )
    page = visit()
    expect(slot(page, "offer")).to_have_text("Decided")
    expect(slot(page, "hero")).to_have_text("Plain hero")


def test_a_swap_moves_nothing(visit: Open, edge: Edge) -> None:
    page = visit()
    expect(slot(page, "low")).to_have_text("Decided")
    assert shifts_of(page) == []


def test_the_shift_that_a_missing_box_would_cause_is_seen_by_this_test(visit: Open, edge: Edge) -> None:
    tall = 'edgewise.component("hero", () => edgewise.html`<div style="height: 300px">Tall</div>`);'
    edge.html = page_of(COMPONENTS + tall, reserved="0")
    edge.gate.clear()
    page = painted(visit())
    edge.gate.set()
    expect(slot(page, "hero")).to_have_text("Tall")
    assert shifts_of(page) != []


def test_a_smaller_answer_leaves_the_box_as_it_was(visit: Open, edge: Edge) -> None:
    edge.html = page_of(reserved="0").replace("<p>Plain hero</p>", '<div style="height: 200px">Plain hero</div>')
    page = visit()
    expect(slot(page, "hero")).to_have_text("Decided")
    assert slot(page, "hero").evaluate("(element) => element.offsetHeight") == 200


# Markup is escaped


def test_props_are_text_never_markup(visit: Open, edge: Edge) -> None:
    hostile = "<img src=x onerror='hacked=1'><script>hacked=1</script>\"'`&amp;"
    edge.slots["hero"] = decision("hero", hostile)
    page = visit()
    expect(slot(page, "hero")).to_have_text(hostile)
    assert slot(page, "hero").locator("img, script").count() == 0
    assert page.evaluate("typeof hacked") == "undefined"


@pytest.mark.parametrize("prefix", ["javascript", " java\tscript", "JAVASCRIPT", "\x01javascript"])
def test_a_link_that_would_run_loses_its_address(visit: Open, edge: Edge, prefix: str) -> None:
    link = "(_, { props }) => edgewise.html`<a href='${props.title}' onclick='x()'>Go</a>`"
    edge.html = page_of(f"{COMPONENTS} edgewise.component('hero', {link});")
    edge.slots["hero"] = decision("hero", f"{prefix}:hacked=1")
    page = visit()
    expect(slot(page, "hero")).to_have_text("Go")
    assert slot(page, "hero").locator("a").evaluate("(link) => link.getAttributeNames()") == []


def test_an_attribute_cannot_be_left_unquoted(visit: Open) -> None:
    page = visit()
    with pytest.raises(sync_api.Error, match="quote attributes"):
        page.evaluate("edgewise.html`<a href=${'x onclick=hacked()'}>`")


def test_html_nests_and_takes_lists_and_skips_what_is_not_there(visit: Open) -> None:
    page = visit()
    text = page.evaluate(
        "edgewise.html`<ul>${[1, 0, '<'].map((x) => edgewise.html`<li>${x}</li>`)}</ul>${null}${false}`.text"
    )
    assert text == "<ul><li>1</li><li>0</li><li>&#60;</li></ul>"


# Exposures: only when seen, exactly once


def exposed(edge: Edge) -> list[object]:
    return [event["slot"] for event in edge.events("exposure")]


def test_only_what_is_seen_is_exposed_and_only_once(visit: Open, edge: Edge) -> None:
    page = visit()
    edge.wait_for(lambda: len(exposed(edge)) == 2)
    assert exposed(edge) == ["hero", "offer"]
    slot(page, "low").scroll_into_view_if_needed()
    edge.wait_for(lambda: len(exposed(edge)) == 3)
    page.evaluate("scrollTo(0, 0)")
    settle(page, 1500)
    assert exposed(edge) == ["hero", "offer", "low"]
    assert edge.events("exposure")[0]["decision_id"] == "request-1.hero"
    assert edge.events("exposure")[0]["item"] == "arm-1"


def test_an_exposure_says_what_was_shown_so_that_any_node_can_count_it(visit: Open, edge: Edge) -> None:
    edge.slots["hero"] = decision("hero", answer=["t-1", "t-2", "t-3"])
    edge.slots["offer"] = decision("offer", tier="plain", cause="holdout", answer=[])
    page = visit()
    edge.wait_for(lambda: len(exposed(edge)) == 2)
    slot(page, "low").scroll_into_view_if_needed()
    edge.wait_for(lambda: len(exposed(edge)) == 3)
    shown = {event["slot"]: (event.get("item"), event["items"]) for event in edge.events("exposure")}
    assert shown == {"hero": (None, ["t-1", "t-2", "t-3"]), "offer": (None, []), "low": ("arm-1", ["arm-1"])}


def test_a_slot_passed_by_is_no_exposure(visit: Open, edge: Edge) -> None:
    page = visit()
    expect(slot(page, "low")).to_have_text("Decided")
    page.evaluate("scrollTo(0, document.body.scrollHeight); setTimeout(() => scrollTo(0, 0), 100)")
    edge.wait_for(lambda: "hero" in exposed(edge))
    settle(page, 1300)
    assert "low" not in exposed(edge)


def test_an_undecided_slot_is_never_exposed(visit: Open, edge: Edge) -> None:
    del edge.slots["offer"]
    page = visit()
    edge.wait_for(lambda: exposed(edge))
    settle(page, 300)
    assert exposed(edge) == ["hero"]


def test_a_new_decision_is_a_new_exposure(visit: Open, edge: Edge) -> None:
    edge.redecided = {"hero": decision("hero", decision_id="request-2.hero")}
    page = visit()
    edge.wait_for(lambda: len(exposed(edge)) == 2)
    page.evaluate("edgewise.track('add_to_cart', { item: '1' }, { decide: true })")
    edge.wait_for(lambda: len(exposed(edge)) == 3)
    assert edge.events("exposure")[2]["decision_id"] == "request-2.hero"


# Events


def test_tracking_with_decide_swaps_the_redecided_slots(visit: Open, edge: Edge) -> None:
    edge.redecided = {"hero": decision("hero", "Again", decision_id="request-2.hero")}
    page = visit()
    expect(slot(page, "hero")).to_have_text("Decided")
    page.evaluate("edgewise.track('add_to_cart', { item: '7', slot: 'hero', data: { quantity: 2 } }, { decide: true })")
    expect(slot(page, "hero")).to_have_text("Again")
    expect(slot(page, "offer")).to_have_text("Decided")
    event = edge.events("add_to_cart")[0]
    (body,) = [asked.body for asked in edge.requests("/v1/events") if event in cast(list[Json], asked.body["events"])]
    assert body["decide"] == {"page": "home"}
    assert {name: event[name] for name in ("item", "slot", "decision_id", "data")} == {
        "item": "7",
        "slot": "hero",
        "decision_id": "request-1.hero",
        "data": {"quantity": 2},
    }
    assert set(event) == {"id", "type", "at", "item", "slot", "decision_id", "data"}


def test_going_back_to_plain_brings_the_pages_own_content_back(visit: Open, edge: Edge) -> None:
    edge.redecided = {"hero": decision("hero", tier="plain", cause="killed", decision_id="request-2.hero")}
    page = visit()
    expect(slot(page, "hero")).to_have_text("Decided")
    page.evaluate("edgewise.track('add_to_cart', { item: '7' }, { decide: true })")
    expect(slot(page, "hero")).to_have_text("Plain hero")


def test_an_event_that_was_not_stored_is_sent_again_with_its_id(visit: Open, edge: Edge) -> None:
    edge.status["/v1/events"] = [503, 503, 200]
    page = visit_unseen(visit, edge)
    page.evaluate("edgewise.track('view_item', { item: '7' })")
    edge.wait_for(lambda: len(edge.events("view_item")) == 3)
    assert len({event["id"] for event in edge.events("view_item")}) == 1
    settle(page, 600)
    assert len(edge.events("view_item")) == 3


def test_a_refused_event_is_dropped(visit: Open, edge: Edge) -> None:
    edge.status["/v1/events"] = [400]
    page = visit()
    expect(slot(page, "hero")).to_have_text("Decided")
    page.evaluate("edgewise.track('view_item', { item: '7' })")
    assert wait_until_kept(page) == "the edge answered 400"
    settle(page, 600)
    assert len(edge.events("view_item")) == 1


def test_requests_go_one_at_a_time_since_each_may_replace_the_cookie(visit: Open, edge: Edge) -> None:
    page = visit_unseen(visit, edge)
    edge.gate.clear()
    for item in ("1", "2", "3"):
        page.evaluate(f"void edgewise.track('add_to_cart', {{ item: '{item}' }}, {{ decide: true }})")
        edge.wait_for(lambda: edge.events("add_to_cart"))
        settle(page, 100)
    assert [event["item"] for event in edge.events("add_to_cart")] == ["1"]
    edge.gate.set()
    edge.wait_for(lambda: len(edge.events("add_to_cart")) == 3)
    assert edge.most_busy == 1


def test_the_same_answer_again_touches_nothing_on_the_page(visit: Open, edge: Edge) -> None:
    edge.redecided = {"hero": decision("hero", decision_id="request-2.hero"), "offer": decision("offer", "Again")}
    page = visit()
    expect(slot(page, "hero")).to_have_text("Decided")
    before = slot(page, "hero").locator("h2").element_handle()
    page.evaluate("edgewise.track('add_to_cart', { item: '7' }, { decide: true })")
    expect(slot(page, "offer")).to_have_text("Again")
    assert before.evaluate("(element) => element.isConnected")


def test_what_waits_when_the_page_is_left_goes_by_beacon(visit: Open, edge: Edge) -> None:
    page = visit()
    expect(slot(page, "hero")).to_have_text("Decided")
    page.evaluate("edgewise.track('view_item', { item: '7' })")
    page.goto("about:blank")
    edge.wait_for(lambda: edge.events("view_item"))
    assert edge.events("view_item")[0]["item"] == "7"


def test_focus_stays_on_the_same_control_after_a_swap(visit: Open, edge: Edge) -> None:
    button = """(_, { props }) => edgewise.html`<b>${props.title}</b><button data-key="buy">Buy</button>`"""
    edge.html = page_of(f"{COMPONENTS} edgewise.component('hero', {button});")
    edge.redecided = {"hero": decision("hero", "Again")}
    page = visit()
    slot(page, "hero").locator("button").focus()
    page.evaluate("edgewise.track('add_to_cart', { item: '7' }, { decide: true })")
    expect(slot(page, "hero").locator("b")).to_have_text("Again")
    assert page.evaluate("document.activeElement.dataset.key") == "buy"


# Privacy


GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })"


def test_global_privacy_control_sends_no_cookie_no_household_and_no_event(visit: Open, edge: Edge) -> None:
    edge.cookie = "personal"
    page = visit("?as=208", script=GPC)
    expect(slot(page, "hero")).to_have_text("Decided")
    page.evaluate("edgewise.track('add_to_cart', { item: '7' }, { decide: true })")
    settle(page, 1500)
    asked = edge.requests("/v1/decide")
    assert [(one.cookie, one.query) for one in asked] == [("", {})]
    assert edge.requests("/v1/events") == []


def test_opting_out_is_plain_at_once_silent_and_remembered(visit: Open, edge: Edge) -> None:
    page = visit("?as=208")
    expect(slot(page, "hero")).to_have_text("Decided")
    edge.slots = {name: decision(name, tier="plain", cause="opted_out") for name in ("hero", "offer", "low")}
    edge.gate.clear()
    page.evaluate("void edgewise.consent({ optedOut: true })")
    expect(slot(page, "hero")).to_have_text("Plain hero")
    edge.gate.set()
    edge.wait_for(lambda: len(edge.requests("/v1/decide")) == 2)
    page.evaluate("edgewise.track('add_to_cart', { item: '7' }, { decide: true })")
    page.reload()
    edge.wait_for(lambda: len(edge.requests("/v1/decide")) == 3)
    settle(page, 1300)
    assert edge.requests("/v1/consent")[0].body == {"granted": [], "opted_out": True}
    assert len(edge.requests("/v1/consent")) == 1
    assert edge.events("add_to_cart") == []
    assert [one.query for one in edge.requests("/v1/decide")[1:]] == [{}, {}]


def test_an_answer_on_its_way_while_opting_out_is_not_shown(visit: Open, edge: Edge) -> None:
    edge.gate.clear()
    page = visit()
    page.evaluate("void edgewise.consent({ optedOut: true })")
    edge.slots = {}
    edge.gate.set()
    edge.wait_for(lambda: len(edge.requests("/v1/decide")) == 2)
    settle(page, 200)
    expect(slot(page, "hero")).to_have_text("Plain hero")


def test_an_opt_out_that_did_not_arrive_sends_no_cookie_and_is_repeated(visit: Open, edge: Edge) -> None:
    edge.cookie = "personal"
    edge.status["/v1/consent"] = [503, 200]
    page = visit()
    page.evaluate("edgewise.consent({ optedOut: true })")
    edge.wait_for(lambda: len(edge.requests("/v1/decide")) == 2)
    assert edge.requests("/v1/decide")[1].cookie == ""
    page.reload()
    edge.wait_for(lambda: len(edge.requests("/v1/consent")) == 2)


def test_a_grant_is_told_and_the_page_asks_again(visit: Open, edge: Edge) -> None:
    page = visit()
    expect(slot(page, "hero")).to_have_text("Decided")
    edge.slots = {"hero": decision("hero", "Yours", decision_id="request-2.hero")}
    page.evaluate("edgewise.consent({ granted: ['personalisation'] })")
    expect(slot(page, "hero")).to_have_text("Yours")
    assert edge.requests("/v1/consent")[0].body == {"granted": ["personalisation"], "opted_out": False}
    assert page.evaluate("edgewise.choice.granted") == ["personalisation"]


def test_forgetting_deletes_at_the_edge_and_here(visit: Open, edge: Edge) -> None:
    page = visit()
    page.evaluate("edgewise.consent({ granted: ['personalisation'] })")
    edge.slots = {}
    page.evaluate("edgewise.forget()")
    expect(slot(page, "hero")).to_have_text("Plain hero")
    assert [asked.method for asked in edge.requests("/v1/visitor")] == ["DELETE"]
    assert page.evaluate("edgewise.choice") is None


def test_forgetting_that_failed_says_so(visit: Open, edge: Edge) -> None:
    edge.status["/v1/visitor"] = [503]
    page = visit()
    with pytest.raises(sync_api.Error, match="503"):
        page.evaluate("edgewise.forget()")
