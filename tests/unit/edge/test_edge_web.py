"""The client is one small file that needs nothing else."""

import gzip
import re
from pathlib import Path

import edge

CLIENT = Path(edge.__file__).parent / "web" / "edgewise.js"
MAX_GZIPPED_BYTES = 4096


def test_the_client_is_under_four_kilobytes_gzipped() -> None:
    assert len(gzip.compress(CLIENT.read_bytes(), compresslevel=9, mtime=0)) < MAX_GZIPPED_BYTES


def test_the_client_depends_on_nothing_and_names_no_other_host() -> None:
    text = CLIENT.read_text(encoding="utf-8")
    assert not re.search(r"\bimport\b|\brequire\(|https?://", text)


def test_the_client_never_evaluates_text_as_code() -> None:
    text = CLIENT.read_text(encoding="utf-8")
    assert not re.search(r"\beval\(|new Function|document\.write|insertAdjacentHTML", text)
