"""What a slot may say of its generators, its objective, its models and its right, and where a slip is told."""

import shutil
from pathlib import Path

import pytest

from compiler.build import check, without_models
from compiler.diagnostics import CompileError
from compiler.sources import Sources, read_sources, survey
from contracts.bundle import Bundle
from contracts.features import Root
from contracts.rule_ir import Form
from contracts.slots import DecisionRight, Filter, Neighbours, PerVisitor, Pool, SlotSet, Term, Trending
from engine.load import load

TEA = Path(__file__).parents[3] / "deploy/template"
GENERATORS = """
[[retrieve]]
generator = "neighbours"
of = 'size(visitor_state.cart_items) > 0 ? visitor_state.cart_items : visitor.own_teas'
column = "goes_with"
limit = 6
recent = 3
quota = 2

[[retrieve]]
generator = "trending"
key = 'request.device'
column = "trending"
limit = 5

[[retrieve]]
generator = "per_visitor"
root = "visitor_state"
feature = "cart_items"
limit = 4

[[retrieve]]
generator = "pool"
ids = ["t-07"]
quota = 1

[payload]
"""
TERMS = """
[objective.likely]
expr = 'score'

[objective.margin]
weight = 0.5
expr = 'double(item.price - item.cost) / 10000.0'

[objective.second]
weight = -0.25
expr = 'has(scores.again) ? scores.again : 0.0'

[payload]
"""
AGAIN = """exporter = "lightgbm"
file = "models/likes.txt"
output = "margin"

[inputs]
caffeine = 'item.caffeine'
orders = 'visitor.orders'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tea shop with neighbours, trends, terms and rights."""
    folder = Path(shutil.copytree(TEA, tmp_path / "tea"))
    together = [
        f"t-{one:02},t-{other:02},{one + other}" for one in range(1, 12) for other in range(1, 12) if one != other
    ]
    (folder / "data/together.csv").write_text("\n".join(["item,other,strength", *together, ""]))
    edit(
        folder,
        "edgewise.toml",
        "[tables.stories]",
        'goes_with = { type = "numbers", cooccurrence = { source = "data/together.csv", strongest = 3 } }\n'
        'trending = { type = "numbers", live = true, default = {} }\n\n[tables.stories]',
    )
    edit(folder, "edgewise.toml", "[pages]", "[decision_rights]\ncontent = true\n\n[pages]")
    rows = (folder / "data/teas.csv").read_text().splitlines()
    (folder / "data/teas.csv").write_text("\n".join([rows[0] + ",trending", *(row + "," for row in rows[1:]), ""]))
    edit(folder, "slots/for-you.toml", "[payload]", GENERATORS.strip("\n"))
    return folder


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new))


def composed(folder: Path) -> Path:
    """With two models and an objective of terms."""
    for name in ("again", "sent-back"):
        (folder / f"models/{name}.toml").write_text(AGAIN)
    edit(folder, "slots/for-you.toml", 'model = "likes"', 'model = "likes"\nother_models = ["again"]')
    edit(folder, "slots/for-you.toml", "objective = 'score + double(item.price - item.cost) / 10000.0'\n", "")
    edit(folder, "slots/for-you.toml", "[payload]", TERMS.strip("\n"))
    return folder


def told(folder: Path) -> list[str]:
    with pytest.raises(CompileError) as caught:
        read_sources(folder)
    return [f"{p.file} {p.code} {p.message}" for p in caught.value.problems]


def read(folder: Path) -> Sources:
    return read_sources(folder)


def test_generators_are_read_with_their_rules(folder: Path) -> None:
    sources = read(folder)
    spec = sources.slots["for-you"].spec
    _, filtered, near, trending, cart, pool = spec.retrieve
    assert isinstance(filtered, Filter)
    assert near == Neighbours(of="slots/for-you:retrieve[2].of", column="goes_with", limit=6, recent=3, quota=2)
    assert trending == Trending(key="slots/for-you:retrieve[3].key", column="trending", limit=5)
    assert cart == PerVisitor(feature="cart_items", root=Root.VISITOR_STATE, limit=4)
    assert pool == Pool(ids=("t-07",), quota=1)
    assert sources.rules["slots/for-you:retrieve[2].of"].form is Form.REQUEST


