"""The floor: one constant answer as a bare ASGI callable, on the server that the edge runs on."""

import argparse

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.deadline import LoopGauge
from edge.protocol import stamped


def app_of(size: int) -> ASGIApp:
    """An ASGI app that reads the body and answers `size` bytes of JSON."""
    body = b'{"slots":{},"padding":"' + b"x" * max(0, size - 25) + b'"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            continue
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser("loadtest.bare")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bytes", type=int, required=True)
    options = parser.parse_args()
    settings = uvicorn.Config(
        app_of(options.bytes),
        port=options.port,
        loop="uvloop",
        http=stamped(LoopGauge()),
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
    )
    uvicorn.Server(settings).run()


if __name__ == "__main__":
    main()
