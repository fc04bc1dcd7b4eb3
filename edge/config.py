"""What a node is told when it starts: flags, environment and a file of secrets, checked once and frozen.

Nobody else reads any of them.
"""

import argparse
import base64
import binascii
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from contracts.codec import Contract, decode_json
from contracts.errors import ContractError

MICROSECONDS = 1_000_000
KEY_BYTES = 32
SPOOL_MB = 256


class ConfigError(ContractError):
    """The node cannot start as it was told to. The message says what to mend."""


class CookieKey(Contract, frozen=True):
    """A key that seals cookies (32 bytes, base64), and the id by which a cookie names it."""

    kid: str
    key: str


class SecretsFile(Contract, frozen=True):
    """The file of secrets that edge and origin share. `retired` keys still open cookies, but seal none.

    `qa` (32 bytes, base64) signs QA tokens; without it there are none.
    """

    cookie: CookieKey
    pseudonym: str
    operator_token: str
    qa: str | None = None
    retired: tuple[CookieKey, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Keys as bytes, never shown. `cookie_keys` are by kid; `cookie_kid` names the one that seals."""

    cookie_kid: str
    cookie_keys: dict[str, bytes] = field(repr=False)
    pseudonym_key: bytes = field(repr=False)
    operator_token: str = field(repr=False)
    qa_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One node. `registry` is a folder it reads, `state` its own. `budget_ms` counts from a request's arrival.

    `clock_at` (microseconds, dev only) is the `request.now` at which the node starts; it runs on from there.
    """

    registry: Path
    state: Path
    secrets: Secrets
    origin: str | None = None
    host: str = "127.0.0.1"
    port: int = 8300
    node: str = "edge"
    transport: str = "http"
    budget_ms: float = 20.0
    max_spool_bytes: int = SPOOL_MB * 1024 * 1024
    is_dev: bool = False
    site: Path | None = None
    clock_at: int | None = None


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `edgewise edge`; folders, secrets and origin may also come from the environment."""
    parser.add_argument("--registry", type=Path, help="the registry folder that `edgewise deploy` fills")
    parser.add_argument("--state", type=Path, help="folder for what this node keeps")
    parser.add_argument("--secrets", type=Path, help="the secrets file shared with the origin")
    parser.add_argument("--origin", help="the origin's address (default: none, the node stands alone)")
    parser.add_argument("--transport", default="http", help="how it talks to the origin (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8300, help="port to listen on (default: %(default)s)")
    parser.add_argument("--node", default="edge", help="this node's name (default: %(default)s)")
    parser.add_argument("--budget-ms", type=float, default=20.0, help="time for a decision (default: %(default)s)")
    parser.add_argument("--spool-mb", type=int, default=SPOOL_MB, help="limit of the spool (default: %(default)s)")
    parser.add_argument("--dev", action="store_true", help="accept ?as= and X-Edgewise-Now; traces; cookies over http")
    parser.add_argument("--site", type=Path, help="folder of a page to serve at / (with --dev)")
    parser.add_argument("--now", help="instant at which request.now starts, RFC 3339 (with --dev)")


def read_config(options: argparse.Namespace) -> Config:
    """The settings, checked. Raises `ConfigError` naming the flag."""
    _check(options)
    return Config(
        registry=Path(_required(options, "registry")),
        state=Path(_required(options, "state")),
        secrets=read_secrets(Path(_required(options, "secrets"))),
        origin=options.origin or os.environ.get("EDGEWISE_ORIGIN"),
        transport=options.transport,
        host=options.host,
        port=options.port,
        node=options.node,
        budget_ms=options.budget_ms,
        max_spool_bytes=options.spool_mb * 1024 * 1024,
        is_dev=options.dev,
        site=options.site,
        clock_at=_started_at(options.now),
    )


def read_secrets(path: Path) -> Secrets:
    """The secrets of a file. Raises `ConfigError` saying what is wrong with it, never a secret itself."""
    try:
        file = decode_json(path.read_bytes(), SecretsFile)
        keys = {each.kid: _key(each.key, f"$.retired {each.kid}") for each in file.retired}
        keys[file.cookie.kid] = _key(file.cookie.key, "$.cookie.key")
        pseudonym_key = _key(file.pseudonym, "$.pseudonym")
        qa_key = None if file.qa is None else _key(file.qa, "$.qa")
    except OSError as error:
        raise ConfigError(
            f"no secrets at {path} ({error.strerror}): `edgewise dev` makes .edgewise/<bundle>/secrets.json"
        ) from None
    except ContractError as error:
        raise ConfigError(f"{path} is not a secrets file: {error}. Move it away; `edgewise dev` makes one") from None
    return Secrets(
        cookie_kid=file.cookie.kid,
        cookie_keys=keys,
        pseudonym_key=pseudonym_key,
        operator_token=file.operator_token,
        qa_key=qa_key,
    )


def parse_instant(text: str, path: str) -> int:
    """Microseconds of an RFC 3339 instant. Raises `ContractError` at `path`."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ContractError(f"{text[:40]!r} is not an instant such as 2017-11-20T14:00:00Z", path) from None
    if instant.tzinfo is None:
        raise ContractError(f"{text[:40]!r} lacks its zone: add Z or an offset", path)
    return round(instant.timestamp() * MICROSECONDS)


def _check(options: argparse.Namespace) -> None:
    if not options.dev and (options.site or options.now):
        raise ConfigError("--site and --now are for development: add --dev, or leave them out")
    if options.site and not options.site.is_dir():
        raise ConfigError(f"--site {options.site} is not a folder")
    if not 0 < options.port < 65536:
        raise ConfigError(f"--port {options.port} is not a port: choose one from 1 to 65535")
    if options.budget_ms <= 0 or options.spool_mb < 1:
        raise ConfigError("--budget-ms and --spool-mb are positive")


def _started_at(text: str | None) -> int | None:
    try:
        return None if text is None else parse_instant(text, "--now")
    except ContractError as error:
        raise ConfigError(str(error)) from None


def _required(options: argparse.Namespace, name: str) -> str:
    value = getattr(options, name) or os.environ.get(f"EDGEWISE_{name.upper()}")
    if not value:
        raise ConfigError(f"--{name} is missing: give it, or set EDGEWISE_{name.upper()}")
    return str(value)


def _key(text: str, path: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ContractError("not base64", path) from None
    if len(key) != KEY_BYTES:
        raise ContractError(f"{len(key)} bytes, a key has {KEY_BYTES}", path)
    return key
