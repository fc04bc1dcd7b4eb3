import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.build import build, without_models
from compiler.reading.rule_tests import read_rule_tests
from compiler.sources import Sources, read_sources
from contracts.bundle import Bundle
from contracts.features import Status, Value, ValueType
from contracts.rule_ir import RuleIR
from deploy.cases.rows import with_rows
from deploy.cases.runner import CaseOutcome, Subject, run_cases
from deploy.cli import main
from engine.load import load
from engine.loaded import LoadedBundle
from engine.snapshot import Table

FOR_YOU = '[c]\nslot = "for-you"\ngranted = ["personalisation"]\n'
NEW = 'title = "New", kind = "black", price = 500, cost = 100, caffeine = 1.0, added = 2026-01-01T00:00:00Z'

Run = Callable[..., list[CaseOutcome]]


@pytest.fixture(scope="module")
def sources(tea_folder: Path) -> Sources:
    return read_sources(tea_folder)


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


@pytest.fixture
def run(tmp_path: Path, sources: Sources, tea_bundle: Bundle, loaded: LoadedBundle) -> Run:
    """The outcomes of the cases in a text, on the tea shop as it is built."""

    def running(text: str, *, has_models: bool = True) -> list[CaseOutcome]:
        folder = Path(shutil.copytree(sources.folder, tmp_path / "tea", ignore=shutil.ignore_patterns("tests")))
        (folder / "tests").mkdir()
        (folder / "tests/cases.toml").write_text(text)
        ids = {name: table.ids for name, table in loaded.snapshot.tables.items()}
        cases, problems = read_rule_tests(read_sources(folder), ids)
        assert not problems
        rules = tea_bundle.read("rules", RuleIR).rules
        return list(run_cases(cases, Subject(loaded, rules, sources, has_models)))

    return running


@pytest.fixture(scope="module")
def teas(loaded: LoadedBundle) -> Table:
    return loaded.snapshot.tables["teas"]


def differences(outcomes: list[CaseOutcome]) -> list[tuple[str, Value | None, Value | None]]:
    """Key, expected and got of everything that differs in the only case."""
    (outcome,) = outcomes
    assert (outcome.outcome == "fail") == bool(outcome.differences)
    return [(each.key, each.expected, each.got) for each in outcome.differences]


@pytest.mark.parametrize(
    "expected",
    [
        'candidates = ["t-03", "t-04"]\nexpect = { blockers = { "t-04" = "in_stock" }, order = ["t-03"] }',
        'candidates = ["t-01", "t-03"]\nexpect = { blockers = {}, includes = ["t-03", "t-01"], tier = "model" }',
        'visitor = { own_teas = ["t-01"] }\nitems = { "t-01" = { stock = 0 } }\n'
        'expect = { blockers = { "t-01" = "in_stock" }, never = ["t-01"] }',
        'items = { "t-01" = { stock = 0 } }\nexpect = { blockers = {}, never = ["t-01"] }',  # the filter passes it over
        'visitor = { own_teas = ["t-05"] }\nitems = { "t-05" = { stock = 900 } }\nexpect = { first = "t-05" }',
        'exposures = { for-you-daily = { "t-10" = 5, "t-12" = 4 } }\ncandidates = ["t-10", "t-12"]\n'
        'expect = { blockers = { "t-10" = "cap:for-you-daily" } }',
        'candidates = ["t-01"]\nexpect = { payload = { "t-01" = { price = 590, is_organic = false } } }',
        'visitor = { affinity = { black = 0.5 } }\ncandidates = ["t-01"]\n'
        'expect = { why = { "t-01" = "You like black tea" } }',
        'request = { device = "phone" }\nexpect = { never = ["t-01"] }',  # `match`: too strong for a phone
        "visitor = { orders = 1 }\nas_of = 2025-01-01T00:00:00Z\nexpect = { cause = 'expired_feature' }",
        'candidates = ["t-04"]\nexpect = { tier = "plain", cause = "no_candidate", order = [] }',
        "candidates = []\nexpect = { tier = 'plain', cause = 'no_candidate' }",
        f'candidates = ["new"]\nitems.new = {{ {NEW}, stock = 0 }}\nexpect = {{ blockers = {{ new = "in_stock" }} }}',
        f'candidates = ["a-new", "t-99"]\n[c.items]\na-new = {{ {NEW}, stock = 1 }}\nt-99 = {{ {NEW}, stock = 1 }}\n'
        '[c.expect]\nincludes = ["a-new", "t-99"]\npayload = { "t-99" = { title = "New", is_organic = false } }',
    ],
)
def test_what_comes_as_expected_passes(expected: str, run: Run) -> None:
    assert differences(run(FOR_YOU + expected)) == []


