import shutil
from pathlib import Path

import pytest

from compiler.build import build
from compiler.diagnostics import CompileError
from contracts.bundle import Bundle
from contracts.controls import Controls
from contracts.decision import Cause, DecisionRequest, Tier
from contracts.fallback import FallbackTable, SlotFallback
from contracts.features import Cursor, FeatureDelta
from engine.decide import decide
from engine.load import load
from engine.snapshot import Snapshot


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tea_folder, tmp_path / "tea"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def tables_of(bundle: Bundle) -> dict[str, SlotFallback]:
    return {table.slot: table for table in bundle.read("fallbacks", FallbackTable).slots}


def test_every_bucket_and_the_rest_have_a_row(tea_bundle: Bundle) -> None:
    tables = tables_of(tea_bundle)
    assert tables["for-you"].keys == ("device", "is_gift")
    assert {row.key for row in tables["for-you"].rows} == {
        ("desktop", "false"),
        ("desktop", "true"),
        ("phone", "false"),
        ("phone", "true"),
        ("*", "*"),
    }
    assert [row.key for row in tables["delivery"].rows] == [("desktop",), ("phone",), ("*",)]


def test_answers_follow_rules_guards_and_pins(tea_bundle: Bundle) -> None:
    tables = tables_of(tea_bundle)
    assert {row.key: row.answer for row in tables["delivery"].rows} == {
        ("desktop",): ("next-day", "two-days", "courier"),
        ("phone",): ("courier", "next-day", "two-days"),
        ("*",): ("next-day", "two-days", "courier"),
    }
    for row in tables["for-you"].rows:
        assert row.answer[3] == "t-07"
        assert not {"t-04", "t-17", "t-11"} & set(row.answer)  # out of stock, below the margin floor


def test_a_slot_that_needs_consent_has_answers_that_are_personal_to_nobody(tea_bundle: Bundle) -> None:
    assert all(row.answer for row in tables_of(tea_bundle)["hero"].rows)


def test_spares_stand_in_for_what_cannot_be_shown_any_more(tea_bundle: Bundle) -> None:
    loaded = load(tea_bundle)
    request = DecisionRequest(request_id="r", now=1, slots=("for-you",), granted=loaded.schema.purposes)

    def shown(snapshot: Snapshot) -> tuple[str, ...]:
        late = decide(loaded, request, snapshot, Controls(), lambda slot, stage: True).decisions[0]
        assert (late.tier, late.cause) == (Tier.FALLBACK, Cause.LATE)
        return late.answer

    before = shown(loaded.snapshot)
    sold_out = [FeatureDelta(table="teas", seq=1, entity=tea, as_of=0, values={"stock": 0}) for tea in before[:2]]
    after = shown(loaded.snapshot.with_deltas(sold_out, Cursor()))
    assert len(before) == len(set(after)) == 4
    assert after[0] == before[2]
    assert after[3] == before[3] == "t-07", "a pin stays where it is"


def test_an_exploring_policy_does_not_decide_fallbacks(tea: Path) -> None:
    greedy = tables_of(build(tea).bundle)
    edit(tea / "slots/hero.toml", "epsilon = 0.1", "epsilon = 1.0")
    assert tables_of(build(tea).bundle) == greedy


def test_a_slot_without_keys_has_the_one_row(tea: Path) -> None:
    edit(tea / "slots/hero.toml", 'fallback_keys = ["device"]\n', "")
    (row,) = tables_of(build(tea).bundle)["hero"].rows
    assert row.key == ()
    assert len(set(row.answer)) == len(row.answer) == 4


def test_a_bucket_for_which_the_slot_is_not_eligible_is_empty(tea: Path) -> None:
    edit(tea / "slots/delivery.toml", "guards = []", "guards = []\neligible = 'request.device == \"phone\"'")
    built = build(tea)
    assert [row.answer for row in tables_of(built.bundle)["delivery"].rows] == [
        (),
        ("courier", "next-day", "two-days"),
        (),
    ]
    assert built.report.empty_fallback_rows == 2


def test_too_many_buckets_are_refused(tea: Path) -> None:
    edit(tea / "edgewise.toml", "max_rows = 64", "max_rows = 4")
    with pytest.raises(CompileError) as refused:
        build(tea)
    assert str(refused.value).splitlines() == [
        "slots/for-you.toml:19:17: E503: the fallback table of slot `for-you` needs 5 rows, at most 4 are allowed",
        '  | fallback_keys = ["device", "is_gift"]',
        "  |                 ^",
        "  = use fewer fallback_keys, or raise max_rows in [precompute]",
    ]


def test_a_slot_whose_generators_never_find_anything_is_refused(tea: Path) -> None:
    edit(
        tea / "slots/delivery.toml",
        'generator = "pool"\nids = ["next-day", "two-days", "courier"]',
        "generator = \"filter\"\nwhere = 'item.hours > 1000'\nlimit = 3",
    )
    with pytest.raises(CompileError) as refused:
        build(tea)
    (problem,) = refused.value.problems
    assert (problem.code, problem.file) == ("E502", "slots/delivery.toml")
    assert problem.message == "slot `delivery` has no candidates: its generators find no item in the catalog"
