"""What a test measures inside a page: how far things moved, controls without a name, text that is hard to read."""

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need the package playwright")


def painted(page: sync_api.Page) -> sync_api.Page:
    """The page once something of it is on the screen: from then on, what moves is seen to move."""
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    return page


def shifts_of(page: sync_api.Page) -> object:
    """What has moved by itself so far, with how far; what follows a click is left out by the browser."""
    return page.evaluate(_SHIFTS)


def nameless_controls(page: sync_api.Page) -> object:
    """The markup of controls that a screen reader could not name."""
    return page.locator("button, a, input, select").evaluate_all(
        "(all) => all.filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)"
    )


def faint_texts(page: sync_api.Page) -> object:
    """Visible texts below the contrast that WCAG 2 AA asks for (success criterion 1.4.3), with their ratio."""
    return page.evaluate(_FAINT_TEXTS)


_SHIFTS = """() => new Promise((done) => {
  const moved = [];
  const told = ({ node, previousRect: from, currentRect: to }) =>
    `${node?.outerHTML?.slice(0, 80) ?? node?.data}: ${from.x},${from.y} -> ${to.x},${to.y}`;
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) moved.push([value, ...sources.map(told)]);
  }).observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(moved), 50)));
})"""

_FAINT_TEXTS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const backgrounds = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const { backgroundColor, backgroundImage } = getComputedStyle(one);
      const stops = backgroundImage.match(/rgba?\\([^)]*\\)/g)?.map(parse).filter(([, , , alpha = 1]) => alpha > 0.5);
      if (stops?.length) return stops;
      if ((parse(backgroundColor)[3] ?? 1) > 0.5) return [parse(backgroundColor)];
    }
    return [[255, 255, 255]];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const isText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!isText || element.closest("svg, script, noscript, option") || !element.checkVisibility()) continue;
    const { color, fontSize } = getComputedStyle(element);
    const least = Math.min(...backgrounds(element).map((back) => ratio(luminance(parse(color)), luminance(back))));
    if (least < (parseFloat(fontSize) >= 24 ? 3 : 4.5)) faint.push([element.textContent.trim(), least]);
  }
  return faint;
}"""
