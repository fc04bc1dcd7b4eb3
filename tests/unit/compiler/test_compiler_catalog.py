from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.catalog import MAX_SHOWN, Catalog, check_items, read_catalog
from compiler.diagnostics import Problem, Where, render
from compiler.reading.slots import SlotSource
from compiler.reading.tables import TableSource
from contracts.catalog import ColumnSpec
from contracts.features import Status, ValueType
from contracts.slots import Filter, Pin, PolicySpec, Pool, SlotSpec
from engine.column import Column, read_column

COLUMNS = (
    ColumnSpec(name="id", type=ValueType.STRING),
    ColumnSpec(name="title", type=ValueType.STRING),
    ColumnSpec(name="price", type=ValueType.INT, is_live=True),
)
SOURCE = Where("edgewise.toml", 9, 10, 'source = "data/teas.csv"')


def read(
    folder: Path, text: str | bytes, *more: ColumnSpec, columns: tuple[ColumnSpec, ...] = COLUMNS
) -> tuple[Catalog, list[Problem]]:
    file = folder / "data/teas.csv"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    table = TableSource("teas", (*columns, *more), file, SOURCE, {"tables.teas.source": SOURCE})
    return read_catalog({"teas": table}, folder)


def column_of(catalog: Catalog, name: str) -> Column:
    return read_column(catalog.columns["teas", name], catalog.schema.tables[0].rows)


def values_of(catalog: Catalog, name: str) -> list[object]:
    column = column_of(catalog, name)
    return [column.value_at(row) for row in range(catalog.schema.tables[0].rows)]


def test_what_comes_by_feed_and_may_be_empty_need_not_stand_in_the_file(tmp_path: Path) -> None:
    more = (
        ColumnSpec(name="chance", type=ValueType.DOUBLE, is_live=True, is_nullable=True),
        ColumnSpec(name="chances", type=ValueType.NUMBERS, is_live=True, default={}),
    )
    catalog, problems = read(tmp_path, "id,title,price\na,A,1\nb,B,2\n", *more)
    assert problems == []
    assert column_of(catalog, "chance").status_at(1, 0) is Status.MISSING
    assert column_of(catalog, "chances").status_at(1, 0) is Status.DEFAULT
    assert values_of(catalog, "chances") == [{}, {}]
    _, problems = read(tmp_path, "id,title,price\na,A,1\n", ColumnSpec(name="c", type=ValueType.INT, is_live=True))
    assert [problem.code for problem in problems] == ["E304"]


def test_rows_are_sorted_by_id_and_columns_typed(tmp_path: Path) -> None:
    more = (
        ColumnSpec(name="caffeine", type=ValueType.DOUBLE),
        ColumnSpec(name="is_organic", type=ValueType.BOOL),
        ColumnSpec(name="added", type=ValueType.TIMESTAMP),
        ColumnSpec(name="tags", type=ValueType.STRINGS),
        ColumnSpec(name="notes", type=ValueType.NUMBERS),
    )
    text = (
        "id,price,title,caffeine,is_organic,added,tags,notes\n"
        'b,1490,"Darjeeling, first",55,true,2025-04-10T02:00:00+02:00,"[""x"",""a""]","{""z"":1,""m"":0.5}"\r\n'
        "é,-3,Élan,1e1,false,1970-01-01T00:00:00.000001Z,[],{}\n"
        'a,590,"two\nlines",.5,true,1969-12-31T23:59:59Z,"[""a""]","{""m"":-2}"\n'
    )
    catalog, problems = read(tmp_path, text, *more)
    assert problems == []
    assert catalog.ids == {"teas": ("a", "b", "é")}
    assert values_of(catalog, "id") == ["a", "b", "é"]
    assert values_of(catalog, "title") == ["two\nlines", "Darjeeling, first", "Élan"]
    assert values_of(catalog, "price") == [590, 1490, -3]
    assert values_of(catalog, "caffeine") == [0.5, 55.0, 10.0]
    assert values_of(catalog, "is_organic") == [True, True, False]
    assert values_of(catalog, "added") == [-1_000_000, 1_744_243_200_000_000, 1]
    assert values_of(catalog, "tags") == [("a",), ("x", "a"), ()]
    assert values_of(catalog, "notes") == [{"m": -2.0}, {"m": 0.5, "z": 1.0}, {}]


