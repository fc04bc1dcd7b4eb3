import shutil
from pathlib import Path

import pytest

from compiler.build import check
from compiler.diagnostics import CompileError


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
    return [(one.file, one.line, one.code, one.message) for one in refused.value.problems]


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
        'eligible = \'request.device in ["desktop", "phone"]\'',
        "eligible = 'visitor.orders > 0'",
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


def test_sensitive_features_are_read_by_no_slot(tea: Path) -> None:
    edit(tea / "edgewise.toml", '[visitor.orders]\ntype = "int"', '[visitor.orders]\ntype = "int"\nsensitive = true')
    (problem,) = broken(tea)
    assert problem[2:] == ("E505", "slot `for-you` reads the sensitive feature `visitor.orders`")


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


def test_plain_content_may_use_words_that_are_also_ids(tea: Path) -> None:
    edit(tea / "slots/delivery.toml", "See the delivery times at the checkout", "Ask our courier, next-day or later")
    check(tea)


def test_a_slot_without_rows_has_no_candidates(tea: Path) -> None:
    edit(tea / "slots/hero.toml", 'model = "story"\n', "")
    (tea / "data/stories.csv").write_text("id,title,kind,weight\n")
    (problem,) = broken(tea)
    assert problem[2:] == ("E502", "slot `hero` has no candidates: table `stories` has no rows")
