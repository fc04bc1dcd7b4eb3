"""Checked expressions -> rule IR: flat nodes, children first, functions by their overload ids.

What the engine lacks is refused here with its place. Each rule is then planned once by the
engine itself, so that nothing ships which an edge would refuse.
"""

import math
from collections.abc import Mapping, Sequence

from compiler.cel.check import Checked
from compiler.cel.signatures import parsed_type, result_type, settled_type, unfit_key, unfit_literal
from compiler.cel.tree import Apply, Entries, Expansion, Foreign, Items, Literal, Name, Select, Tree, symbol
from compiler.diagnostics import CompileError, Problem, Where
from compiler.diagnostics import rule_messages as say
from compiler.places import Text
from compiler.sources import Sources
from contracts.catalog import TableSpec
from contracts.errors import NotRunnableError
from contracts.features import Root
from contracts.rule_ir import Call, Const, Form, Has, ListOf, MacroCall, MapOf, Node, Read, Rule, Variable
from engine.programs.columns import plan_columns
from engine.programs.functions import FUNCTIONS, Declaration
from engine.programs.macros import MACROS, bound_types
from engine.programs.plan import plan_request
from engine.programs.verify import RefusedNodeError

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
    expression = checked.expression
    lowering = Lowering(expression.written)
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
    except RefusedNodeError as error:
        node = rule.nodes[error.place]
        name = FUNCTIONS[node.function].name if isinstance(node, Call) else ""
        where = at_name(checked.expression.written, name, node.at)
        raise CompileError([say.not_runnable(where, error.reason)]) from None
    except NotRunnableError as error:
        raise CompileError([say.not_runnable(checked.expression.where, str(error))]) from None


