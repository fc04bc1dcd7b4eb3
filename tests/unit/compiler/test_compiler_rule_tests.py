import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.catalog import read_catalog
from compiler.diagnostics import Problem
from compiler.reading.givens import Signal
from compiler.reading.rule_tests import Case, RuleCase, read_rule_tests
from compiler.reading.slot_cases import SlotCase
from compiler.sources import Sources, read_sources
from contracts.decision import Cause, Tier

TEA = Path(__file__).parents[3] / "deploy/template"
NOW = 1_767_600_000_000_000
MADE_UP = (
    'title = "New", kind = "black", price = 500, cost = 100, stock = 3, caffeine = 1.0, added = 2026-01-01T00:00:00Z'
)

Reading = tuple[tuple[Case, ...], tuple[Problem, ...]]
Reader = Callable[..., Reading]


@pytest.fixture(scope="module")
def tea() -> Sources:
    return read_sources(TEA)


@pytest.fixture(scope="module")
def ids(tea: Sources) -> dict[str, tuple[str, ...]]:
    return dict(read_catalog(tea.tables, TEA)[0].ids)


@pytest.fixture
def read(tmp_path: Path, ids: dict[str, tuple[str, ...]]) -> Reader:
    """Reads the tea shop with these files of cases in place of its own."""

    def reading(*texts: str) -> Reading:
        folder = Path(shutil.copytree(TEA, tmp_path / "tea", ignore=shutil.ignore_patterns("tests")))
        (folder / "tests").mkdir()
        for number, text in enumerate(texts):
            (folder / f"tests/cases-{number}.toml").write_text(text)
        return read_rule_tests(read_sources(folder), ids)

    return reading


@pytest.fixture
def read_slot(read: Reader) -> Callable[[str], SlotCase]:
    """The only case of a text; it is of slot `for-you` and expects tier `model`."""

    def reading(text: str) -> SlotCase:
        (case,), problems = read(f'[c]\nslot = "for-you"\nexpect = {{ tier = "model" }}\n{text}')
        assert not problems
        assert isinstance(case, SlotCase)
        return case

    return reading


@pytest.fixture
def read_rule(read: Reader) -> Callable[[str], RuleCase]:
    def reading(text: str) -> RuleCase:
        (case,), problems = read(f"[c]\n{text}")
        assert not problems
        assert isinstance(case, RuleCase)
        return case

    return reading


def told(problems: tuple[Problem, ...]) -> list[str]:
    return [f"{p.line}:{p.column} {p.code} {p.message} = {p.hint}" for p in sorted(problems)]


def test_the_cases_of_the_template_have_no_problems(tea: Sources, ids: dict[str, tuple[str, ...]]) -> None:
    cases, problems = read_rule_tests(tea, ids)
    assert not problems
    assert len(cases) >= 8
    assert {type(case) for case in cases} == {SlotCase, RuleCase}


def test_a_bundle_needs_no_cases(read: Reader) -> None:
    assert read() == ((), ())


def test_what_is_not_given_is_a_first_visit_without_consent(read_slot: Callable[[str], SlotCase]) -> None:
    case = read_slot("")
    given = case.given
    assert (given.now, given.granted, given.as_of) == (NOW, (), NOW)  # the instant of [precompute]
    assert (given.request, given.visitor, given.visitor_state) == ({}, {}, {})
    assert (case.circumstances.signals, case.circumstances.holdouts, case.circumstances.exposures) == ((), (), {})
    assert (case.candidates, case.items) == (None, {})


