"""Flags, environment and secrets file -> one frozen `Config`. Nobody else reads any of them."""

import argparse
import base64
import binascii
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.codec import decode_json
from contracts.errors import ContractError

KEY_BYTES = 32
_PORTS = 65536


@dataclass(frozen=True)
class Secrets:
    """What the origin needs of the secrets file. `repr` shows none of it."""

    pseudonym_key: bytes
    operator_token: str

    def __repr__(self) -> str:
        return "Secrets(...)"


@dataclass(frozen=True)
class BatchConfig:
    """The expression of the batch features, and the folder of parquet files that it reads."""

    expression: Path
    history: Path


@dataclass(frozen=True)
class Config:
    """All settings of an origin. `publish` is the instant as of which features are published before it serves."""

    state: Path
    bundle: Path
    secrets: Secrets
    batch: BatchConfig | None = None
    publish: datetime | None = None
    host: str = "127.0.0.1"
    port: int = 8301


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `edgewise origin`; required ones may also come from the environment as EDGEWISE_<FLAG>."""
    parser.add_argument("--state", type=Path, help="folder for the log and all that follows from it")
    parser.add_argument("--bundle", type=Path, help="the bundle file, for its features and its catalog")
    parser.add_argument("--secrets", type=Path, help="the secrets file shared with the edge nodes")
    parser.add_argument("--batch", type=Path, help="the bundle's batch.py (default: no batch features)")
    parser.add_argument("--history", type=Path, help="folder of parquet files that batch.py reads")
    parser.add_argument("--publish", help="instant as of which to publish features first, RFC 3339")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8301, help="port to listen on (default: %(default)s)")


def read_config(options: argparse.Namespace) -> Config:
    """The settings, checked. Raises `ContractError` naming the flag."""
    batch = _batch(options)
    if not 0 < options.port < _PORTS:
        raise ContractError(f"{options.port} is not a port: choose one from 1 to {_PORTS - 1}", "--port")
    if options.publish and batch is None:
        raise ContractError("nothing to publish without batch features: add --batch and --history", "--publish")
    return Config(
        state=Path(_required(options, "state")),
        bundle=Path(_required(options, "bundle")),
        secrets=read_secrets(Path(_required(options, "secrets"))),
        batch=batch,
        publish=parse_instant(options.publish, "--publish") if options.publish else None,
        host=options.host,
        port=options.port,
    )


def read_secrets(path: Path) -> Secrets:
    """Reads the secrets file. Raises `ContractError` with file and place of what is wrong, never its value."""
    try:
        file = decode_json(path.read_bytes(), dict[str, str | dict[str, str]])
        key, token = file.get("pseudonym"), file.get("operator_token")
        if not isinstance(token, str) or not token:
            raise ContractError("missing or empty", "$.operator_token")
        return Secrets(_key(key if isinstance(key, str) else ""), token)
    except OSError as error:
        raise ContractError(
            f"no secrets at {path} ({error.strerror}): name the file that the edges have; `edgewise dev` makes"
            " .edgewise/<bundle>/secrets.json"
        ) from None
    except ContractError as error:
        told = f"{path} is not a secrets file: {error.message}; name the one that the edges have"
        raise ContractError(told, error.path) from None


def parse_instant(text: str, path: str) -> datetime:
    """An RFC 3339 instant with its zone. Raises `ContractError` at `path`."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ContractError(f"{text!r} is not an instant such as 2017-11-20T14:00:00Z", path) from None
    if instant.tzinfo is None:
        raise ContractError(f"{text!r} lacks its zone: add Z or an offset", path)
    return instant


def _batch(options: argparse.Namespace) -> BatchConfig | None:
    if (options.batch is None) != (options.history is None):
        raise ContractError("an expression and the history that it reads go together", "--batch, --history")
    return None if options.batch is None else BatchConfig(options.batch, options.history)


def _required(options: argparse.Namespace, name: str) -> str:
    value = getattr(options, name) or os.environ.get(f"EDGEWISE_{name.upper()}")
    if not value:
        raise ContractError(f"missing: give --{name} or set EDGEWISE_{name.upper()}", f"--{name}")
    return str(value)


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ContractError("not base64", "$.pseudonym") from None
    if len(key) != KEY_BYTES:
        raise ContractError(f"{len(key)} bytes, a key has {KEY_BYTES}", "$.pseudonym")
    return key
