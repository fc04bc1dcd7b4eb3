import shutil
from pathlib import Path

import pytest

from compiler.build import check
from compiler.diagnostics import CompileError, Problem, Where
from compiler.places import read_toml
from compiler.reading.fields import Log
from compiler.reading.policies import Drawing, policy_for
from compiler.reading.tables import TableSource
from compiler.sources import read_sources
from contracts.catalog import ColumnSpec
from contracts.features import FeatureSchema, FeatureSpec, Root, ValueType
from contracts.slots import PolicySpec, Weights

TEA = Path(__file__).parents[3] / "deploy/template"
SCHEMA = FeatureSchema(
    purposes=("personal",),
    features=(
        FeatureSpec(name="device", root=Root.REQUEST, type=ValueType.STRING, values=("phone", "desktop")),
        FeatureSpec(name="is_member", root=Root.REQUEST, type=ValueType.BOOL),
        FeatureSpec(name="zip", root=Root.REQUEST, type=ValueType.STRING),
        FeatureSpec(name="age", root=Root.REQUEST, type=ValueType.STRING, values=("old",), purpose="personal"),
    ),
)
COLUMNS = (
    ColumnSpec(name="id", type=ValueType.STRING),
    ColumnSpec(name="chance", type=ValueType.DOUBLE, is_live=True),
    ColumnSpec(name="chances", type=ValueType.NUMBERS, is_live=True),
    ColumnSpec(name="prior", type=ValueType.DOUBLE),
)
ARMS = TableSource("arms", COLUMNS, Path("arms.csv"), Where("edgewise.toml", 1, 1), {})
OTHERS = TableSource("others", COLUMNS[:2], Path("others.csv"), Where("edgewise.toml", 2, 1), {})
RANKING = Drawing(("ranking",), (ARMS,), SCHEMA)


def read(written: str, drawing: Drawing = RANKING) -> tuple[PolicySpec | None, list[Problem]]:
    log: Log = []
    document = read_toml("slots/shelf.toml", f"policy = {{ {written} }}")
    return policy_for(drawing)(document.raw["policy"], log), log  # type: ignore[call-overload, index]


def test_numbers_are_read_and_those_left_out_have_their_defaults() -> None:
    assert read('name = "softmax", temperature = 1') == (
        PolicySpec(name="softmax", params={"temperature": 1.0, "floor": 0.0}),
        [],
    )
    assert read('name = "igw", gamma = 30, floor = 0.02') == (
        PolicySpec(name="igw", params={"gamma": 30.0, "floor": 0.02}),
        [],
    )


def test_a_table_names_its_column() -> None:
    assert read('name = "table", column = "chance", max_age = "2d"') == (
        PolicySpec(name="table", params={"floor": 0.0}, weights=Weights(column="chance", max_age_s=172_800)),
        [],
    )
    for by in ("device", "is_member"):
        assert read(f'name = "table", column = "chances", by = "{by}"') == (
            PolicySpec(name="table", params={"floor": 0.0}, weights=Weights(column="chances", by=by)),
            [],
        )


def test_an_arm_of_several_slots_names_a_column_that_each_table_has() -> None:
    both = Drawing(("choice", "ranking"), (ARMS, OTHERS), SCHEMA)
    assert read('name = "table", column = "chance"', both)[1] == []
    assert [problem.message for problem in read('name = "table", column = "prior"', both)[1]] == [
        "unknown column: `prior`"
    ]


MISTAKES = [
    ('name = "sofmax", temperature = 1', ["19 E112 unknown policy: `sofmax` (did you mean `softmax`?)"]),
    ('name = "softmax"', ["10 E105 a policy needs the key `temperature` (add `temperature = ...` to `policy`)"]),
    (
        'name = "softmax", temprature = 1',
        [
            "10 E105 a policy needs the key `temperature` (add `temperature = ...` to `policy`)",
            "30 E104 a policy has no key `temprature` (did you mean `temperature`?)",
        ],
    ),
    (
        'name = "softmax", temperature = 0',
        ["44 E107 `policy.temperature` is 0 (choose a number from 1e-06 to 1000000.0)"],
    ),
    ('name = "igw", gamma = -1', ["34 E107 `policy.gamma` is -1 (choose a number from 0.0 to 1000000000.0)"]),
    ('name = "igw", gamma = nan', ["34 E106 `policy.gamma` must be a number, not nan (write a number)"]),
    ('name = "igw", gamma = 1, floor = 2', ["45 E107 `policy.floor` is 2 (choose a number from 0.0 to 1.0)"]),
    ('name = "greedy", floor = 0.1', ["29 E104 a policy has no key `floor` (there is `name`)"]),
    (
        'name = "igw", gamma = 1, column = "chance"',
        ["37 E104 a policy has no key `column` (there is `name`, `gamma` and `floor`)"],
    ),
    ('name = "table"', ["10 E105 a policy needs the key `column` (add `column = ...` to `policy`)"]),
    ('name = "table", column = "chanc"', ["37 E112 unknown column: `chanc` (did you mean `chance`?)"]),
    (
        'name = "table", column = "chance", by = "devise"',
        [
            "37 E119 column `chance` is of type double, this policy draws by numbers (a column of type double is read "
            "without `by`, one of type numbers by the request feature that `by` names)",
            "52 E112 unknown request feature with finitely many values: `devise` (did you mean `device`?)",
        ],
    ),
    (
        'name = "table", column = "chances", by = "zip"',
        ["53 E112 unknown request feature with finitely many values: `zip` (there is `device` and `is_member`)"],
    ),
    (
        'name = "table", column = "chances", by = "age"',
        ["53 E112 unknown request feature with finitely many values: `age` (there is `device` and `is_member`)"],
    ),
    (
        'name = "table", column = "prior", max_age = "1d"',
        [
            "56 E119 column `prior` does not come by feed: its values do not age (mark the column `live = true`, "
            "or remove `max_age`)"
        ],
    ),
]


