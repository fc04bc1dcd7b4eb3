"""Caps and splits as sources write them: what is read, what is refused and where."""

import shutil
from pathlib import Path

import pytest

from compiler.build import build, check
from compiler.diagnostics import CompileError
from compiler.places import Value, read_toml
from compiler.reading.caps import read_cap
from compiler.reading.fields import Log
from contracts.features import FeatureSchema, FoldSpec, FoldWindow, Root
from contracts.slots import AnyCap, Cap, CapPer, CapWindow, RecencyCap
from engine.load import load


def value(text: str) -> Value:
    document = read_toml("slot.toml", f"cap = {text}").raw
    assert isinstance(document, dict)
    return document["cap"]


@pytest.mark.parametrize(
    ("text", "cap"),
    [
        ('{ name = "c", limit = 3, window = "week" }', Cap(name="c", limit=3, window=CapWindow.WEEK)),
        (
            '{ name = "c", limit = 1, window = "day", per = "slot", overshoot = 4, synced = true }',
            Cap(name="c", limit=1, window=CapWindow.DAY, per=CapPer.SLOT, overshoot=4, is_synced=True),
        ),
        ('{ name = "c", apart = "3d" }', RecencyCap(name="c", apart_s=3 * 86_400)),
        (
            '{ name = "c", apart = "30m", per = "slot", synced = true }',
            RecencyCap(name="c", apart_s=1800, per=CapPer.SLOT, is_synced=True),
        ),
        (
            '{ name = "c", limit = 3, window = "week", spares = ["none"] }',
            Cap(name="c", limit=3, window=CapWindow.WEEK, spares=("none",)),
        ),
        ('{ name = "c", apart = 4, spares = ["none"] }', RecencyCap(name="c", apart=4, spares=("none",))),
        ('{ name = "c", apart = 4, overshoot = 2 }', RecencyCap(name="c", apart=4, overshoot=2)),
    ],
)
def test_caps_of_frequency_and_of_recency_are_read(text: str, cap: AnyCap) -> None:
    log: Log = []
    assert read_cap(value(text), log) == cap
    assert log == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{ name = "c", window = "day" }', ["E105 a cap needs the key `limit`"]),
        ('{ name = "c", limit = 0, window = "day" }', ["E107"]),
        ('{ name = "c", limit = 1, window = "day", overshoot = 0 }', ["E107"]),
        ('{ name = "c", limit = 1, window = "day", per = "page" }', ["E112 unknown value of `per`: `page`"]),
        ('{ name = "c", limit = 1, window = "visit", synced = true }', ["E127 cap `c` counts within a visit"]),
        ('{ name = "c", apart = 4, synced = true }', ["E127 cap `c` counts exposures apart"]),
        ('{ name = "c", apart = 4, per = "slot" }', ["E127 cap `c` counts exposures apart"]),
        ('{ name = "c", apart = 0 }', ["E107"]),
        ('{ name = "c", apart = "soon" }', ["E108"]),
        ('{ name = "c", apart = "3d", limit = 2 }', ["E104 a recency cap has no key `limit`"]),
    ],
)
def test_a_cap_that_cannot_be_meant_so_is_told_once(text: str, told: list[str]) -> None:
    log: Log = []
    read_cap(value(text), log)
    assert len(log) == len(told)
    for problem, wanted in zip(log, told, strict=True):
        assert f"{problem.code} {problem.message}".startswith(wanted)


@pytest.fixture
def folder(tea_folder: Path, tmp_path: Path) -> Path:
    """A tea shop to be changed."""
    return Path(shutil.copytree(tea_folder, tmp_path / "tea"))


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


SYNCED = 'caps = [{ name = "for-you-daily", limit = 5, window = "day", overshoot = 1, synced = true }]'
UNSYNCED = 'caps = [{ name = "for-you-daily", limit = 5, window = "day", overshoot = 1 }]'


def test_the_compiler_adds_the_feature_in_which_the_origin_counts(folder: Path) -> None:
    change(folder, "slots/for-you.toml", UNSYNCED, SYNCED)
    bundle = build(folder).bundle
    (counter,) = [spec for spec in bundle.read("schema", FeatureSchema).features if spec.name.startswith("cap:")]
    assert (counter.name, counter.root, counter.purpose) == ("cap:for-you-daily", Root.VISITOR, "personalisation")
    assert counter.fold == FoldSpec(
        fold="exposures",
        event="exposure",
        key="item",
        window=FoldWindow.ALL,
        limit=200,
        slot="for-you",
        within_s=86_400,
    )
    assert "fold/exposures" in bundle.manifest.capabilities
    assert load(bundle).slots["for-you"].caps[0].synced is not None


