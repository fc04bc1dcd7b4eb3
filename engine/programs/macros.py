"""The macros of the rule language: what runs an expression of its own for each element of a list or map.

One table by name; how the rounds are made and counted stands in `rounds`. The compiler recognises a macro's expansion
and lowers it to one node, so nothing here grows a list by copying it, and how often a body may run is known beforehand.
An error of one round is absorbed by `all` and `exists` when another round settles the answer, as CEL defines;
everywhere else it is the macro's error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.errors import ExpiredError, RuleError
from engine.programs.limits import bounded
from engine.programs.types import BOOL, DYN, INT, CelType
from engine.programs.values import CelValue, KeyedMap, RequestProgram, Scope, as_map

Rounds = Iterator[CelValue]
_Result = Callable[[CelType, Sequence[CelType], CelType], CelType]


@dataclass(frozen=True, kw_only=True)
class Macro:
    """One macro: `written` shows its forms; `result` tells its type from what it goes over, its variables, its body.

    With `has_condition` a bool body may stand before the last one. `run` takes the rounds (each binds the variables,
    then gives the first), the scope they are bound in, and the bodies. A macro that `is_once` goes through nothing: it
    binds what it is over, and runs its body.
    """

    name: str
    written: tuple[str, ...]
    doc: str
    example: str
    result: _Result
    run: Callable[..., CelValue] | None = None
    body: str = "bool"
    variables: tuple[int, ...] = (1, 2)
    has_condition: bool = False
    is_once: bool = False


def bound_types(macro: Macro, over: CelType, count: int) -> tuple[CelType, ...] | None:
    """The types of a macro's variables; None where it does not go over such a value."""
    if macro.is_once:
        return (over,)
    if over == DYN:
        return (DYN,) * count
    if over.name == "list":
        return over.of if count == 1 else (INT, *over.of)
    return over.of[:count] if over.name == "map" else None


def _all(rounds: Rounds, scope: Scope, body: RequestProgram) -> CelValue:
    return not _is_found(rounds, scope, body, wanted=False)


def _exists(rounds: Rounds, scope: Scope, body: RequestProgram) -> CelValue:
    return _is_found(rounds, scope, body, wanted=True)


def _is_found(rounds: Rounds, scope: Scope, body: RequestProgram, *, wanted: bool) -> bool:
    """Whether the body gives the wanted answer in some round, whatever fails in the others."""
    failure: RuleError | None = None
    for _ in rounds:
        try:
            if body(scope) is wanted:
                return True
        except ExpiredError:
            raise
        except RuleError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return False


def _exists_one(rounds: Rounds, scope: Scope, body: RequestProgram) -> CelValue:
    return sum(1 for _ in rounds if body(scope)) == 1


def _filter(rounds: Rounds, scope: Scope, body: RequestProgram) -> CelValue:
    return tuple([element for element in rounds if body(scope)])


def _map(rounds: Rounds, scope: Scope, *bodies: RequestProgram) -> CelValue:
    *conditions, body = bodies
    return tuple([body(scope) for _ in rounds if all(condition(scope) for condition in conditions)])


def _transform_map(rounds: Rounds, scope: Scope, *bodies: RequestProgram) -> CelValue:
    *conditions, body = bodies
    return as_map([(key, body(scope)) for key in rounds if all(condition(scope) for condition in conditions)])


def _transform_map_entry(rounds: Rounds, scope: Scope, *bodies: RequestProgram) -> CelValue:
    *conditions, body = bodies
    entries: list[tuple[CelValue, CelValue]] = []
    for _ in rounds:
        if all(condition(scope) for condition in conditions):
            made = body(scope)
            if not isinstance(made, Mapping):
                raise RuleError("transformMapEntry makes entries of maps alone")
            entries += made.items()
            bounded(entries)
    if len(KeyedMap(entries)) < len(entries):
        raise RuleError("transformMapEntry makes a key twice")
    return as_map(entries)


def _keys(over: CelType) -> CelType:
    return over.of[0] if over.name == "map" else INT if over.name == "list" else DYN


def _of_bool(over: CelType, variables: Sequence[CelType], body: CelType) -> CelType:
    return BOOL


def _of_body(over: CelType, variables: Sequence[CelType], body: CelType) -> CelType:
    return body


_MACROS = (
    Macro(
        name="all",
        written=("list.all(x, condition)", "map.all(key, condition)", "map.all(key, value, condition)"),
        doc="Whether the condition holds for every element, key or entry.",
        example="[1, 2].all(x, x > 0)",
        run=_all,
        result=_of_bool,
    ),
    Macro(
        name="exists",
        written=("list.exists(x, condition)", "map.exists(key, condition)", "map.exists(key, value, condition)"),
        doc="Whether the condition holds for at least one element, key or entry.",
        example="{'a': 1.0}.exists(key, value, key == 'a' && value > 0.5)",
        run=_exists,
        result=_of_bool,
    ),
    Macro(
        name="exists_one",
        written=("list.exists_one(x, condition)", "list.existsOne(place, x, condition)"),
        doc="Whether the condition holds for exactly one element, key or entry; an error of any round is an error.",
        example="[1, 2].exists_one(x, x > 1)",
        run=_exists_one,
        result=_of_bool,
    ),
    Macro(
        name="filter",
        written=("list.filter(x, condition)", "map.filter(key, condition)"),
        doc="The elements, or keys, for which the condition holds.",
        example="[1, 2, 3].filter(x, x > 1) == [2, 3]",
        run=_filter,
        result=lambda over, variables, body: CelType("list", (variables[0],)),
        variables=(1,),
    ),
    Macro(
        name="map",
        written=("list.map(x, value)", "list.map(x, condition, value)", "list.transformList(place, x, value)"),
        doc="A list of what the expression gives for each element; with a condition, for those where it holds.",
        example="[1, 2].map(x, x * x) == [1, 4]",
        run=_map,
        result=lambda over, variables, body: CelType("list", (body,)),
        body="any",
        has_condition=True,
    ),
    Macro(
        name="transform_map",
        written=("map.transformMap(key, value, new)", "map.transformMap(key, value, condition, new)"),
        doc="A map of the same keys with what the expression gives for each; a list's keys are its places.",
        example="{'a': 1}.transformMap(key, value, value + 1) == {'a': 2}",
        run=_transform_map,
        result=lambda over, variables, body: CelType("map", (_keys(over), body)),
        body="any",
        variables=(2,),
        has_condition=True,
    ),
    Macro(
        name="transform_map_entry",
        written=("map.transformMapEntry(key, value, entry)", "map.transformMapEntry(key, value, condition, entry)"),
        doc="A map of the entries that the expression makes, each a map; an error when a key is made twice.",
        example="{'a': 'b'}.transformMapEntry(key, value, {value: key}) == {'b': 'a'}",
        run=_transform_map_entry,
        result=_of_body,
        body="map",
        variables=(2,),
        has_condition=True,
    ),
    Macro(
        name="bind",
        written=("cel.bind(name, value, expression)",),
        doc="The expression, in which the name stands for the value; the value is computed once.",
        example="cel.bind(x, 2 + 3, x * x) == 25",
        result=_of_body,
        body="any",
        variables=(1,),
        is_once=True,
    ),
)

MACROS: dict[str, Macro] = {macro.name: macro for macro in _MACROS}
