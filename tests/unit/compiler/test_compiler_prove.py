import shutil
from pathlib import Path

import pytest

from compiler.build import check, without_models
from compiler.diagnostics import CompileError, Severity


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tea_folder, tmp_path / "tea"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def broken(folder: Path) -> list[tuple[str, int, str, str]]:
    with pytest.raises(CompileError) as refused:
        check(folder)
    errors = [one for one in refused.value.problems if one.severity is Severity.ERROR]
    return [(one.file, one.line, one.code, one.message) for one in errors]


def test_the_tea_shop_keeps_every_guarantee(tea_folder: Path) -> None:
    check(tea_folder)


def test_a_slot_that_reads_personal_features_must_require_their_purpose(tea: Path) -> None:
    edit(tea / "slots/hero.toml", 'purposes = ["personalisation"]\n', "")
    with pytest.raises(CompileError) as refused:
        check(tea)
    assert str(refused.value).split("\n\n")[0] == (
        "models/story.toml:7:29: E504: slot `hero` reads `visitor.affinity` (purpose `personalisation`) "
        "without requiring that purpose\n"
        "  | affinity = { expr = 'visitor.affinity[item.kind]', missing = 0.0 }\n"
        "  |                             ^\n"
        '  = add "personalisation" to `purposes` of the slot, or do not read `visitor.affinity` here'
    )
    assert {one.file for one in refused.value.problems} == {"models/story.toml", "slots/hero.toml"}


PLACES = {
    "eligible": (
        "slots/delivery.toml",
        "guards = []",
        "guards = []\neligible = 'visitor.orders > 0'",
    ),
    "guard": ("slots/delivery.toml", "guards = []", 'guards = ["unseen"]'),
    "score": ("slots/delivery.toml", ": 0.0'", ": double(visitor.orders)'"),
    "payload": ("slots/delivery.toml", "expr = 'item.hours'", "expr = 'visitor.orders'"),
    "boost": ("slots/delivery.toml", "guards = []", 'boosts = ["liked"]'),
    "why": (
        "slots/delivery.toml",
        "fallback_keys",
        'why = \'size(visitor.own_teas) > 0 ? "yes" : "no"\'\nfallback_keys',
    ),
    "has": ("slots/delivery.toml", "fallback_keys", 'why = \'has(visitor.orders) ? "yes" : "no"\'\nfallback_keys'),
    "macro": (
        "slots/delivery.toml",
        "fallback_keys",
        'why = \'visitor.own_teas.exists(tea, tea == item.id) ? "yes" : "no"\'\nfallback_keys',
    ),
    "inside a macro": (
        "slots/delivery.toml",
        "fallback_keys",
        'why = \'["t-01"].exists(tea, tea in visitor.own_teas) ? "yes" : "no"\'\nfallback_keys',
    ),
    "visitor state": ("slots/delivery.toml", ": 0.0'", ": double(size(visitor_state.cart_items))'"),
    "filter": (
        "slots/delivery.toml",
        'generator = "pool"\nids = ["next-day", "two-days", "courier"]',
        'generator = "filter"\nwhere = "true"\nmatch = "item.id in visitor.own_teas"\nlimit = 3',
    ),
    "offer": ("slots/delivery.toml", "fallback_keys", "offer = 'string(visitor.orders)'\nfallback_keys"),
    "objective": (
        "slots/delivery.toml",
        "fallback_keys",
        "objective = 'score * double(visitor.orders)'\nfallback_keys",
    ),
    "where the list comes from": (
        "slots/delivery.toml",
        'generator = "pool"\nids = ["next-day", "two-days", "courier"]',
        'generator = "per_visitor"\nfeature = "own_teas"\nlimit = 3',
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_consent_is_traced_through_every_rule_of_a_slot(tea: Path, place: str) -> None:
    (tea / "rules/more.toml").write_text(
        "[unseen]\nexpr = '!(item.id in visitor_state.cart_items)'\n[liked]\nexpr = 'double(visitor.orders)'\n"
    )
    file, old, new = PLACES[place]
    edit(tea / file, old, new)
    assert {code for _, _, code, _ in broken(tea)} == {"E504"}


def test_a_feature_of_a_visitor_without_purpose_is_told(tea: Path) -> None:
    edit(
        tea / "edgewise.toml",
        '[visitor.orders]\ntype = "int"\npurpose = "personalisation"',
        '[visitor.orders]\ntype = "int"',
    )
    (told,) = check(tea).warnings
    assert (told.code, told.message) == (
        "W510",
        "`visitor.orders` is about one visitor and names no purpose: slots read it without consent",
    )


def test_consent_is_traced_through_fallback_keys(tea: Path) -> None:
    edit(tea / "edgewise.toml", "[request.device]\n", '[request.device]\npurpose = "personalisation"\n')
    found = broken(tea)
    assert {(file, code) for file, _, code, _ in found} == {("slots/delivery.toml", "E504")}
    lines = (tea / "slots/delivery.toml").read_text().split("\n")
    assert any(lines[line - 1].startswith("fallback_keys") for _, line, _, _ in found)


@pytest.mark.parametrize("key", ["policy", "shadow", "arm"])
def test_sensitive_features_are_looked_up_by_no_policy(tea: Path, key: str) -> None:
    edit(
        tea / "edgewise.toml", '[request.is_gift]\ntype = "bool"', '[request.is_gift]\ntype = "bool"\nsensitive = true'
    )
    edit(tea / "rules/boosts.toml", "request.is_gift && ", "")
    edit(tea / "slots/for-you.toml", 'fallback_keys = ["device", "is_gift"]', 'fallback_keys = ["device"]')
    assert [each.code for each in check(tea).warnings] == ["W607"]
    table = '{ name = "table", column = "notes", by = "is_gift" }'
    file, old, new = {
        "policy": ("slots/for-you.toml", '{ name = "epsilon", epsilon = 0.05 }', table),
        "shadow": ("slots/for-you.toml", 'sticky = "session"', f'sticky = "session"\nshadow = {table}'),
        "arm": ("edgewise.toml", '{ name = "epsilon", epsilon = 0.3 }', table),
    }[key]
    edit(tea / file, old, new)
    (problem,) = broken(tea)
    assert problem[2:] == ("E505", "slot `for-you` reads the sensitive feature `request.is_gift`")


def test_sensitive_features_are_read_by_no_slot(tea: Path) -> None:
    edit(tea / "edgewise.toml", '[visitor.orders]\ntype = "int"', '[visitor.orders]\ntype = "int"\nsensitive = true')
    (problem,) = broken(tea)
    assert problem[2:] == ("E505", "slot `for-you` reads the sensitive feature `visitor.orders`")
    edit(tea / "edgewise.toml", "sensitive = true", 'sensitive = true\nallowed_because = "Orders are what we sell"')
    check(tea)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ('sensitive = true\nallowed_because = " "', "is sensitive, and its `allowed_because` gives no reason"),
        ('allowed_because = "Why not"', "says why it may be used, but is not marked as sensitive"),
    ],
)
def test_a_reason_is_given_where_one_is_needed(tea: Path, declared: str, message: str) -> None:
    edit(tea / "edgewise.toml", '[visitor.orders]\ntype = "int"', f'[visitor.orders]\ntype = "int"\n{declared}')
    (problem,) = broken(tea)
    assert problem[2:] == ("E508", f"`visitor.orders` {message}")


