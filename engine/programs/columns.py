"""Rule -> column program: the same answers as its closure, row by row, over all candidates at once.

A node that reads neither item nor score stays a closure, run once per batch. The others become steps over arrays,
by the shape of their arguments: numbers by NumPy, strings per distinct value, lists by their codes; whatever has no
such form is run row by row as its closure. An EXPIRED value that a step meets may be one that no row would read, so
then the entire rule is run row by row.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from contracts.catalog import TableSpec
from contracts.errors import ExpiredError, NotRunnableError, RuleError
from contracts.features import FeatureSchema, Root
from contracts.rule_ir import Call, Const, Form, Has, Node, Read, Rule
from engine.programs import reading
from engine.programs.arrays import (
    DTYPES,
    SINGLES,
    TIMES,
    blanks,
    microseconds,
    per_distinct,
    some,
    spread,
    union,
)
from engine.programs.functions import FUNCTIONS, Function, LazyFunction
from engine.programs.plan import closures, named
from engine.programs.rows import problem, row_by_row
from engine.programs.types import DYN, CelType
from engine.programs.values import (
    NANOSECONDS_PER_MICROSECOND,
    Batch,
    CelValue,
    ColumnProgram,
    ColumnStep,
    Computed,
    Mask,
    Operand,
    RequestProgram,
    Texts,
)
from engine.programs.verify import Verified, children, verify
from engine.snapshot import Array

_PARSERS = ("string_to_timestamp", "string_to_duration")


def plan_columns(rule: Rule, schema: FeatureSchema, table: TableSpec) -> ColumnProgram:
    """Plans a rule over candidates of a table. Raises `NotRunnableError`; the program raises `ExpiredError` alone."""
    if rule.form is not Form.COLUMNS:
        raise NotRunnableError(f"rule {rule.name!r} was lowered for requests, not for candidates")
    verified = verify(rule, schema, table)
    kind = verified.types[-1].name
    if kind not in SINGLES:
        raise NotRunnableError(f"rule {rule.name!r} gives {verified.types[-1]}; candidates take a single value each")
    programs = closures(verified, table)
    _refuse_nanoseconds(rule)
    return _program(_Steps(verified, programs).root(), named(programs[-1], rule.name), kind)


def _program(step: ColumnStep, program: RequestProgram, kind: str) -> ColumnProgram:
    """The program of a planned root: errors settled, strings decoded."""

    def run(batch: Batch) -> Computed:
        try:
            values, errors = step(batch)
        except ExpiredError:
            values, errors = row_by_row(program, kind, batch)
        except RuleError:
            count = len(batch.rows)
            values, errors = blanks(kind, count), some(np.ones(count, dtype=np.bool_))
        decoded = np.array(values.strings, dtype=object) if isinstance(values, Texts) else values
        if errors is None:
            return Computed(decoded)  # type: ignore[arg-type]
        return Computed(decoded, errors, problem(program, batch, int(errors.argmax())))  # type: ignore[arg-type]

    return run


class _Steps:
    """The plan of one rule: which nodes change from row to row, and their steps (None: no array can hold them)."""

    def __init__(self, verified: Verified, programs: Sequence[RequestProgram]) -> None:
        self.types = verified.types
        self.programs = programs
        self.is_moving: list[bool] = []
        self.steps: list[ColumnStep | None] = []
        for place, node in enumerate(verified.rule.nodes):
            self._add(place, node)

    def root(self) -> ColumnStep:
        """The step of the last node."""
        return self._array(len(self.steps) - 1)

    def _add(self, place: int, node: Node) -> None:
        reads_row = isinstance(node, Read | Has) and node.root in (Root.ITEM, Root.SCORE)
        is_moving = reads_row or any(self.is_moving[child] for child in children(node))
        self.is_moving.append(is_moving)
        self.steps.append(self._step(place, node) if is_moving else None)

    def _step(self, place: int, node: Node) -> ColumnStep | None:
        kind = self.types[place].name
        if isinstance(node, Read):
            return reading.item_column(node.field) if node.root is Root.ITEM else reading.score_column
        if isinstance(node, Has):
            return reading.has_column(node.field)
        if kind not in SINGLES:
            return None
        by_row = partial(row_by_row, self.programs[place], kind)
        if not isinstance(node, Call) or any(self.is_moving[arg] and self.steps[arg] is None for arg in node.args):
            return by_row
        function = FUNCTIONS[node.function]
        if isinstance(function, LazyFunction):
            return self._lazy(function, node.args)
        return self._strict(function, node.args, kind) or by_row

    def _lazy(self, function: LazyFunction, args: Sequence[int]) -> ColumnStep:
        """The condition or sides may be one bool for all rows; the branches of a conditional must be arrays."""
        first, *others = args
        if len(others) == 1:
            return function.plan_columns(self._plain(first), self._plain(others[0]))
        return function.plan_columns(self._plain(first), *map(self._array, others))

    def _strict(self, function: Function, args: Sequence[int], kind: str) -> ColumnStep | None:
        types = [self.types[arg] for arg in args]
        moving = [place for place, arg in enumerate(args) if self.is_moving[arg]]
        if all(type_.name in DTYPES for type_ in types):
            return self._numeric(function, args)
        if len(moving) > 1:
            return None
        sources = [self._plain(arg) for arg in args]
        if types[moving[0]].name == "string":
            return self._coded(function, sources, moving[0], types, kind)
        has_listed = types.pop(moving[0]).of and not any(type_.of or type_ == DYN for type_ in types)
        if function.listed and has_listed:
            return _checked(function.listed, sources)
        return None

    def _numeric(self, function: Function, args: Sequence[int]) -> ColumnStep | None:
        sources = [self._number(arg) for arg in args]
        if function.numeric:
            return _unfailing(function.numeric, sources)
        return _checked(function.checked, sources) if function.checked else None

    def _coded(
        self, function: Function, sources: list[ColumnStep], moving: int, types: Sequence[CelType], kind: str
    ) -> ColumnStep:
        form = function.coded.get(kind)
        if form and not any(map(_is_mixed, types)):
            return _checked(form, sources)
        return _checked(partial(_per_string, function.run, kind, moving), sources)

    def _plain(self, place: int) -> ColumnStep:
        """A node as an argument: its step, or one CEL value for all rows."""
        step, program = self.steps[place], self.programs[place]
        return step or (lambda batch: (program(batch.scope), None))  # type: ignore[return-value]

    def _number(self, place: int) -> ColumnStep:
        """A node as an argument of arithmetic on arrays, times being microseconds."""
        program = self.programs[place]
        if self.is_moving[place] or self.types[place].name not in TIMES:
            return self._plain(place)
        return lambda batch: (microseconds(program(batch.scope)), None)  # type: ignore[return-value]

    def _array(self, place: int) -> ColumnStep:
        """A node as a column in any case."""
        step, program, kind = self.steps[place], self.programs[place], self.types[place].name
        return step or (lambda batch: (spread(kind, program(batch.scope), len(batch.rows)), None))


def _unfailing(form: Callable[..., Array], sources: Sequence[ColumnStep]) -> ColumnStep:
    if len(sources) == 1:
        return _unfailing_unary(form, sources[0])
    left, right = sources

    def step(batch: Batch) -> Operand:
        first, first_errors = left(batch)
        second, second_errors = right(batch)
        return form(first, second), union(first_errors, second_errors)

    return step


def _unfailing_unary(form: Callable[..., Array], source: ColumnStep) -> ColumnStep:
    def step(batch: Batch) -> Operand:
        values, errors = source(batch)
        return form(values), errors

    return step


def _checked(form: Callable[..., Operand], sources: Sequence[ColumnStep]) -> ColumnStep:
    def step(batch: Batch) -> Operand:
        errors: Mask | None = None
        values = []
        for source in sources:
            value, failed = source(batch)
            values.append(value)
            errors = union(errors, failed)
        result, failed = form(*values)
        return result, union(errors, failed)

    return step


def _per_string(run: Callable[..., CelValue], kind: str, moving: int, *args: CelValue | Texts) -> Operand:
    before, after = args[:moving], args[moving + 1 :]
    texts: Texts = args[moving]  # type: ignore[assignment]
    return per_distinct(lambda text: run(*before, text, *after), kind, texts)


def _is_mixed(kind: CelType) -> bool:
    return kind == DYN or any(map(_is_mixed, kind.of))


def _refuse_nanoseconds(rule: Rule) -> None:
    """Columns hold microseconds, so no time of a column program may be finer: literals tell, other texts do not."""
    for node in rule.nodes:
        if isinstance(node, Const) and node.type in TIMES:
            _refuse_finer(rule, int(node.value or 0))
        if isinstance(node, Call) and node.function in _PARSERS:
            text = rule.nodes[node.args[0]]
            if not isinstance(text, Const):
                raise NotRunnableError(f"rule {rule.name!r} runs over candidates, so it parses times of literals alone")
            _refuse_finer(rule, _parsed_time(node, text))


def _parsed_time(call: Call, text: Const) -> int:
    function = FUNCTIONS[call.function]
    try:
        return int(function.run(text.value))  # type: ignore[union-attr, arg-type]
    except RuleError:
        return 0


def _refuse_finer(rule: Rule, nanoseconds: int) -> None:
    if nanoseconds % NANOSECONDS_PER_MICROSECOND:
        raise NotRunnableError(f"rule {rule.name!r} runs over candidates, in microseconds; a time in it is finer")