def test_an_empty_cell_is_the_default_or_missing_where_the_column_says_so(tmp_path: Path) -> None:
    more = (
        ColumnSpec(name="award", type=ValueType.STRING, is_nullable=True),
        ColumnSpec(name="stock", type=ValueType.INT, default=7),
        ColumnSpec(name="tags", type=ValueType.STRINGS, default=("plain",)),
        ColumnSpec(name="notes", type=ValueType.NUMBERS, is_nullable=True),
    )
    catalog, problems = read(tmp_path, "id,title,price,award,stock,tags,notes\na,A,1,,,,\nb,B,2,Gold,3,[],{}\n", *more)
    assert problems == []
    statuses = {name: column_of(catalog, name).status for name in ("title", "award", "stock", "tags", "notes")}
    assert statuses["title"] is None
    assert [statuses[name].tolist() for name in ("award", "stock", "tags", "notes") if statuses[name] is not None] == [
        [Status.MISSING, Status.PRESENT],
        [Status.DEFAULT, Status.PRESENT],
        [Status.DEFAULT, Status.PRESENT],
        [Status.MISSING, Status.PRESENT],
    ]
    assert values_of(catalog, "stock") == [7, 3]
    assert values_of(catalog, "tags") == [("plain",), ()]


def test_a_column_without_any_value_is_readable(tmp_path: Path) -> None:
    catalog, problems = read(
        tmp_path, "id,title,price,award\na,A,1,\n", ColumnSpec(name="award", type=ValueType.STRING, is_nullable=True)
    )
    assert problems == []
    assert column_of(catalog, "award").status_at(0, 0) is Status.MISSING


def test_a_row_without_a_price_is_a_problem_that_says_where_and_what_to_do(tmp_path: Path) -> None:
    _, problems = read(tmp_path, 'id,title,price\na,"Assam, strong",590\nb,"Ceylon, mild",\n')
    assert render(problems) == (
        "data/teas.csv:3:18: E306: item `b` has no `price`\n"
        '  | b,"Ceylon, mild",\n'
        "  |                  ^\n"
        "  = fill it in, remove the row, or declare `price` with a `default` or `nullable = true`"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,title,price\na,A,12.9\n",
            "data/teas.csv:2:5: E307: `price` is of type int, not `12.9`\n  | a,A,12.9\n  |     ^\n"
            "  = write a whole number, such as 1290",
        ),
        (
            "id,title,price\na,A,9223372036854775808\n",
            "data/teas.csv:2:5: E307: `price` is of type int, not `9223372036854775808`\n  | a,A,9223372036854775808\n"
            "  |     ^\n  = write a whole number, such as 1290",
        ),
        (
            "id,title,price\na,A,1\nb,B,2\na,C,3\n",
            "data/teas.csv:4:1: E308: id `a` already stands in line 2\n  | a,C,3\n  | ^\n  = keep one of the rows",
        ),
        (
            "id,title,price\n,A,1\n",
            "data/teas.csv:2:1: E306: this row has no `id`\n  | ,A,1\n  | ^\n"
            "  = give it an id of its own, or remove the row",
        ),
        (
            "id,title,price\na,A\n",
            "data/teas.csv:2:1: E305: this row has 2 cells, the header has 3\n  | a,A\n  | ^\n"
            "  = put cells that hold commas into double quotes, leave a cell empty where there is no value",
        ),
        (
            "title,id,price\nA,a,1\n",
            "data/teas.csv:1:1: E303: the first column is not `id`\n  | title,id,price\n  | ^\n"
            "  = put `id` first: it is the key of the table",
        ),
        (
            "",
            "data/teas.csv:1:1: E303: the file has no header\n  = let its first line name the columns, `id` first",
        ),
        (
            'id,title,price\na,"A"x,1\n',
            "data/teas.csv:2:1: E302: this is not CSV: ',' expected after '\"'\n  | a,\"A\"x,1\n  | ^\n"
            "  = separate cells by commas, put text with commas or quotes into double quotes",
        ),
        (
            "id,title,price,title\na,A,1,B\n",
            "data/teas.csv:1:16: E304: the file has column `title` twice\n  | id,title,price,title\n"
            "  |                ^\n  = keep one of them",
        ),
    ],
)
def test_each_fault_of_a_file_has_its_message(tmp_path: Path, text: str, message: str) -> None:
    assert render(read(tmp_path, text)[1]) == message


def test_misspelled_columns_are_named_on_both_sides(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "id,titel,price\na,A,1\n")
    assert render(problems) == (
        "data/teas.csv:1:1: E304: the file lacks column `title` of table `teas`\n  | id,titel,price\n  | ^\n"
        "  = did you mean `titel`?\n\n"
        "data/teas.csv:1:4: E304: table `teas` declares no column `titel`\n  | id,titel,price\n  |    ^\n"
        "  = did you mean `title`?"
    )


