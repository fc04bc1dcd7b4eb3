/* Hazel & Rye in the browser: how each component looks, the basket, privacy choices and the panel of decisions.
   The page is complete without this file; everything here only changes what edgewise.js was told by the edge. */
"use strict";
(() => {
  const edgewise = window.edgewise;
  if (!edgewise) return;
  const { html } = edgewise;
  const find = (selector) => document.querySelector(selector);
  const visitorAs = new URLSearchParams(location.search).get("as");
  const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
  const price = (minor) => money.format(minor / 100);

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
    [/\boils?\b|vinegar|syrup|shortening|spice/, "grocery"], [/banana|tropical/, "banana"], [/tomato|salsa|pasta sauce|condiment/, "tomato"], [/potato/, "potato"], [/garlic/, "garlic"], [/green onion|herb/, "greens"], [/onion|root/, "root"],
    [/pepper(?!oni)/, "pepper"], [/grape/, "grapes"], [/berr/, "berry"],
    [/salad|lettuce|greens|broccoli|cabbage|spinach|celery|cucumber/, "greens"],
    [/juice|citrus|orange|lemonade/, "juice"], [/apple|melon|stone fruit|pear|fruit|jam|jelly/, "fruit"],
    [/ice cream|novelt|frozen (dessert|pie|fruit)|sherb/, "frozen"], [/pizza/, "pizza"], [/egg/, "eggs"],
    [/yogurt|sour cream|pudding/, "yogurt"], [/cheese/, "cheese"], [/milk|cream|butter|margarin|dairy/, "milk"],
    [/cat |dog|pet|kitty|bird/, "pet"], [/baby (food|care|wipe)|diaper|infant/, "baby"], [/coffee|tea\b|teas|cocoa/, "coffee"],
    [/beer|ale\b|ales|wine|liquor|spirit/, "spirits"], [/drink|soda|water|cola|isotonic|mixer/, "drinks"],
    [/seafood|fish|shrimp|tuna|salmon/, "seafood"], [/chicken|poultry|turkey|wings/, "chicken"],
    [/bacon|sausage|hot dog|lunchmeat|frank|ham\b|deli meat/, "sausage"], [/beef|pork|lamb|veal|meat|steak/, "meat"],
    [/pasta|noodle|macaroni|spaghetti|rice|dinner mix/, "pasta"], [/cereal|oat|granola|breakfast|pancake/, "cereal"],
    [/bread|bun|roll|bagel|tortilla(?!.*chip)|dough/, "bread"], [/cake|donut|sweet goods|pie|pastr|muffin|baking mix/, "cake"],
    [/chip|snack|cracker|pretzel|popcorn|nuts/, "snacks"], [/candy|chocolate|cookie|gum|dessert|sugar/, "sweets"],
    [/soup|bean|vegetables? shelf|canned|hispanic|broth|stew/, "can"], [/tissue|towel|napkin|paper|wrap|bags?\b/, "paper"],
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

  const art = (glyph) => html`<svg viewBox="0 0 64 64" aria-hidden="true"><use href="#g-${glyph}"/></svg>`;

  const whyOf = (why, key) => why ? html`
    <button class="why" type="button" data-act="why" data-key="why-${key}" aria-expanded="false"
      aria-label="Why am I seeing this?">i</button>
    <p class="reason" role="note"><b>Why am I seeing this?</b>${why}</p>` : "";

  // Components: one per slot, named as in the bundle

  const known = new Map(); // products met on this page, by id
  let shownIds = null;

  edgewise.component("hero", (_, { props, why }) => {
    const glyph = DEPARTMENT_GLYPHS[props.department] ?? "grocery";
    const [second, third] = { produce: ["fruit", "greens"], bakery: ["bread", "cake"], meat: ["chicken", "sausage"],
      deli: ["cheese", "salad"], seafood: ["juice", "greens"], "drug-gm": ["paper", "health"] }[props.department] ?? ["produce", "bread"];
    return html`<section class="hero" data-tone="${glyph}">
      <div class="hero-words">
        <p class="from">${DEPARTMENTS[props.department] ?? "Hazel & Rye"}</p>
        <h1>${props.title}</h1>
        <p class="evidence proof">${props.evidence}</p>
        <a class="button" href="#shelf-title" data-act="aisle" data-aisle="${props.department}" data-key="cta">${props.cta}</a>
      </div>
      <svg class="hero-art" aria-hidden="true"><use href="#g-${glyph}"/></svg>
      <svg class="hero-art second" aria-hidden="true"><use href="#g-${second}"/></svg>
      <svg class="hero-art third" aria-hidden="true"><use href="#g-${third}"/></svg>
      ${whyOf(why, "hero")}
    </section>`;
  });

  edgewise.component("shelf", (_, { props }) => {
    const before = shownIds;
    shownIds = new Set(props.items.map(({ id }) => id));
    for (const item of props.items) known.set(item.id, item);
    const cards = props.items.map((item) => card(item, before !== null && !before.has(item.id)));
    if (before && cards.length) flashFresh([...shownIds].filter((id) => !before.has(id)).length);
    return html`<ul class="shelf" tabindex="-1">${cards}</ul>`;
  });

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

  edgewise.component("offer", (_, { props, why, answer }) => {
    if (!props.title || props.kind === "none") return undefined;
    const isTaken = basket.code === props.code;
    return html`<section class="aside offer">
      <svg viewBox="0 0 48 48" aria-hidden="true"><use href="#i-ticket"/></svg>
      <div>
        <h2>${props.title}</h2>
        <p>${props.body}</p>
        <div class="row"><button class="button" type="button" data-act="take" data-key="take" data-item="${answer[0]}"
          data-code="${props.code}" ${isTaken ? html`disabled` : ""}>${isTaken ? "In your basket" : "Use this offer"}</button></div>
      </div>
      ${whyOf(why, "offer")}
    </section>`;
  });

  edgewise.component("delivery", (_, { props }) => html`<section class="aside delivery">
    <svg viewBox="0 0 48 48" aria-hidden="true"><use href="#i-van"/></svg>
    <div><h2>${props.title}</h2><p>${props.body}</p>${props.by ? html`<b class="by">${props.by}</b>` : ""}</div>
  </section>`);

  edgewise.component("ask", (_, { props, why, answer }) => {
    if (!props.question || !props.answers?.length) return undefined;
    return html`<section class="ask">
      <div><h2>${props.question}</h2><p>${why ?? "Your answer is used for what you see here, and for nothing else."}</p></div>
      <div class="answers" role="group" aria-label="${props.question}">${props.answers.map((text) => html`
        <button type="button" data-act="answer" data-item="${answer[0]}" data-question="${props.key}" data-answer="${text}">${text}</button>`)}
      </div>
    </section>`;
  });

  // The basket

  const BASKET = `basket.${visitorAs ?? ""}`;
  const basket = { lines: {}, code: "", ...JSON.parse(sessionStorage.getItem(BASKET) ?? "{}") };

  function changeBasket(id, step) {
    const item = known.get(id)?.props ?? basket.lines[id].props;
    const quantity = (basket.lines[id]?.quantity ?? 0) + step;
    if (quantity > 0) basket.lines[id] = { props: item, quantity };
    else delete basket.lines[id];
    drawBasket();
    if (step < 0) return edgewise.track("remove_from_cart", { item: id });
    say(`${item.title} is in your basket`);
    return edgewise.track("add_to_cart", { item: id, slot: "for-you", data: { quantity: 1, price: item.price } }, { decide: true });
  }

  function drawBasket() {
    sessionStorage.setItem(BASKET, JSON.stringify(basket));
    const lines = Object.entries(basket.lines);
    const count = lines.reduce((sum, [, { quantity }]) => sum + quantity, 0);
    const total = lines.reduce((sum, [, { props, quantity }]) => sum + props.price * quantity, 0);
    put("#cart-lines", lines.map(line));
    find("#cart-total").textContent = price(total);
    find("#cart-empty").hidden = count > 0;
    find("#checkout").disabled = count === 0;
    find("#cart-code").hidden = !basket.code;
    find("#cart-code").textContent = `Offer ${basket.code} will be used at the checkout`;
    if (find("#cart-count").textContent !== String(count)) restartState(find("#cart-count"), "bump", 400);
    find("#cart-count").textContent = count;
    for (const button of document.querySelectorAll(".card .add")) {
      const { quantity } = basket.lines[button.closest(".card").dataset.item] ?? {};
      button.textContent = quantity ?? "+";
      button.toggleAttribute("data-quantity", Boolean(quantity));
    }
  }

  const line = ([id, { props, quantity }]) => html`<li class="line" data-tone="${glyphOf(props)}">
    <div class="art">${art(glyphOf(props))}</div>
    <h3>${props.title}</h3>
    <p class="each">${price(props.price * quantity)}</p>
    <p class="stepper">
      <button type="button" data-act="less" data-item="${id}" data-key="less-${id}" aria-label="One ${props.title} less">−</button>
      <span>${quantity}</span>
      <button type="button" data-act="more" data-item="${id}" data-key="more-${id}" aria-label="One ${props.title} more">+</button>
    </p></li>`;

  function checkout() {
    const order = `order-${Date.now().toString(36)}`;
    const lines = Object.entries(basket.lines);
    lines.forEach(([item, { props, quantity }], index) => {
      const data = { order, quantity, price: props.price, lines: lines.length, code: basket.code };
      edgewise.track("purchase", { item, data }, { decide: index === lines.length - 1 });
    });
    Object.assign(basket, { lines: {}, code: "" });
    drawBasket();
    find("#cart").close();
    say("Thank you. This is a demonstration: nothing was charged");
  }

  function look(id) {
    const { props, why } = known.get(id);
    put("#look-body", html`<div class="look-grid" data-tone="${glyphOf(props)}">
      <div class="art">${art(glyphOf(props))}</div>
      <div class="look-words">
        <h2 id="look-title">${props.title}</h2>
        <p class="note">${noteOf(props)}${props.category ? ` · ${props.category}` : ""}</p>
        ${tag(props)}
        ${why ? html`<p class="because">${why}</p>` : ""}
        <button class="button" type="button" data-act="add-look" data-item="${id}">Add to basket</button>
      </div></div>`);
    find("#look").showModal();
    edgewise.track("view_item", { item: id, slot: "for-you" });
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

  function narrow(isMatch) {
    let hits = 0;
    for (const card of document.querySelectorAll(".shelf .card")) {
      const isHit = isMatch(card);
      hits += isHit;
      card.toggleAttribute("data-missed", !isHit);
    }
    return hits;
  }

  // Privacy

  const PURPOSES = ["personalisation", "offers"];

  function drawPrivacy() {
    const { choice } = edgewise;
    const isOff = navigator.globalPrivacyControl || choice?.opted_out;
    find("#consent").hidden = Boolean(choice || isOff || visitorAs);
    find("#opt-out").disabled = Boolean(isOff);
    find("#privacy-state").textContent = navigator.globalPrivacyControl
      ? "Your browser asks for privacy (Global Privacy Control), so nothing here is chosen for you."
      : isOff
        ? "Personalising is off. You see the page that everyone sees."
        : choice?.granted.length
          ? `You allow: ${choice.granted.join(" and ")}.`
          : "";
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
    find("#panel-latency").textContent = `${decided.size} decided in ${Math.max(1, Math.round(detail.ms))} ms`;
    find("#panel-peek").dataset.state = "decided";
    if (target.getAttribute("name") === "for-you") titleShelf(detail.slot);
    if (find("#panel").open) drawPanel();
  });

  document.addEventListener("edgewise:kept", ({ detail }) => {
    find("#panel-latency").textContent = `Plain page: ${detail.problem}`;
    find("#panel-peek").dataset.state = "kept";
  });

  function titleShelf({ tier }) {
    const isOwn = tier === "model" || tier === "rules";
    find("#shelf-title").textContent = isOwn ? "Picked for you" : tier === "fallback" ? "Popular right now" : "On your shelf";
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

  const ACTS = {
    add: (button) => changeBasket(button.closest("[data-item]").dataset.item, 1),
    more: ({ dataset }) => changeBasket(dataset.item, 1),
    less: ({ dataset }) => changeBasket(dataset.item, -1),
    look: (button) => look(button.closest("[data-item]").dataset.item),
    "add-look": ({ dataset }) => {
      find("#look").close();
      changeBasket(dataset.item, 1);
    },
    why: (button) => button.setAttribute("aria-expanded", button.getAttribute("aria-expanded") !== "true"),
    aisle: ({ dataset: { aisle } }) => {
      if (narrow((card) => card.dataset.department === aisle)) return;
      narrow(() => true);
      say(`Nothing from ${DEPARTMENTS[aisle] ?? "there"} on your shelf right now`);
    },
    take: (button) => {
      const { item, code } = button.dataset;
      basket.code = code;
      button.disabled = true;
      button.textContent = "In your basket";
      drawBasket();
      say(`Offer ${code} is in your basket`);
      edgewise.track("take_offer", { item, slot: "offer", data: { offer: item } });
    },
    answer: ({ dataset: { item, question, answer } }) => {
      say("Thank you. What you see here now follows your answer");
      edgewise.track("answer", { item, slot: "ask", data: { key: question, answer } }, { decide: true });
    },
  };

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-act], [data-close], [data-consent]");
    if (!button) return;
    if (button.dataset.consent) choose(button.dataset.consent);
    else if (button.dataset.act) ACTS[button.dataset.act](button);
    else button.closest("dialog").close();
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") document.querySelectorAll(".why[aria-expanded=true]").forEach((why) => why.setAttribute("aria-expanded", false));
  });
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  }
  find("#cart-open").addEventListener("click", () => find("#cart").showModal());
  find("#checkout").addEventListener("click", checkout);
  for (const opener of ["#panel-open", "#panel-peek"]) {
    find(opener).addEventListener("click", () => {
      drawPanel();
      find("#panel").showModal();
    });
  }
  find("#privacy-open").addEventListener("click", () => (find("#consent").hidden = false));
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
  find("#search").addEventListener("submit", (event) => {
    event.preventDefault();
    const query = find("#query").value.trim();
    const results = narrow((card) => card.textContent.toLowerCase().includes(query.toLowerCase()));
    say(query ? `${results} on your shelf fit “${query}”` : "The whole shelf");
    if (query) edgewise.track("search", { data: { query, results } });
  });
  find("#place").addEventListener("submit", (event) => {
    event.preventDefault();
    tellContext();
    edgewise.ask();
  });

  function tellContext() {
    const zip = find("#zip").value.trim();
    edgewise.context = { device: matchMedia("(max-width: 44rem)").matches ? "phone" : "desktop", ...(zip && { zip }) };
  }

  async function offerHouseholds() {
    const response = await fetch("households.json").catch(() => null);
    if (!response?.ok) return;
    const { households } = await response.json();
    put("#household-choice", [{ id: "", title: "A new visitor" }, ...households].map(({ id, title }) => html`
      <option value="${id}" ${id === (visitorAs ?? "") ? html`selected` : ""}>${title}</option>`));
    find("#household").dataset.state = "shown";
  }

  find("#household-choice").addEventListener("change", async ({ target }) => {
    if (!target.value) await edgewise.forget().catch(() => {});
    location.assign(target.value ? `?as=${encodeURIComponent(target.value)}` : location.pathname);
  });

  tellContext();
  drawBasket();
  drawPrivacy();
  offerHouseholds();
})();
