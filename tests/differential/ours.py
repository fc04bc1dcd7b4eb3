"""Our side: text -> checked -> lowered -> IR bytes -> decoded -> planned -> outcomes, as a bundle would travel.

A rule is run as a closure on each row of a world, and as a column program on all of them where it is one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cel_expr_python import cel

from compiler.cel.check import Checked
from compiler.cel.lower import lower
from compiler.cel.schema import environment, fields_of
from compiler.cel.tree import read_tree
from compiler.diagnostics import CompileError
from compiler.places import SourceText, Text
from compiler.reading.expressions import Expression, Use
from contracts.codec import decode, encode
from contracts.errors import NotRunnableError, RuleError
from contracts.features import Root
from contracts.rule_ir import IR_VERSION, Form, Rule, RuleIR
from engine.programs.arrays import quiet
from engine.programs.columns import plan_columns
from engine.programs.plan import plan_request
from engine.programs.values import Batch, CelValue, ColumnProgram, Computed, RequestProgram, Scope

from .worlds import COLUMNS, MODELS, SCHEMA, TABLE, World

NAME = "x"
_PLACE = re.compile(r"^rule 'x',? (node \d+: )?")
ROOTS = tuple(Root)
_USES = {Form.REQUEST: Use(Form.REQUEST, tuple(Root), ()), Form.COLUMNS: Use(Form.COLUMNS, tuple(Root), ())}


@dataclass(frozen=True)
class Compiled:
    """A rule that our engine can run."""

    text: str
    rule: Rule
    closure: RequestProgram
    columns: ColumnProgram | None

    def functions(self) -> set[str]:
        """The ids of the functions and macros that it calls."""
        return {str(getattr(node, "function", getattr(node, "macro", ""))) for node in self.rule.nodes} - {""}

    @property
    def root(self) -> str:
        """The function or macro at the root; what kind of node it is where there is none."""
        node = self.rule.nodes[-1]
        return str(getattr(node, "function", getattr(node, "macro", type(node).__name__)))

    def outcomes(self, world: World, rows: Sequence[int]) -> list[CelValue | RuleError]:
        """What the closure gives on these rows."""
        return [attempted(self.closure, world.row(row)) for row in rows]


@dataclass(frozen=True)
class Refused:
    """An expression that our compiler refuses and why; `is_unchecked` says that the checker refused it already."""

    text: str
    reason: str
    is_unchecked: bool = False


class Pipeline:
    """The compiler and the engine, end to end, with one environment of the checker."""

    def __init__(self) -> None:
        self._environment: cel.Env = environment(fields_of(SCHEMA, COLUMNS, MODELS), ROOTS)

    def compiled(self, text: str, form: Form = Form.REQUEST) -> Compiled | Refused:
        """The expression, ready to run."""
        try:
            serialized: bytes = self._environment.compile(text).serialize()
        except RuntimeError as error:
            return Refused(text, str(error), is_unchecked=True)
        try:
            rule = _travelled(lower(_checked(text, form, serialized)))
            closure = plan_request(rule, SCHEMA, TABLE)
        except CompileError as error:
            return Refused(text, error.problems[0].message)
        except NotRunnableError as error:
            return Refused(text, _PLACE.sub("", str(error)))
        return Compiled(text, rule, closure, _columns(rule))

    def compiles(self, text: str) -> bool:
        """Whether the language has all of this expression."""
        return isinstance(self.compiled(text), Compiled)


def attempted(program: RequestProgram, scope: Scope) -> CelValue | RuleError:
    """What a closure gives, or its error."""
    try:
        return program(scope)
    except RuleError as error:
        return error


def ran(rule: Rule, scope: Scope) -> CelValue | RuleError:
    """What the closure of a rule gives, or its error."""
    return attempted(plan_request(rule, SCHEMA, TABLE), scope)


@quiet
def computed(program: ColumnProgram, batch: Batch) -> Computed | RuleError:
    """What a column program gives, or the one error that it raises."""
    try:
        return program(batch)
    except RuleError as error:
        return error


def _checked(text: str, form: Form, serialized: bytes) -> Checked:
    written = Text(text, SourceText("x", text), range(len(text) + 1))
    return Checked(Expression(NAME, written, _USES[form], ()), TABLE.name, read_tree(serialized))


def _travelled(rule: Rule) -> Rule:
    sent = encode(RuleIR(ir_version=IR_VERSION, rules={NAME: rule}))
    return decode(sent, RuleIR).rules[NAME]


def _columns(rule: Rule) -> ColumnProgram | None:
    if rule.form is not Form.COLUMNS:
        return None
    try:
        return plan_columns(rule, SCHEMA, TABLE)
    except NotRunnableError:
        return None