def test_nothing_is_added_for_caps_of_the_cookie(folder: Path) -> None:
    bundle = build(folder).bundle
    assert not [spec for spec in bundle.read("schema", FeatureSchema).features if spec.name.startswith("cap:")]
    assert "fold/exposures" not in bundle.manifest.capabilities


EXPERIMENT = '[[experiments]]\nname = "%s"\nlayer = "%s"\nslots = ["for-you"]\nstart = %s\nend = 1.0\n'
ARMS = 'arms = [{ name = "a", share = 1.0, policy = { name = "epsilon", epsilon = 0.1 } }]\n'
PROFILE = '[visitor.profile]\ntype = "string"\n%s\n[visitor.orders]'


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            [("[precompute]", '[[holdouts]]\nsalt = "global-2026"\nshare = 0.1\n[precompute]')],
            ["E126 two splits are named `global-2026`"],
        ),
        ([('salt = "global-2026"', 'salt = "layer/ranking"')], ["E126 the salt `layer/ranking` begins as those of"]),
        (
            [
                ("end = 1.0", "end = 0.5"),
                ("[precompute]", EXPERIMENT % ("explore-more", "ranking", 0.5) + ARMS + "[precompute]"),
            ],
            ["E126 two splits are named `explore-more`"],
        ),
        (
            [("[precompute]", EXPERIMENT % ("another", "hero", 0.0) + ARMS + "[precompute]")],
            ["E126 `explore-more` and `another` both set the policy of slot `for-you`, in two layers"],
        ),
        (
            [
                ("end = 1.0", "end = 0.5"),
                ("[precompute]", EXPERIMENT % ("another", "ranking", 0.5) + ARMS + "[precompute]"),
            ],
            [],
        ),
        (
            [
                ("end = 1.0", "end = 0.6"),
                ("[precompute]", EXPERIMENT % ("another", "ranking", 0.5) + ARMS + "[precompute]"),
            ],
            ["E126 `explore-more` and `another` overlap in layer `ranking`"],
        ),
        ([('name = "tea"', 'name = "tea"\nunit = "orders"')], ["E126 `visitor.orders` cannot name units"]),
        ([('name = "tea"', 'name = "tea"\nunit = "nobody"')], ["E112 unknown visitor feature: `nobody`"]),
        (
            [('name = "tea"', 'name = "tea"\nunit = "profile"'), ("[visitor.orders]", PROFILE % 'max_age = "1d"')],
            ["E126 `visitor.profile` cannot name units"],
        ),
    ],
)
def test_splits_that_depend_on_each_other_are_told(
    folder: Path, changes: list[tuple[str, str]], told: list[str]
) -> None:
    for old, new in changes:
        change(folder, "edgewise.toml", old, new)
    problems = problems_of(folder)
    assert len(problems) == len(told), problems
    for problem, wanted in zip(problems, told, strict=True):
        assert problem.startswith(wanted)


def test_a_synced_cap_needs_a_purpose(folder: Path) -> None:
    change(
        folder,
        "slots/delivery.toml",
        "guards = []",
        'guards = []\ncaps = [{ name = "d", limit = 1, window = "day", synced = true }]',
    )
    assert [problem[:4] for problem in problems_of(folder)] == ["E127"]


def test_a_unit_that_the_feed_tells_reaches_the_bundle(folder: Path) -> None:
    change(folder, "edgewise.toml", 'name = "tea"', 'name = "tea"\nunit = "profile"')
    change(folder, "edgewise.toml", "[visitor.orders]", PROFILE % "")
    assert load(build(folder).bundle).experiments.unit == "profile"
    assert [problem.code for problem in check(folder).warnings if "profile" in problem.message] == []


def problems_of(folder: Path) -> list[str]:
    try:
        check(folder)
    except CompileError as error:
        return [f"{each.code} {each.message}" for each in error.problems if each.code[0] == "E"]
    return []