@pytest.mark.parametrize(("written", "wanted"), MISTAKES)
def test_each_mistake_is_told_with_its_place(written: str, wanted: list[str]) -> None:
    _, problems = read(written)
    assert [f"{each.column} {each.code} {each.message} ({each.hint})" for each in sorted(problems)] == wanted


def test_a_policy_draws_for_every_kind_of_its_slots() -> None:
    _, problems = read('name = "igw", gamma = 1', Drawing(("value", "choice"), (ARMS,), SCHEMA))
    assert [problem.message for problem in problems] == ["policy `igw` does not draw for slots of kind `value`"]


@pytest.fixture
def tea(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TEA, tmp_path / "tea"))


def rewrite(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


EPSILON = 'policy = { name = "epsilon", epsilon = 0.1 }'


def test_a_slot_may_have_a_shadow(tea: Path) -> None:
    rewrite(tea, "slots/hero.toml", EPSILON, f'{EPSILON}\nshadow = {{ name = "igw", gamma = 5 }}')
    spec = read_sources(tea).slots["hero"].spec
    assert spec.policy.name == "epsilon"
    assert spec.shadow == PolicySpec(name="igw", params={"gamma": 5.0, "floor": 0.0})


def test_an_experiment_may_draw_by_a_table(tea: Path) -> None:
    arm = 'policy = { name = "epsilon", epsilon = 0.3 }'
    rewrite(tea, "edgewise.toml", arm, 'policy = { name = "table", column = "nothing" }')
    with pytest.raises(CompileError, match="unknown column: `nothing`"):
        read_sources(tea)


@pytest.mark.parametrize("key", ["policy", "shadow"])
def test_a_floor_must_leave_room_for_a_fixed_pool(tea: Path, key: str) -> None:
    bold = '{ name = "softmax", temperature = 1, floor = 0.3 }'
    rewrite(tea, "slots/hero.toml", EPSILON, f"policy = {bold}" if key == "policy" else f"{EPSILON}\nshadow = {bold}")
    with pytest.raises(CompileError) as caught:
        check(tea)
    (problem,) = caught.value.problems
    assert problem.message == "4 candidates cannot each have a propensity of at least 0.3"
    assert problem.hint == "choose a floor below 0.25, a draw as even as can be"
    assert problem.source_line[problem.column - 1 :].startswith("0.3")


def test_the_floor_of_an_arm_must_leave_room_too(tea: Path) -> None:
    arm = 'policy = { name = "epsilon", epsilon = 0.3 }'
    rewrite(tea, "edgewise.toml", arm, 'policy = { name = "softmax", temperature = 1, floor = 0.3 }')
    check(tea)  # how many candidates its slot has is not known
    rewrite(tea, "edgewise.toml", 'slots = ["for-you"]', 'slots = ["for-you", "hero"]')
    with pytest.raises(CompileError) as caught:
        check(tea)
    (problem,) = caught.value.problems
    assert problem.message == "4 candidates cannot each have a propensity of at least 0.3"
    assert (problem.file, problem.source_line[problem.column - 1 :][:3]) == ("edgewise.toml", "0.3")
    rewrite(tea, "edgewise.toml", "floor = 0.3", "floor = 0.25")
    check(tea)


def test_a_floor_over_candidates_of_unknown_number_is_left_to_the_engine(tea: Path) -> None:
    policy = 'policy = { name = "epsilon", epsilon = 0.05 }'
    rewrite(tea, "slots/for-you.toml", policy, 'policy = { name = "softmax", temperature = 1, floor = 0.3 }')
    assert read_sources(tea).slots["for-you"].spec.policy.params["floor"] == 0.3
    check(tea)
