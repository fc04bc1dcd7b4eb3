"""TOML text -> values that know where they were written. No meaning here: what keys are allowed is said elsewhere.

`tomllib` reads the values, tree-sitter the places; both see the text with `\\n` line ends. Places are counted in code
points from 1, down to each character of a string, so that a column inside a CEL expression is a column of the file.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import TypeAlias

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from compiler.diagnostics import Where

Scalar: TypeAlias = bool | int | float | str | datetime | date | time
Path: TypeAlias = tuple[str | int, ...]

_TOML_ERROR = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_WRITTEN = re.compile(r"\\[ \t]*\n[ \t\n]*|\\u.{4}|\\U.{8}|\\?.", re.DOTALL)
_CONTAINERS = ("table", "table_array_element")
_KEYS = ("bare_key", "quoted_key")


class TomlError(Exception):
    """The text is not TOML; `where` is the spot at which reading ended."""

    def __init__(self, message: str, where: Where) -> None:
        super().__init__(message)
        self.message = message
        self.where = where


@dataclass(frozen=True)
class SourceText:
    """A file's name (relative to the bundle) and text."""

    file: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @cached_property
    def _bytes(self) -> bytes:
        return self.text.encode()

    def where(self, offset: int) -> Where:
        """The spot of the character at an offset in code points."""
        line = bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        return Where(self.file, line, offset - start + 1, self.text[start:].partition("\n")[0])

    def offset(self, byte: int) -> int:
        """The offset in code points of an offset in UTF-8 bytes."""
        return len(self._bytes[:byte].decode())


@dataclass(frozen=True)
class Text:
    """A string, and for each of its characters (and its end) the offset in the file at which it was written."""

    value: str
    source: SourceText
    offsets: Sequence[int]

    def at(self, index: int) -> Where:
        """Where the character at `index` was written; beyond the last one, the string's end."""
        return self.source.where(self.offsets[min(index, len(self.offsets) - 1)])


@dataclass(frozen=True)
class Value:
    """A TOML value. `key` is where its key stands, `where` the value itself; `path` reads like `pins[0].item`."""

    raw: "Scalar | tuple[Value, ...] | Mapping[str, Value]"
    path: str
    key: Where
    where: Where
    text: Text | None = None


@dataclass(frozen=True)
class _Spots:
    keys: dict[Path, int]
    nodes: dict[Path, Node]


def read_toml(file: str, text: str) -> Value:
    """The document as one table. Raises `TomlError`."""
    source = SourceText(file, text.replace("\r\n", "\n"))
    try:
        plain = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(source, str(error)) from None
    tree = Parser(Language(tree_sitter_toml.language())).parse(source.text.encode())
    spots = _Spots({}, {})
    _visit_document(source, tree.root_node, spots)
    return _value(source, plain, (), spots, source.where(0))


def _toml_error(source: SourceText, message: str) -> TomlError:
    found = _TOML_ERROR.search(message)
    words = _TOML_ERROR.sub("", message)
    if found is None or found[1] is None:
        return TomlError(words, source.where(len(source.text.rstrip())))
    line, column = int(found[1]), int(found[2])
    start = source.text.split("\n")[: line - 1]
    return TomlError(words, source.where(sum(len(text) + 1 for text in start) + column - 1))


def _value(source: SourceText, plain: object, path: Path, spots: _Spots, above: Where) -> Value:
    node = spots.nodes.get(path)
    key = source.where(spots.keys[path]) if path in spots.keys else above
    where = source.where(source.offset(node.start_byte)) if node else key
    words = _words(path)
    if isinstance(plain, dict):
        table = {name: _value(source, item, (*path, name), spots, key) for name, item in plain.items()}
        return Value(table, words, key, where)
    if isinstance(plain, list):
        items = tuple(_value(source, item, (*path, index), spots, key) for index, item in enumerate(plain))
        return Value(items, words, key, where)
    if isinstance(plain, str) and node is not None:
        return Value(plain, words, key, where, Text(plain, source, _offsets(source, node)))
    assert isinstance(plain, bool | int | float | str | date | time), plain
    return Value(plain, words, key, where)


def _words(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _offsets(source: SourceText, node: Node) -> list[int]:
    """Where each character of a string was written: escapes are one character, a continued line is none."""
    start, end = source.offset(node.start_byte), source.offset(node.end_byte)
    quote = source.text[start : start + 3] if source.text[start : start + 3] in ("'''", '"""') else source.text[start]
    start, end = start + len(quote), end - len(quote)
    if len(quote) == 3 and source.text[start] == "\n":
        start += 1
    if quote[0] == "'":
        return list(range(start, end + 1))
    written = [m.start() for m in _WRITTEN.finditer(source.text, start, end) if not _is_continuation(m[0])]
    return [*written, end]


def _is_continuation(written: str) -> bool:
    return written[0] == "\\" and written[-1].isspace()


def _visit_document(source: SourceText, root: Node, spots: _Spots) -> None:
    lengths: dict[Path, int] = {}
    for node in root.children:
        prefix: Path = ()
        if node.type in _CONTAINERS:
            header = next(child for child in node.children if child.type in (*_KEYS, "dotted_key"))
            prefix = _header_path(source, header, node.type == "table_array_element", lengths, spots)
        for pair in [node] if node.type == "pair" else node.children:
            if pair.type == "pair":
                _visit_pair(source, pair, prefix, spots)


def _header_path(source: SourceText, header: Node, is_array: bool, lengths: dict[Path, int], spots: _Spots) -> Path:
    """The path of a `[table]` or `[[element]]`; a name that is an array of tables means its last element."""
    path: Path = ()
    parts = list(_key_parts(header))
    for number, part in enumerate(parts, 1):
        path = (*path, _name(part))
        spots.keys.setdefault(path, source.offset(part.start_byte))
        if is_array and number == len(parts):
            lengths[path] = lengths.get(path, 0) + 1
        if path in lengths:
            path = (*path, lengths[path] - 1)
            spots.keys.setdefault(path, source.offset(part.start_byte))
    return path


def _visit_pair(source: SourceText, pair: Node, prefix: Path, spots: _Spots) -> None:
    key, _, value = (child for child in pair.children if child.type != "comment")
    path = prefix
    for part in _key_parts(key):
        path = (*path, _name(part))
        spots.keys.setdefault(path, source.offset(part.start_byte))
    _visit_value(source, value, path, spots)


def _visit_value(source: SourceText, node: Node, path: Path, spots: _Spots) -> None:
    spots.nodes[path] = node
    if node.type == "inline_table":
        for pair in node.children:
            if pair.type == "pair":
                _visit_pair(source, pair, path, spots)
    if node.type == "array":
        items = [child for child in node.children if child.is_named and child.type != "comment"]
        for index, item in enumerate(items):
            spots.keys[*path, index] = source.offset(item.start_byte)
            _visit_value(source, item, (*path, index), spots)


def _key_parts(node: Node) -> Iterator[Node]:
    if node.type in _KEYS:
        yield node
    for child in node.children if node.type == "dotted_key" else ():
        yield from _key_parts(child)


def _name(key: Node) -> str:
    """A key as `tomllib` reads it: quoted keys may hold escapes."""
    written = (key.text or b"").decode()
    return written if key.type == "bare_key" else next(iter(tomllib.loads(f"{written} = 0")))
