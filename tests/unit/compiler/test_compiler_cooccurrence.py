from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.cooccurrence import neighbours
from compiler.diagnostics import Problem, Where
from compiler.reading.tables import Cooccurrence
from contracts.features import Value
from engine.column import read_column

IDS = ("a", "b", "c", "d")
SOURCE = Where("edgewise.toml", 7, 3, 'source = "data/together.csv"')


def computed(folder: Path, text: str | bytes, strongest: int = 9) -> tuple[list[Value], list[Problem]]:
    file = folder / "together.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    data, problems = neighbours(Cooccurrence(file, strongest), IDS, "data/together.csv", SOURCE)
    column = read_column(data, len(IDS))
    return [column.value_at(row) for row in range(len(IDS))], problems


def test_each_item_keeps_its_strongest_neighbours_ties_by_id(tmp_path: Path) -> None:
    text = "item,other,strength\na,d,2\na,c,2\na,b,1e1\nb,a,0.5\n"
    assert computed(tmp_path, text, strongest=2) == ([{"b": 10.0, "c": 2.0}, {"a": 0.5}, {}, {}], [])


def test_pairs_go_one_way(tmp_path: Path) -> None:
    assert computed(tmp_path, "item,other,strength\na,b,1\n")[0] == [{"b": 1.0}, {}, {}, {}]


def test_what_the_table_lacks_does_not_count_nor_does_an_item_with_itself(tmp_path: Path) -> None:
    text = "item,other,strength\na,gone,9\ngone,a,9\na,a,9\na,b,1\n"
    assert computed(tmp_path, text, strongest=1) == ([{"b": 1.0}, {}, {}, {}], [])


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([*IDS, "gone"]), st.sampled_from([*IDS, "gone"])), st.integers(1, 9), max_size=20
    ),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_lines_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, pairs: dict[tuple[str, str], int], most: int, order: object
) -> None:
    lines = [f"{item},{other},{strength}" for (item, other), strength in pairs.items()]
    folder = tmp_path_factory.mktemp("pairs")
    first = computed(folder, "\n".join(["item,other,strength", *lines, ""]), most)
    order.shuffle(lines)  # type: ignore[attr-defined]
    assert computed(folder, "\n".join(["item,other,strength", *lines, ""]), most) == first
    for place, item in enumerate(IDS):
        known = {o: s for (i, o), s in pairs.items() if i == item and o in IDS and o != item}
        best = sorted(known, key=lambda other: (-known[other], other))[:most]
        assert first[0][place] == {other: known[other] for other in best}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1 E310 this is no table of what goes together"),
        ("item,other\n", "1:1 E310 this is no table of what goes together"),
        ("item,other,strength\na,b\n", "2:1 E305 this row has 2 cells, the header has 3"),
        ("item,other,strength\n\na,b,much\n", "3:1 E310 `much` is no strength"),
        ("item,other,strength\na,b,0\n", "2:1 E310 `0` is no strength"),
        ("item,other,strength\na,b,-1\n", "2:1 E310 `-1` is no strength"),
        ("item,other,strength\na,b,nan\n", "2:1 E310 `nan` is no strength"),
        ("item,other,strength\na,b,inf\n", "2:1 E310 `inf` is no strength"),
        ("item,other,strength\na,b,1\na,b,1\n", "3:1 E310 that `b` goes with `a` already stands above"),
        ('item,other,strength\n"a,b,1\n', "2:1 E302 this is not CSV: unexpected end of data"),
        (b"item,other,strength\na,\xff,1\n", "1:1 E103 this file is not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str | bytes, told: str) -> None:
    (found,) = computed(tmp_path, text)[1]
    assert f"{found.line}:{found.column} {found.code} {found.message}" == told
    assert found.file == "data/together.csv"


def test_a_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    _, (found,) = neighbours(Cooccurrence(tmp_path / "none.csv", 1), IDS, "data/none.csv", SOURCE)
    assert (found.file, found.line, found.code) == ("edgewise.toml", 7, "E301")
    assert found.message == "there is no file data/none.csv"


def test_a_file_full_of_slips_is_cut_short(tmp_path: Path) -> None:
    assert len(computed(tmp_path, "item,other,strength\n" + "a,b,x\n" * 50)[1]) == 20