def test_generators_run_once_they_are_compiled(folder: Path) -> None:
    bundle = without_models(folder)
    assert {"generator/neighbours", "generator/trending"} <= set(bundle.manifest.capabilities)
    loaded = load(bundle)
    assert [each.quota for each in loaded.slots["for-you"].generators] == [0, 0, 2, 0, 0, 1]
    column = loaded.snapshot.tables["teas"].columns["goes_with"]
    assert column.value_at(0) == {"t-09": 10.0, "t-10": 11.0, "t-11": 12.0}


WRONG = [
    ('column = "goes_with"', 'column = "notez"', "E112 unknown column of type numbers: `notez`"),
    ('column = "goes_with"', 'column = "title"', "E112 unknown column of type numbers: `title`"),
    ("recent = 3", "recent = 0", "E107 `retrieve[2].recent` is 0"),
    ("quota = 2", "quota = -1", "E107 `retrieve[2].quota` is -1"),
    ("quota = 2", "quota = 1000", "E130 the quotas of the generators sum up to 1001, over the cap of 1000"),
    ('root = "visitor_state"', 'root = "request"', "E112 unknown root: `request`"),
    (
        'feature = "cart_items"',
        'feature = "own_teas"',
        "E112 unknown `visitor_state` feature of type strings: `own_teas`",
    ),
    ("key = 'request.device'\n", "", "E105 a generator needs the key `key`"),
    ('generator = "trending"', 'generator = "trendy"', "E112 unknown generator: `trendy`"),
]


@pytest.mark.parametrize(("old", "new", "problem"), WRONG)
def test_a_slip_in_a_generator_is_told(folder: Path, old: str, new: str, problem: str) -> None:
    edit(folder, "slots/for-you.toml", old, new)
    assert f"slots/for-you.toml {problem}" in told(folder)


def test_rules_of_generators_have_their_types(folder: Path) -> None:
    edit(folder, "slots/for-you.toml", "key = 'request.device'", "key = 'request.is_gift'")
    with pytest.raises(CompileError, match="string"):
        check(folder)


def test_a_computed_column_is_no_column_of_the_file(folder: Path) -> None:
    loaded = without_models(folder)
    assert "column/teas/goes_with" in loaded.sections
    edit(folder, "edgewise.toml", 'goes_with = { type = "numbers",', 'goes_with = { type = "numbers", live = true,')
    assert told(folder) == ["edgewise.toml E115 column `goes_with` is computed from what goes together, once per build"]


def test_an_objective_of_terms_is_read(folder: Path) -> None:
    spec = read(composed(folder)).slots["for-you"].spec
    assert spec.objective is None
    assert spec.other_models == ("again",)
    assert spec.terms == (
        Term(name="likely", weight=1.0, rule="slots/for-you:objective.likely"),
        Term(name="margin", weight=0.5, rule="slots/for-you:objective.margin"),
        Term(name="second", weight=-0.25, rule="slots/for-you:objective.second"),
    )


def test_all_models_of_a_slot_read_its_table(folder: Path) -> None:
    sources = read(composed(folder))
    assert sources.rules["models/again:inputs.caffeine"].tables == ("teas",)
    loaded = load(without_models(folder))
    assert [model.spec.name for model in loaded.slots["for-you"].other_models] == ["again"]
    assert [term.name for term in loaded.slots["for-you"].terms] == ["likely", "margin", "second"]


WRONG_TERMS = [
    ("weight = -0.25", 'weight = "less"', 'E106 `objective.second.weight` must be a number, not "less"'),
    ("expr = 'score'\n\n[objective.margin]", "[objective.margin]", "E105 a term of an objective needs the key `expr`"),
    ("[objective.likely]", "[objective.as]", "E110 `as` cannot name a term: expressions could not read it"),
    (
        'other_models = ["again"]',
        'other_models = ["likes"]',
        "E131 other models stand beside `model`, and each is another one",
    ),
    (
        'other_models = ["again"]',
        'other_models = ["sent-back"]',
        "E110 `sent-back` cannot name a model beside another: expressions could not read it",
    ),
    ('other_models = ["again"]', 'other_models = ["again", "again"]', "E113 `other_models` names `again` twice"),
]


@pytest.mark.parametrize(("old", "new", "problem"), WRONG_TERMS)
def test_a_slip_in_an_objective_is_told(folder: Path, old: str, new: str, problem: str) -> None:
    edit(composed(folder), "slots/for-you.toml", old, new)
    assert f"slots/for-you.toml {problem}" in told(folder)