def test_everything_given_is_read_as_its_type_declares(read_slot: Callable[[str], SlotCase]) -> None:
    case = read_slot(
        """
        description = "all of it"
        now = 2026-02-01T00:00:00Z
        as_of = 2026-01-31T23:59:00Z
        granted = ["personalisation"]
        signals = ["bot", "stale_feed"]
        holdouts = ["global-2026"]
        request = { device = "phone", is_gift = true }
        visitor = { affinity = { green = 1 }, orders = 4, own_teas = ["t-01"] }
        visitor_state = { cart_items = ["t-02"] }
        exposures = { for-you-daily = { "t-03" = 5 } }
        candidates = ["t-01", "t-02"]
        items = { "t-01" = { stock = 0, is_organic = true } }
        """
    )
    assert case.heading.description == "all of it"
    assert case.given.now - case.given.as_of == 60_000_000
    assert case.given.request == {"device": "phone", "is_gift": True}
    assert case.given.visitor == {"affinity": {"green": 1.0}, "orders": 4, "own_teas": ("t-01",)}
    assert case.given.visitor_state == {"cart_items": ("t-02",)}
    assert case.circumstances.signals == (Signal.BOT, Signal.STALE_FEED)
    assert case.circumstances.holdouts == ("global-2026",)
    assert case.circumstances.exposures == {"for-you-daily": {"t-03": 5}}
    assert case.candidates == ("t-01", "t-02")
    assert case.items == {"t-01": {"stock": 0, "is_organic": True}}


def test_what_is_expected_of_a_slot(read: Reader) -> None:
    (case,), problems = read(
        """
        [c]
        slot = "for-you"
        [c.expect]
        tier = "rules"
        cause = "no_model"
        blockers = { "t-04" = "in_stock", "t-05" = "cap:for-you-daily" }
        order = ["t-01"]
        first = "t-01"
        includes = ["t-02"]
        never = ["t-03"]
        payload = { "t-01" = { price = 590 } }
        why = { "t-01" = "Popular now" }
        """
    )
    assert not problems
    assert isinstance(case, SlotCase)
    expect = case.expect
    assert (expect.tier, expect.cause) == (Tier.RULES, Cause.NO_MODEL)
    assert expect.blockers == {"t-04": "in_stock", "t-05": "cap:for-you-daily"}
    assert (expect.order, expect.first, expect.includes, expect.never) == (("t-01",), "t-01", ("t-02",), ("t-03",))
    assert (expect.payload, expect.why) == ({"t-01": {"price": 590}}, {"t-01": "Popular now"})


def test_every_value_knows_its_place(read: Reader) -> None:
    (case,), _ = read('[c]\nslot = "hero"\n\n[c.expect]\ntier = "model"\n')
    where = case.heading.at("expect.tier")
    assert (where.file, where.line, where.column) == ("tests/cases-0.toml", 5, 8)
    assert case.heading.at("expect.blockers.t-01").line == 4  # not written: the table that would hold it
    assert case.heading.at("nothing").line == 1


def test_made_up_items_have_the_defaults_of_their_columns(read_slot: Callable[[str], SlotCase]) -> None:
    case = read_slot(f'candidates = ["new"]\nitems = {{ new = {{ {MADE_UP} }} }}')
    row = case.items["new"]
    assert row["stock"] == 3
    assert (row["is_organic"], row["tags"], row["notes"]) == (False, (), {})
    assert "award" not in row


def test_a_rule_alone_is_granted_everything(read_rule: Callable[[str], RuleCase]) -> None:
    case = read_rule('rule = "not_in_cart"\nitem = "t-01"\nexpect = { value = true }')
    assert (case.rule, case.item, case.row, case.score) == ("not_in_cart", "t-01", {}, None)
    assert case.scores == {}
    assert case.given.granted == ("personalisation",)
    assert (case.value, case.error) == (True, None)


@pytest.mark.parametrize(
    ("item", "identity", "row"),
    [
        ('{ id = "t-01", stock = 0 }', "t-01", {"stock": 0}),
        ("{ stock = 0 }", "made-up", {"stock": 0, "is_organic": False, "tags": (), "notes": {}}),
        ('{ id = "new" }', "new", {"is_organic": False, "tags": (), "notes": {}}),
    ],
)
def test_a_rules_item_is_a_row_of_the_table_or_made_up(
    item: str, identity: str, row: dict[str, object], read_rule: Callable[[str], RuleCase]
) -> None:
    case = read_rule(f'rule = "in_stock"\nitem = {item}\nexpect = {{ error = "no value" }}')
    assert (case.item, case.row) == (identity, row)


