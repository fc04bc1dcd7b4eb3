"""What fails whatever is read is found at the literal or call that is to blame."""

import pytest

from compiler.analysis.failures import failures
from compiler.cel.check import check_alone
from compiler.cel.lower import lower
from compiler.places import SourceText, Text
from compiler.reading.expressions import ALONE, Expression
from contracts.catalog import ColumnSpec
from contracts.features import FeatureSchema, ValueType

COLUMNS = (ColumnSpec(name="price", type=ValueType.INT), ColumnSpec(name="title", type=ValueType.STRING))


def found(text: str) -> list[tuple[int, str]]:
    written = Text(text, SourceText("r", text), range(len(text) + 1))
    schema = FeatureSchema(purposes=(), features=())
    rule = lower(check_alone(Expression("r", written, ALONE, ()), schema, COLUMNS))
    return [(rule.nodes[each.place].at, each.why) for each in failures(rule)]


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("now.getHours('Mars/Olympus') < 12", 13, "time zone 'Mars/Olympus' is not known"),
        ("day_part(now, 'UTC+1') == 'night'", 14, "time zone 'UTC+1' is not known"),
        ("item.price / 0 > 1", 11, "division by zero"),
        ("item.price % 0 > 1", 11, "modulus by zero"),
        ("now > timestamp('2017-02-30T00:00:00Z')", 15, "'2017-02-30T00:00:00Z' is not a date that exists"),
        ("9223372036854775807 + 1 > item.price", 20, "integer overflow"),
        ("'%d% off'.format([item.price])", 0, "'% ' is no clause of a format"),
        ("'%s %s'.format([item.title])", 14, "the format takes 2 values, the list has 1"),
        ("'%d'.format([item.title])", 11, "%d formats int or uint, not string"),
        ("[1, 2][7] == item.price", 6, "place 7 is outside the list of 2"),
        ("[[1], [2, 3]][1][2] == item.price", 16, "place 2 is outside the list of 2"),
        ("{'a': 1}['b'] == item.price", 8, "the map has no key 'b'"),
        ("{'a': {'b': 1}}.a.c == item.price", 17, "the map has no key 'c'"),
        ("item.price / (3 - 3) > 1", 11, "division by zero"),
        ("{'a': 1, 'a': item.price}.a / size([]) == 1", 28, "division by zero"),
        ("[1 / 0][3] == item.price", 3, "division by zero"),
        ("['a'].exists(x, int('one') == size(x))", 19, "'one' is not an int"),
    ],
)
def test_a_literal_that_cannot_work_is_found(text: str, at: int, why: str) -> None:
    ((place, message),) = found(text)
    assert place == at
    assert message.startswith(why)


@pytest.mark.parametrize(
    "text",
    [
        "now.getHours('Europe/Zurich') < 12",
        "item.price / 2 > 1",
        "0 / item.price > 1",
        "1.0 / 0.0 > 1.0",
        "'%s %.2f %%'.format([item.title, item.price]) != ''",
        "int(item.title) == 0",
        "[1, 2][1] == 2",
        "[1, item.price][7] == 2",
        "[1, 2][item.price] == 2",
        "{'a': 1}[item.title] == 1",
        "{'a': 1}.?b.orValue(2) == 2",
        "[1, 2][?7].hasValue()",
        "has({'a': 1}.b)",
        "now.getHours(item.title) < 12",
    ],
)
def test_what_may_work_is_left_alone(text: str) -> None:
    assert found(text) == []
