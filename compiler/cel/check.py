"""Expressions -> checked expressions, or every complaint of the type checker as a problem at its true place.

The checker is Google's own. Environments are built once per table and set of readable roots.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cel_expr_python import cel

from compiler.cel.complaints import Complaint, Fields, problems_of
from compiler.cel.schema import environment, fields_of
from compiler.cel.tree import Tree, read_tree
from compiler.diagnostics import CompileError, Problem
from compiler.diagnostics import rule_messages as say
from compiler.reading.expressions import Expression
from compiler.reading.names import spellable
from compiler.sources import Sources
from contracts.catalog import ColumnSpec
from contracts.features import FeatureSchema, Root

_COMPLAINT = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): ", re.MULTILINE)
_STATUS = re.compile(r"\s*\[[A-Z_]+\]\s*\Z")
_UNREADABLE = re.compile("[\0\ud800-\udfff]")
_SYNTAX = "Syntax error"


@dataclass(frozen=True)
class Checked:
    """An expression whose types are right for its table. `tree` holds them."""

    expression: Expression
    table: str
    tree: Tree


def check_expressions(sources: Sources) -> tuple[dict[str, Checked], list[Problem]]:
    """Checks every expression of the bundle: those that are right by rule name, and what is wrong with the others.

    Of those that read what has no type yet nothing is said.
    """
    checker = _Checker(sources)
    checked: dict[str, Checked] = {}
    problems: list[Problem] = []
    for name, expression in sources.rules.items():
        if any(read in expression.text for read in sources.untyped):
            continue
        outcome = checker.check(expression)
        if isinstance(outcome, Checked):
            checked[name] = outcome
        else:
            problems += outcome
    return checked, problems


def check_alone(expression: Expression, schema: FeatureSchema, columns: Iterable[ColumnSpec]) -> Checked:
    """One expression outside a bundle. Raises `CompileError`."""
    fields = fields_of(schema, columns)
    outcome = _checked(expression, "", fields, environment(fields, expression.use.roots))
    if isinstance(outcome, Checked):
        return outcome
    raise CompileError(outcome)


class _Checker:
    """The environments of one bundle."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._models = spellable(sources.models)
        self._environments: dict[tuple[str, tuple[Root, ...]], tuple[Fields, cel.Env]] = {}

    def check(self, expression: Expression) -> Checked | list[Problem]:
        """The expression, right for all its tables; one that nothing uses, right for the table that it fits best."""
        tables = self._sources.tables
        if expression.tables:
            return self._all([self._check_for(expression, table) for table in expression.tables if table in tables])
        outcomes = [self._check_for(expression, table) for table in tables]
        return min(outcomes, key=lambda each: 0 if isinstance(each, Checked) else len(each), default=[])

    def _all(self, outcomes: list[Checked | list[Problem]]) -> Checked | list[Problem]:
        problems = [problem for each in outcomes if not isinstance(each, Checked) for problem in each]
        right = [each for each in outcomes if isinstance(each, Checked)]
        for each in right[1:]:
            if each.tree != right[0].tree:
                names = (each.expression.name, right[0].table, each.table)
                problems.append(say.types_differ(each.expression.where, *names))
        return right[0] if right and not problems else problems

    def _check_for(self, expression: Expression, table: str) -> Checked | list[Problem]:
        return _checked(expression, table, *self._environment(table, expression.use.roots))

    def _environment(self, table: str, roots: tuple[Root, ...]) -> tuple[Fields, cel.Env]:
        key = (table, roots)
        if key not in self._environments:
            fields = fields_of(self._sources.schema, self._sources.tables[table].columns, self._models)
            self._environments[key] = fields, environment(fields, roots)
        return self._environments[key]


def _checked(expression: Expression, table: str, fields: Fields, env: cel.Env) -> Checked | list[Problem]:
    unreadable = _UNREADABLE.search(expression.text)
    if unreadable:  # the library cuts its messages at NUL
        return [say.unreadable(expression.written.at(unreadable.start()))]
    try:
        tree = read_tree(env.compile(expression.text).serialize())
    except RuntimeError as error:
        complaints = _complaints(expression.text, str(error))
        return problems_of([Complaint(expression, fields, *each) for each in complaints])
    wanted = expression.use.results
    if wanted and tree.type not in wanted:
        return [say.wrong_result(expression.where, expression.name, tree.type, wanted)]
    return Checked(expression, table, tree)


def _complaints(text: str, answer: str) -> Iterator[tuple[int, str]]:
    """Each complaint is `ERROR: <input>:L:C: message`, then ` | source line` and a caret; -1:-1 is the whole input.

    After a syntax error the rest is guesswork: only the first one is given.
    """
    answer = _STATUS.sub("", answer)
    _, *parts = _COMPLAINT.split(answer)
    if not parts:  # a limit of the parser: no list at all
        yield 0, answer.partition(": ")[2]
    for line, column, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        message = body.partition("\n | ")[0].strip()
        yield _offset(text, max(int(line), 1), max(int(column), 1)), message
        if message.startswith(_SYNTAX):
            return


def _offset(text: str, line: int, column: int) -> int:
    """The checker counts lines by \\n alone, and columns in code points."""
    lines = text.split("\n")
    return sum(len(each) + 1 for each in lines[: line - 1]) + column - 1
