"""What is said of conditions with one outcome, and where silence is right. All rules stand in one bundle."""

import pytest

from compiler.build import check
from compiler.diagnostics import CompileError, Problem

CONFIG = """
name = "conditions"
[purposes]
[request.device]
type = "string"
values = ["desktop", "phone"]
default = "desktop"
[request.limit]
type = "int"
default = 0
[visitor.tags]
type = "strings"
default = []
[tables.items]
source = "items.csv"
[tables.items.columns]
price = { type = "int" }
cost = { type = "int" }
margin = { type = "double" }
kind = { type = "string" }
is_new = { type = "bool" }
award = { type = "string", nullable = true }
added = { type = "timestamp" }
[pages]
home = ["list"]
[precompute]
now = 2026-01-05T08:00:00Z
"""
SLOT = """
kind = "ranking"
table = "items"
component = "list"
policy = { name = "greedy" }
retrieve = [{ generator = "pool" }]
plain = { title = "All" }
"""

NEVER: dict[str, str] = {
    "item.price > 500 && item.price < 100": "`item.price` would have to be above 500 and below 100",
    "item.price > 500 && item.is_new && 100 > item.price": "`item.price` would have to be above 500 and below 100",
    "item.price > 4 && item.price < 5": "`item.price` would have to be above 4 and below 5",
    "item.margin > 0.5 && item.margin <= 0.5": "`item.margin` would have to be above 0.5 and at most 0.5",
    "item.price > 500 && !(item.price >= 100)": "`item.price` would have to be above 500 and below 100",
    'request.device == "tv"': '`request.device` is "desktop" or "phone"',
    'request.device.startsWith("t")': '`request.device` is "desktop" or "phone"',
    'item.kind in ["a"] && item.kind == "b"': '`item.kind` would have to be one of `["a"]` and "b"',
    'item.kind != "a" && item.kind == "a"': '`item.kind` would have to be other than "a" and "a"',
    'item.kind == "a" && !(item.kind in ["a", "b"])': '`item.kind` would have to be "a" and none of `["a", "b"]`',
    "item.kind in []": "the list is empty",
    "item.is_new && !item.is_new": "`item.is_new` would have to be true and false",
    "item.is_new == true && !item.is_new": "`item.is_new` would have to be true and false",
    "item.price < item.cost && item.cost < item.price": "`item.price` would have to be below `item.cost` and above "
    "`item.cost`",
    "item.price > item.cost && item.cost > 9 && item.price < 7": "its parts cannot all be true together",
    "item.price != item.price": "both sides are the same",
    "size(visitor.tags) < 0": "`size(visitor.tags)` is at least 0",
    "item.added.getHours() == 24": "`item.added.getHours()` is from 0 to 23",
    'item.added.getHours("UTC") + 1 > 24': '`item.added.getHours("UTC") + 1` is from 1 to 24',
    "item.price % 10 == 10": "`item.price % 10` is from -9 to 9",
    "1 > 2": "it is made of constants",
    "item.is_new && false": "`false` is one of its parts",
    "!has(item.award) && item.award == 'gold'": '`!has(item.award)` and `item.award == "gold"` cannot both be true',
    'has(item.award) ? item.price > 3 : item.award == "x"': "`item.award` is absent here",
    'price_band(item.price, {"low": [0, 9]}) == "mid"': '`price_band(item.price, ...)` is "low"',
    "item.added > now ? item.is_new : item.added > now": "of what is known here",
    "item.price > 9 ? item.is_new : item.price > 10": "`item.price` is at most 9 here",
    "visitor.tags.exists(tag, size(tag) > 3 && size(tag) < 2)": "`size(tag)` would have to be above 3 and below 2",
}
ALWAYS: dict[str, str] = {
    'request.device in ["phone", "desktop", "tv"]': '`request.device` is "desktop" or "phone"',
    'request.device == "phone" || request.device == "desktop"': "it is false only where `request.device` is other than "
    '"phone" and other than "desktop"',
    'item.kind != "a" || item.kind == "a"': 'it is false only where `item.kind` is "a" and other than "a"',
    "item.price <= 5 || item.price > 5": "it is false only where `item.price` is above 5 and at most 5",
    "item.award == item.award || item.is_new": "both sides are the same",
    "item.is_new || true": "`true` is one of its parts",
    "size(visitor.tags) >= 0": "`size(visitor.tags)` is at least 0",
    "item.price >= -9223372036854775807 - 1": "of what is known here",
    "item.price > 9 ? item.price > 3 : item.is_new": "`item.price` is at least 10 here",
}
SILENT: tuple[str, ...] = (
    "true",
    "false",
    "item.price > 5 && item.cost < 5",
    "item.price > 5 || item.price > 7",
    "item.margin >= 0.5 || item.margin < 0.5",  # NaN is neither
    "item.margin == item.margin",  # NaN is not
    "item.price + 1 > 0 || item.price < -9",
    "item.price * 2 / 2 == item.price",  # an overflow is an error
    'request.device == "phone"',
    'item.kind in ["a", "b"] && item.kind == "b"',
    "item.is_new ? true : false",
    "has(item.award) && item.award == 'gold'",
    "double(item.price) / 0.0 > 0.0",
    "0.0 / item.margin == 0.0",
    "item.price / 2 * 2 != item.price",
    "item.price in [item.cost, 3]",
    "visitor.tags.exists(tag, size(tag) > 3) && visitor.tags.exists(tag, size(tag) < 2)",
    "dyn(item.is_new) == dyn(item.price)",
)
RULES = (*NEVER, *ALWAYS, *SILENT)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    folder = tmp_path_factory.mktemp("conditions")
    for name in ("rules", "slots"):
        (folder / name).mkdir()
    (folder / "edgewise.toml").write_text(CONFIG)
    (folder / "items.csv").write_text("id,price,cost,margin,kind,is_new,award,added\n")
    (folder / "slots/list.toml").write_text(SLOT)
    lines = [f"r{number} = {{ expr = '''{text}''' }}\n" for number, text in enumerate(RULES)]
    (folder / "rules/all.toml").write_text("".join(lines))
    with pytest.raises(CompileError) as caught:
        check(folder)
    found = [problem for problem in caught.value.problems if problem.file == "rules/all.toml"]
    return {text: [_short(each) for each in found if each.line == line] for line, text in enumerate(RULES, 1)}


def _short(problem: Problem) -> tuple[str, str]:
    return problem.code, problem.message.partition(" because ")[2]


@pytest.mark.parametrize("text", NEVER)
def test_what_can_never_be_true_is_refused(said: dict[str, list[tuple[str, str]]], text: str) -> None:
    assert [each for each in said[text] if each[0] != "W606"] == [("E601", NEVER[text])]


@pytest.mark.parametrize("text", ALWAYS)
def test_what_is_always_true_is_told(said: dict[str, list[tuple[str, str]]], text: str) -> None:
    assert [each for each in said[text] if each[0] != "W606"] == [("W603", ALWAYS[text])]


@pytest.mark.parametrize("text", SILENT)
def test_what_may_come_out_either_way_is_left_alone(said: dict[str, list[tuple[str, str]]], text: str) -> None:
    assert [each for each in said[text] if each[0] != "W606"] == []
