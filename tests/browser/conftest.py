"""A real browser, and the stand-in edge whose pages it opens."""

import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
from stand_in import PATIENCE_S, Edge, Server

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need the package playwright")

BROWSER_ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def edge() -> Iterator[Edge]:
    """A stand-in edge on a free port."""
    stand_in = Edge()
    stand_in.gate.set()
    server = Server(stand_in)
    stand_in.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield stand_in
    stand_in.gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")  # its event loop must be gone when the next modules run theirs
def browser() -> Iterator[sync_api.Browser]:
    """Debian's chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no browser: install Debian's chromium (apt install chromium) to run the browser tests")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGS)
        yield browser
        browser.close()


sync_api.expect.set_options(timeout=PATIENCE_S * 1000)
Open = Callable[..., sync_api.Page]


@pytest.fixture
def visit(browser: sync_api.Browser, edge: Edge) -> Iterator[Open]:
    """Opens the edge's page in a fresh browser profile; errors in its scripts fail the test."""
    contexts: list[sync_api.BrowserContext] = []
    errors: list[str] = []

    def open_page(query: str = "", script: str = "", is_awaited: bool = True, **options: object) -> sync_api.Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(edge.url + query)
        if is_awaited:
            edge.wait_for(lambda: edge.requests("/v1/decide"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