@pytest.mark.parametrize(
    ("rule", "written", "value"),
    [
        ("in_stock", "true", True),
        ("new_boost", "1", 1.0),
        ("models/likes:inputs.is_own", "false", False),
        ("models/likes:inputs.is_own", "0.5", 0.5),
        ("slots/for-you:why", '"Popular now"', "Popular now"),
        ("slots/for-you:payload.price", "590", 590),
    ],
)
def test_a_rules_value_is_of_a_type_that_its_place_allows(
    rule: str, written: str, value: object, read_rule: Callable[[str], RuleCase]
) -> None:
    case = read_rule(f'rule = "{rule}"\nexpect = {{ value = {written} }}')
    assert case.value == value
    assert type(case.value) is type(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('slto = "hero"', "1:2 E702 case `c` must name either a slot or a rule = write slot"),
        ('slot = "hero"\nrule = "in_stock"', "1:2 E702 case `c` must name either"),
        ('slot = "heroe"', "2:8 E112 unknown slot: `heroe` = did you mean `hero`?"),
        ('rule = "in_stok"\nexpect = { value = true }', "2:8 E112 unknown rule: `in_stok` = did you mean `in_stock`?"),
        ('slot = "hero"', "1:2 E105 a case needs the key `expect`"),
        ('slot = "hero"\nexpect = {}', "3:1 E704 case `c` expects nothing = expect one or more of `tier`, `cause`"),
        ('slot = "hero"\nexpect = { teir = "model" }', "3:12 E104 what is expected of a slot has no key `teir` = did"),
        ('slot = "hero"\nexpect = { tier = "modell" }', "3:19 E112 unknown tier of slot `hero`: `modell` = did you"),
        ('slot = "delivery"\nexpect = { tier = "model" }', "3:19 E112 unknown tier of slot `delivery`: `model` = the"),
        ('slot = "hero"\nexpect = { cause = "plain" }', "3:20 E112 unknown cause: `plain` = there is `killed`"),
        ('slot = "hero"\ngranted = ["personal"]\nexpect = { tier = "model" }', "3:12 E112 unknown purpose: `personal`"),
        ('slot = "hero"\nsignals = ["robot"]\nexpect = { tier = "model" }', "3:12 E112 unknown signal: `robot` = did"),
        ('slot = "hero"\nholdouts = ["global"]\nexpect = { tier = "model" }', "3:13 E112 unknown holdout: `global` ="),
        ('slot = "hero"\nnow = "noon"\nexpect = { tier = "model" }', "3:7 E109 `c.now` must be an instant"),
        (
            'slot = "hero"\nrequest = { devcie = "phone" }\nexpect = { tier = "model" }',
            "3:13 E104 `request` has no key",
        ),
        ('slot = "hero"\nrequest = { device = "fone" }\nexpect = { tier = "model" }', "3:22 E112 unknown value of"),
        ('slot = "hero"\nvisitor = { orders = "4" }\nexpect = { tier = "model" }', "3:22 E106 `c.visitor.orders` must"),
        (
            'slot = "for-you"\nexposures = { daily = {} }\nexpect = { tier = "model" }',
            "3:15 E104 slot `for-you` has no",
        ),
        ('slot = "hero"\ncandidates = ["oolongart"]\nexpect = { tier = "model" }', "3:15 E501 table `stories` has no"),
        ('slot = "for-you"\nexpect = { first = "t-1O" }', "3:20 E501 table `teas` has no item `t-1O` = did you mean"),
        (
            'slot = "for-you"\ncandidates = ["t-01"]\nexpect = { first = "t-02" }',
            "4:20 E705 `t-02` is none of this case's `candidates` = did you mean `t-01`?",
        ),
        (
            'slot = "for-you"\ncandidates = []\nexpect = { first = "t-02" }',
            "4:20 E705 `t-02` is none of this case's `candidates` = add it to `candidates`",
        ),
        ('slot = "for-you"\nexpect = { blockers = { "t-01" = "in_stok" } }', "3:34 E112 unknown guardrail or cap of"),
        ('slot = "for-you"\nexpect = { blockers = { "tea" = "in_stock" } }', "3:25 E501 table `teas` has no item"),
        ('slot = "for-you"\nexpect = { payload = { "t-01" = { prize = 1 } } }', "3:35 E104 the payload of slot"),
        (
            'slot = "for-you"\nitems = { "t-01" = { stok = 1 } }\nexpect = { never = ["t-01"] }',
            "3:22 E104 table `teas`",
        ),
        (
            'slot = "for-you"\nitems = { new = { stock = 1 } }\nexpect = { tier = "model" }',
            "3:11 E706 table `teas` has",
        ),
        (
            'slot = "for-you"\ncandidates = ["new"]\nitems = { new = { stock = 1 } }\nexpect = { tier = "model" }',
            "4:11 E706 item `new` is not in table `teas`, and lacks `title`, `kind`, `price`, `cost`, `caffeine` and",
        ),
        ('slot = "hero"\nitem = "t-01"\nexpect = { tier = "model" }', "3:1 E104 a case has no key `item` = did you me"),
        (
            'slot = "hero"\nexpect = { never = [] }',
            "3:1 E704 case `c` expects nothing = expect one or more of `tier`, `cause`",
        ),
        (
            'slot = "hero"\nexpect = { includes = [], why = {}, payload = {} }',
            "3:1 E704 case `c` expects nothing = expect one or more of `tier`, `cause`",
        ),
        ('slot = "for-you"\nexpect = { blockers = {} }', "3:23 E704 case `c` names no item that `blockers` could be"),
        ('rule = "in_stock"\nexpect = { value = 1 }', "3:20 E106 `c.expect.value` must be true or false, not 1"),
        ('rule = "in_stock"\nexpect = {}', "3:1 E704 case `c` expects nothing = expect one or more of `value` and"),
        ('rule = "in_stock"\nexpect = { value = true, error = "x" }', "3:1 E704 case `c` expects both a value and an"),
        ('rule = "in_stock"\nitem = "t-99"\nexpect = { value = true }', "3:8 E501 table `teas` has no item `t-99`"),
        ('rule = "in_stock"\nitem = { colour = 1 }\nexpect = { value = true }', "3:10 E104 table `teas` has no key"),
        ('rule = "in_stock"\nslots = ["hero"]\nexpect = { value = true }', "3:1 E104 a case has no key `slots`"),
    ],
)
def test_slips_are_told_with_place_and_advice(text: str, problem: str, read: Reader) -> None:
    _, problems = read(f"[c]\n{text}")
    assert any(line.startswith(problem) for line in told(problems)), told(problems)