def test_a_table_without_its_file_is_named_where_it_is_declared(tmp_path: Path) -> None:
    table = TableSource("teas", COLUMNS, tmp_path / "data/none.csv", SOURCE, {"tables.teas.source": SOURCE})
    assert render(read_catalog({"teas": table}, tmp_path)[1]) == (
        "edgewise.toml:9:10: E301: there is no file data/none.csv\n"
        '  | source = "data/teas.csv"\n  |          ^\n  = write it, or correct `source`'
    )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    _, problems = read(tmp_path, b"id,title,price\na,\xff,1\n")
    assert [(one.code, one.line) for one in problems] == [("E103", 2)]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfid,title,price\na,A,1\n")[1] == []


def test_of_many_problems_the_first_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    rows = "".join(f"a{number:03},A,\n" for number in range(MAX_SHOWN + 13))
    _, problems = read(tmp_path, "id,title,price\n" + rows)
    assert len(problems) == MAX_SHOWN + 1
    assert [one.line for one in problems] == list(range(2, MAX_SHOWN + 3))
    assert problems[-1].message == "and 13 more problems from here on"


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (ValueType.BOOL, "True"),
        (ValueType.BOOL, "1"),
        (ValueType.INT, "1_000"),
        (ValueType.INT, " 1"),
        (ValueType.INT, "٣"),
        (ValueType.DOUBLE, "nan"),
        (ValueType.DOUBLE, "1e999"),
        (ValueType.DOUBLE, "1,5"),
        (ValueType.TIMESTAMP, "2025-01-01"),
        (ValueType.TIMESTAMP, "2025-01-01T00:00:00"),
        (ValueType.TIMESTAMP, "2025-13-01T00:00:00Z"),
        (ValueType.STRINGS, "a"),
        (ValueType.STRINGS, '["a", 1]'),
        (ValueType.NUMBERS, '{"a": "b"}'),
        (ValueType.NUMBERS, '{"a": NaN}'),
        (ValueType.NUMBERS, "[1]"),
    ],
)
def test_cells_that_only_look_like_their_type_are_problems(tmp_path: Path, kind: ValueType, cell: str) -> None:
    columns = (COLUMNS[0], ColumnSpec(name="x", type=kind))
    quoted = cell.replace('"', '""')
    _, problems = read(tmp_path, f'id,x\na,"{quoted}"\n', columns=columns)
    assert [(one.code, one.line, one.column) for one in problems] == [("E307", 2, 3)]


@given(ids=st.sets(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1), max_size=12))
def test_the_order_of_rows_is_that_of_utf8_bytes(tmp_path_factory: pytest.TempPathFactory, ids: set[str]) -> None:
    quoted = ['"' + one.replace('"', '""') + '",A,1\n' for one in ids]
    catalog, problems = read(tmp_path_factory.getbasetemp(), "id,title,price\n" + "".join(quoted))
    assert problems == []
    assert list(catalog.ids["teas"]) == sorted(ids, key=str.encode)


def test_pools_and_pins_name_existing_items(tmp_path: Path) -> None:
    catalog, _ = read(tmp_path, "id,title,price\nassam,A,1\nsencha,B,2\n")
    spec = SlotSpec(
        name="hero",
        kind="choice",
        table="teas",
        component="hero",
        retrieve=(Filter(where="w", limit=5), Pool(ids=("assam", "senca"))),
        plain={},
        policy=PolicySpec(name="greedy"),
        pins=(Pin(item="gone", position=0),),
    )
    places = {
        "retrieve[1].ids[1]": Where("slots/hero.toml", 7, 17, 'ids = ["assam", "senca"]'),
        "pins[0].item": Where("slots/hero.toml", 3, 1),
    }
    slot = SlotSource(spec, (), Where("slots/hero.toml", 1, 1), places)
    assert render(check_items({"hero": slot}, catalog)) == (
        "slots/hero.toml:7:17: E501: table `teas` has no item `senca`\n"
        '  | ids = ["assam", "senca"]\n  |                 ^\n  = did you mean `sencha`?\n\n'
        "slots/hero.toml:3:1: E501: table `teas` has no item `gone`\n  = add it to the table, or correct the id"
    )


def test_codes_are_those_of_a_sorted_dictionary(tmp_path: Path) -> None:
    catalog, _ = read(tmp_path, "id,title,price\na,z,1\nb,y,2\nc,z,3\n")
    column = column_of(catalog, "title")
    assert column.dictionary == ("y", "z")
    assert column.values.tolist() == [1, 0, 1]
    assert column.values.dtype == np.dtype("<i4")
