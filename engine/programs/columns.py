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
from contracts.rule_ir import Call, Const, Form, Has, MacroCall, Node, Read, Rule, Variable
from engine.programs import gathering
from engine.programs.arrays import (
    DTYPES,
    SINGLES,
    TIMES,
    blanks,
    microseconds,
    some,
    spread,
)
from engine.programs.functions import FUNCTIONS, Function, LazyFunction
from engine.programs.macro_columns import MACROS_OF_COLUMNS, gone_through, variable_column
from engine.programs.plan import closures, named
from engine.programs.rows import problem, row_by_row
from engine.programs.steps import checked, per_number, per_string, per_word, unfailing
from engine.programs.types import BOOL, DYN, CelType
from engine.programs.values import (
    NANOSECONDS_PER_MICROSECOND,
    Batch,
    ColumnProgram,
    ColumnStep,
    Computed,
    Operand,
    RequestProgram,
    Texts,
)
from engine.programs.verify import RefusedNodeError, Verified, verify

_PARSERS = ("string_to_timestamp", "string_to_duration")


def plan_columns(rule: Rule, schema: FeatureSchema, table: TableSpec) -> ColumnProgram:
    """Plans a rule over candidates of a table. Raises `NotRunnableError`; the program raises `ExpiredError` alone."""
    if rule.form is not Form.COLUMNS:
        raise NotRunnableError(f"rule {rule.name!r} was lowered for requests, not for candidates")
    verified = verify(rule, schema, table)
    kind = rule.type
    if kind not in SINGLES:
        raise NotRunnableError(f"rule {rule.name!r} gives {rule.type}; candidates take a single value each")
    programs = closures(verified, table)
    _refuse_nanoseconds(rule)
    return _program(_Steps(verified, programs).root(), named(programs[-1], rule), kind)


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
        return Computed(decoded, errors, partial(problem, program, batch, errors))  # type: ignore[arg-type]

    return run


class _Steps:
    """The plan of one rule: which nodes change from row to row, and their steps (None: no array can hold them)."""

    def __init__(self, verified: Verified, programs: Sequence[RequestProgram]) -> None:
        self.verified = verified
        self.types = verified.types
        self.programs = programs
        self.is_moving = [facts.moves or bool(facts.unbound) for facts in verified.facts]
        self.keys: list[str | None] = []
        self.steps: list[ColumnStep | None] = []
        for place, node in enumerate(verified.rule.nodes):
            self.keys.append(self._key(node))
            self.steps.append(self._step(place, node) if self.is_moving[place] else None)

    def root(self) -> ColumnStep:
        """The step of the last node."""
        return self._array(len(self.steps) - 1)

    def _step(self, place: int, node: Node) -> ColumnStep | None:
        kind = self.types[place].name
        if isinstance(node, Read):
            return _read(node.root, node.field)
        if isinstance(node, Has):
            return gathering.has_column(_read(node.root, node.field))
        if kind not in SINGLES:
            return None
        if isinstance(node, Variable):
            return variable_column(node.slot)
        by_row = partial(row_by_row, self.programs[place], kind)
        if isinstance(node, MacroCall):
            return self._macro(node) or by_row
        if not isinstance(node, Call) or any(self.is_moving[arg] and self.steps[arg] is None for arg in node.args):
            return by_row
        function = FUNCTIONS[node.function]
        if isinstance(function, LazyFunction):
            return self._lazy(function.plan_columns, node.args) if function.plan_columns else by_row
        if self._is_numeric(function, node.args):
            return self._numeric(function, node.args)
        return _kept(self._strict(function, node.args, place) or by_row, self.keys[place])

    def _key(self, node: Node) -> str | None:
        """What equal expressions share; None for what reads scores or variables, and for tests, macros and lists."""
        match node:
            case Const():
                return f"{node.type} {node.value!r}"
            case Read() if node.root not in (Root.SCORE, Root.SCORES):
                return f"{node.root}.{node.field}"
            case Call():
                keys = [key for arg in node.args if (key := self.keys[arg]) is not None]
                return f"{node.function}({', '.join(keys)})" if len(keys) == len(node.args) else None
            case _:
                return None

    def _macro(self, node: MacroCall) -> ColumnStep | None:
        """A macro over an item's own list or map, without another one inside."""
        over, verified = self.steps[node.over], self.verified
        is_column = isinstance(verified.rule.nodes[node.over], Read) and over is not None
        is_plain = all(verified.types[body] == BOOL and not verified.facts[body].bound for body in node.bodies)
        if not is_column or not is_plain or node.macro not in MACROS_OF_COLUMNS:
            return None
        return gone_through(node.macro, over, node.slots, self._array(node.bodies[0]))  # type: ignore[arg-type]

    def _lazy(self, join: Callable[..., ColumnStep], args: Sequence[int]) -> ColumnStep:
        """The condition or sides may be one bool for all rows; the branches of a conditional must be arrays."""
        first, *others = args
        if len(others) == 1:
            return join(self._plain(first), self._plain(others[0]))
        return join(self._plain(first), *map(self._array, others))

    def _strict(self, function: Function, args: Sequence[int], place: int) -> ColumnStep | None:
        types, kind = [self.types[arg] for arg in args], self.types[place].name
        moving = [place for place, arg in enumerate(args) if self.is_moving[arg]]
        if len(moving) > 1:
            return None
        sources = [self._plain(arg) for arg in args]
        if types[moving[0]].name == "string":
            return per_word(_form_of_strings(function, types, moving[0], kind), sources, moving[0], self.keys[place])
        if types[moving[0]].name in DTYPES:
            return checked(partial(per_number, function.run, kind, moving[0], types[moving[0]].name), sources)
        has_listed = types.pop(moving[0]).of and not any(type_.of or type_ == DYN for type_ in types)
        if function.listed and has_listed:
            return checked(function.listed, sources)
        return None

    def _is_numeric(self, function: Function, args: Sequence[int]) -> bool:
        is_of_numbers = all([self.types[arg].name in DTYPES for arg in args])
        return is_of_numbers and (function.numeric is not None or function.checked is not None)

    def _numeric(self, function: Function, args: Sequence[int]) -> ColumnStep:
        sources = [self._number(arg) for arg in args]
        if function.numeric:
            return unfailing(function.numeric, sources)
        return checked(function.checked, sources)  # type: ignore[arg-type]

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


