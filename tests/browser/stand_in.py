"""A stand-in for the edge that speaks the wire: it answers what a test told it and keeps what came.

Pages come from this server too, so that cookies, beacons and Server-Timing behave as in production.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import edge as edge_package

Json = dict[str, object]
CLIENT = Path(edge_package.__file__).parent / "web" / "edgewise.js"
SITE = Path(__file__).parents[2] / "bundles" / "storefront" / "site"
PATIENCE_S = 60
PAINT_S = 0.04
BEFORE_TEXTS = re.compile(rb"(?<=>)(?=[^<\s])")


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    cookie: str
    body: Json


@dataclass
class Edge:
    """What the stand-in answers (`slots`, `status`, `html`), and what it was asked.

    A closed `gate` holds answers back, made as they are when the request came. `drips` sends a
    page in pieces, cut before each of its texts: the browser paints elements that are still empty.
    """

    url: str = ""
    html: str = ""
    slots: dict[str, Json] = field(default_factory=dict)
    redecided: dict[str, Json] = field(default_factory=dict)
    status: dict[str, list[int]] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    cookie: str = ""
    drips: bool = False
    asked: list[Asked] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    busy: int = 0
    most_busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def requests(self, path: str) -> list[Asked]:
        """What was asked of one path, in order."""
        return [asked for asked in self.asked if asked.path == path]

    def events(self, kind: str = "") -> list[Json]:
        """The events that arrived, repeats included, optionally of one type."""
        bodies = [asked.body for asked in self.requests("/v1/events")]
        events = [event for body in bodies for event in cast(list[Json], body["events"])]
        return [event for event in events if kind in ("", event["type"])]

    def wait_for(self, is_there: Callable[[], object]) -> None:
        """Waits until something has arrived."""
        until = time.monotonic() + PATIENCE_S
        while not is_there():
            assert time.monotonic() < until, f"never arrived; asked: {[asked.path for asked in self.asked]}"
            time.sleep(0.01)

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Status and body for a request of the API."""
        statuses = self.status.get(asked.path, [])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0] if statuses else 200
        if status >= 300:
            return status, b'{"title": "no", "detail": "not now"}'
        if asked.path in self.raw:
            return status, self.raw[asked.path]
        if asked.path == "/v1/events":
            stored: Json = {"stored": len(cast(list[object], asked.body["events"]))}
            return status, json.dumps(stored | ({"slots": self.redecided} if "decide" in asked.body else {})).encode()
        if asked.path == "/v1/decide":
            return status, json.dumps({"revision": "sha256:aa", "page": "home", "slots": self.slots}).encode()
        return status, b""


def decision(slot: str, title: str = "Decided", /, **changes: object) -> Json:
    """A decision of the wire, of tier model unless changed."""
    made: Json = {
        "decision_id": f"request-1.{slot}",
        "tier": "model",
        "cause": None,
        "reason": "TARGETING_MATCH",
        "answer": ["arm-1"],
        "propensity": 0.5,
        "offer_id": None,
        "component": slot,
        "props": {"title": title},
        "why": None,
    }
    return made | changes


class Handler(BaseHTTPRequestHandler):
    """Serves the client and the page, and asks the stand-in for everything else."""

    protocol_version = "HTTP/1.1"

    @property
    def edge(self) -> Edge:
        """The stand-in of this server."""
        return cast(Server, self.server).edge

    def do_GET(self) -> None:
        """Files: the client, the page a test wrote, else the storefront."""
        edge, path = self.edge, urlsplit(self.path).path
        if path == "/edgewise.js":
            self.reply(200, CLIENT.read_bytes(), "text/javascript")
        elif path == "/" and edge.html:
            self.reply(200, edge.html.encode(), "text/html")
        elif path == "/households.json":
            self.reply(200, b'{"households": [{"id": "208", "title": "Household 208"}]}', "application/json")
        else:
            self.file(SITE / (path.lstrip("/") or "index.html"))

    def file(self, path: Path) -> None:
        """A file of the storefront, whose client waits longer: the machine of a test may be busy."""
        kind = guess_type(path.name)[0] or "text/plain"
        is_there = path.is_file() and path.is_relative_to(SITE)
        body = path.read_bytes() if is_there else b""
        patient = body.replace(b'data-timeout-ms="1000"', b'data-timeout-ms="10000"') if kind == "text/html" else body
        self.reply(200 if is_there else 404, patient, kind)

    def do_POST(self) -> None:
        """The API: remembers what was asked, waits for the gate, answers."""
        edge, parts = self.edge, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        cookie = self.headers.get("Cookie") or ""
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), cookie, json.loads(body or b"{}"))
        answer = edge.answer(asked)
        with edge.lock:
            edge.asked.append(asked)
            edge.busy += 1
            edge.most_busy = max(edge.most_busy, edge.busy)
        edge.gate.wait(PATIENCE_S)
        with edge.lock:
            edge.busy -= 1
        self.reply(*answer, "application/json")

    do_DELETE = do_POST

    def reply(self, status: int, body: bytes, kind: str) -> None:
        """One answer, cookie and timing included. A browser that has hung up is no failure."""
        try:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Server-Timing", "decide;dur=0.7")
            if self.edge.cookie:
                self.send_header("Set-Cookie", f"edgewise={self.edge.cookie}; Path=/; HttpOnly")
            self.end_headers()
            self.write(BEFORE_TEXTS.split(body) if self.edge.drips and kind == "text/html" else [body])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def write(self, pieces: list[bytes]) -> None:
        """Writes a body piece by piece, with a moment between them for the browser to paint."""
        for number, piece in enumerate(pieces):
            time.sleep(PAINT_S if number else 0)
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test output quiet."""


class Server(ThreadingHTTPServer):
    """The stand-in on a free port."""

    daemon_threads = True

    def __init__(self, edge: Edge) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.edge = edge

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no failure of the test."""
