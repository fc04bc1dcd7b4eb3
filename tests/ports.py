"""Ports for programs that tests start. They lie below those that a system lends to outgoing connections."""

import random
import socket

FIRST, LAST = 20_000, 32_000


def free_port(count: int = 1) -> int:
    """The first of so many free ports in a row."""
    while True:
        port = random.randrange(FIRST, LAST)
        if all(_is_free(port + number) for number in range(count)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
