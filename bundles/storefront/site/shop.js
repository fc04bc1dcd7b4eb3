/* Hazel & Rye in the browser, what its pages share: shelves, the basket, privacy choices, the panel of decisions.
   Pages are complete without this file; everything here only changes what edgewise.js was told by the edge. home.js and
   cart.js, which load after it, take their tools from `shop`. */
"use strict";
const shop = (() => {
  const edgewise = window.edgewise;
  if (!edgewise) return undefined;
  const { html } = edgewise;
  const find = (selector) => document.querySelector(selector);
  const visitorAs = new URLSearchParams(location.search).get("as");
  const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
  const price = (minor) => money.format(minor / 100);

  // Furniture that only scripts can use stands on every page.

  document.body.insertAdjacentHTML("beforeend", `
    <section class="consent" id="consent" aria-labelledby="consent-title" hidden>
      <button class="close" type="button" data-close aria-label="Close without a change">&#215;</button>
      <div>
        <h2 id="consent-title">May we choose what you see?</h2>
        <p>If you allow it, we use what you look at and buy here to pick your shelf and your offers. Nothing is sold or shared. The shop works either way.</p>
      </div>
      <fieldset>
        <legend class="quiet">What we may use</legend>
        <label><input type="checkbox" name="purpose" value="personalisation"> Choose what I see from what I look at and buy here</label>
        <label><input type="checkbox" name="purpose" value="offers"> Choose offers from coupons I was sent and used</label>
      </fieldset>
      <div class="choices">
        <button type="button" data-consent="none">No, thanks</button>
        <button type="button" data-consent="ticked">Allow ticked</button>
        <button type="button" data-consent="all">Allow both</button>
      </div>
    </section>

    <dialog class="look" id="look" aria-labelledby="look-title">
      <button class="close" type="button" data-close aria-label="Close">&#215;</button>
      <div id="look-body"></div>
    </dialog>

    <dialog class="drawer panel" id="panel" aria-labelledby="panel-title">
      <header><h2 id="panel-title">What was decided</h2><button class="close" type="button" data-close aria-label="Close the panel">&#215;</button></header>
      <dl class="facts" id="panel-facts"></dl>
      <ol id="panel-slots"></ol>
    </dialog>
    <button class="peek" type="button" id="panel-peek" aria-haspopup="dialog" aria-controls="panel"><span aria-hidden="true"></span><b id="panel-latency">What was decided</b></button>`);
  if (visitorAs) for (const link of document.querySelectorAll("a[href='./'], a[href='cart.html']")) link.search = location.search;

  // Words and pictures

  const DEPARTMENTS = {
    grocery: "Pantry", "drug-gm": "Household", produce: "Produce", nutrition: "Natural and organic", cosmetics: "Beauty",
    meat: "Butcher", "packaged-meat": "Packaged meat", deli: "Deli", bakery: "Bakery", seafood: "Fish counter",
    floral: "Flowers", spirits: "Wine and spirits", "garden-center": "Garden", restaurant: "Kitchen",
    "salad-bar": "Salad bar", leisure: "Leisure",
  };
  const DEPARTMENT_GLYPHS = {
    grocery: "grocery", "drug-gm": "household", produce: "produce", nutrition: "cereal", cosmetics: "beauty", meat: "meat",
    "packaged-meat": "sausage", deli: "deli", bakery: "bakery", seafood: "seafood", floral: "floral", spirits: "spirits",
    "garden-center": "garden", restaurant: "pizza", "salad-bar": "salad", leisure: "party",
  };
  const GLYPHS = [ // the first that fits the title wins, else the first that fits the category
    [/\boils?\b|vinegar|syrup|shortening|spice/, "grocery"], [/newspaper/, "news"], [/banana|tropical/, "banana"], [/tomato|salsa|pasta sauce|condiment/, "tomato"], [/potato/, "potato"], [/garlic/, "garlic"], [/green onion|herb/, "greens"], [/onion|root/, "root"],
    [/pepper(?!oni)/, "pepper"], [/grape/, "grapes"], [/berr/, "berry"],
    [/fruit from|fruit salad/, "fruit"], [/salad|lettuce|greens|broccoli|cabbage|spinach|celery|cucumber|cauliflower/, "greens"],
    [/cookie/, "sweets"], [/bread|bun\b|buns|bagel/, "bread"], [/\bplates?\b|\bcups?\b|cutlery/, "household"], [/juice|citrus|orange|lemonade/, "juice"], [/apple|melon|stone fruit|pear|fruit|jam|jelly/, "fruit"],
    [/ice cream|novelt|frozen (appetizer|dessert|pie|fruit)|sherb/, "frozen"], [/pizza/, "pizza"], [/egg/, "eggs"],
    [/yogurt|sour cream|pudding/, "yogurt"], [/cheese/, "cheese"], [/milk|cream|butter|margarin|dairy/, "milk"],
    [/\bcats? |(?<!hot )\bdogs?\b|\bpets?\b|kitty|bird/, "pet"], [/baby (food|care|wipe)|diaper|infant/, "baby"], [/coffee|tea\b|teas|cocoa/, "coffee"],
    [/beer|ale\b|ales|wine|liquor|spirit/, "spirits"], [/drink|soda|water|cola|isotonic|mixer/, "drinks"],
    [/seafood|fish|shrimp|tuna|salmon/, "seafood"], [/chicken|poultry|turkey|wings/, "chicken"],
    [/bacon|sausage|hot dog|lunchmeat|frank|ham\b|deli meat/, "sausage"], [/beef|pork|lamb|veal|meat|steak/, "meat"],
    [/pasta|noodle|macaroni|spaghetti|rice|dinner mix/, "pasta"], [/cereal|oat|granola|breakfast|pancake/, "cereal"],
    [/bread|bun|roll|bagel|tortilla(?!.*chip)|dough/, "bread"], [/cake|donut|sweet goods|pie|pastr|muffin|baking mix/, "cake"],
    [/chip|snack|cracker|pretzel|popcorn|nuts/, "snacks"], [/candy|chocolate|cookie|gum|dessert|sugar/, "sweets"],
    [/soup|bean|vegetables? shelf|canned|hispanic|broth|stew/, "can"], [/tissue|towel|napkin|paper|wrap|bags\b/, "paper"],
    [/clean|laundry|dish|air care|bleach|detergent|broom/, "household"],
    [/vitamin|cold and flu|first aid|analgesic|health|antacid|diet/, "health"],
    [/hair|makeup|soap|deodorant|shav|oral|skin|hand|facial|feminine/, "beauty"],
    [/card|party|christmas|halloween|seasonal|toy|candle|magazine|book|stationery/, "party"],
    [/flower|rose|bouquet|plant/, "floral"], [/sandwich|prepared|salads/, "deli"], [/vegetable|carrot|pepper|mushroom/, "produce"],
  ];

  function glyphOf({ title = "", category = "", department = "" }) {
    for (const text of [title, category]) {
      const match = GLYPHS.find(([pattern]) => pattern.test(text.toLowerCase()));
      if (match) return match[1];
    }
    return DEPARTMENT_GLYPHS[department] ?? "grocery";
  }

  const art = (glyph) => html`<svg viewBox="0 0 64 64" aria-hidden="true"><use href="glyphs.svg#g-${glyph}"/></svg>`;

  const whyOf = (why, key) => why ? html`
    <button class="why" type="button" data-act="why" data-key="why-${key}" aria-expanded="false"
      aria-label="Why am I seeing this?">i</button>
    <p class="reason" role="note"><b>Why am I seeing this?</b>${why}</p>` : "";

  // Components: one per slot, named as in the bundle

  const known = new Map(); // products met on this page, by id
  let shownIds = null;

  edgewise.component("shelf", (_, { props }) => {
    const before = shownIds;
    shownIds = new Set(props.items.map(({ id }) => id));
    const shelf = shelfOf(props.items, (id) => before !== null && !before.has(id));
    if (before && props.items.length) flashFresh([...shownIds].filter((id) => !before.has(id)).length);
    return shelf;
  });
  edgewise.component("row", (_, { props }) => shelfOf(props.items, () => false)); // a shelf that does not say what is new

  function shelfOf(items, isNew) {
    for (const item of items) known.set(item.id, item);
    return html`<ul class="shelf" tabindex="-1">${items.map((item) => card(item, isNew(item.id)))}</ul>`;
  }

  function card({ id, props, why }, isNew) {
    const isCut = props.was > props.price;
    return html`<li class="card" data-item="${id}" data-department="${props.department}" ${isNew ? html`data-new` : ""}
      data-tone="${glyphOf(props)}">
      <div class="art">${art(glyphOf(props))}</div>
      ${isCut ? html`<span class="saved">Save ${price(props.was - props.price)}</span>` : ""}
      ${whyOf(why, id)}
      <h3><button type="button" data-act="look" data-key="look-${id}">${props.title}</button></h3>
      <p class="note">${noteOf(props)}</p>
      <div class="buy">${tag(props)}${adder(id, props.title)}</div>
    </li>`;
  }

  const noteOf = ({ brand, size }) => [brand, size].filter(Boolean).join(" · ");

  const tag = (props) => html`<p class="price ${props.was > props.price ? "cut" : ""}">
    ${props.was > props.price ? html`<s><span class="quiet">Before </span>${price(props.was)}</s>` : ""}${price(props.price)}</p>`;

  function adder(id, title) {
    const quantity = basket.lines[id]?.quantity;
    return html`<button class="add" type="button" data-act="add" data-key="add-${id}" ${quantity ? html`data-quantity="${quantity}"` : ""}
      aria-label="Add ${title} to the basket">${quantity ?? "+"}</button>`;
  }

  // The basket

  const BASKET = `basket.${visitorAs ?? ""}`;
  const basketViews = [];
  const basket = { lines: {}, code: "", off: 0, ...JSON.parse(sessionStorage.getItem(BASKET) ?? "{}") };

  function changeBasket(id, step, slot) {
    const item = known.get(id)?.props ?? basket.lines[id].props;
    const quantity = (basket.lines[id]?.quantity ?? 0) + step;
    if (quantity > 0) basket.lines[id] = { props: item, quantity };
    else delete basket.lines[id];
    drawBasket();
    if (step < 0) {
      const told = edgewise.track("remove_from_cart", { item: id }, { decide: true });
      if (quantity <= 0) edgewise.track("clear_from_cart", { item: id }); // goes in the same request
      return told;
    }
    say(`${item.title} is in your basket`);
    return edgewise.track("add_to_cart", { item: id, slot, data: { quantity: 1, price: item.price } }, { decide: true });
  }

  function emptyBasket() {
    Object.assign(basket, { lines: {}, code: "", off: 0 });
    drawBasket();
  }

  function drawBasket() {
    sessionStorage.setItem(BASKET, JSON.stringify(basket));
    const count = Object.values(basket.lines).reduce((sum, { quantity }) => sum + quantity, 0);
    if (find("#cart-count").textContent !== String(count)) restartState(find("#cart-count"), "bump", 400);
    find("#cart-count").textContent = count;
    for (const button of document.querySelectorAll(".card .add")) {
      const { quantity } = basket.lines[button.closest(".card").dataset.item] ?? {};
      button.textContent = quantity ?? "+";
      button.toggleAttribute("data-quantity", Boolean(quantity));
    }
    for (const draw of basketViews) draw(basket);
  }

  function onBasket(draw) {
    basketViews.push(draw);
    draw(basket);
  }

  function look(id, slot) {
    const { props, why } = known.get(id);
    put("#look-body", html`<div class="look-grid" data-tone="${glyphOf(props)}">
      <div class="art">${art(glyphOf(props))}</div>
      <div class="look-words">
        <h2 id="look-title">${props.title}</h2>
        <p class="note">${noteOf(props)}${props.category ? ` · ${props.category}` : ""}</p>
        ${tag(props)}
        ${why ? html`<p class="because">${why}</p>` : ""}
        <button class="button" type="button" data-act="add-look" data-item="${id}" data-slot="${slot}">Add to basket</button>
      </div></div>`);
    find("#look").showModal();
    edgewise.track("view_item", { item: id, slot });
  }

  // What the page says

  function put(selector, markup) {
    const place = find(selector);
    const { key } = place.contains(document.activeElement) ? document.activeElement.dataset : {};
    place.innerHTML = html`${markup}`.text;
    if (key) place.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  function restartState(element, state, lastsMs) {
    clearTimeout(element.timer);
    element.dataset.state = state;
    element.timer = setTimeout(() => (element.dataset.state = "idle"), lastsMs);
  }

  function say(text) {
    find("#said").textContent = text;
    restartState(find("#said"), "shown", 4000);
  }

  function flashFresh(arrivals) {
    if (!arrivals) return;
    find("#fresh").textContent = arrivals === 1 ? "1 new pick" : `${arrivals} new picks`;
    restartState(find("#fresh"), "shown", 4500);
  }

  // Privacy

  const PURPOSES = ["personalisation", "offers"];

  function drawPrivacy() {
    const { choice } = edgewise;
    const isOff = navigator.globalPrivacyControl || choice?.opted_out;
    find("#consent").hidden = Boolean(choice || isOff || visitorAs);
    tickGranted();
    find("#opt-out").disabled = Boolean(isOff);
    find("#privacy-state").textContent = navigator.globalPrivacyControl
      ? "Your browser asks for privacy (Global Privacy Control), so nothing here is chosen for you."
      : isOff
        ? "Personalising is off. You see the page that everyone sees."
        : choice?.granted.length
          ? `You allow: ${choice.granted.join(" and ")}.`
          : choice
            ? "You allow nothing: you see the page that everyone sees."
            : "";
  }

  // What holds now: a household of the demonstration allows both until somebody chooses otherwise.
  function tickGranted() {
    const { choice } = edgewise;
    const granted = navigator.globalPrivacyControl ? [] : choice?.granted ?? (visitorAs ? PURPOSES : []);
    for (const box of document.querySelectorAll("[name=purpose]")) box.checked = granted.includes(box.value);
  }

  function openConsent() {
    tickGranted();
    find("#consent").hidden = false;
    find("#consent .close").focus();
  }

  function closeConsent() {
    find("#consent").hidden = true;
    find("#privacy-open").focus({ preventScroll: true });
  }

  function choose(kind) {
    const ticked = [...document.querySelectorAll("[name=purpose]:checked")].map(({ value }) => value);
    const granted = { all: PURPOSES, none: [], ticked }[kind];
    const done = edgewise.consent({ granted });
    drawPrivacy();
    return done;
  }

  // The panel: what was decided, and why

  const decided = new Map();

  document.addEventListener("edgewise:decided", ({ target, detail }) => {
    decided.set(target.getAttribute("name"), detail);
    find("#panel-latency").textContent = `${decided.size} decided in ${serverMs(detail)} ms`;
    find("#panel-peek").dataset.state = "decided";
    titleShelf(target.previousElementSibling?.querySelector("[data-own]"), detail.slot);
    if (find("#panel").open) drawPanel();
  });

  document.addEventListener("edgewise:kept", ({ detail }) => {
    find("#panel-latency").textContent = `Plain page: ${detail.problem}`;
    find("#panel-peek").dataset.state = "kept";
  });

  // A heading promises no more than the reasons below it: what is popular is not picked for anybody.
  function titleShelf(title, { tier, props }) {
    if (!title) return;
    const { own, popular, plain } = title.dataset;
    const isOwn = tier !== "fallback" && props.items?.some(({ why }) => why !== popular);
    title.textContent = tier === "plain" ? plain : isOwn ? own : popular;
  }

  // The node's own time where it tells it, else the round trip.
  function serverMs({ timing, ms }) {
    const total = /total;dur=([\d.]+)/.exec(timing ?? "");
    return Math.max(1, Math.round(total ? Number(total[1]) : ms));
  }

  function drawPanel() {
    const [first] = decided.values();
    put("#panel-facts", first && html`<dt>Bundle</dt><dd><code>${first.revision?.slice(0, 23)}</code></dd>
      <dt>Round trip</dt><dd>${first.ms.toFixed(1)} ms</dd><dt>Server</dt><dd>${first.timing ?? "not told"}</dd>`);
    put("#panel-slots", [...decided].map(([name, { slot, isShown }]) => html`<li class="decided">
      <header><h3>${name}</h3>${isShown ? "" : html`<span class="pill">not shown</span>`}<span class="pill" data-tier="${slot.tier}">${slot.tier}</span></header>
      <dl>
        <dt>Cause</dt><dd>${slot.cause ?? "none: the best this slot can do"}</dd>
        <dt>Reason</dt><dd>${slot.reason}</dd>
        <dt>Answer</dt><dd class="long">${slot.answer.join(", ") || "the page's own content"}</dd>
        <dt>Propensity</dt><dd>${slot.propensity == null ? "not drawn" : Number(slot.propensity.toPrecision(4))}</dd>
        <dt>Decision</dt><dd><a href="/v1/trace/${slot.decision_id}" target="_blank" rel="noopener"><code>${slot.decision_id}</code></a></dd>
      </dl>
      ${slot.why ? html`<p class="because">${slot.why}</p>` : ""}
    </li>`));
  }

  // What the visitor does

  const slotOf = (button) => button.dataset.slot ?? button.closest("edge-slot")?.name;

  const acts = {
    add: (button) => changeBasket(button.closest("[data-item]").dataset.item, 1, slotOf(button)),
    look: (button) => look(button.closest("[data-item]").dataset.item, slotOf(button)),
    "add-look": (button) => {
      find("#look").close();
      changeBasket(button.dataset.item, 1, slotOf(button));
    },
    "ask-again": () => {
      say("Your answers are forgotten");
      edgewise.track("forget_answers", {}, { decide: true });
    },
    why: (button) => button.setAttribute("aria-expanded", button.getAttribute("aria-expanded") !== "true"),
    take: (button) => {
      const { item, code, off } = button.dataset;
      Object.assign(basket, { code, off: Number(off ?? 0) });
      button.disabled = true;
      button.textContent = "In your basket";
      drawBasket();
      say(`Offer ${code} is in your basket`);
      edgewise.track("take_offer", { item, slot: slotOf(button), data: { offer: item } });
    },
  };

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-act], [data-close], [data-consent]");
    if (!button) return;
    if (button.dataset.consent) choose(button.dataset.consent);
    else if (button.dataset.act) acts[button.dataset.act](button);
    else if (button.closest("#consent")) closeConsent();
    else button.closest("dialog").close();
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    document.querySelectorAll(".why[aria-expanded=true]").forEach((why) => why.setAttribute("aria-expanded", false));
    if (!find("#consent").hidden && !find("dialog[open]")) closeConsent();
  });
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  }
  for (const opener of ["#panel-open", "#panel-peek"]) {
    find(opener).addEventListener("click", () => {
      drawPanel();
      find("#panel").showModal();
    });
  }
  find("#privacy-open").addEventListener("click", openConsent);
  find("#opt-out").addEventListener("click", () => {
    shownIds = null;
    edgewise.consent({ optedOut: true });
    drawPrivacy();
  });
  find("#forget").addEventListener("click", async () => {
    shownIds = null;
    try {
      await edgewise.forget();
      drawPrivacy();
      find("#privacy-state").textContent = "You are forgotten: this browser is new to us.";
    } catch {
      find("#privacy-state").textContent = "That did not reach the shop. Please try again.";
    }
  });

  async function offerHouseholds() {
    const response = await fetch("households.json").catch(() => null);
    if (!response?.ok) return;
    const { households } = await response.json();
    const isListed = !visitorAs || households.some(({ id }) => id === visitorAs);
    const own = isListed ? [] : [{ id: visitorAs, title: `Household ${visitorAs}` }];
    put("#household-choice", [{ id: "", title: "A new visitor" }, ...own, ...households].map(({ id, title }) => html`
      <option value="${id}" ${id === (visitorAs ?? "") ? html`selected` : ""}>${title}</option>`));
    find("#household").dataset.state = "shown";
  }

  find("#household-choice").addEventListener("change", async ({ target }) => {
    if (!target.value) await edgewise.forget().catch(() => {});
    location.assign(target.value ? `?as=${encodeURIComponent(target.value)}` : location.pathname);
  });

  edgewise.context = { device: matchMedia("(max-width: 44rem)").matches ? "phone" : "desktop" };
  drawBasket();
  drawPrivacy();
  offerHouseholds();

  return { acts, art, basket, changeBasket, DEPARTMENTS, DEPARTMENT_GLYPHS, emptyBasket, find, glyphOf, noteOf, onBasket, price, put, say, whyOf };
})();
