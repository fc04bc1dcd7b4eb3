"""Every message about rows of the catalog (E3xx), each worded as a named function."""

from collections.abc import Collection

from compiler.diagnostics.problem import Problem, Where, problem, suggestion
from contracts.features import ValueType

_MAX_CELL = 40
_SPELLINGS: dict[ValueType, str] = {
    ValueType.BOOL: "true or false",
    ValueType.INT: "a whole number, such as 1290",
    ValueType.DOUBLE: "a number, such as 12.9",
    ValueType.STRING: "text",
    ValueType.TIMESTAMP: "an instant with its offset, such as 2017-11-27T05:00:00Z",
    ValueType.STRINGS: 'a JSON list of strings, such as ["a", "b"]',
    ValueType.NUMBERS: 'a JSON object of numbers, such as {"a": 0.5}',
}


def no_file(where: Where, file: str) -> Problem:
    """A table without its CSV file."""
    return problem("E301", where, f"there is no file {file}", "write it, or correct `source`")


def not_csv(where: Where, reason: str) -> Problem:
    """A file that is no CSV."""
    hint = "separate cells by commas, put text with commas or quotes into double quotes"
    return problem("E302", where, f"this is not CSV: {reason}", hint)


def no_header(where: Where) -> Problem:
    """An empty CSV file."""
    return problem("E303", where, "the file has no header", "let its first line name the columns, `id` first")


def id_not_first(where: Where) -> Problem:
    """A CSV file whose first column is another."""
    return problem("E303", where, "the first column is not `id`", "put `id` first: it is the key of the table")


def column_missing(where: Where, table: str, name: str, unknown: Collection[str]) -> Problem:
    """A declared column that the file lacks."""
    hint = suggestion(name, unknown, "add it to the file") if unknown else "add it to the file"
    return problem("E304", where, f"the file lacks column `{name}` of table `{table}`", hint)


def column_unknown(where: Where, table: str, name: str, missing: Collection[str]) -> Problem:
    """A column of the file that is not declared."""
    declare = f"declare it in [tables.{table}.columns], or remove it from the file"
    return problem("E304", where, f"table `{table}` declares no column `{name}`", suggestion(name, missing, declare))


def column_twice(where: Where, name: str) -> Problem:
    """A column that the file has twice."""
    return problem("E304", where, f"the file has column `{name}` twice", "keep one of them")


def row_of_another_width(where: Where, n_cells: int, n_columns: int) -> Problem:
    """A row with too few or too many cells."""
    hint = "put cells that hold commas into double quotes, leave a cell empty where there is no value"
    return problem("E305", where, f"this row has {n_cells} cells, the header has {n_columns}", hint)


def value_missing(where: Where, column: str, identity: str) -> Problem:
    """An empty cell where a value must be."""
    hint = f"fill it in, remove the row, or declare `{column}` with a `default` or `nullable = true`"
    return problem("E306", where, f"item `{identity}` has no `{column}`", hint)


def id_missing(where: Where) -> Problem:
    """A row without its key."""
    return problem("E306", where, "this row has no `id`", "give it an id of its own, or remove the row")


def bad_cell(where: Where, column: str, kind: ValueType, cell: str) -> Problem:
    """A cell that is not of its column's type."""
    shown = cell if len(cell) <= _MAX_CELL else cell[:_MAX_CELL] + "..."
    return problem("E307", where, f"`{column}` is of type {kind}, not `{shown}`", f"write {_SPELLINGS[kind]}")


def id_twice(where: Where, identity: str, first_line: int) -> Problem:
    """Two rows of one id."""
    return problem("E308", where, f"id `{identity}` already stands in line {first_line}", "keep one of the rows")


def no_cooccurrence(where: Where, header: Collection[str]) -> Problem:
    """A file of something else."""
    return problem("E310", where, "this is no table of what goes together", f"let its header be {','.join(header)}")


def bad_strength(where: Where, cell: str) -> Problem:
    """A strength that is none."""
    shown = cell if len(cell) <= _MAX_CELL else cell[:_MAX_CELL] + "..."
    return problem(
        "E310", where, f"`{shown}` is no strength", "write a number above 0, such as how often both were bought"
    )


def pair_twice(where: Where, item: str, other: str) -> Problem:
    """Two lines of one pair."""
    return problem("E310", where, f"that `{other}` goes with `{item}` already stands above", "keep one of the lines")


def more(where: Where, count: int) -> Problem:
    """The rest of a long list."""
    return problem("E309", where, f"and {count} more problems from here on", "mend those above, then build again")
