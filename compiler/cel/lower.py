"""Checked expressions -> rule IR: flat nodes, children first, functions by their overload ids.

What the engine lacks is refused here with its place, macros first of all. Each rule is then planned once by the
engine itself, so that nothing ships which an edge would refuse.
"""

import math
from collections.abc import Mapping

from compiler.cel.check import Checked
from compiler.cel.tree import Apply, Entries, Foreign, Items, Literal, Name, Select, Tree, symbol
from compiler.diagnostics import CompileError, Problem, Where
from compiler.diagnostics import rule_messages as say
from compiler.sources import Sources
from contracts.catalog import TableSpec
from contracts.errors import NotRunnableError
from contracts.features import Root
from contracts.rule_ir import Call, Const, Form, Has, ListOf, MapOf, Node, Read, Rule
from engine.programs.columns import plan_columns
from engine.programs.functions import FUNCTIONS, Declaration
from engine.programs.plan import plan_request
from engine.programs.types import parse, result_of

_LITERALS = ("bool", "int", "double", "string", "null")
_NOTHING = Const(type="null", value=None)


def lower_rules(checked: Mapping[str, Checked], sources: Sources) -> tuple[dict[str, Rule], list[Problem]]:
    """The rules that the engine can run, by name, and what is wrong with the others."""
    rules: dict[str, Rule] = {}
    problems: list[Problem] = []
    for name, each in checked.items():
        try:
            rule = lower(each)
            _plan(rule, each, sources)
            rules[name] = rule
        except CompileError as error:
            problems += error.problems
    return rules, problems


def lower(checked: Checked) -> Rule:
    """One rule. Raises `CompileError` naming everything in it that the engine lacks."""
    expression, lowering = checked.expression, _Lowering(checked)
    lowering.add(checked.tree)
    if lowering.problems:
        raise CompileError(lowering.problems)
    return Rule(
        name=expression.name,
        form=expression.form,
        type=checked.tree.type,
        place=expression.where.place,
        nodes=tuple(lowering.nodes),
    )


def _plan(rule: Rule, checked: Checked, sources: Sources) -> None:
    source = sources.tables[checked.table]
    table = TableSpec(name=source.name, columns=source.columns, rows=0)
    try:
        if rule.form is Form.COLUMNS:
            plan_columns(rule, sources.schema, table)
        else:
            plan_request(rule, sources.schema, table)
    except NotRunnableError as error:
        raise CompileError([say.not_runnable(checked.expression.where, str(error))]) from None


def _takes(function: Declaration, types: list[str]) -> bool:
    """Whether the engine's own signature holds; the checker lets `dyn` pass everywhere."""
    try:
        known = [parse(each) for each in types]
    except NotRunnableError:
        return True  # it is the argument that is refused
    return result_of(function.param_types, function.result_type, known) is not None


class _Lowering:
    """One rule while its nodes are laid out; what cannot be is a problem and leaves a null in its place."""

    def __init__(self, checked: Checked) -> None:
        self.nodes: list[Node] = []
        self.problems: list[Problem] = []
        self._written = checked.expression.written

    def add(self, tree: Tree) -> int:
        """Lays out a node after its children and gives its place."""
        self.nodes.append(self._node(tree))
        return len(self.nodes) - 1

    def _node(self, tree: Tree) -> Node:
        match tree:
            case Literal():
                return self._literal(tree)
            case Name():
                return self._name(tree)
            case Select():
                return self._select(tree)
            case Apply():
                return self._call(tree)
            case Items():
                return ListOf(type=tree.type, items=tuple(map(self.add, tree.items)), at=tree.at)
            case Entries():
                keys, values = [key for key, _ in tree.entries], [value for _, value in tree.entries]
                places = tuple(map(self.add, keys)), tuple(map(self.add, values))
                return MapOf(type=tree.type, keys=places[0], values=places[1], at=tree.at)
            case Foreign():
                return self._foreign(tree)

    def _literal(self, tree: Literal) -> Node:
        if tree.type not in _LITERALS:
            return self._refuse(say.value_not_supported(self._at(tree), f"a {tree.type} literal"))
        if isinstance(tree.value, float) and not math.isfinite(tree.value):
            return self._refuse(say.bad_literal(self._at(tree), "double"))
        return Const(type=tree.type, value=tree.value, at=tree.at)

    def _name(self, tree: Name) -> Node:
        if tree.name in (Root.NOW, Root.SCORE):
            return Read(type=tree.type, root=Root(tree.name), at=tree.at)
        if tree.name in list(Root):
            return self._refuse(say.whole_root(self._at(tree), tree.name))
        return self._refuse(say.value_not_supported(self._at(tree), f"the type `{tree.name}`"))

    def _select(self, tree: Select) -> Node:
        if isinstance(tree.operand, Name) and tree.operand.name in list(Root):
            root = Root(tree.operand.name)
            if tree.is_test:
                return Has(root=root, field=tree.field, at=tree.at)
            return Read(type=tree.type, root=root, field=tree.field, at=tree.at)
        mapping = self.add(tree.operand)
        key = self.add(Literal("string", tree.at, tree.field))
        function = "has_key" if tree.is_test else "index_map"
        return Call(type=tree.type, function=function, args=(mapping, key), at=tree.at)

    def _call(self, tree: Apply) -> Node:
        args = tuple(map(self.add, tree.args))
        types = [arg.type for arg in tree.args]
        function = FUNCTIONS.get(tree.overloads[0]) if len(tree.overloads) == 1 else None
        if function is not None and _takes(function, types):
            return Call(type=tree.type, function=function.id, args=args, at=tree.at)
        if any("dyn" in each for each in types):
            return self._refuse(say.unknown_types(self._at(tree), symbol(tree.function)))
        return self._refuse(say.function_not_supported(self._at(tree), symbol(tree.function), types))

    def _foreign(self, tree: Foreign) -> Node:
        if "." in tree.name:
            return self._refuse(say.value_not_supported(self._at(tree), f"a `{tree.name}`"))
        return self._refuse(say.macro_not_supported(self._written.at(tree.name_at), tree.name))

    def _refuse(self, problem: Problem) -> Node:
        self.problems.append(problem)
        return _NOTHING

    def _at(self, tree: Tree) -> Where:
        """Where a node stands: calls point at their parenthesis, people look at the name before it."""
        if isinstance(tree, Apply) and tree.function.isidentifier():
            return self._written.at(max(self._written.value.rfind(tree.function, 0, tree.at), 0))
        return self._written.at(tree.at)
