from contracts.bundle import Bundle
from contracts.decision import DecisionRequest
from contracts.features import FeatureValue
from edge.activation import Live
from edge.recording import _granted_values
from engine.load import load
from engine.snapshot import Snapshot

NOW = 1_767_600_000_000_000


def test_records_hold_of_the_visitor_only_what_was_granted(tea_bundle: Bundle) -> None:
    loaded = load(tea_bundle)
    values = {"affinity": FeatureValue(value={"green": 0.7}, as_of=NOW), "undeclared": FeatureValue(value=1, as_of=NOW)}
    live = Live(loaded, Snapshot(loaded.snapshot.tables, {"v": values}))
    request = DecisionRequest(request_id="r", now=NOW, slots=("hero",), units={"visitor": "v"})
    granted = DecisionRequest(
        request_id="r", now=NOW, slots=("hero",), units={"visitor": "v"}, granted=("personalisation",)
    )
    assert _granted_values(live, request) == {}
    assert _granted_values(live, granted).keys() == {"affinity"}
