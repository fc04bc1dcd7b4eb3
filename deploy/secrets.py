"""The secrets that origin and edge of one installation share: cookie key, pseudonym key, QA key, operator token."""

import base64
import os
import secrets
from pathlib import Path

from contracts.codec import encode_json


def ensure_secrets(path: Path) -> Path:
    """Writes fresh secrets, readable by the owner alone, unless the file exists."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = {
        "cookie": {"kid": secrets.token_hex(4), "key": _key()},
        "pseudonym": _key(),
        "qa": _key(),
        "operator_token": secrets.token_urlsafe(24),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(encode_json(fresh))
    return path


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
