"""What another bundle would have decided: counted by slot, tier, item and group, with the first differing stage."""

from dataclasses import replace as replaced

import pytest
from msgspec.structs import replace
from records import DELTAS, record_of, recording

from contracts.bundle import Bundle
from contracts.decision import Override
from contracts.features import FeatureSpec, Root, ValueType
from contracts.record import DecisionRecord
from contracts.slots import Cap, CapWindow, RecencyCap
from deploy.replays.counterfactual import QA, Counterfactual
from deploy.replays.counterfactual_text import counterfactual_text
from deploy.replays.jobs import merged
from deploy.replays.shifts import CounterfactualReport, Tally
from engine.load import LoadedBundle, load
from engine.records import sealed


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


@pytest.fixture(scope="module")
def records(loaded: LoadedBundle) -> list[DecisionRecord]:
    return [record_of(loaded, number) for number in range(12)]


def told(other: LoadedBundle, known: LoadedBundle, *records: DecisionRecord) -> CounterfactualReport:
    job = Counterfactual(other, {known.revision: known})
    for part in recording(*records):
        job.take(part, 1)
    return job.result().report(other.revision)


def changed(loaded: LoadedBundle, slot: str, **parts: object) -> LoadedBundle:
    """The bundle with another slot of this name."""
    return replaced(loaded, slots={**loaded.slots, slot: replaced(loaded.slots[slot], **parts)})  # type: ignore[arg-type]


def test_the_same_bundle_changes_nothing(loaded: LoadedBundle, records: list[DecisionRecord]) -> None:
    report = told(loaded, loaded, *records)
    assert report.records == 12
    assert report.visitors.changed == 0
    assert {slot.changed + slot.propensities for slot in report.slots.values()} == {0}
    assert report.examples == ()
    assert (report.unrecorded, report.tables, report.skipped) == ((), (), {})


def test_a_lost_model_is_a_change_of_tier_told_by_its_problem(
    loaded: LoadedBundle, records: list[DecisionRecord]
) -> None:
    model = loaded.slots["hero"].model
    assert model
    report = told(changed(loaded, "hero", model=replaced(model, scorer=None)), loaded, *records)
    hero = report.slots["hero"]
    held_out = sum(record.result.decisions[0].tier == "plain" for record in records)
    assert hero.tiers == {"model -> rules, no_model": 12 - held_out}
    assert set(hero.stages) == {"score"}
    assert report.visitors.changed == hero.changed
    assert report.slots["delivery"].changed == 0


def test_another_policy_parts_at_explore(loaded: LoadedBundle, records: list[DecisionRecord]) -> None:
    greedy = loaded.slots["delivery"].policy
    other = replaced(changed(loaded, "hero", policy=greedy), experiments=replace(loaded.experiments, experiments=()))
    report = told(other, loaded, *records)
    hero = report.slots["hero"]
    assert set(hero.stages) <= {"explore"}
    assert hero.changed + hero.propensities > 0


def test_slots_that_one_of_them_lacks_are_counted(loaded: LoadedBundle, records: list[DecisionRecord]) -> None:
    other = replaced(loaded, pages={"home": ("hero", "delivery")})
    assert told(other, loaded, *records).slots["for-you"].tiers == {"slot -> (no slot)": 12}
    short = record_of(other, 1)
    assert told(loaded, other, short).slots["for-you"].tiers == {"(no slot) -> slot": 1}
    elsewhere = replaced(loaded, pages={}, slots={})
    assert told(elsewhere, loaded, short).skipped == {"the other bundle has none of its slots": 1}


def test_slots_asked_for_by_name_stay_those(loaded: LoadedBundle) -> None:
    record = record_of(loaded, 1, page=None, slots=("delivery",))
    assert list(told(loaded, loaded, record).slots) == ["delivery"]


def test_what_cannot_be_compared_is_skipped_with_its_reason(
    loaded: LoadedBundle, records: list[DecisionRecord]
) -> None:
    altered, masked = replace(records[0], node="x"), sealed(replace(records[1], masked=("request.zip",)))
    job = Counterfactual(loaded, {})
    for part in recording(altered, masked, records[2], records[3], deltas=DELTAS[:1]):
        job.take(part, 1)
    report = job.result().report("r")
    assert report.records == 0
    assert [(count, why.partition(":")[0]) for why, count in report.skipped.items()] == [
        (2, "the recording lacks delta 2 of table teas in epoch e, the record read 2"),
        (1, "the record was altered"),
        (1, "masked"),
    ]


