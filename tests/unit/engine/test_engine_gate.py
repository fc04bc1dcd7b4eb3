import pytest
from builders import FEATURES, NOW, PERSONAL, Shop, request, run, slot

from contracts.decision import Cause
from contracts.features import FeatureSchema, FeatureValue
from engine.gate import scope_of
from engine.snapshot import Snapshot


def test_only_known_purposes_are_granted() -> None:
    loaded = Shop().load()
    assert scope_of(request(granted=(PERSONAL, "spying")), loaded.snapshot, loaded).granted == {PERSONAL}
    assert scope_of(request(granted=()), loaded.snapshot, loaded).granted == frozenset()


def test_gpc_and_opting_out_take_every_grant_away() -> None:
    loaded = Shop().load()
    for asked in (request(is_gpc=True), request(is_opted_out=True)):
        assert scope_of(asked, loaded.snapshot, loaded).granted == frozenset()


def test_folds_that_the_cookie_lacks_have_their_initial_value() -> None:
    loaded = Shop().load()
    assert scope_of(request(), loaded.snapshot, loaded).visitor_state == {"views": 0}
    assert scope_of(request(visitor_state={"views": 7}), loaded.snapshot, loaded).visitor_state == {"views": 7}


def test_values_are_those_of_the_visitor() -> None:
    loaded = Shop().load()
    values = {"taste": FeatureValue(value=1.0, as_of=NOW)}
    snapshot = Snapshot(loaded.snapshot.tables, {"v1": values})
    scope = scope_of(request(context={"device": "desktop"}), snapshot, loaded)
    assert (scope.now, scope.visitor, scope.request) == (NOW, values, {"device": "desktop"})
    assert scope_of(request(units={"visitor": "v2"}), snapshot, loaded).visitor == {}
    assert scope_of(request(units={}), snapshot, loaded).visitor == {}


@pytest.mark.parametrize("granted", [(), (PERSONAL,), ("statistics",), (PERSONAL, "statistics")])
def test_a_slot_needs_all_of_its_purposes(granted: tuple[str, ...]) -> None:
    both = (PERSONAL, "statistics")
    schema = FeatureSchema(purposes=both, features=FEATURES)
    loaded = Shop(slots=(slot(purposes=both),), sections={"schema": schema}).load()
    (made,) = run(loaded, request(granted=granted)).decisions
    assert made.cause is (None if granted == both else Cause.NO_CONSENT)
    assert bool(made.answer) is (granted == both)
