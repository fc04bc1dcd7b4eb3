"""The commonest mistakes at the command line: each says what is wrong, and what to type or to do next."""

import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from contracts.bundle import Bundle, write_file
from deploy.cli import main
from deploy.publish import publish
from deploy.secrets import ensure_secrets
from loadtest import shoppers

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def desk(tea_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands run, with a bundle file, its registry, secrets and files that are something else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tea").mkdir()
    (tmp_path / "tea.zip").write_bytes(write_file(tea_bundle))
    (tmp_path / "other").write_text("{")
    publish(tea_bundle, tmp_path / "registry", note="", now=1)
    ensure_secrets(tmp_path / "secrets.json")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("inspect none.zip", 4, "there is no bundle file none.zip: `edgewise build FOLDER -o none.zip` makes one"),
        ("inspect tea", 4, "tea is a folder: `edgewise build tea` makes a bundle file of a bundle's sources"),
        ("inspect other", 2, "other: not a bundle file: File is not a zip file; `edgewise build FOLDER -o other`"),
        ("deploy none.zip --to registry", 4, "`edgewise build FOLDER -o none.zip` makes one"),
        ("deploy tea.zip --to other", 4, "other/sections: not a directory; check the path, which counts from /"),
        ("explain r.rec --decision a.b --bundle none.zip", 4, "`edgewise build FOLDER -o none.zip` makes one"),
        ("explain r.rec --decision a.b --bundle tea.zip", 4, "`edgewise replay ORIGIN --save r.rec` makes one"),
        ("explain r.rec --decision a.b --registry none", 4, "none is no registry folder: name the one that was"),
        ("replay localhost:8301 --bundle tea.zip", 4, "an origin's address begins with http://"),
        (f"replay {NOBODY} --bundle tea.zip", 4, "Is an origin running there?"),
        ("replay r.rec --registry registry --with sha256:ff", 4, "0 revisions begin so; known: sha256:"),
        ("status localhost", 4, "is no address: write it as http://127.0.0.1:8300"),
        ("qa --secrets none.json", 2, "no secrets at none.json (No such file or directory): `edgewise dev` makes"),
        ("qa --secrets other", 2, "other is not a secrets file: not JSON: Input data was truncated"),
        ("edge --state s", 2, "--registry is missing: give it, or set EDGEWISE_REGISTRY"),
        ("edge --registry registry --state s --secrets other", 2, "Move it away; `edgewise dev` makes one"),
        ("origin --state s --bundle tea.zip --secrets none.json", 2, "no secrets at none.json (No such file or"),
        ("origin --state s --bundle tea.zip --secrets other", 2, "other is not a secrets file: not JSON: Input data"),
        ("origin --state s --bundle none.zip --secrets secrets.json", 2, "`edgewise build FOLDER -o none.zip` makes"),
        ("origin --state s --bundle tea.zip --secrets secrets.json --port 99999", 2, "99999 is not a port"),
        ("eval 1+1 --with none.json", 4, "none.json: no such file or directory; check the path, which counts from /"),
        ("eval 1+1 --with other", 2, "other: not JSON: Input data was truncated"),
        ("dev tea --port 99999", 4, "99999 is not a port: choose one from 1 to 65534"),
        ("dev tea --port 24000 --now yesterday", 2, "'yesterday' is not an instant such as 2017-11-20T14:00:00Z"),
        ("delpoy tea.zip", 2, "there is no command `delpoy`; did you mean `edgewise deploy`?"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_the_next_step(
    words: str, code: int, told: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(words)) == code
    assert told in capsys.readouterr().err


class Stranger(BaseHTTPRequestHandler):
    """Another program than the one that was meant."""

    def do_GET(self) -> None:
        """Answers what neither an edge nor an origin would."""
        self.send_response(200 if self.path == "/v1/status" else 404)
        self.end_headers()
        self.wfile.write(b'{"epoch": "e"}')

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_edge_is_no_origin_and_the_other_way_round(
    stranger: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", stranger, "--bundle", "tea.zip"]) == 4
    assert "/v1/records answered 404: is that an origin's address?" in capsys.readouterr().err
    assert main(["status", stranger]) == 4
    assert "does not answer as a node does: an origin is another port" in capsys.readouterr().err


def test_shoppers_with_the_secrets_of_another_shop_say_so(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_options: object) -> None:
        request = httpx.Request("POST", f"{NOBODY}/v1/publish")
        httpx.Response(403, text="this needs the operator's token", request=request).raise_for_status()

    monkeypatch.setattr(shoppers, "_shop", refuse)
    assert shoppers.main(["--secrets", "secrets.json"]) == 4
    assert "secrets.json is not the secrets file of that origin: name it with --secrets" in capsys.readouterr().err
