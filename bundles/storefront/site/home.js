/* The home page: its hero, offer, delivery and question, the search over the shelf, where to deliver to. */
"use strict";
(() => {
  const { edgewise } = window;
  if (!edgewise) return;
  const { html } = edgewise;
  const { acts, basket, DEPARTMENTS, DEPARTMENT_GLYPHS, find, say, whyOf } = shop;

  const COMPANY = {
    produce: ["fruit", "greens"], bakery: ["bread", "cake"], meat: ["chicken", "sausage"],
    deli: ["cheese", "salad"], seafood: ["juice", "greens"], "drug-gm": ["paper", "health"],
  };

  edgewise.component("hero", (_, { props, why }) => {
    const glyph = DEPARTMENT_GLYPHS[props.department] ?? "grocery";
    const [second, third] = COMPANY[props.department] ?? ["produce", "bread"];
    return html`<section class="hero" data-tone="${glyph}">
      <div class="hero-words">
        <p class="from">${DEPARTMENTS[props.department] ?? "Hazel & Rye"}</p>
        <h1>${props.title}</h1>
        <p class="evidence proof">${props.evidence}</p>
        <a class="button" href="#shelf-title" data-act="aisle" data-aisle="${props.department}" data-key="cta">${props.cta}</a>
      </div>
      <svg class="hero-art" aria-hidden="true"><use href="glyphs.svg#g-${glyph}"/></svg>
      <svg class="hero-art second" aria-hidden="true"><use href="glyphs.svg#g-${second}"/></svg>
      <svg class="hero-art third" aria-hidden="true"><use href="glyphs.svg#g-${third}"/></svg>
      ${whyOf(why, "hero")}
    </section>`;
  });

  edgewise.component("offer", (_, { props, why, answer }) => {
    if (!props.title || props.kind === "none") return undefined;
    const isTaken = basket.code === props.code;
    return html`<section class="aside offer">
      <svg viewBox="0 0 48 48" aria-hidden="true"><use href="glyphs.svg#i-ticket"/></svg>
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
    <svg viewBox="0 0 48 48" aria-hidden="true"><use href="glyphs.svg#i-van"/></svg>
    <div><h2>${props.title}</h2><p>${props.body}</p>${props.by ? html`<b class="by">${props.by}</b>` : ""}</div>
  </section>`);

  edgewise.component("ask", (_, { props, why, answer }) => {
    if (!props.question || !props.answers?.length) return undefined;
    return html`<section class="ask">
      <div><h2>${props.question}</h2><p>${why ?? "One answer a visit is all we ask, and no question comes twice a day."}</p></div>
      <div class="answers" role="group" aria-label="${props.question}">${props.answers.map((text) => html`
        <button type="button" data-act="answer" data-item="${answer[0]}" data-question="${props.key}" data-answer="${text}">${text}</button>`)}
      </div>
    </section>`;
  });

  function narrow(isMatch) {
    let hits = 0;
    for (const card of document.querySelectorAll(".shelf .card")) {
      const isHit = isMatch(card);
      hits += isHit;
      card.toggleAttribute("data-missed", !isHit);
    }
    return hits;
  }

  acts.aisle = ({ dataset: { aisle } }) => {
    if (narrow((card) => card.dataset.department === aisle)) return;
    narrow(() => true);
    say(`Nothing from ${DEPARTMENTS[aisle] ?? "there"} on your shelf right now`);
  };
  acts.answer = ({ dataset: { item, question, answer } }) => {
    say("Thank you. What you see follows your answer");
    edgewise.track("answer", { item, slot: "ask", data: { key: question, answer } }, { decide: true });
  };

  find("#search").addEventListener("submit", (event) => {
    event.preventDefault();
    const query = find("#query").value.trim();
    const results = narrow((card) => card.textContent.toLowerCase().includes(query.toLowerCase()));
    say(query ? `${results} on your shelf fit “${query}”` : "The whole shelf");
    if (query) edgewise.track("search", { data: { query, results } });
  });

  // Where to deliver to. The tab keeps it and tells it with what it asks; nobody else does.

  const zipOf = (text) => /^(\d{5})(-\d{4})?$/.exec(text.trim())?.[1] ?? "";

  function deliverTo(zip) {
    const { zip: _, ...context } = edgewise.context;
    edgewise.context = zip ? { ...context, zip } : context;
    if (zip) sessionStorage.setItem("zip", zip);
    else sessionStorage.removeItem("zip");
    find("#zip").value = zip;
    find("#zip-set").textContent = zip ? "Change" : "Set";
    find("#zip-forget").hidden = !zip;
    notePlace("set", zip ? "Only this tab remembers it" : "For the times at your door");
  }

  function notePlace(state, note) {
    find("#place").dataset.state = state;
    find("#zip").setAttribute("aria-invalid", state === "wrong");
    find("#zip-note").textContent = note;
  }

  find("#place").addEventListener("submit", (event) => {
    event.preventDefault();
    const zip = zipOf(find("#zip").value);
    if (!zip) {
      notePlace("wrong", "A ZIP code has five digits, for example 45202");
      return find("#zip").focus();
    }
    deliverTo(zip);
    edgewise.ask();
  });
  find("#zip-forget").addEventListener("click", () => {
    deliverTo("");
    find("#zip").focus();
    edgewise.ask();
  });
  find("#forget").addEventListener("click", () => deliverTo("")); // the whole page is asked for again then

  deliverTo(zipOf(sessionStorage.getItem("zip") ?? ""));
})();
