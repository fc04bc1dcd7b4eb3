import shutil
from pathlib import Path

import pytest

from compiler.diagnostics import CompileError
from compiler.reading.expressions import GUARD, RERANK, UNUSED
from compiler.sources import Sources, read_sources, survey
from contracts.bundle import InputSpec
from contracts.catalog import ColumnSpec
from contracts.features import FoldSpec, FoldWindow, OnExpired, Root, ValueType
from contracts.rule_ir import Form
from contracts.slots import Filter, PerVisitor, PolicySpec

TEA = Path(__file__).parents[3] / "deploy/template"


@pytest.fixture(scope="module")
def tea() -> Sources:
    return read_sources(TEA)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tea shop, to be spoiled."""
    return Path(shutil.copytree(TEA, tmp_path / "tea"))


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


def told(folder: Path) -> list[str]:
    """`file:line:column code message` of each problem."""
    with pytest.raises(CompileError) as caught:
        read_sources(folder)
    return [f"{p.file}:{p.line}:{p.column} {p.code} {p.message}" for p in caught.value.problems]


def test_features_come_with_purpose_age_and_default(tea: Sources) -> None:
    orders = next(spec for spec in tea.schema.features if spec.name == "orders")
    assert (orders.root, orders.type, orders.purpose) == (Root.VISITOR, ValueType.INT, "personalisation")
    assert (orders.max_age_s, orders.on_expired, orders.default) == (21 * 86_400, OnExpired.FALLBACK, 0)
    assert tea.max_staleness_s == 8 * 86_400
    assert tea.schema.purposes == tuple(tea.purposes) == ("personalisation",)


def test_folds_are_read(tea: Sources) -> None:
    kinds = next(spec for spec in tea.schema.of(Root.VISITOR_STATE) if spec.name == "viewed_kinds")
    assert kinds.fold == FoldSpec(fold="count_by_key", event="view", key="item.kind", window=FoldWindow.VISIT, limit=10)


def test_tables_have_their_key_first(tea: Sources) -> None:
    teas = tea.tables["teas"]
    assert teas.columns[0] == ColumnSpec(name="id", type=ValueType.STRING)
    price = next(column for column in teas.columns if column.name == "price")
    assert price.is_live
    assert not price.is_nullable
    assert teas.csv == TEA / "data/teas.csv"
    assert teas.places["tables.teas.source"].source_line == 'source = "data/teas.csv"'


def test_slots_name_rules_by_place(tea: Sources) -> None:
    spec = tea.slots["for-you"].spec
    assert spec.retrieve == (
        PerVisitor(feature="own_teas", limit=12),
        Filter(
            where="slots/for-you:retrieve[1].where",
            match="slots/for-you:retrieve[1].match",
            order="slots/for-you:retrieve[1].order",
            limit=16,
        ),
    )
    assert spec.policy == PolicySpec(name="epsilon", params={"epsilon": 0.05})
    assert spec.payload["price"].rule == "slots/for-you:payload.price"
    assert tea.slots["for-you"].places["pins[0].item"].column == 18


def test_every_rule_name_has_its_expression(tea: Sources) -> None:
    for slot in tea.slots.values():
        named = {*slot.spec.guards, *slot.spec.boosts, *(field.rule for field in slot.spec.payload.values())}
        assert named <= set(tea.rules)
    assert {spec.rule for model in tea.models.values() for spec in model.inputs} <= set(tea.rules)


def test_expressions_know_form_table_and_place(tea: Sources) -> None:
    where = tea.rules["slots/for-you:retrieve[1].where"]
    assert (where.form, where.table, where.text) == (Form.COLUMNS, "teas", "item.stock > 0")
    assert (where.where.file, where.where.line, where.where.column) == ("slots/for-you.toml", 29, 10)
    assert where.use.roots == (Root.ITEM,)
    payload = tea.rules["slots/hero:payload.title"]
    assert (payload.form, payload.table, payload.use.results) == (Form.REQUEST, "stories", ("string",))


def test_named_rules_are_for_what_slots_use_them_for(folder: Path) -> None:
    (folder / "rules/more.toml").write_text("[spare]\nexpr = 'item.stock > 3'\n")
    rules = read_sources(folder).rules
    assert rules["in_stock"].use == GUARD
    assert rules["gift_boost"].use == RERANK
    assert (rules["spare"].use, rules["spare"].tables) == (UNUSED, ())


def test_models_read_the_tables_of_their_slots(tea: Sources) -> None:
    likes = tea.models["likes"]
    assert (likes.exporter, likes.file, likes.output) == ("lightgbm", "models/likes.txt", "margin")
    assert likes.inputs[0] == InputSpec(name="affinity", rule="models/likes:inputs.affinity", missing=0.0)
    assert [spec.missing for spec in likes.inputs] == [0.0, "nan", "nan", "nan", "nan", "nan"]
    assert tea.rules["models/likes:inputs.is_own"].tables == ("teas",)


def test_pages_experiments_and_precompute(tea: Sources) -> None:
    assert tea.pages == {"home": ("hero", "for-you", "delivery")}
    assert tea.experiments.experiments[0].arms[1].policy == PolicySpec(name="epsilon", params={"epsilon": 0.3})
    assert (tea.precompute_now, tea.max_rows) == (1_767_600_000_000_000, 64)


def test_the_lock_is_read(folder: Path) -> None:
    digest = "0f" * 32
    (folder / "models.lock").write_text(f"{digest}  models/likes.txt\n\n")
    assert read_sources(folder).lock == {"models/likes.txt": digest}


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path) == [f"edgewise.toml:1:1 E101 there is no edgewise.toml in {tmp_path}"]


def test_all_files_that_are_not_toml_are_named_together(folder: Path) -> None:
    (folder / "rules/guards.toml").write_text("[in_stock]\nexpr == 'x'\n")
    (folder / "slots/hero.toml").write_bytes(b"kind = 'a'\ntable = '\xff'\n")
    assert told(folder) == [
        "rules/guards.toml:2:7 E102 this is not TOML: invalid value",
        "slots/hero.toml:2:1 E103 this file is not UTF-8 text",
    ]


CASES = [
    ("slots/delivery.toml", 'kind = "value"', 'kind = "zzz"', ["E112 unknown slot kind: `zzz`"]),
    ("edgewise.toml", 'fold = "last_n"', 'fold = "zzz"', ["E112 unknown fold: `zzz`"]),
    ("edgewise.toml", "start = 0.0", "start = '0'", ['E106 `experiments[0].start` must be a number, not "0"']),
    (
        "edgewise.toml",
        "max_rows = 64",
        "max_rows = 6.4",
        ["E106 `precompute.max_rows` must be a whole number, not 6.4"],
    ),
    (
        "edgewise.toml",
        "max_rows = 64",
        "max_rows = true",
        ["E106 `precompute.max_rows` must be a whole number, not true"],
    ),
    ("edgewise.toml", 'name = "tea"', "name = 7", ["E106 `name` must be a string, not 7"]),
    (
        "edgewise.toml",
        'slots = ["for-you"]',
        "slots = 2026-01-01",
        ["E106 `experiments[0].slots` must be an array, not a date"],
    ),
    (
        "edgewise.toml",
        'type = "int"\npurpose',
        'type = "int"\nvalues = ["a"]\npurpose',
        ["E117 `orders` is of type int"],
    ),
    (
        "slots/for-you.toml",
        'generator = "per_visitor"',
        "generator = 1",
        ["E106 `retrieve[0].generator` must be a string, not 1"],
    ),
    ("slots/for-you.toml", "limit = 16", "limit = 0", ["E107 `retrieve[1].limit` is 0"]),
    (
        "edgewise.toml",
        'name = "tea"',
        "nam = 'tea'",
        ["E105 a bundle needs the key `name`", "E104 a bundle has no key `nam`"],
    ),
    ("edgewise.toml", 'type = "bool"', 'type = "boole"', ["E112 unknown type: `boole`"]),
    ("edgewise.toml", 'default = "desktop"', 'default = "tv"', ['E117 the default "tv" is none of its `values`']),
    ("edgewise.toml", "share = 0.05", "share = true", ["E106 `holdouts[0].share` must be a number, not true"]),
    ("edgewise.toml", "share = 0.05", "share = nan", ["E106 `holdouts[0].share` must be a number, not nan"]),
    ("edgewise.toml", "share = 0.05", 'share = 0.1\nuse_case = "story"', ["E112 unknown use case: `story`"]),
    ("edgewise.toml", "end = 1.0", "end = 0.0", ["E126 experiment `explore-more` ends where it starts, or before"]),
    ("edgewise.toml", "weight = { type", "id = { type = 'int' }\nweight = { type", ["E114 column `id` is the key"]),
    (
        "edgewise.toml",
        "now = 2026-01-05T08:00:00Z",
        "now = 2026-01-05T08:00:00",
        ["E109 `precompute.now` must be an instant"],
    ),
    (
        "edgewise.toml",
        "[tables.teas]\n",
        "[tables.'my teas']\nsource = ''\ncolumns = {}\n[tables.teas]\n",
        ["E110 `my teas` cannot name a table"],
    ),
    (
        "edgewise.toml",
        "[visitor.orders]",
        "[visitor.Orders_]\ntype = 'int'\n[visitor.orders]",
        ["E111 feature `orders` is spelled almost like `Orders_`"],
    ),
    ("edgewise.toml", "[visitor.orders]", "[visitor.in]", ["E110 `in` cannot name a feature"]),
    (
        "edgewise.toml",
        'event = "add_to_cart", key',
        'event = "add_to_cart", emptied_by = "add_to_cart", key',
        ["E118 event `add_to_cart` stands twice in fold `last_n`"],
    ),
    (
        "edgewise.toml",
        'fold = "last_n", event = "add_to_cart", key = "item", window = "visit", limit = 20',
        'fold = "recency", event = "add_to_cart", undone_by = "drop"',
        ["E118 fold `recency` does not give strings", "E118 fold `recency` cannot be undone"],
    ),
    ("edgewise.toml", 'key = "item.kind"', 'key = "visit"', ["E118 a fold cannot read `visit` of its event"]),
    ("slots/for-you.toml", 'table = "teas"', 'table = "tea"', ["E112 unknown table: `tea`"]),
    (
        "slots/for-you.toml",
        'guards = ["in_stock"',
        'guards = ["gift_boost"',
        ["E123 rule `gift_boost` is a guard of slot `for-you`"],
    ),
    (
        "slots/for-you.toml",
        "position = 3",
        "position = 4",
        ["E122 two pins share a position, or one is outside the slot's 4"],
    ),
    ("slots/for-you.toml", "size = 4", 'size = "4"', ['E106 `size` must be a whole number, not "4"']),
    ("slots/for-you.toml", "size = 4", "size = 400", ["E107 `size` is 400"]),
    (
        "slots/for-you.toml",
        'kind = "ranking"',
        'kind = "choice"',
        ["E121 a slot of kind `choice` has one answer, not 4"],
    ),
    (
        "slots/delivery.toml",
        'policy = { name = "greedy" }',
        'policy = { name = "epsilon", epsilon = 0.1 }',
        ["E119 policy `epsilon` does not draw for slots of kind `value`"],
    ),
    (
        "slots/delivery.toml",
        'policy = { name = "greedy" }',
        "policy = 'greedy'",
        ['E106 `policy` must be a table, not "greedy"', "E105 a policy needs the key `name`"],
    ),
    (
        "models/story.toml",
        "[inputs]",
        "inputs = {}\n[extra]",
        ["E124 model `story` has no inputs", "E104 a model has no key `extra`"],
    ),
    (
        "models/story.toml",
        "is_phone = '",
        "is_phone = 3 # '",
        ["E106 `inputs.is_phone` must be a CEL expression in quotes, not 3"],
    ),
]


def test_batch_and_site_are_paths_of_the_bundle(folder: Path) -> None:
    spoil(
        folder,
        "edgewise.toml",
        "[precompute]",
        "[batch]\nexpression = 'batch.py'\n[site]\nfolder = 'site'\n[precompute]",
    )
    sources = read_sources(folder)
    assert (sources.batch, sources.site) == ("batch.py", "site")


@pytest.mark.parametrize(("file", "old", "new", "wanted"), CASES)
def test_each_mistake_is_told_once_and_alone(folder: Path, file: str, old: str, new: str, wanted: list[str]) -> None:
    spoil(folder, file, old, new)
    found = told(folder)
    assert len(found) == len(wanted)
    for message in wanted:
        assert [text for text in found if message in text], found


def test_a_survey_goes_on_with_what_was_probably_meant(folder: Path) -> None:
    spoil(folder, "slots/for-you.toml", 'table = "teas"', 'table = "teass"')
    surveyed = survey(folder)
    assert len(surveyed.problems) == 1
    assert surveyed.sources.slots["for-you"].spec.table == "teas"