def test_who_asked_with_a_qa_token_counts_for_nobody(loaded: LoadedBundle) -> None:
    model = loaded.slots["hero"].model
    assert model
    other = changed(loaded, "hero", model=replaced(model, scorer=None))
    shoppers = [record_of(loaded, 1), record_of(loaded, 3)]
    testers = [record_of(loaded, 5, qa=Override()), record_of(loaded, 7, qa=Override(arms={"explore-more": "control"}))]
    masked = sealed(replace(record_of(loaded, 9, qa=Override(is_held_out=True)), masked=("request.zip",)))
    alone, mixed = told(other, loaded, *shoppers), told(other, loaded, *testers, *shoppers, masked)
    assert mixed.skipped == {QA: 3}
    assert (mixed.visitors.decided, mixed.visitors.changed) == (2, 2)
    assert (mixed.slots, mixed.groups) == (alone.slots, alone.groups)
    assert f"3 skipped: {QA}\n" in counterfactual_text(mixed)


def test_what_was_not_recorded_is_named(loaded: LoadedBundle, records: list[DecisionRecord]) -> None:
    new = FeatureSpec(name="mood", root=Root.VISITOR, type=ValueType.STRING)
    schema = replace(loaded.schema, features=(*loaded.schema.features, new))
    other = replaced(loaded, revision="other", schema=schema, catalog_digests={**loaded.catalog_digests, "teas": "x"})
    report = told(other, loaded, *records)
    assert (report.unrecorded, report.tables) == (("visitor.mood",), ("teas",))
    text = counterfactual_text(report)
    assert "the catalog differs too: teas" in text
    assert "not recorded as the other bundle reads it: visitor.mood" in text


def test_what_was_counted_otherwise_is_named(loaded: LoadedBundle, records: list[DecisionRecord]) -> None:
    (cap,) = loaded.slots["for-you"].spec.caps
    assert isinstance(cap, Cap)
    for changes, named in (
        ({"limit": 1}, ()),
        ({"window": CapWindow.WEEK}, ("exposures.for-you-daily",)),
        ({"name": "weekly"}, ("exposures.weekly",)),
    ):
        spec = replace(loaded.slots["for-you"].spec, caps=(replace(cap, **changes),))
        assert told(changed(loaded, "for-you", spec=spec), loaded, *records).unrecorded == named
    recency = [RecencyCap(name="for-you-daily", apart=apart) for apart in (2, 2, 3)]
    shelves = [changed(loaded, "for-you", spec=replace(loaded.slots["for-you"].spec, caps=(each,))) for each in recency]
    known = replaced(shelves[0], revision=loaded.revision)
    assert told(shelves[1], known, *records).unrecorded == ()
    assert told(shelves[2], known, *records).unrecorded == ("exposures.for-you-daily",)
    folded = [spec for spec in loaded.schema.features if spec.fold is not None]
    refolded = replace(folded[0], fold=replace(folded[0].fold, limit=3))
    features = tuple(refolded if spec is folded[0] else spec for spec in loaded.schema.features)
    other = replaced(loaded, revision="other", schema=replace(loaded.schema, features=features))
    assert told(other, loaded, *records).unrecorded == (f"{refolded.root}.{refolded.name}",)


def test_groups_say_for_whom(loaded: LoadedBundle) -> None:
    model = loaded.slots["hero"].model
    assert model
    other = changed(loaded, "hero", model=replaced(model, scorer=None))
    anonymous = record_of(loaded, 2, granted=(), units={})
    report = told(other, loaded, record_of(loaded, 1), record_of(loaded, 3), anonymous)
    assert report.visitors.decided == 2
    groups = {name: (shift.changed, shift.decided) for name, shift in report.groups.items()}
    assert groups["without consent"] == (0, 1)
    assert groups["with consent"] == (2, 2)
    assert groups["device desktop"] == (2, 2)
    assert sum(decided for name, (_, decided) in groups.items() if name.startswith("explore-more")) == 2


def test_tallies_add_up_to_what_one_process_counts(loaded: LoadedBundle, records: list[DecisionRecord]) -> None:
    model = loaded.slots["hero"].model
    assert model
    other = changed(loaded, "hero", model=replaced(model, scorer=None))
    tallies: list[Tally] = []
    for half, first in ((records[:5], 1), (records[5:], 6)):
        job = Counterfactual(other, {loaded.revision: loaded})
        job.take(recording(*half)[0], first)
        tallies.append(job.result())
    assert merged(reversed(tallies)).report(other.revision) == told(other, loaded, *records)