@pytest.mark.parametrize(
    ("given", "tier", "cause"),
    [
        ("granted = []", "plain", "no_consent"),
        ('signals = ["gpc"]', "plain", "no_consent"),
        ('signals = ["opted_out"]', "plain", "opted_out"),
        ('signals = ["bot"]', "plain", "bot"),
        ('signals = ["killed", "opted_out"]', "plain", "killed"),
        ('signals = ["stale_feed"]', "plain", "stale_feed"),
        ('signals = ["overload"]', "fallback", "overload"),
        ('holdouts = ["global-2026"]', "plain", "holdout"),
        ("visitor_state = { cart_items = [" + "'x', " * 20 + "] }", "plain", "ineligible"),
    ],
)
def test_consent_signals_and_holdouts_bear_on_the_tier(given: str, tier: str, cause: str, run: Run) -> None:
    granted = "" if given.startswith("granted") else 'granted = ["personalisation"]\n'
    (outcome,) = run(f'[c]\nslot = "for-you"\n{granted}{given}\nexpect = {{ tier = "{tier}", cause = "{cause}" }}')
    assert outcome.outcome == "pass", outcome.differences


def test_nobody_is_held_out_unless_the_case_says_so(run: Run) -> None:
    cases = [f'[c{n}]\nslot = "for-you"\ngranted = ["personalisation"]\nexpect = {{ tier = "model" }}' for n in (1, 2)]
    assert {outcome.outcome for outcome in run("\n".join(cases))} == {"pass"}


def test_the_best_answer_is_given_whatever_the_policy_draws(run: Run) -> None:
    hero = 'slot = "hero"\ngranted = ["personalisation"]\nvisitor = { affinity = { oolong = 1.0 } }'
    cases = [f'[c{n}]\n{hero}\nnow = 2026-01-05T08:00:{n}Z\nexpect = {{ first = "oolong-art" }}' for n in range(10, 40)]
    assert {outcome.outcome for outcome in run("\n".join(cases))} == {"pass"}  # epsilon is 0.1: else 3 would differ


def test_candidates_narrow_the_precomputed_answer_too(run: Run, loaded: LoadedBundle) -> None:
    fallback = loaded.slots["for-you"].fallback
    assert fallback is not None
    kept = fallback.answers["desktop", "false"][1]
    given = f'signals = ["overload"]\ncandidates = ["t-04", "{kept}"]\n'
    expect = f'expect = {{ tier = "fallback", order = ["{kept}"], blockers = {{}} }}'
    assert differences(run(FOR_YOU + given + expect)) == [("blockers.t-04", None, "(not considered)")]


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        ('expect = { tier = "rules" }', ("tier", "rules", "model")),
        ('expect = { cause = "late" }', ("cause", "late", None)),
        ('expect = { order = ["t-01"] }', ("order", ("t-01",), ("t-03",))),
        ('expect = { first = "t-01" }', ("first", "t-01", "t-03")),
        ('expect = { includes = ["t-01", "t-03"] }', ("includes", ("t-01", "t-03"), ("t-03",))),
        ('expect = { never = ["t-01", "t-03"] }', ("never", (), ("t-03",))),
        ('expect = { payload = { "t-03" = { price = 691 } } }', ("payload.t-03.price", 691, 690)),
        ('expect = { payload = { "t-01" = { price = 590 } } }', ("payload.t-01.price", 590, None)),
        ('expect = { why = { "t-03" = "Popular" } }', ("why.t-03", "Popular", "Popular now")),
        ('expect = { blockers = { "t-03" = "in_stock", "t-01" = "in_stock" } }', ("blockers.t-03", "in_stock", None)),
        ("expect = { blockers = {} }", ("blockers.t-01", None, "in_stock")),
        ('expect = { blockers = { "t-01" = "not_in_cart" } }', ("blockers.t-01", "not_in_cart", "in_stock")),
    ],
)
def test_what_comes_otherwise_is_told(
    expected: str, difference: tuple[str, Value | None, Value | None], run: Run
) -> None:
    given = 'candidates = ["t-03", "t-01"]\nitems = { "t-01" = { stock = 0 } }\n'
    assert differences(run(FOR_YOU + given + expected)) == [difference]


