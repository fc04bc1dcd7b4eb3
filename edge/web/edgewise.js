/* Fills <edge-slot> elements with what the edge decided. Slots start with the page's plain content and keep it when
   an answer is late, missing, plain or broken. Requests go one at a time: each may replace the visitor's cookie.

   <script src="/edgewise.js" data-page="home" data-timeout-ms="1000" defer></script>
   <edge-slot name="hero">plain content; CSS gives it display: flow-root and a min-height</edge-slot>
   edgewise.component("hero", (box, slot) => edgewise.html`<h1>${slot.props.title}</h1>`) */
"use strict";
(() => {
  const { src, dataset } = document.currentScript;
  const { page } = dataset;
  const timeoutMs = Number(dataset.timeoutMs ?? 1000);
  const seenMs = 1000;
  const postMs = 10000;
  const gatherMs = 200;
  const maxRetryMs = 60000;
  const maxBatch = 50;
  const maxWaiting = 500;
  const choiceKey = "edgewise.choice";
  const visitorAs = new URLSearchParams(location.search).get("as");
  const renderers = new Map();
  const slots = new Set();
  const seen = new Set();
  let events = [];
  let wantsDecision = false;
  let era = 0;
  let isStarted = false;
  let retryMs = gatherMs;
  let timer;
  let line = Promise.resolve();

  // Privacy: the choice is all that is kept here besides the sealed cookie.

  function readChoice() {
    try {
      return JSON.parse(localStorage.getItem(choiceKey));
    } catch {
      return null;
    }
  }

  function keepChoice(choice) {
    edgewise.choice = choice;
    try {
      localStorage.setItem(choiceKey, JSON.stringify(choice));
    } catch {} // storage is off: the choice lasts as long as the page
  }

  const hasGpc = () => navigator.globalPrivacyControl === true;
  const isQuiet = () => hasGpc() || !!edgewise.choice?.opted_out;
  const isCookieless = () => hasGpc() || (isQuiet() && !edgewise.choice.is_sent);

  function consent({ granted = [], optedOut = false }) {
    keepChoice({ granted: optedOut ? [] : granted, opted_out: optedOut });
    if (optedOut) restart();
    return inTurn(sendChoice).catch(keep).then(() => ask());
  }

  async function sendChoice() {
    const { granted, opted_out } = edgewise.choice;
    await answerOf(await send("POST", "/v1/consent", { granted, opted_out }, postMs, "include"));
    keepChoice({ granted, opted_out, is_sent: true });
  }

  function forget() {
    restart();
    return inTurn(async () => {
      await answerOf(await send("DELETE", "/v1/visitor", undefined, postMs, "include"));
      keepChoice(null);
    }).then(() => ask());
  }

  function restart() {
    era++;
    events = [];
    for (const slot of slots) slot.reset();
  }

  // The wire.

  function inTurn(job) {
    const turn = line.then(job);
    line = turn.catch(() => {});
    return turn;
  }

  function address(path) {
    const url = new URL(path, src);
    if (visitorAs && !isQuiet()) url.searchParams.set("as", visitorAs);
    return url;
  }

  function send(method, path, body, limitMs, credentials = isCookieless() ? "omit" : "include") {
    return fetch(address(path), {
      method,
      credentials,
      keepalive: true,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(limitMs),
    });
  }

  function scope(names = page ? undefined : [...slots].map((slot) => slot.name)) {
    return { ...(names ? { slots: names } : { page }), context: edgewise.context };
  }

  function ask(names) {
    return inTurn(async () => {
      const [asked, started] = [era, performance.now()];
      accept(await answerOf(await send("POST", "/v1/decide", scope(names), timeoutMs)), asked, started);
    }).catch(keep);
  }

  async function answerOf(response) {
    if (!response.ok) throw Error(`the edge answered ${response.status}`);
    const text = await response.text();
    return { ...(text && JSON.parse(text)), timing: response.headers.get("Server-Timing") };
  }

  function accept({ revision, timing, slots: decided = {} }, asked, started) {
    const ms = performance.now() - started;
    if (asked !== era || ms > timeoutMs) return;
    for (const slot of slots) {
      if (Object.hasOwn(decided, slot.name)) slot.decide(decided[slot.name], { revision, timing, ms });
    }
  }

  function tell(target, what, detail) {
    target.dispatchEvent(new CustomEvent(`edgewise:${what}`, { bubbles: true, detail }));
  }

  function keep(error) {
    tell(document, "kept", { problem: error.message });
  }

  // Events: sent until stored; their ids make repeats harmless.

  async function track(type, fields = {}, { decide = false } = {}) {
    if (isQuiet()) return;
    const { decision_id } = [...slots].find((slot) => slot.name === fields.slot)?.decision ?? {};
    const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
    events.push({ id, type, at: new Date(), decision_id, ...fields });
    events.splice(0, events.length - maxWaiting);
    wantsDecision ||= decide;
    await (decide ? inTurn(post) : later(gatherMs));
  }

  function later(waitMs) {
    clearTimeout(timer);
    timer = setTimeout(() => inTurn(post), waitMs);
  }

  async function post() {
    const batch = events.splice(0, maxBatch);
    if (!batch.length) return;
    const decide = wantsDecision ? scope() : undefined;
    const [asked, started] = [era, performance.now()];
    wantsDecision = false;
    const response = await send("POST", "/v1/events", { events: batch, decide }, postMs).catch(keep);
    if (!response || response.status >= 500 || response.status === 429) {
      if (asked === era) events = batch.concat(events);
      return later((retryMs = Math.min(retryMs * 2, maxRetryMs)));
    }
    retryMs = gatherMs;
    if (events.length) later(gatherMs);
    await answerOf(response).then((answer) => accept(answer, asked, started)).catch(keep);
  }

  function sendRest() {
    if (!document.hidden || !events.length) return;
    const body = JSON.stringify({ events: events.slice(0, maxBatch) });
    navigator.sendBeacon(address("/v1/events"), new Blob([body], { type: "application/json" }));
  }

  // Markup: values are escaped; what could run as script is dropped.

  class Markup {
    constructor(text) {
      this.text = text;
    }
  }

  function escaped(value) {
    if (value instanceof Markup) return value.text;
    if (Array.isArray(value)) return value.map(escaped).join("");
    return String(value || value === 0 ? value : "").replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
  }

  function html(strings, ...values) {
    if (strings.slice(0, -1).some((part) => /=\s*$/.test(part))) throw TypeError("edgewise.html: quote attributes");
    return new Markup(String.raw({ raw: strings }, ...values.map(escaped)));
  }

  function nodesOf({ text }) {
    const template = document.createElement("template");
    template.innerHTML = text;
    for (const element of template.content.querySelectorAll("*")) {
      for (const { name, value } of [...element.attributes]) {
        if (/^on/i.test(name) || /^javascript:/i.test(value.replace(/[\0- ]/g, ""))) element.removeAttribute(name);
      }
    }
    return template.content;
  }

  // The element.

  class EdgeSlot extends HTMLElement {
    get name() {
      return this.getAttribute("name");
    }

    connectedCallback() {
      slots.add(this);
      observer.observe(this);
      if (getComputedStyle(this).display === "inline") this.style.display = "flow-root";
      if (isStarted && !this.decision) ask([this.name]);
    }

    disconnectedCallback() {
      slots.delete(this);
      observer.unobserve(this);
      clearTimeout(this.timer);
    }

    decide(decision, detail) {
      const isShown = this.show(decision);
      if (isShown) this.decision = decision;
      this.waiting = isShown ? undefined : [decision, detail];
      this.watch();
      tell(this, "decided", { ...detail, slot: decision, isShown });
    }

    show(decision) {
      const { tier, component, props, why } = decision;
      const render = tier === "plain" ? () => {} : renderers.get(component);
      const looks = tier === "plain" ? tier : JSON.stringify([component, props, why]);
      if (!render || looks === this.looks) return !!render;
      const box = document.createElement("div");
      try {
        const markup = render(box, decision);
        if (markup) box.append(nodesOf(markup));
      } catch (error) {
        console.error(`edgewise: component ${component} failed; its slot keeps its content`, error);
        return false;
      }
      this.plain ??= [...this.childNodes];
      this.swap(box.hasChildNodes() ? box.childNodes : this.plain);
      this.looks = looks;
      return true;
    }

    swap(nodes) {
      const active = document.activeElement;
      const isHeld = this.contains(active);
      const height = this.offsetHeight;
      this.style.minHeight = `${height}px`;
      this.replaceChildren(...nodes);
      if (this.offsetHeight > height) console.warn(`edgewise: slot ${this.name} grew; raise its min-height`);
      if (!isHeld || this.contains(document.activeElement)) return;
      const { key } = active.dataset;
      this.tabIndex = -1;
      ((key && this.querySelector(`[data-key="${CSS.escape(key)}"]`)) || this).focus({ preventScroll: true });
    }

    reset() {
      if (this.plain) this.swap(this.plain);
      this.decision = this.waiting = this.looks = undefined;
      this.watch();
    }

    watch() {
      const { decision_id, answer } = this.decision ?? {};
      clearTimeout(this.timer);
      if (!decision_id || !this.isSeen || document.hidden || seen.has(decision_id)) return;
      this.timer = setTimeout(() => {
        seen.add(decision_id);
        const item = answer?.length === 1 ? answer[0] : undefined;
        track("exposure", { slot: this.name, decision_id, item, items: answer });
      }, seenMs);
    }
  }

  // A slot is seen when half of it is in view, or when it fills half of the view.
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, intersectionRatio, intersectionRect } of entries) {
        const isSeen = intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2;
        if (isSeen === target.isSeen) continue;
        target.isSeen = isSeen;
        target.watch();
      }
    },
    { threshold: [0, 0.25, 0.5] },
  );

  function component(name, render) {
    renderers.set(name, render);
    for (const slot of slots) if (slot.waiting?.[0].component === name) slot.decide(...slot.waiting);
  }

  function start() {
    if (isStarted) return;
    isStarted = true;
    if (edgewise.choice && !edgewise.choice.is_sent) inTurn(sendChoice).catch(keep);
    if (slots.size) ask();
  }

  const edgewise = { component, html, track, consent, forget, ask: () => ask(), choice: readChoice() };
  window.edgewise = edgewise;
  customElements.define("edge-slot", EdgeSlot);
  if (document.readyState === "complete") start();
  for (const type of ["DOMContentLoaded", "load"]) addEventListener(type, start);
  addEventListener("resize", () => slots.forEach((slot) => (slot.style.minHeight = "")));
  addEventListener("visibilitychange", () => {
    slots.forEach((slot) => slot.watch());
    sendRest();
  });
})();
