from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.errors import ContractError
from origin.config import BatchConfig
from origin.profiles import Row, batch_rows, connect

AS_OF = datetime(2017, 11, 20, tzinfo=UTC)


def write(folder: Path, **tables: pa.Table) -> Path:
    history = folder / "history"
    history.mkdir(exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, history / f"{name}.parquet")
    return history


def rows_of(folder: Path, expression: str, table: pa.Table | None = None) -> list[Row]:
    history = write(folder, t=pa.table({"entity": ["a"], "x": [1.0]}) if table is None else table)
    file = folder / "expression.py"
    file.write_text(expression)
    return list(batch_rows(file, connect(history), AS_OF))


def as_it_is(folder: Path, table: pa.Table) -> list[Row]:
    return rows_of(folder, 'TABLES = {"t": lambda connection, as_of: connection.table("t")}', table)


def test_a_folder_without_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"holds no parquet file: name the folder"):
        connect(tmp_path)


def test_every_type_of_value(tmp_path: Path) -> None:
    at = datetime(2017, 11, 19, 5, 0, 0, 7, tzinfo=UTC)
    table = pa.table(
        {
            "entity": ["a"],
            "bool": [True],
            "int": pa.array([7], pa.int32()),
            "decimal": pa.array([7], pa.decimal128(38, 0)),
            "money": pa.array(["1.25"]).cast(pa.decimal128(10, 2)),
            "double": [0.5],
            "string": ["text"],
            "timestamp": [at],
            "strings": [["y", "x"]],
            "numbers": pa.array([[("y", 2.0), ("x", 1.0)]], pa.map_(pa.string(), pa.float64())),
            "counts": pa.array([[("y", 2)]], pa.map_(pa.string(), pa.int64())),
        }
    )
    (row,) = as_it_is(tmp_path, table)
    assert row.values == {
        "bool": True,
        "int": 7,
        "decimal": 7,
        "money": 1.25,
        "double": 0.5,
        "string": "text",
        "timestamp": 1_511_067_600_000_007,
        "strings": ("y", "x"),
        "numbers": {"y": 2.0, "x": 1.0},
        "counts": {"y": 2.0},
    }
    assert {name: type(value) for name, value in row.values.items()} == {
        "bool": bool,
        "int": int,
        "decimal": int,
        "money": float,
        "double": float,
        "string": str,
        "timestamp": int,
        "strings": tuple,
        "numbers": dict,
        "counts": dict,
    }


def test_null_and_nan_are_absent(tmp_path: Path) -> None:
    numbers = pa.map_(pa.string(), pa.float64())
    table = pa.table(
        {
            "entity": ["a", "b", "c"],
            "double": [float("nan"), None, 1.0],
            "int": pa.array([None, 2, None], pa.int64()),
            "strings": pa.array([None, ["x", None], []], pa.list_(pa.string())),
            "numbers": pa.array([[("x", float("nan")), ("y", None), ("z", 1.0)], None, []], numbers),
        }
    )
    assert [row.values for row in as_it_is(tmp_path, table)] == [
        {"numbers": {"z": 1.0}},
        {"int": 2, "strings": ("x",)},
        {"double": 1.0, "strings": (), "numbers": {}},
    ]


def test_rows_come_sorted_by_entity_however_many(tmp_path: Path) -> None:
    entities = [f"{number * 7919 % 10_007:05}" for number in range(10_007)]
    lists = [[entity] * (number % 3) if number % 5 else None for number, entity in enumerate(entities)]
    maps = pa.array([[(entity, 1.0)] for entity in entities], pa.map_(pa.string(), pa.float64()))
    found = as_it_is(tmp_path, pa.table({"entity": entities, "own": entities, "list": lists, "map": maps}))
    assert [row.entity for row in found] == sorted(entities)
    expected = dict(zip(entities, lists, strict=True))
    for row in found:
        listed = {} if expected[row.entity] is None else {"list": tuple(expected[row.entity])}
        assert row.values == {"own": row.entity, "map": {row.entity: 1.0}, **listed}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"id": ["a"]}), "needs the text column `entity` - at t"),
        (pa.table({"entity": [1]}), "needs the text column `entity` - at t"),
        (pa.table({"entity": ["a", None]}), "NULL names no entity - at t.entity"),
        (pa.table({"entity": ["a", "a"]}), "this entity has more than one row - at t.a"),
        (pa.table({"entity": ["a"], "x": [{"y": 1}]}), "is no type of a feature: cast it in the expression - at t.x"),
        (pa.table({"entity": ["a"], "x": [float("inf")]}), "guard the division in the expression - at t.x"),
        (pa.table({"entity": ["a"], "x": [[1]]}), "holds int64, not text: cast it in the expression - at t.x"),
        (
            pa.table({"entity": ["a"], "x": pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string()))}),
            "holds string, not numbers: cast it to map<string, float64> - at t.x",
        ),
    ],
)
def test_what_is_no_table_of_features(tmp_path: Path, table: pa.Table, message: str) -> None:
    with pytest.raises(ContractError) as raised:
        as_it_is(tmp_path, table)
    assert str(raised.value).endswith(message)


def test_an_expression_without_tables(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"expression\.py declares no TABLES: map each feed table to a function"):
        rows_of(tmp_path, "tables = {}")


def test_an_expression_that_names_an_unknown_table(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"expression\.py fails: .*nowhere.* - at t$"):
        rows_of(tmp_path, 'TABLES = {"t": lambda connection, as_of: connection.table("nowhere")}')


def test_an_instant_has_a_zone(tmp_path: Path, batch: BatchConfig) -> None:
    with pytest.raises(ContractError, match="an instant needs a time zone - at as_of"):
        list(batch_rows(batch.expression, connect(batch.history), AS_OF.replace(tzinfo=None)))


LINES = st.lists(
    st.tuples(
        st.sampled_from("123"),
        st.sampled_from(["assam", "mint"]),
        st.integers(-3, 3).map(lambda days: AS_OF + timedelta(days=days)),
        st.integers(1, 9),
    ),
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES)
def test_nothing_at_or_after_the_instant_is_read(
    tmp_path: Path, batch: BatchConfig, lines: list[tuple[str, str, datetime, int]]
) -> None:
    names = ("household", "tea", "at", "price", "kind")

    def rows(kept: list[tuple[str, str, datetime, int]]) -> list[Row]:
        columns = {name: [line[at] for line in kept] for at, name in enumerate(names[:-1])}
        types = [pa.string(), pa.string(), pa.timestamp("us", "UTC"), pa.int64(), pa.string()]
        table = pa.table({**columns, "kind": ["tea"] * len(kept)}, pa.schema(list(zip(names, types, strict=True))))
        return list(batch_rows(batch.expression, connect(write(tmp_path, lines=table)), AS_OF))

    # a price is only compared where one line alone is the last
    kept = list({(household, tea, at): line for line in lines for household, tea, at, _ in [line]}.values())
    kept = list({(tea, at): line for line in kept for _, tea, at, _ in [line]}.values())
    assert rows(kept) == rows([line for line in kept if line[2] < AS_OF])
