"""What every slot kind must hold, over the whole of `KINDS`."""

import pytest

from contracts.decision import RankedItem
from engine.kinds import KINDS, Kind
from engine.policies import POLICIES

EACH = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
ITEM = RankedItem(id="a", props={"title": "A"}, offer_id="o", why="because")


@EACH
def test_it_fills_at_least_one_position_and_never_more_than_its_size(kind: Kind) -> None:
    assert all(1 <= kind.positions(size) <= size for size in (1, 2, 12))


@EACH
def test_what_an_item_carries_is_presented_once(kind: Kind) -> None:
    presented = kind.present((ITEM,))
    whole = (presented.props, presented.offer_id, presented.why)
    assert (whole, presented.items) in [(({"title": "A"}, "o", "because"), ()), (({}, None, None), (ITEM,))]


@EACH
def test_a_kind_of_several_positions_presents_them_all_in_order(kind: Kind) -> None:
    if kind.positions(3) == 3:
        others = tuple(RankedItem(id=name, props={}) for name in "cab")
        assert kind.present(others).items == others


@EACH
def test_some_policy_supports_it(kind: Kind) -> None:
    assert any(kind.name in policy.kinds for policy in POLICIES.values())


@EACH
def test_a_kind_that_is_not_drawn_takes_certain_policies_alone(kind: Kind) -> None:
    supporting = {policy.name for policy in POLICIES.values() if kind.name in policy.kinds}
    assert kind.is_drawn or supporting == {"greedy"}
