from records import NOW, VISITOR, record_of

from contracts.bundle import Bundle
from contracts.features import FeatureDelta, Root
from edge.packed_deltas import packed_delta
from edge.recent import Recent
from edge.visitor_features import PackedVisitor
from engine.load import load


def test_the_newest_pages_are_remembered_as_they_were_made(tea_bundle: Bundle) -> None:
    loaded = load(tea_bundle)
    values = {name: known.value for name, known in VISITOR.items()}
    told = FeatureDelta(table="visitor", seq=1, entity="v", as_of=NOW - 5, values=values)
    types = {spec.name: spec.type for spec in loaded.schema.of(Root.VISITOR)}
    records = [record_of(loaded, number) for number in (1, 2, 3)]
    recent = Recent(most=2)
    for record in records:
        recent.add(record, PackedVisitor(types, (packed_delta(told),)))
    assert recent.find("r1.hero") is None
    assert recent.find("r2.nothing") is None
    assert recent.find("") is None
    found = recent.find("r3.hero")
    assert found is not None
    page, decision, trace = found
    assert page.bare.visitor == {}
    assert page.record() == records[2]
    assert (decision.decision_id, trace.slot) == ("r3.hero", "hero")
