/* The basket's page: its lines and total, the nudge above them, the order. What goes with it is a shelf like any other. */
"use strict";
(() => {
  const { edgewise } = window;
  if (!edgewise) return;
  const { html } = edgewise;
  const { acts, art, changeBasket, emptyBasket, find, glyphOf, noteOf, onBasket, price, put, say, whyOf } = shop;

  const NUDGES = { urgency: "i-clock", incentive: "i-ticket", reminder: "i-bag" };

  edgewise.component("nudge", (_, { props, why, answer }) => {
    if (!NUDGES[props.kind]) return undefined;
    const isTaken = shop.basket.code === props.code;
    return html`<section class="nudge" data-kind="${props.kind}">
      <svg viewBox="0 0 48 48" aria-hidden="true"><use href="glyphs.svg#${NUDGES[props.kind]}"/></svg>
      <div><h2>${props.title}</h2><p>${props.body}</p></div>
      ${props.code ? html`<button class="button" type="button" data-act="take" data-key="take" data-item="${answer[0]}"
        data-code="${props.code}" data-off="${props.off}" ${isTaken ? html`disabled` : ""}>${isTaken ? "In your basket" : "Use it"}</button>` : ""}
      ${whyOf(why, "nudge")}
    </section>`;
  });

  const line = ([id, { props, quantity }]) => html`<li class="line" data-tone="${glyphOf(props)}" data-line="${id}">
    <div class="art">${art(glyphOf(props))}</div>
    <div class="what"><h3>${props.title}</h3><p class="note">${noteOf(props)}</p></div>
    <p class="stepper">
      <button type="button" data-act="less" data-item="${id}" data-key="less-${id}" aria-label="One ${props.title} less">−</button>
      <span>${quantity}</span>
      <button type="button" data-act="more" data-item="${id}" data-key="more-${id}" aria-label="One ${props.title} more">+</button>
    </p>
    <p class="each">${price(props.price * quantity)}${quantity > 1 ? html`<small>${price(props.price)} each</small>` : ""}</p>
  </li>`;

  const sum = (lines, part) => lines.reduce((total, { props, quantity }) => total + part(props) * quantity, 0);

  onBasket(({ lines, code, off }) => {
    const held = Object.values(lines);
    const count = sum(held, () => 1);
    const total = sum(held, (props) => props.price);
    const less = Math.min(off, total);
    const saved = sum(held, ({ price, was }) => Math.max(0, was - price));
    put("#cart-lines", Object.entries(lines).map(line));
    document.documentElement.style.setProperty("--lines", held.length);
    find("#cart-size").textContent = count === 1 ? "1 item" : `${count} items`;
    find("#cart-total").textContent = price(total - less);
    find("#cart-saved").textContent = price(saved);
    find("#cart-empty").hidden = count > 0;
    find(".company").hidden = count === 0;
    find("#checkout").disabled = count === 0;
    find("#cart-code").textContent = !code ? "none" : off ? `${code} −${price(less)}` : `${code}, at the till`;
  });

  acts.more = ({ dataset }) => changeBasket(dataset.item, 1);
  acts.less = ({ dataset }) => changeBasket(dataset.item, -1);

  find("#checkout").addEventListener("click", () => {
    const order = `order-${Date.now().toString(36)}`;
    const lines = Object.entries(shop.basket.lines);
    lines.forEach(([item, { props, quantity }], index) => {
      const data = { order, quantity, price: props.price, lines: lines.length, code: shop.basket.code };
      edgewise.track("purchase", { item, data }, { decide: index === lines.length - 1 });
    });
    emptyBasket();
    say("Thank you. This is a demonstration: nothing was charged");
  });
})();