def test_rights_are_read_and_shipped(folder: Path) -> None:
    edit(
        folder, "edgewise.toml", "content = true", "content = true\npricing = 'visitor.orders > 3'\nexperience = false"
    )
    edit(folder, "slots/for-you.toml", 'sticky = "session"', 'sticky = "session"\ndecision_right = "pricing"')
    bundle = without_models(folder)
    slots = bundle.read("slots", SlotSet)
    assert slots.decision_rights == {"content": True, "experience": False, "pricing": "decision_rights/pricing"}
    assert slots.slots[1].decision_right is DecisionRight.PRICING
    assert load(bundle).slots["for-you"].eligible is not None


WRONG_RIGHTS = [
    ("content = true", "contents = true", "E112 unknown decision right: `contents`"),
    ("content = true", "content = 1", "E106 `decision_rights.content` must be a CEL expression in quotes, not 1"),
]


@pytest.mark.parametrize(("old", "new", "problem"), WRONG_RIGHTS)
def test_a_slip_in_a_right_is_told(folder: Path, old: str, new: str, problem: str) -> None:
    edit(folder, "edgewise.toml", old, new)
    assert told(folder) == [f"edgewise.toml {problem}"]


def test_a_slot_names_a_right_there_is(folder: Path) -> None:
    edit(folder, "slots/for-you.toml", 'sticky = "session"', 'sticky = "session"\ndecision_right = "prices"')
    assert told(folder) == ["slots/for-you.toml E112 unknown decision right: `prices`"]


def test_conditions_of_rights_are_checked(folder: Path) -> None:
    edit(folder, "edgewise.toml", "content = true", "content = 'visitor.order > 3'")
    with pytest.raises(CompileError, match="order"):
        check(folder)


POOL = 'generator = "pool"\nids = ["next-day", "two-days", "courier"]'
NEAR = 'column = "near"\nlimit = 3'
LISTED = 'generator = "per_visitor"\nroot = "visitor_state"\nfeature = "cart_items"\nlimit = 3'
AGAINST = 'guards = []\nmodel = "story"\nother_models = ["again"]'
CONSENT = {
    "neighbours": ("slots/delivery.toml", POOL, f"generator = 'neighbours'\nof = 'visitor_state.cart_items'\n{NEAR}"),
    "a bucket": ("slots/delivery.toml", POOL, f"generator = 'trending'\nkey = 'string(visitor.orders)'\n{NEAR}"),
    "a list of the cookie": ("slots/delivery.toml", POOL, LISTED),
    "a term": ("slots/delivery.toml", "[payload]", "[objective.often]\nexpr = 'double(visitor.orders)'\n\n[payload]"),
    "a right": ("edgewise.toml", "content = true", "content = 'visitor.orders > 3'"),
    "another model": ("slots/delivery.toml", "guards = []", AGAINST),
}


@pytest.mark.parametrize("place", CONSENT)
def test_consent_is_traced_through_it(folder: Path, place: str) -> None:
    composed(folder)
    edit(folder, "models/again.toml", "caffeine = 'item.caffeine'\n", "")
    edit(
        folder,
        "models/story.toml",
        "affinity = { expr = 'visitor.affinity[item.kind]', missing = 0.0 }\nweight = 'item.weight'\n",
        "",
    )
    (folder / "slots/hero.toml").unlink()
    edit(folder, "edgewise.toml", '"hero", ', "")
    near = 'near = { type = "numbers", cooccurrence = { source = "data/none.csv" } }'
    (folder / "data/none.csv").write_text("item,other,strength\n")
    edit(folder, "edgewise.toml", 'is_phone_only = { type = "bool" }', f'is_phone_only = {{ type = "bool" }}\n{near}')
    assert survey(folder).problems == ()
    assert {problem.severity for problem in check(folder).warnings} <= {"warning"}
    file, old, new = CONSENT[place]
    edit(folder, file, old, new)
    with pytest.raises(CompileError) as refused:
        check(folder)
    errors = [problem for problem in refused.value.problems if problem.severity == "error"]
    assert {(problem.code, "`delivery`" in problem.message) for problem in errors} == {("E504", True)}


def test_the_parts_are_packed_alike_each_time(folder: Path) -> None:
    composed(folder)
    first: Bundle = without_models(folder)
    assert first.revision == without_models(folder).revision
