"""Experiments and holdouts. Written by the compiler, read by `engine.assign`.

A unit is in a share when its hash under the salt is below it (`engine.hashing`), so shares grow monotonically. A layer
is a namespace: its experiments have ranges of it that do not overlap, and layers are independent of each other.
"""

from contracts.codec import Contract
from contracts.slots import PolicySpec


class Holdout(Contract, frozen=True):
    """Visitors withheld: everywhere when `use_case` is None (the global holdout), else in its slots."""

    salt: str
    share: float
    use_case: str | None = None


class Arm(Contract, frozen=True):
    """One arm of an experiment: its share of those in the experiment, and the policy it uses instead of the slot's."""

    name: str
    share: float
    policy: PolicySpec | None = None


class Experiment(Contract, frozen=True):
    """A split of the units within `[start, end)` of its layer, over the named slots. Arms' shares sum to one.

    Letting the range grow moves nobody who is in it; another share of an arm does.
    """

    name: str
    layer: str
    start: float
    end: float
    slots: tuple[str, ...]
    arms: tuple[Arm, ...]


class ExperimentSpec(Contract, frozen=True):
    """All holdouts and experiments of a bundle.

    `unit` names the visitor feature by which the feed tells a profile's unit; None: every browser is a unit of its own.
    """

    holdouts: tuple[Holdout, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    unit: str | None = None