def test_no_case_passes_on_candidates_that_no_guardrail_saw(run: Run) -> None:
    (outcome,) = run('[c]\nslot = "for-you"\ncandidates = ["t-01"]\nexpect = { blockers = {} }')
    (difference,) = outcome.differences
    assert difference.got == "(not considered)"
    assert "not granted" in difference.notes[0]


def test_a_blocker_comes_with_its_rule_and_what_it_read(run: Run) -> None:
    text = 'visitor_state = { cart_items = ["t-02"] }\ncandidates = ["t-02"]\nexpect = { blockers = {} }'
    (outcome,) = run(FOR_YOU + text)
    assert outcome.differences[0].notes == (
        "rules/guards.toml:10:9: !(item.id in visitor_state.cart_items)",
        'item.id = "t-02"',
        'visitor_state.cart_items = ["t-02"]',
    )
    assert (outcome.differences[0].file, outcome.differences[0].line) == ("tests/cases.toml", 6)


def test_a_missing_answer_comes_with_its_reason(run: Run) -> None:
    (outcome,) = run(FOR_YOU + 'expect = { includes = ["t-04"] }')
    assert outcome.differences[0].notes == ("t-04 was retrieved by no generator",)


@pytest.mark.parametrize(
    ("case", "difference"),
    [
        ('rule = "in_stock"\nitem = "t-01"\nexpect = { value = true }', []),
        ('rule = "in_stock"\nitem = "t-04"\nexpect = { value = true }', [("value", True, False)]),
        ('rule = "in_stock"\nitem = { id = "t-04", stock = 1 }\nexpect = { value = true }', []),
        ('rule = "in_stock"\nitem = { price = 1 }\nexpect = { error = "item.stock has no value" }', []),
        ('rule = "in_stock"\nexpect = { error = "no item" }', []),
        ('rule = "in_stock"\nitem = "t-01"\nexpect = { error = "no value" }', [("error", "no value", True)]),
        ('rule = "in_stock"\nexpect = { value = true }', [("value", True, "error: item.stock is read where")]),
        ('rule = "new_boost"\nitem = "t-08"\nexpect = { value = 0.1 }', []),
        ('rule = "new_boost"\nitem = "t-01"\nexpect = { value = 0 }', []),
        ('rule = "gift_boost"\nitem = { stock = 1 }\nrequest = { is_gift = true }\nexpect = { value = 0 }', []),
        ('rule = "slots/for-you:objective"\nitem = "t-01"\nscore = 1.0\nexpect = { value = 1.029 }', []),
        ('rule = "slots/for-you:objective"\nitem = "t-01"\nexpect = { error = "score is not known" }', []),
        ('rule = "slots/for-you:payload.price"\nitem = "t-01"\nexpect = { value = 590 }', []),
        ('rule = "slots/for-you:eligible"\nexpect = { value = true }', []),
        ('rule = "not_in_cart"\nitem = "t-01"\nvisitor_state.cart_items = ["t-01"]\nexpect = { value = false }', []),
        (
            'rule = "not_in_cart"\ngranted = []\nitem = "t-01"\nexpect = { error = "visitor_state.cart_items has no" }',
            [],
        ),
        ('rule = "models/likes:inputs.orders"\nvisitor = { orders = 3 }\nexpect = { value = 3 }', []),
        (
            'rule = "models/likes:inputs.orders"\nvisitor = { orders = 3 }\nas_of = 2025-01-01T00:00:00Z\n'
            'expect = { error = "too old" }',
            [],
        ),
    ],
)
def test_a_rule_alone(case: str, difference: list[tuple[str, Value, Value]], run: Run) -> None:
    found = differences(run(f"[c]\n{case}"))
    assert len(found) == len(difference)
    for (key, expected, got), wanted in zip(found, difference, strict=True):
        assert (key, expected) == wanted[:2]
        assert got == wanted[2] or str(got).startswith(str(wanted[2]))