def _form_of_strings(function: Function, types: Sequence[CelType], moving: int, kind: str) -> Callable[..., Operand]:
    """The function over a column of strings, the argument at `moving`: in its own form, else asked of each string."""
    form = function.coded.get(kind)
    if form and not any(map(_is_mixed, types)):
        return form
    return partial(per_string, function.run, kind, moving)


def _read(root: Root, field: str) -> ColumnStep:
    """What changes from candidate to candidate."""
    if root is Root.ITEM:
        return gathering.item_column(field)
    return gathering.score_of_column(field) if field else gathering.score_column


def _kept(step: ColumnStep, key: str | None) -> ColumnStep:
    """The same step, run once per batch, whichever rules ask for it: model inputs look up the same things."""
    if key is None:
        return step

    def run(batch: Batch) -> Operand:
        found = batch.gathered.get(key)
        if found is None:
            found = batch.gathered[key] = step(batch)
        return found

    return run


def _is_mixed(kind: CelType) -> bool:
    return kind == DYN or any(map(_is_mixed, kind.of))


def _refuse_nanoseconds(rule: Rule) -> None:
    """Columns hold microseconds, so no time of a column program may be finer: literals tell, other texts do not."""
    for place, node in enumerate(rule.nodes):
        if isinstance(node, Const) and node.type in TIMES:
            _check_fineness(rule, place, int(node.value or 0))
        if isinstance(node, Call) and node.function in _PARSERS:
            text = rule.nodes[node.args[0]]
            if not isinstance(text, Const):
                raise RefusedNodeError(rule.name, place, "over candidates, times are read from literals alone")
            _check_fineness(rule, place, _parsed_time(node, text))


def _check_fineness(rule: Rule, place: int, nanoseconds: int) -> None:
    if nanoseconds % NANOSECONDS_PER_MICROSECOND:
        raise RefusedNodeError(rule.name, place, "over candidates, times are no finer than microseconds")


def _parsed_time(call: Call, text: Const) -> int:
    function = FUNCTIONS[call.function]
    try:
        return int(function.run(text.value))  # type: ignore[union-attr, arg-type]
    except RuleError:
        return 0
