"""Flags, environment and secrets file -> one frozen `Config`. Nobody else reads any of them."""

import argparse
import base64
import binascii
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.codec import Contract, decode_json
from contracts.errors import ContractError

KEY_BYTES = 32


class CookieKeyFile(Contract, frozen=True):
    """The cookie key and its id."""

    kid: str
    key: str


class SecretsFile(Contract, frozen=True):
    """The secrets file as it stands; keys are base64 of 32 bytes."""

    cookie: CookieKeyFile
    pseudonym: str
    operator_token: str


@dataclass(frozen=True)
class Secrets:
    """The secrets, decoded. `repr` shows none of them."""

    cookie_kid: bytes
    cookie_key: bytes
    pseudonym_key: bytes
    operator_token: str

    def __repr__(self) -> str:
        return f"Secrets(cookie_kid={self.cookie_kid!r})"


@dataclass(frozen=True)
class Config:
    """All settings of a node. `now` (microseconds) moves `request.now` in `dev`; None is the node's clock."""

    registry: Path
    state: Path
    secrets: Secrets
    origin: str | None = None
    host: str = "127.0.0.1"
    port: int = 8300
    node: str = "edge"
    budget_ms: float = 20.0
    is_dev: bool = False
    site: Path | None = None
    now: int | None = None


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `edgewise edge`; each may also come from the environment as EDGEWISE_<FLAG>."""
    parser.add_argument("--registry", type=Path, help="the registry folder to run releases from")
    parser.add_argument("--state", type=Path, help="folder for what survives a restart")
    parser.add_argument("--secrets", type=Path, help="the secrets file shared with the origin")
    parser.add_argument("--origin", help="address of the origin (default: none, the node stands alone)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8300, help="port to listen on (default: %(default)s)")
    parser.add_argument("--node", default="edge", help="this node's name (default: %(default)s)")
    parser.add_argument("--budget-ms", type=float, default=20.0, help="time per page decision (default: %(default)s)")
    parser.add_argument("--dev", action="store_true", help="allow ?as=, X-Edgewise-Now, traces, cookies over http")
    parser.add_argument("--site", type=Path, help="folder of a page to serve at / (with --dev)")
    parser.add_argument("--now", help="instant at which request.now starts, RFC 3339 (with --dev)")


def read_config(options: argparse.Namespace) -> Config:
    """The settings, checked. Raises `ContractError` naming the flag."""
    if not options.dev and (options.site or options.now):
        raise ContractError("only a node in dev serves a site or another time: add --dev", "--site, --now")
    return Config(
        registry=Path(_required(options, "registry")),
        state=Path(_required(options, "state")),
        secrets=read_secrets(Path(_required(options, "secrets"))),
        origin=options.origin or os.environ.get("EDGEWISE_ORIGIN"),
        host=options.host,
        port=options.port,
        node=options.node,
        budget_ms=options.budget_ms,
        is_dev=options.dev,
        site=options.site,
        now=parse_instant(options.now, "--now") if options.now else None,
    )


def read_secrets(path: Path) -> Secrets:
    """Reads the secrets file. Raises `ContractError` with the path of what is wrong, never its value."""
    file = decode_json(path.read_bytes(), SecretsFile)
    return Secrets(
        cookie_kid=file.cookie.kid.encode(),
        cookie_key=_key(file.cookie.key, "$.cookie.key"),
        pseudonym_key=_key(file.pseudonym, "$.pseudonym"),
        operator_token=file.operator_token,
    )


def parse_instant(text: str, path: str) -> int:
    """Microseconds of an RFC 3339 instant with a zone. Raises `ContractError` at `path`."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ContractError(f"{text!r} is not an instant such as 2017-11-20T14:00:00Z", path) from None
    if instant.tzinfo is None:
        raise ContractError(f"{text!r} lacks its zone: add Z or an offset", path)
    return round(instant.timestamp() * 1_000_000)


def _required(options: argparse.Namespace, name: str) -> str:
    value = getattr(options, name) or os.environ.get(f"EDGEWISE_{name.upper()}")
    if not value:
        raise ContractError(f"missing: give --{name} or set EDGEWISE_{name.upper()}", f"--{name}")
    return str(value)


def _key(text: str, path: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ContractError("not base64", path) from None
    if len(key) != KEY_BYTES:
        raise ContractError(f"{len(key)} bytes, a key has {KEY_BYTES}", path)
    return key
