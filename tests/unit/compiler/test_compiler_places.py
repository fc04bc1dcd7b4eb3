import tomllib
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.places import TomlError, Value, read_toml

LINES = """\
# a comment with é
name = "x"
[a."b c".d]
when = 2017-11-27T05:00:00Z
n = { e = 1, b.c = [1, # hm
  2.5, true] }
[[arms]]
x = 1
[arms.sub]
y = 2
[[arms]]
x = 3
"""


def plain(value: Value) -> object:
    if isinstance(value.raw, Mapping):
        return {key: plain(entry) for key, entry in value.raw.items()}
    return [plain(item) for item in value.raw] if isinstance(value.raw, tuple) else value.raw


def leaves(value: Value) -> Iterator[Value]:
    children = value.raw.values() if isinstance(value.raw, Mapping) else value.raw
    if not isinstance(children, tuple | type({}.values())):
        yield value
        return
    for child in children:
        yield from leaves(child)


def test_values_are_those_of_tomllib() -> None:
    assert plain(read_toml("f.toml", LINES)) == tomllib.loads(LINES)


@pytest.mark.parametrize(
    ("path", "key", "where"),
    [
        ("name", (2, 1), (2, 8)),
        ("a.b c.d.when", (4, 1), (4, 8)),
        ("a.b c.d.n.e", (5, 7), (5, 11)),
        ("a.b c.d.n.b.c[0]", (5, 21), (5, 21)),
        ("a.b c.d.n.b.c[1]", (6, 3), (6, 3)),
        ("arms[0].x", (8, 1), (8, 5)),
        ("arms[0].sub.y", (10, 1), (10, 5)),
        ("arms[1].x", (12, 1), (12, 5)),
    ],
)
def test_every_value_and_key_has_its_place(path: str, key: tuple[int, int], where: tuple[int, int]) -> None:
    value = next(leaf for leaf in leaves(read_toml("f.toml", LINES)) if leaf.path == path)
    assert (value.key.line, value.key.column) == key
    assert (value.where.line, value.where.column) == where
    assert value.where.source_line == LINES.split("\n")[where[0] - 1]


@pytest.mark.parametrize(
    ("written", "places"),
    [
        ("'ab'", [(1, 6), (1, 7), (1, 8)]),
        ('"a\\tb"', [(1, 6), (1, 7), (1, 9), (1, 10)]),
        ('"\\u00e9b"', [(1, 6), (1, 12), (1, 13)]),
        ('"\\U0001F600b"', [(1, 6), (1, 16), (1, 17)]),
        ('"é😀"', [(1, 6), (1, 7), (1, 8)]),
        ("'''\na\nb'''", [(2, 1), (2, 2), (3, 1), (3, 2)]),
        ("'''a'''", [(1, 8), (1, 9)]),
        ("'''a'b'''", [(1, 8), (1, 9), (1, 10), (1, 11)]),
        ('"""\n  a \\\n   b"""', [(2, 1), (2, 2), (2, 3), (2, 4), (3, 4), (3, 5)]),
        ('"""a"b"""', [(1, 8), (1, 9), (1, 10), (1, 11)]),
        ("''", [(1, 6)]),
    ],
)
def test_every_character_of_a_string_has_its_place(written: str, places: list[tuple[int, int]]) -> None:
    root = read_toml("f.toml", f"t = {written}\n").raw
    assert isinstance(root, Mapping)
    text = root["t"].text
    assert text is not None
    spots = [text.at(index) for index in range(len(text.value) + 1)]
    assert [(spot.line, spot.column) for spot in spots] == places


@given(st.text(st.characters(codec="utf-8", exclude_characters="'\r", exclude_categories=["Cc", "Cs"])))
def test_literal_strings_map_one_to_one(text: str) -> None:
    root = read_toml("f.toml", f"a = 1\nt = '{text}'\n").raw
    assert isinstance(root, Mapping)
    found = root["t"].text
    assert found is not None
    for index, character in enumerate(text):
        spot = found.at(index)
        assert spot.source_line[spot.column - 1] == character


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])))
def test_escaped_strings_have_a_place_for_every_character(text: str) -> None:
    written = "".join(
        f"\\U{ord(character):08X}" if character in '"\\' or not character.isprintable() else character
        for character in text
    )
    root = read_toml("f.toml", f't = "{written}"\n').raw
    assert isinstance(root, Mapping)
    found = root["t"].text
    assert found is not None
    assert found.value == text
    assert len(found.offsets) == len(text) + 1


def test_windows_line_ends_do_not_move_places() -> None:
    root = read_toml("f.toml", "a = 1\r\nb = '''\r\nx\r\ny'''\r\n").raw
    assert isinstance(root, Mapping)
    text = root["b"].text
    assert text is not None
    assert text.value == "x\ny"
    assert (text.at(2).line, text.at(2).column, text.at(2).source_line) == (4, 1, "y'''")


@pytest.mark.parametrize(
    ("text", "line", "column"), [("a = 1\nb = = 2\n", 2, 5), ("a = 1\na = 2\n", 2, 6), ("a = [1,", 1, 8), ("", 1, 1)]
)
def test_what_is_not_toml_is_refused_with_its_place(text: str, line: int, column: int) -> None:
    if not text:
        assert plain(read_toml("f.toml", text)) == {}
        return
    with pytest.raises(TomlError) as caught:
        read_toml("f.toml", text)
    assert (caught.value.where.line, caught.value.where.column) == (line, column)
