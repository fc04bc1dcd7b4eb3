from contracts.controls import Controls
from contracts.decision import Decision, DecisionRequest, Decisions, Reason, Tier, Trace
from contracts.features import Cursor
from contracts.record import DecisionRecord
from edge.recent import Recent
from edge.visitor_features import PackedVisitor


def record(request_id: str) -> DecisionRecord:
    made = Decision(
        decision_id=f"{request_id}.hero",
        slot="hero",
        tier=Tier.MODEL,
        cause=None,
        reason=Reason.TARGETING_MATCH,
        answer=("a",),
        propensity=1.0,
        component="c",
        props={},
    )
    return DecisionRecord(
        format_version=1,
        fingerprint={},
        revision="r",
        node="n",
        request=DecisionRequest(request_id=request_id, now=0, slots=("hero",)),
        visitor={},
        cursor=Cursor(),
        controls=Controls(),
        result=Decisions(decisions=(made,), traces=(Trace(slot="hero"),)),
        result_digest="",
    )


def test_the_newest_decisions_are_remembered() -> None:
    recent = Recent(most=2)
    for name in ("one", "two", "three"):
        recent.add(record(name), PackedVisitor({}, ()))
    assert recent.find("one.hero") is None
    assert recent.find("two.offer") is None
    assert recent.find("") is None
    found = recent.find("three.hero")
    assert found is not None
    assert (found[0].record().request.request_id, found[1].answer, found[2].slot) == ("three", ("a",), "hero")
