"""A why text is said only when what it names was really read."""

import pytest
from builders import FEATURES, NOW, PERSONAL, TITLE, Shop, const, once, read, request, run, slot

from contracts.decision import Decisions, Tier
from contracts.features import FeatureSpec, FeatureValue, Root, ValueType
from contracts.rule_ir import Has, Rule
from engine.snapshot import Snapshot

FAVOURITE = FeatureSpec(
    name="favourite", root=Root.VISITOR, type=ValueType.STRING, purpose=PERSONAL, default="Apple", max_age_s=60
)
LUCKY = FeatureSpec(name="lucky", root=Root.VISITOR, type=ValueType.BOOL, purpose=PERSONAL, default=True)
FAV = read(Root.VISITOR, "favourite", "string")
IS_LUCKY = read(Root.VISITOR, "lucky", "bool")
OWN = read(Root.VISITOR, "own", "list(string)")
ID = read(Root.ITEM, "id", "string")
VIEWS = read(Root.VISITOR_STATE, "views", "int")
IS_MEMBER = read(Root.REQUEST, "is_member", "bool")
MARGIN = read(Root.ITEM, "margin", "double")
PRICE = read(Root.ITEM, "price", "int")

LIKES = ("conditional", "string", ("equals", "bool", FAV, TITLE), const("Your favourite"), const("Popular now"))
NAMES = ("add_string", "string", const("You like "), FAV)


def why(tree: object, values: dict[str, FeatureValue], granted: tuple[str, ...] = (PERSONAL,)) -> list[str | None]:
    """The sentences of all five items, dearest first."""
    return [item.why for item in decided(tree, values, granted).decisions[0].items]


def decided(tree: object, values: dict[str, FeatureValue], granted: tuple[str, ...] = (PERSONAL,)) -> Decisions:
    rule: Rule = once("why", "string", tree)  # type: ignore[arg-type]
    shop = Shop(slots=(slot(why="why", size=5),), features=(*FEATURES, FAVOURITE, LUCKY), rules=(*Shop().rules, rule))
    loaded = shop.load()
    snapshot = Snapshot(loaded.snapshot.tables, {"v1": values})
    return run(loaded, request(granted=granted, context={"is_member": True}), snapshot)


def told(value: object, age_s: int = 0) -> FeatureValue:
    return FeatureValue(value=value, as_of=NOW - age_s * 1_000_000)  # type: ignore[arg-type]


def test_a_sentence_is_said_where_its_condition_holds() -> None:
    assert why(LIKES, {"favourite": told("Dates")}) == [
        "Popular now",
        "Your favourite",
        "Popular now",
        "Popular now",
        "Popular now",
    ]


@pytest.mark.parametrize(
    ("values", "granted"),
    [
        ({}, (PERSONAL,)),
        ({"favourite": told("Apple", age_s=61)}, (PERSONAL,)),
        ({"favourite": told("Apple", age_s=-1)}, (PERSONAL,)),
        ({"favourite": told("Apple")}, ()),
    ],
    ids=["never told", "expired", "of the future", "withheld"],
)
def test_a_condition_that_holds_by_a_default_proves_nothing(
    values: dict[str, FeatureValue], granted: tuple[str, ...]
) -> None:
    assert why(LIKES, values, granted) == ["Popular now"] * 4 + [None]
    assert why(NAMES, values, granted) == [None] * 5


def test_what_a_sentence_names_must_be_present() -> None:
    assert why(NAMES, {"favourite": told("Dates")}) == ["You like Dates"] * 5


def test_conditions_on_the_way_count_when_they_held() -> None:
    inner = ("conditional", "string", IS_MEMBER, const("Member's luck"), const("Luck"))
    tree = ("conditional", "string", IS_LUCKY, inner, const("No luck"))
    assert why(tree, {"lucky": told(True)}) == ["Member's luck"] * 5
    assert why(tree, {"lucky": told(False)}) == ["No luck"] * 5
    assert why(tree, {}) == [None] * 5


def test_a_fold_over_no_events_is_present() -> None:
    tree = ("conditional", "string", ("equals", "bool", VIEWS, const(0)), const("New here"), const("Welcome back"))
    assert why(tree, {}) == ["New here"] * 5


def test_what_has_no_value_costs_the_sentence_and_not_the_answer() -> None:
    owned = ("conditional", "string", ("in_list", "bool", ID, OWN), const("Yours"), const("Not yet yours"))
    assert why(owned, {}) == [None] * 5
    assert why(owned, {"own": told(("a",))}) == ["Not yet yours"] * 4 + ["Yours"]
    margin = ("conditional", "string", ("greater_double", "bool", MARGIN, const(0.35)), const("Rich"), const("Poor"))
    assert why(margin, {}) == [None, "Rich", "Poor", "Poor", "Poor"]


def test_a_condition_that_fails_costs_the_sentence_and_not_the_answer() -> None:
    over = ("divide_int64", "int", const(1), VIEWS)
    tree = ("conditional", "string", ("greater_int64", "bool", over, const(0)), const("Often"), const("Rarely"))
    made = decided(tree, {})
    assert [item.why for item in made.decisions[0].items] == [None] * 5
    assert (made.decisions[0].tier, made.decisions[0].cause) == (Tier.RULES, None)
    assert "why" in made.traces[0].problem


def test_one_item_of_which_nothing_can_be_said_silences_no_other() -> None:
    over = ("divide_int64", "int", const(1), ("subtract_int64", "int", PRICE, const(500)))
    tree = ("conditional", "string", ("equals", "bool", over, const(0)), const("Fair"), const("Cheap"))
    assert why(tree, {}) == [None, "Fair", "Fair", "Fair", "Fair"]


def test_a_presence_is_a_signal_like_a_value() -> None:
    known = Has(root=Root.VISITOR, field="favourite")
    tree = ("conditional", "string", known, const("You have a favourite"), const("Popular now"))
    assert why(tree, {"favourite": told("Dates")}) == ["You have a favourite"] * 5
    assert why(tree, {}) == [None] * 5, "it reads as its default, which is none of the visitor's"
    unknown = ("conditional", "string", ("logical_not", "bool", known), const("You have none"), const("Popular now"))
    assert why(unknown, {"favourite": told("Dates")}) == ["Popular now"] * 5
    assert why(unknown, {"favourite": told("Dates")}, granted=()) != ["You have none"] * 5


def test_sentences_without_a_visitor_in_them_need_none() -> None:
    assert why(const("Fresh"), {}, ()) == ["Fresh"] * 5
    assert why(("add_string", "string", const("Fresh "), TITLE), {}, ())[0] == "Fresh Eggs"


def test_a_choice_inside_a_sentence_counts_as_named() -> None:
    tree = ("add_string", "string", const("For you: "), LIKES)
    assert why(tree, {}) == [None] * 5
    assert why(tree, {"favourite": told("Eggs")})[0] == "For you: Your favourite"
