"""The rounds of macros: their variables are bound, their bodies run, and how often is counted.

Variables stand in the list of the scope, so that closures need no environment of their own. What a macro does with its
rounds stands in `macros`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from contracts.errors import RuleError
from engine.programs.limits import MAX_ROUNDS
from engine.programs.macros import Macro, Rounds
from engine.programs.values import CelMap, CelValue, RequestProgram, Scope

Entries: TypeAlias = tuple[CelValue, ...] | CelMap


@dataclass(frozen=True, slots=True)
class Failed:
    """What a variable holds whose value failed: reading it raises the error."""

    error: RuleError


@dataclass(frozen=True, slots=True)
class Room:
    """Where a rule keeps its variables while it runs: in the scope's list, and behind them a count of rounds.

    An outermost macro makes the room and starts the count; `rounds` is how many it may take, with all inside it.
    """

    variables: int
    rounds: int
    is_outermost: bool

    def take(self, variables: list[CelValue], rounds: int) -> None:
        """Makes room where there is none, and counts rounds. Raises `RuleError` when there are too many."""
        if self.is_outermost:
            variables.extend([None] * (self.variables + 1 - len(variables)))
            variables[self.variables] = 0
        taken: int = variables[self.variables] + rounds  # type: ignore[operator, assignment]
        variables[self.variables] = taken
        if taken > self.rounds:
            raise RuleError(f"its macros take more than {self.rounds} rounds")


def planned(
    macro: Macro, over: RequestProgram, slots: Sequence[int], bodies: Sequence[RequestProgram], room: Room
) -> RequestProgram:
    """The closure of a macro."""
    if macro.is_once:
        return _bound(over, slots[0], bodies[-1], room)
    assert macro.run is not None
    rounds, run = (_each if len(slots) == 1 else _pairs), macro.run

    def program(scope: Scope) -> CelValue:
        value = _entries(over(scope))
        room.take(scope.variables, len(value))
        return run(rounds(value, scope.variables, slots), scope, *bodies)

    return program


def _bound(over: RequestProgram, slot: int, body: RequestProgram, room: Room) -> RequestProgram:
    """The body with a variable bound once. A value that fails is an error only where it is read, as in CEL."""

    def program(scope: Scope) -> CelValue:
        try:
            value = over(scope)
        except RuleError as error:
            value = Failed(error)  # type: ignore[assignment]
        room.take(scope.variables, 1)
        scope.variables[slot] = value
        return body(scope)

    return program


def _each(value: Entries, variables: list[CelValue], slots: Sequence[int]) -> Rounds:
    (slot,) = slots
    for element in value:
        variables[slot] = element
        yield element


def _pairs(value: Entries, variables: list[CelValue], slots: Sequence[int]) -> Rounds:
    first, second = slots
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    for variables[first], variables[second] in pairs:
        yield variables[first]


def _entries(value: CelValue) -> Entries:
    if not isinstance(value, tuple | Mapping):
        raise RuleError("a macro goes through a list or map alone")
    if len(value) > MAX_ROUNDS:
        raise RuleError(f"a macro goes through at most {MAX_ROUNDS} entries, not {len(value)}")
    return value
