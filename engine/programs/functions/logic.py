"""!, &&, || and ?: - the last three do not run all their arguments.

As CEL defines them: a side that settles the result absorbs an error of the other side, whichever comes first; a
conditional runs the chosen branch alone. An EXPIRED value is not absorbed: reading it ends the tier (DESIGN 4).
"""

import operator

import numpy as np

from contracts.errors import ExpiredError, RuleError
from engine.column import Array
from engine.programs.arrays import chosen, some, union
from engine.programs.functions.declaration import Function, LazyFunction
from engine.programs.values import Batch, CelValue, ColumnStep, Mask, Operand, RequestProgram, Scope


def both(left: RequestProgram, right: RequestProgram) -> RequestProgram:
    """Left && right."""

    def run(scope: Scope) -> CelValue:
        try:
            holds = left(scope)
        except ExpiredError:
            raise
        except RuleError as error:
            return _despite(error, right(scope), absorbing=False)
        return right(scope) if holds else False

    return run


def either(left: RequestProgram, right: RequestProgram) -> RequestProgram:
    """Left || right."""

    def run(scope: Scope) -> CelValue:
        try:
            holds = left(scope)
        except ExpiredError:
            raise
        except RuleError as error:
            return _despite(error, right(scope), absorbing=True)
        return True if holds else right(scope)

    return run


def conditional(condition: RequestProgram, yes: RequestProgram, no: RequestProgram) -> RequestProgram:
    """Condition ? yes : no."""
    return lambda scope: yes(scope) if condition(scope) else no(scope)


def both_columns(left: ColumnStep, right: ColumnStep) -> ColumnStep:
    """Left && right over candidates."""

    def step(batch: Batch) -> Operand:
        holds, failed = _attempted(left, batch)
        if holds is False:
            return np.zeros(len(batch.rows), dtype=np.bool_), None
        also, also_failed = _attempted(right, batch)
        errors = union(failed, also_failed)
        if errors is None:
            return holds & also, None
        return holds & also, some(errors & _or(holds, failed) & _or(also, also_failed))

    return step


def either_columns(left: ColumnStep, right: ColumnStep) -> ColumnStep:
    """Left || right over candidates."""

    def step(batch: Batch) -> Operand:
        holds, failed = _attempted(left, batch)
        if holds is True:
            return np.ones(len(batch.rows), dtype=np.bool_), None
        also, also_failed = _attempted(right, batch)
        errors = union(failed, also_failed)
        if errors is None:
            return holds | also, None
        undecided = _or(np.logical_not(holds), failed) & _or(np.logical_not(also), also_failed)
        return holds | also, some(errors & undecided)

    return step


def conditional_columns(condition: ColumnStep, yes: ColumnStep, no: ColumnStep) -> ColumnStep:
    """Condition ? yes : no over candidates; where all candidates choose alike, the other branch is not run."""

    def step(batch: Batch) -> Operand:
        holds, failed = condition(batch)
        if holds is True or holds is False:
            return (yes if holds else no)(batch)
        return _branched(holds, failed, yes, no, batch)  # type: ignore[arg-type]

    return step


def _branched(holds: Array, failed: Mask | None, yes: ColumnStep, no: ColumnStep, batch: Batch) -> Operand:
    first, second = _outcome(yes, batch), _outcome(no, batch)
    if isinstance(first, RuleError):
        if isinstance(second, RuleError):
            raise first
        return second[0], union(failed, some(_or(holds, second[1])))
    if isinstance(second, RuleError):
        return first[0], union(failed, some(_or(np.logical_not(holds), first[1])))
    errors = failed
    if first[1] is not None:
        errors = union(errors, some(holds & first[1]))
    if second[1] is not None:
        errors = union(errors, some(np.logical_not(holds) & second[1]))
    return chosen(holds, first[0], second[0]), errors


def _despite(error: RuleError, value: CelValue, *, absorbing: bool) -> CelValue:
    if value is absorbing:
        return value
    raise error


def _outcome(step: ColumnStep, batch: Batch) -> Operand | RuleError:
    try:
        return step(batch)
    except ExpiredError:
        raise
    except RuleError as error:
        return error


def _attempted(step: ColumnStep, batch: Batch) -> tuple[Array | bool, Mask | None]:
    outcome = _outcome(step, batch)
    if isinstance(outcome, RuleError):
        everywhere = np.ones(len(batch.rows), dtype=np.bool_)
        return everywhere, everywhere
    return outcome  # type: ignore[return-value]


def _or(mask: Array | bool, errors: Mask | None) -> Array:
    return np.asarray(mask) if errors is None else mask | errors


LOGIC: tuple[Function | LazyFunction, ...] = (
    LazyFunction(
        id="logical_and",
        name="_&&_",
        params=("bool", "bool"),
        result="bool",
        doc="True when both sides are; false as soon as one side is, whatever becomes of the other.",
        example="!(false && 1 / 0 == 1)",
        plan=both,
        plan_columns=both_columns,
    ),
    LazyFunction(
        id="logical_or",
        name="_||_",
        params=("bool", "bool"),
        result="bool",
        doc="True as soon as one side is, whatever becomes of the other.",
        example="1 / 0 == 1 || true",
        plan=either,
        plan_columns=either_columns,
    ),
    LazyFunction(
        id="conditional",
        name="_?_:_",
        params=("bool", "A", "A"),
        result="A",
        doc="The second argument when the first is true, else the third; the other one is not run.",
        example="(true ? 1 : 1 / 0) == 1",
        plan=conditional,
        plan_columns=conditional_columns,
    ),
    Function(
        id="logical_not",
        name="!_",
        params=("bool",),
        result="bool",
        doc="True when the argument is false.",
        example="!false",
        run=operator.not_,
        numeric=np.logical_not,
    ),
)
