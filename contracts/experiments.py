"""Experiments and holdouts. Written by the compiler, read by `engine.assign`.

A unit is in a share when its hash under the salt is below it (`engine.hashing`), so shares grow monotonically.
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
    """A split of the units within `[start, end)` of its layer, over the named slots. Arms' shares sum to one."""

    name: str
    layer: str
    start: float
    end: float
    slots: tuple[str, ...]
    arms: tuple[Arm, ...]


class ExperimentSpec(Contract, frozen=True):
    """All holdouts and experiments of a bundle."""

    holdouts: tuple[Holdout, ...] = ()
    experiments: tuple[Experiment, ...] = ()
