"""What a slot kind is: how many positions it fills, whether a policy draws them, and how the answer is presented."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct, field

from contracts.decision import Prop, RankedItem


class Presented(Struct, frozen=True):
    """What a decision says about its answer: of one item, or of several in answer order."""

    props: dict[str, Prop] = field(default_factory=dict)
    items: tuple[RankedItem, ...] = ()
    offer_id: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One entry of `KINDS`. `is_drawn` False means: the best candidate is the answer, and no propensity is given."""

    name: str
    is_drawn: bool
    positions: Callable[[int], int]
    present: Callable[[Sequence[RankedItem]], Presented]


def one(_size: int) -> int:
    """One position, whatever size the slot states."""
    return 1


def present_one(items: Sequence[RankedItem]) -> Presented:
    """The payload of the only item is the payload of the slot."""
    item = items[0]
    return Presented(props=item.props, offer_id=item.offer_id, why=item.why)