def test_one_slip_is_one_problem(read: Reader) -> None:
    _, problems = read('[c]\nslot = "hero"\nholdouts = ["global-206"]\nexpect = { tier = "modle" }')
    assert [problem.code for problem in problems] == ["E112", "E112"]


def test_a_rule_that_no_slot_uses_cannot_be_tested(tmp_path: Path, ids: dict[str, tuple[str, ...]]) -> None:
    folder = Path(shutil.copytree(TEA, tmp_path / "tea"))
    (folder / "rules/more.toml").write_text("[spare]\nexpr = 'item.stock > 5'\n")
    (folder / "tests/more.toml").write_text('[c]\nrule = "spare"\nexpect = { value = true }\n')
    _, problems = read_rule_tests(read_sources(folder), ids)
    assert told(problems) == [
        "2:8 E703 no slot uses rule `spare`, so no bundle holds it"
        " = name it in a slot's `guards` or `boosts`, or remove the case"
    ]


def test_a_name_stands_once_in_all_files(read: Reader) -> None:
    text = '[c]\nslot = "hero"\nexpect = { tier = "model" }\n'
    cases, problems = read(text, text)
    assert len(cases) == 1
    assert told(problems) == ["1:2 E701 case `c` is already written in tests/cases-0.toml, line 1 = rename one of them"]


def test_names_are_one_word(read: Reader) -> None:
    _, problems = read('["a case"]\nslot = "hero"\nexpect = { tier = "model" }')
    assert [problem.code for problem in problems] == ["E110"]


def test_all_problems_of_all_files_come_together(read: Reader) -> None:
    _, problems = read("[c]\n[c]\n", '[d]\nslot = "heroo"\n', '[e]\nrule = "in_stock"\n')
    assert sorted((problem.file, problem.code) for problem in problems) == [
        ("tests/cases-0.toml", "E102"),
        ("tests/cases-1.toml", "E105"),
        ("tests/cases-1.toml", "E112"),
        ("tests/cases-2.toml", "E105"),
    ]