def test_a_rule_is_given_what_models_say_by_their_names(tea_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tea_folder, tmp_path / "tea", ignore=shutil.ignore_patterns("tests")))
    slot = folder / "slots/for-you.toml"
    slot.write_text(slot.read_text().replace("'score +", "'score * scores.likes +"))
    (folder / "tests").mkdir()
    case = 'rule = "slots/for-you:objective"\nitem = "t-01"\nscore = 2.0\n'
    (folder / "tests/cases.toml").write_text(
        f"[told]\n{case}scores = {{ likes = 0.25 }}\nexpect = {{ value = 0.529 }}\n"
        f'[not_told]\n{case}expect = {{ error = "in tier rules no model scores" }}\n'
    )
    sources, bundle = read_sources(folder), without_models(folder)
    cases, problems = read_rule_tests(
        sources, {name: table.ids for name, table in load(bundle).snapshot.tables.items()}
    )
    assert not problems
    outcomes = run_cases(cases, Subject(load(bundle), bundle.read("rules", RuleIR).rules, sources, has_models=False))
    assert [each.outcome for each in outcomes] == ["pass", "pass"]


def test_without_models_what_needs_them_is_skipped(run: Run) -> None:
    text = "\n".join(
        f'[c{n}]\nslot = "for-you"\nexpect = {{ tier = "{tier}" }}'
        for n, tier in enumerate(("model", "fallback", "plain"))
    )
    outcomes = run(text, has_models=False)
    assert [outcome.outcome for outcome in outcomes] == ["skip", "skip", "pass"]
    assert outcomes[0].detail == "expects tier `model`, and the models are not trained"


@given(
    st.dictionaries(
        st.sampled_from(["t-00", "t-01", "t-07", "t-24", "t-25", "zz", "a", "ä"]),
        st.fixed_dictionaries(
            {},
            optional={
                "stock": st.integers(0, 9),
                "title": st.text("aé", max_size=3),
                "caffeine": st.floats(0, 9),
                "is_organic": st.booleans(),
                "tags": st.lists(st.text("aé", max_size=2), max_size=3).map(tuple),
                "notes": st.dictionaries(st.text("aé", max_size=2), st.floats(0, 1), max_size=2),
                "award": st.just("Gold"),
            },
        ),
    )
)
def test_rows_hold_what_a_case_gives_and_the_table_what_it_had(teas: Table, rows: dict[str, dict[str, Value]]) -> None:
    changed = with_rows(teas, rows)
    assert list(changed.ids) == sorted({*teas.ids, *rows})
    assert [changed.columns["id"].value_at(row) for row in range(len(changed.ids))] == list(changed.ids)
    for name, column in changed.columns.items():
        assert column.rows == len(changed.ids)
        for item, row in changed.row_of.items():
            if name in rows.get(item, {}):
                assert (column.value_at(row), column.status_at(row, 1)) == (rows[item][name], Status.PRESENT)
            elif item in teas.row_of:
                before, old = teas.columns[name], teas.row_of[item]
                assert column.status_at(row, 1) == before.status_at(old, 1)
                assert column.value_at(row) == before.value_at(old)
            elif name != "id":
                assert column.status_at(row, 1) == Status.MISSING