def test_the_reason_stays_out_of_the_bundle(tea: Path) -> None:
    edit(tea / "edgewise.toml", '[visitor.orders]\ntype = "int"', '[visitor.orders]\ntype = "int"\nsensitive = true')
    edit(tea / "edgewise.toml", "sensitive = true", 'sensitive = true\nallowed_because = "Orders are what we sell"')
    sections = without_models(tea).sections.values()
    assert not any(b"Orders are what we sell" in data for data in sections)


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        (
            'heading = "Our whole range"',
            'heading = "t-07"',
            "E506",
            "plain content of slot `for-you` names item `t-07` in `heading`",
        ),
        (
            'heading = "Our whole range"',
            'link = "/item/t-07?from=home"',
            "E506",
            "plain content of slot `for-you` names item `t-07` in `link`",
        ),
        (
            'heading = "Our whole range"',
            'heading = "From $4.20"',
            "E507",
            "plain content of slot `for-you` names the price $4.20 in `heading`",
        ),
        (
            'heading = "Our whole range"',
            "price = 420",
            "E507",
            "plain content of slot `for-you` has a fixed `price`, which the payload computes from `item.price`",
        ),
    ],
)
def test_plain_content_references_no_item_and_no_price(tea: Path, old: str, new: str, code: str, message: str) -> None:
    edit(tea / "slots/for-you.toml", old, new)
    (problem,) = broken(tea)
    assert problem[2:] == (code, message)


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        (
            'text = "See the delivery times at the checkout"',
            'text = "offer-courier"',
            "E506",
            "plain content of slot `delivery` names offer `offer-courier` in `text`",
        ),
        (
            'text = "See the delivery times at the checkout"',
            'link = "https://tea.example/t-03#top"',
            "E506",
            "plain content of slot `delivery` names item `t-03` in `link`",
        ),
        (
            'text = "See the delivery times at the checkout"',
            "hours = 24",
            "E507",
            "plain content of slot `delivery` has a fixed `hours`, which the payload computes from `item.hours`",
        ),
        (
            'text = "See the delivery times at the checkout"',
            "",
            "E509",
            "slot `delivery` has no plain content: holdouts, opt-outs and kill switches would leave it empty",
        ),
    ],
    ids=["offer", "item of another table", "number", "nothing"],
)
def test_plain_content_is_there_and_holds_for_everyone(tea: Path, old: str, new: str, code: str, message: str) -> None:
    edit(tea / "slots/delivery.toml", "fallback_keys", "offer = '\"offer-\" + item.id'\nfallback_keys")
    check(tea)
    edit(tea / "slots/delivery.toml", old, new)
    (problem,) = broken(tea)
    assert problem[2:] == (code, message)


def test_plain_content_may_say_that_there_is_nothing(tea: Path) -> None:
    edit(tea / "slots/delivery.toml", "[plain]", "[plain]\nhours = 0")
    check(tea)


def test_plain_content_may_use_words_that_are_also_ids(tea: Path) -> None:
    edit(tea / "slots/delivery.toml", "See the delivery times at the checkout", "Ask our courier, next-day or later")
    check(tea)


def test_a_slot_without_rows_has_no_candidates(tea: Path) -> None:
    edit(tea / "slots/hero.toml", 'model = "story"\n', "")
    (tea / "data/stories.csv").write_text("id,title,kind,weight\n")
    (problem,) = broken(tea)
    assert problem[2:] == ("E502", "slot `hero` has no candidates: table `stories` has no rows")


def test_an_offer_that_may_be_none_is_named_by_no_empty_text(tea: Path) -> None:
    edit(tea / "slots/delivery.toml", "fallback_keys", 'offer = \'item.id == "courier" ? "o-1" : ""\'\nfallback_keys')
    edit(tea / "slots/delivery.toml", "[plain]", '[plain]\nnote = ""')
    assert check(tea).warnings == ()
    edit(tea / "slots/delivery.toml", 'note = ""', 'note = "o-1"')
    assert [problem[2] for problem in broken(tea)] == ["E506"]
