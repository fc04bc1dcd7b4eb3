/* How each component of the tea shop looks, and what the page tells the edge. */
"use strict";
const { component, consent, html, track } = edgewise;
const price = (pence) => `£${(pence / 100).toFixed(2)}`;

component("hero", (_box, { props, why }) => html`<h1>${props.title}</h1><p>${why}</p>`);
component("delivery", (_box, { props }) => html`<p>${props.text}</p>`);
component("shelf", (_box, { props }) => html`<ul class="shelf">${props.items.map(card)}</ul>`);

function card({ id, props, why }) {
  return html`<li><strong>${props.title}</strong><br>${price(props.price)}<span class="why">${why}</span>
    <button type="button" data-key="${id}" data-add="${id}">Add to cart</button></li>`;
}

document.addEventListener("click", ({ target }) => {
  if (target.id === "allow") consent({ granted: ["personalisation"] });
  if (target.dataset.add) track("add_to_cart", { item: target.dataset.add, slot: "for-you" }, { decide: true });
});