def test_an_empty_table_takes_rows() -> None:
    from engine.column import Column

    empty = Column(ValueType.STRING, np.zeros(0, np.int32))
    table = with_rows(Table("t", {"id": empty, "title": empty}), {"a": {"title": "A"}, "b": {}})
    assert table.ids == ("a", "b")
    assert table.columns["title"].value_at(0) == "A"
    assert table.columns["title"].status_at(1, 0) == Status.MISSING


def test_the_command_runs_the_cases_of_the_template(tea_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(tea_folder)]) == 0
    printed = capsys.readouterr().out
    assert "pass  nothing_personal_without_consent  tests/consent.toml:3\n" in printed
    assert printed.endswith(" passed, 0 failed, 0 skipped\n")


def test_the_command_gives_every_case_as_json(tea_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(tea_folder), "--json", "--case", "*margin*", "--case", "nothing*"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["passed"], report["failed"], report["skipped"]) == (3, 0, 0)
    assert [case["name"] for case in report["cases"]] == [
        "nothing_personal_without_consent",
        "the_margin_floor_is_a_fifth_over_cost",
        "below_the_margin_floor",
    ]


def test_before_training_the_command_says_what_was_skipped(
    tea_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(tea_folder, tmp_path / "tea", ignore=shutil.ignore_patterns("models.lock"))
    assert main(["test", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "skip  the_model_decides_for_those_who_agree" in printed
    assert "train the models to run what was skipped" in printed


def test_the_command_fails_when_a_rule_no_longer_holds(
    tea_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tea_folder, tmp_path / "tea"))
    guards = folder / "rules/guards.toml"
    guards.write_text(guards.read_text().replace("item.stock > 0", "item.stock >= 0"))
    assert main(["test", str(folder), "--json"]) == 1
    failed = [case for case in json.loads(capsys.readouterr().out)["cases"] if case["outcome"] == "fail"]
    assert {difference["key"] for difference in failed[0]["differences"]} == {"blockers.t-04", "order"}


@pytest.mark.parametrize(
    ("file", "text", "code", "message"),
    [
        ("tests/more.toml", '[c]\nslot = "for-yuo"\n', 1, "tests/more.toml:2:8: E112: unknown slot: `for-yuo`"),
        ("rules/guards.toml", "[in_stock]\nexpr = 'item.stok > 0'\n", 1, "E203: `item` has no field `stok`"),
        ("edgewise.toml", "name", 1, "E102: this is not TOML"),
    ],
)
def test_what_is_wrong_with_the_sources_comes_first(
    file: str, text: str, code: int, message: str, tea_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tea_folder, tmp_path / "tea"))
    (folder / file).write_text(text)
    assert main(["test", str(folder)]) == code
    assert message in capsys.readouterr().err


def test_a_pattern_that_names_no_case_is_told(tea_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(tea_folder), "--case", "bellow_the_margin*"]) == 2
    assert capsys.readouterr().err == (
        "no case is named `bellow_the_margin*`; did you mean `below_the_margin_floor`?\n"
    )


def test_a_bundle_without_cases_is_told_what_to_write(
    tea_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(tea_folder, tmp_path / "tea", ignore=shutil.ignore_patterns("tests"))
    assert main(["test", str(folder)]) == 4
    assert "has no cases; write tests/<any name>.toml" in capsys.readouterr().err


def test_cases_are_no_part_of_a_bundle(tea_folder: Path, tea_bundle: Bundle, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tea_folder, tmp_path / "tea", ignore=shutil.ignore_patterns("tests")))
    assert build(folder).bundle.revision == tea_bundle.revision