class Lowering:
    """One rule while its nodes are laid out; what cannot be is a problem and leaves a null in its place.

    A variable's slot is how many are in scope already, so inner macros never hide outer ones.
    """

    def __init__(self, written: Text) -> None:
        self.nodes: list[Node] = []
        self.problems: list[Problem] = []
        self._written = written
        self._scope: list[tuple[str, str]] = []
        self._given = 0

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
                items = tuple(map(self.add, tree.items))
                if self._is_refused(items):
                    return _NOTHING
                return ListOf(type=tree.type, items=items, optional=tree.optional, at=tree.at)
            case Entries():
                return self._map(tree)
            case Expansion():
                return self._macro(tree)
            case Foreign():
                return self._refuse(say.message_made(self._at(tree), tree.name))

    def _map(self, tree: Entries) -> Node:
        keys = tuple(self.add(key) for key, _ in tree.entries)
        values = tuple(self.add(value) for _, value in tree.entries)
        self.problems += self._unfit_keys(tree, [self.nodes[key].type for key in keys])
        return MapOf(type=tree.type, keys=keys, values=values, optional=tree.optional, at=tree.at)

    def _unfit_keys(self, tree: Entries, types: Sequence[str]) -> list[Problem]:
        """Keys of a type that no map may have."""
        whys = [(key, unfit_key(kind)) for (key, _), kind in zip(tree.entries, types, strict=True)]
        return [say.not_runnable(self._at(key), why) for key, why in whys if why]

    def _literal(self, tree: Literal) -> Node:
        if isinstance(tree.value, float) and not math.isfinite(tree.value):
            return self._refuse(say.bad_literal(self._at(tree), "double"))
        return Const(type=tree.type, value=tree.value, at=tree.at)

    def _name(self, tree: Name) -> Node:
        variable = self._variable(tree.name, tree.at)
        if variable is not None:
            return variable
        if tree.name in (Root.NOW, Root.SCORE):
            return Read(type=tree.type, root=Root(tree.name), at=tree.at)
        if tree.name in list(Root):
            return self._refuse(say.whole_root(self._at(tree), tree.name))
        return self._other_name(tree)

    def _other_name(self, tree: Name) -> Node:
        if tree.type == "type":
            return Const(type="type", value=tree.name, at=tree.at)
        return self._refuse(say.value_not_supported(self._at(tree), f"`{tree.name}`"))

    def _variable(self, name: str, at: int) -> Variable | None:
        """The innermost variable of a name."""
        for slot in reversed(range(self._given, len(self._scope))):
            known, kind = self._scope[slot]
            if known == name:
                return Variable(type=kind, slot=slot, at=at)
        return None

    def _select(self, tree: Select) -> Node:
        if isinstance(tree.operand, Name) and tree.operand.name in list(Root) and not self._is_bound(tree.operand.name):
            root = Root(tree.operand.name)
            if tree.is_test:
                return Has(root=root, field=tree.field, at=tree.at)
            return Read(type=tree.type, root=root, field=tree.field, at=tree.at)
        args = (self.add(tree.operand), self.add(Literal("string", tree.at, tree.field)))
        is_optional = self.nodes[args[0]].type.startswith("optional")
        if tree.is_test:
            overload = "has_optional_key" if is_optional else "has_key"
            return self._applied(tree, "has", (overload,), args)
        overload = "optional_map_index_value" if is_optional else "index_map"
        return self._applied(tree, "_[_]", (overload,), args)

    def _is_bound(self, name: str) -> bool:
        return any(name == each for each, _ in self._scope)

    def _call(self, tree: Apply) -> Node:
        args = tuple(map(self.add, tree.args))
        is_of_optional = tree.function == "_?._" and self.nodes[args[0]].type.startswith("optional")
        overloads = ("select_optional_field_of_optional",) if is_of_optional else tree.overloads
        return self._applied(tree, tree.function, overloads, args)

    def _applied(self, tree: Apply | Select, name: str, overloads: Sequence[str], args: tuple[int, ...]) -> Node:
        if self._is_refused(args):
            return _NOTHING
        types = [self.nodes[arg].type for arg in args]
        function = FUNCTIONS.get(overloads[0]) if len(overloads) == 1 else None
        result = result_type(function, types) if function else None
        if function is not None and result is not None:
            unfit = self._unfit_literals(function, tree)
            if unfit:
                self.problems += unfit
                return _NOTHING
            return Call(type=settled_type(result, tree.type), function=function.id, args=args, at=tree.at)
        return self._open_call(tree, name, args)

    def _unfit_literals(self, function: Declaration, tree: Apply | Select) -> list[Problem]:
        """Arguments that must be literals and are none, or that no call could work with."""
        given = tree.args if isinstance(tree, Apply) else ()
        checked = {place: given[place] for place in sorted(function.takes_literals) if place < len(given)}
        whys = {place: unfit_literal(function, place, arg) for place, arg in checked.items()}
        return [say.not_runnable(self._at(checked[place]), why) for place, why in whys.items() if why]

    def _open_call(self, tree: Apply | Select, name: str, args: tuple[int, ...]) -> Node:
        """A call of which no overload is known to fit."""
        types = [self.nodes[arg].type for arg in args]
        if any("dyn" in each for each in types):
            return self._refuse(say.unknown_types(self._at(tree), symbol(name)))
        return self._refuse(say.function_not_supported(self._at(tree), symbol(name), types))

    def _macro(self, tree: Expansion) -> Node:
        over = self.add(tree.over)
        if self._is_refused((over,)):
            return _NOTHING
        macro, kind = MACROS[tree.macro], parsed_type(self.nodes[over].type)
        bound = bound_types(macro, kind, len(tree.names))
        if bound is None:
            return self._refuse(say.not_gone_through(self._at(tree), tree.macro, self.nodes[over].type))
        first = len(self._scope)
        self._scope += zip(tree.names, map(str, bound), strict=True)
        bodies = tuple(map(self.add, tree.bodies))
        del self._scope[first:]
        if self._is_refused(bodies):
            return _NOTHING
        result = settled_type(macro.result(kind, bound, parsed_type(self.nodes[bodies[-1]].type)), tree.type)
        slots = tuple(range(first, first + len(bound)))
        return MacroCall(type=result, macro=tree.macro, over=over, slots=slots, bodies=bodies, at=tree.at)

    def _is_refused(self, places: Sequence[int]) -> bool:
        """Whether a part was refused: then nothing can be said of the whole."""
        return any(self.nodes[place] is _NOTHING for place in places)

    def _refuse(self, problem: Problem) -> Node:
        self.problems.append(problem)
        return _NOTHING

    def _at(self, tree: Tree) -> Where:
        return at_name(self._written, tree.function if isinstance(tree, Apply) else "", tree.at)


def at_name(written: Text, function: str, at: int) -> Where:
    """Where a node stands: calls point at their parenthesis, people look at the name before it."""
    name = function.rpartition(".")[2]
    return written.at(max(written.value.rfind(name, 0, at), 0) if name.isidentifier() else at)
