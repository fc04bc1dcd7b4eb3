"""Reads without a value, price bands, what nothing uses, plain content: asked of a tea shop with one change."""

import shutil
from pathlib import Path

import pytest

from compiler.build import check
from compiler.diagnostics import CompileError, Problem


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tea_folder, tmp_path / "tea"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def said(folder: Path) -> list[tuple[str, str]]:
    try:
        found = check(folder).warnings
    except CompileError as error:
        found = error.problems
    return [(each.code, each.message) for each in found if each.code not in ("W612", "W613")]  # values are made up


def problems(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(CompileError) as caught:
        check(folder)
    return caught.value.problems


def guard(folder: Path, text: str) -> list[tuple[str, str]]:
    """What is said when this is one more guardrail of the shelf."""
    (folder / "rules/more.toml").write_text(f"[extra]\nexpr = '''{text}'''\n")
    edit(folder / "slots/for-you.toml", '"not_in_cart"]', '"not_in_cart", "extra"]')
    return said(folder)


def test_nothing_is_said_of_the_tea_shop(tea_folder: Path) -> None:
    assert said(tea_folder) == []


GUARDED = [
    "has(item.award) && item.award != 'none'",
    "item.award != 'none' && has(item.award)",
    "item.price > 3 && has(item.award) && item.stock > 2 && item.award != 'none'",
    "!has(item.award) || item.award != 'none'",
    "has(item.award) ? item.award != 'none' : item.price > 3",
    "!has(item.award) ? item.price > 3 : item.award != 'none'",
    "(has(item.award) && item.price > 3) ? item.award != 'none' : item.stock > 2",
    "!(has(item.award) && item.price > 3) || item.award != 'none'",
    "!(!has(item.award) || item.price > 3) && item.award != 'none'",
    "(item.price > 3 ? has(item.award) : has(item.award)) && item.award != 'none'",
    "has(item.award) && ['a'].exists(word, word == item.award)",
]
UNGUARDED = [
    "item.award != 'none'",
    "has(item.award) || item.price > 3 && item.award != 'none'",
    "!has(item.award) && item.price > 3 || item.award != 'none'",
    "(has(item.award) || item.price > 3) && item.award != 'none'",
    "(has(item.award) && item.price > 3) ? item.stock > 2 : item.award != 'none'",
    "(item.price > 3 ? has(item.award) : item.stock > 2) && item.award != 'none'",
    "['a'].exists(word, word == item.award)",
]


@pytest.mark.parametrize("text", GUARDED)
def test_a_guardrail_that_asks_first_may_read_what_may_be_absent(tea: Path, text: str) -> None:
    assert guard(tea, text) == []


@pytest.mark.parametrize("text", UNGUARDED)
def test_a_guardrail_that_does_not_ask_is_refused(tea: Path, text: str) -> None:
    message = "guardrail `extra` reads `item.award`, which may have no value: the item is blocked then"
    assert guard(tea, text) == [("E604", message)]


def test_a_default_is_as_good_as_asking(tea: Path) -> None:
    edit(tea / "edgewise.toml", "nullable = true", 'nullable = true, default = "none"')
    assert guard(tea, "item.award != 'none'") == []


@pytest.mark.parametrize(
    ("declared", "codes"),
    [
        ('[visitor.seen]\ntype = "int"\npurpose = "personalisation"\n', ["E604"]),
        ('[visitor.seen]\ntype = "int"\npurpose = "personalisation"\ndefault = 0\n', []),
        (
            '[visitor.seen]\ntype = "int"\npurpose = "personalisation"\nfold = { fold = "count", event = "view" }\n',
            [],
        ),
        (
            '[visitor.seen]\ntype = "int"\npurpose = "personalisation"\nmax_age = "2d"\n'
            'fold = { fold = "count", event = "view" }\n',
            ["E604"],
        ),
    ],
    ids=["without default", "with default", "folded", "folded but ageing"],
)
def test_features_of_the_feed_are_absent_unless_something_stands_in(tea: Path, declared: str, codes: list[str]) -> None:
    edit(tea / "edgewise.toml", "[visitor.own_teas]", f"{declared}\n[visitor.own_teas]")
    assert [code for code, _ in guard(tea, "visitor.seen < 9")] == codes


CONSEQUENCES = {
    "eligible": ("slots/for-you.toml", "cart_items) < 20'", 'cart_items) < 20 && request.query != ""\'', "is plain"),
    "match": ("slots/for-you.toml", "caffeine < 60.0", "award == request.query", "is left out"),
    "boost": ("rules/boosts.toml", "has(item.award)", 'item.award == "gold"', "boost is 0"),
    "score": ("slots/for-you.toml", "double(item.stock) /", "double(size(item.award)) /", "lower tier"),
    "objective": ("slots/for-you.toml", "'score +", "'score + double(size(item.award)) +", "lower tier"),
    "payload": ("slots/for-you.toml", "'item.title'", "'item.title + item.award'", "lower tier"),
    "why": ("slots/for-you.toml", '"Popular now"', "item.award", "no sentence"),
}


@pytest.mark.parametrize("place", CONSEQUENCES)
def test_elsewhere_it_is_told_what_becomes_of_it(tea: Path, place: str) -> None:
    edit(tea / "edgewise.toml", "[request.is_gift]", '[request.query]\ntype = "string"\n\n[request.is_gift]')
    file, old, new, consequence = CONSEQUENCES[place]
    edit(tea / file, old, new)
    found = [each for each in said(tea) if each[0] != "W607"]
    assert {code for code, _ in found} == {"W605"}
    assert all(consequence in message for _, message in found)


BESIDE = ('model = "likes"', 'model = "likes"\nother_models = ["story"]')
SHELF = "slots/for-you.toml"


def beside(folder: Path, objective: str) -> list[tuple[str, str]]:
    """What is said of an objective where a second model scores the shelf."""
    edit(folder / "models/story.toml", "'item.weight'", "'1.0'")  # the shelf's table has no such column
    edit(folder / SHELF, *BESIDE)
    edit(folder / SHELF, "'score + double", f"'{objective} + double")
    return said(folder)


ASKED = ["has(scores.story) ? scores.story : 0.0", "!has(scores.likes) ? 0.0 : score * scores.likes"]
IN_RULES = "and in tier `rules` no model scores: the"


@pytest.mark.parametrize("objective", ASKED)
def test_an_objective_that_asks_may_read_what_a_model_says(tea: Path, objective: str) -> None:
    assert beside(tea, f"({objective})") == []


@pytest.mark.parametrize("model", ["likes", "story"])
def test_an_objective_that_does_not_ask_is_told_what_becomes_of_tier_rules(tea: Path, model: str) -> None:
    told = f"`slots/for-you:objective` reads `scores.{model}`, {IN_RULES} slot falls to a lower tier then"
    assert beside(tea, f"score * scores.{model}") == [("W615", told)]
    edit(tea / SHELF, "score = 'double(item.stock) / 100.0'\n", "")
    assert said(tea) == []


def test_a_boost_that_does_not_ask_is_told_that_it_is_nothing(tea: Path) -> None:
    edit(tea / "rules/boosts.toml", "request.is_gift &&", "scores.likes > 0.5 && request.is_gift &&")
    assert said(tea) == [("W615", f"`gift_boost` reads `scores.likes`, {IN_RULES} boost is 0 then")]


def test_a_rule_reads_only_models_of_the_slots_that_run_it(tea: Path) -> None:
    edit(tea / "slots/hero.toml", "[payload]", "[objective.gift]\nexpr = 'scores.story + scores.likes'\n\n[payload]")
    (problem,) = [each for each in problems(tea) if each.code == "E616"]
    assert problem.message == "slot `hero` has no model `likes`"
    assert problem.hint == (
        "its models are `story`: name `likes` in its `other_models`, or give the slot a rule of its own"
    )
    assert problem.source_line[problem.column - 1 :].startswith(".likes'")


def test_a_shared_rule_needs_its_models_in_every_slot(tea: Path) -> None:
    (tea / "rules/more.toml").write_text("[liked]\nexpr = 'has(scores.likes) ? scores.likes : 0.0'\n")
    edit(tea / SHELF, '"new_boost"]', '"new_boost", "liked"]')
    assert said(tea) == []
    edit(tea / "slots/delivery.toml", "guards = []", 'guards = []\nboosts = ["liked"]')
    assert {each.message for each in problems(tea)} == {"slot `delivery` has no model `likes`"}
    assert problems(tea)[0].hint.startswith("it has no model: name `likes` in its `other_models`")


def test_an_unknown_model_is_told_with_what_was_meant(tea: Path) -> None:
    edit(tea / SHELF, "'score +", "'scores.like +")
    (problem,) = problems(tea)
    assert (problem.code, problem.message, problem.hint) == (
        "E203",
        "`scores` has no field `like`",
        "did you mean `likes`?",
    )


@pytest.mark.parametrize(
    ("file", "old"), [(SHELF, "score = 'double(item.stock)"), ("rules/guards.toml", "expr = 'item.stock")]
)
def test_what_runs_before_scoring_reads_no_scores(tea: Path, file: str, old: str) -> None:
    edit(tea / file, old, old.replace("= '", "= 'scores.likes + "))
    assert [(each.code, each.message) for each in problems(tea)] == [("E205", "`scores` cannot be read in this place")]


def test_model_inputs_say_themselves_what_an_absent_value_becomes(tea: Path) -> None:
    edit(tea / "models/likes.toml", "'item.caffeine'", "'double(size(item.award))'")
    assert said(tea) == []


BANDS = {
    '{"low": [0, 500], "top": [500, 900]}': [],
    '{"top": [500, 900], "low": [0, 500]}': [],
    '{"low": [0, 501], "top": [500, 900]}': [("E608", "price bands `low` and `top` overlap from 500 to 500")],
    '{"all": [0, 900], "low": [0, 100], "top": [500, 600]}': [
        ("E608", "price bands `low` and `all` overlap from 0 to 99"),
        ("E608", "price bands `all` and `top` overlap from 500 to 599"),
    ],
    '{"low": [0, 400], "top": [500, 900]}': [
        ("W610", "prices from 400 to 499 are in no band: `low` ends before `top` begins")
    ],
    '{"low": [500, 500]}': [("E609", "price band `low` is empty: it goes from 500 up to, not including, 500")],
    '{"low": [500, 20]}': [("E609", "price band `low` is empty: it goes from 500 up to, not including, 20")],
    '{"low": [500]}': [("E609", "price band `low` is not two prices")],
    '{"low": []}': [("E609", "price band `low` is not two prices")],
    '{"low": [-500, 0], "top": [0, item.cost]}': [],
}


@pytest.mark.parametrize("bands", BANDS)
def test_bands_neither_overlap_nor_stand_empty(tea: Path, bands: str) -> None:
    text = f"price_band(item.price, {bands}) != item.kind || item.stock > 1"
    assert sorted(guard(tea, text)) == sorted(BANDS[bands])


def test_a_rule_that_no_slot_uses_is_told_and_does_not_stop_the_build(tea: Path) -> None:
    (tea / "rules/more.toml").write_text("[spare]\nexpr = 'visitor.spend > 3.0'\n")
    edit(
        tea / "edgewise.toml",
        "[visitor.own_teas]",
        '[visitor.spend]\ntype = "double"\npurpose = "personalisation"\n\n[visitor.own_teas]',
    )
    assert said(tea) == [("W606", "no slot uses rule `spare`")]


@pytest.mark.parametrize(
    ("file", "old", "new", "feature"),
    [
        (
            "models/likes.toml",
            "{ expr = 'visitor_state.viewed_kinds[item.kind]', missing = \"nan\" }",
            "'1.0'",
            "viewed_kinds",
        ),
        ("slots/for-you.toml", " || item.id in visitor.purchased", "", "purchased"),
    ],
)
def test_a_feature_that_nothing_reads_is_told(tea: Path, file: str, old: str, new: str, feature: str) -> None:
    edit(tea / file, old, new)
    ((code, message),) = said(tea)
    assert (code, message.endswith(f"{feature}`")) == ("W607", True)


def test_generators_and_fallback_keys_read_features_too(tea: Path) -> None:
    edit(tea / "models/likes.toml", "'item.id in visitor.own_teas'", "'1.0'")
    edit(tea / "slots/for-you.toml", "item.id in visitor.own_teas ?", "item.price < 3 ?")
    edit(tea / "rules/boosts.toml", "request.is_gift && ", "")
    assert said(tea) == []


def test_a_guardrail_that_is_always_true_is_refused_and_a_literal_is_not(tea: Path) -> None:
    ((code, message),) = guard(tea, "size(item.title) >= 0")
    assert code == "E602"
    assert message == (
        "guardrail `extra` decides nothing: wherever it can be evaluated it is true because "
        "`size(item.title)` is at least 0"
    )
    (tea / "rules/more.toml").write_text("[extra]\nexpr = 'true'\n")
    assert said(tea) == []


def test_doubts_about_rules_come_with_the_mistakes_of_others(tea: Path) -> None:
    edit(tea / "rules/boosts.toml", "request.is_gift && has", "item.price < 2 && item.price > 3 && has")
    edit(tea / "rules/guards.toml", "item.stock > 0", "item.stok > 0")
    assert [(each.file, each.code) for each in problems(tea)] == [
        ("rules/boosts.toml", "E601"),
        ("rules/guards.toml", "E203"),
    ]
