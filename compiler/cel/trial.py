"""Expressions on trial: outside any bundle, over variables of any type, with types left open where they are.

What `edgewise eval` and the conformance suite run. The way is that of rules: check, lower, IR.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from compiler.cel.lower import Lowering
from compiler.cel.schema import bare_environment
from compiler.cel.tree import Apply, Entries, Name, Select, Tree, read_tree
from compiler.diagnostics import CompileError, Problem
from compiler.places import SourceText, Text
from contracts.errors import EdgewiseError
from contracts.rule_ir import Const, Dispatch, Form, ListOf, MapOf, Node, Rule, Variable
from engine.programs.functions import Declaration
from engine.programs.functions.conversion import TYPE_NAMES
from engine.programs.types import CelType
from engine.programs.verify import children

_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")


class TrialError(EdgewiseError):
    """The expression does not compile; `undeclared` is the first name in it that the checker does not know."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        found = _UNDECLARED.search(message)
        self.undeclared = found[1] if found else None


@dataclass(frozen=True)
class Trial:
    """An expression with what it may read: variables by name, and the container in which names are looked up."""

    text: str
    variables: Mapping[str, CelType]
    container: str = ""
    is_checked: bool = True
    has_macros: bool = True


def compiled(trial: Trial) -> tuple[str, Rule]:
    """The type that the checker tells, and the lowered expression. Raises `TrialError` or `CompileError`."""
    env = bare_environment(trial.variables, trial.container, has_macros=trial.has_macros)
    try:
        serialized = env.compile(trial.text, disable_check=not trial.is_checked).serialize()
    except RuntimeError as error:
        raise TrialError(str(error)) from None
    tree = read_tree(serialized)
    variables = {name: str(kind) for name, kind in trial.variables.items()}
    container = "" if trial.is_checked else trial.container  # checked names are resolved already
    return tree.type, lower_trial(tree, trial.text, variables, container)


def lower_trial(
    tree: Tree, text: str, variables: Mapping[str, str] = MappingProxyType({}), container: str = ""
) -> Rule:
    """An expression on trial, its types left open where they are; `variables` stand in the first slots.

    Names that were not checked are looked up in the container first; one that is not found fails when it is read.
    """
    written = Text(text, SourceText("expression", text), range(len(text) + 1))
    lowering = _TrialLowering(written, variables, container)
    lowering.add(tree)
    if lowering.problems:
        raise CompileError(lowering.problems)
    nodes = tuple(lowering.nodes)
    place = written.at(0).place
    return Rule(name="expression", form=Form.REQUEST, type=nodes[-1].type, place=place, nodes=nodes)


class _TrialLowering(Lowering):
    """The same of an expression on trial: its calls and names may be left open until it runs."""

    def __init__(self, written: Text, variables: Mapping[str, str], container: str) -> None:
        super().__init__(written)
        self._scope += variables.items()
        self._given = len(variables)
        self._container = container

    def _node(self, tree: Tree) -> Node:
        """A list or map of what is left open is open itself, whatever the checker says of it."""
        node = super()._node(tree)
        if isinstance(node, ListOf | MapOf) and any("dyn" in self.nodes[part].type for part in children(node)):
            return msgspec.structs.replace(node, type="dyn")
        return node

    def _open_call(self, tree: Apply | Select, name: str, args: tuple[int, ...]) -> Node:
        return Dispatch(name=name, args=args, at=tree.at)

    def _unfit_literals(self, function: Declaration, tree: Apply | Select) -> list[Problem]:
        """None: on trial, what is computed may stand there too."""
        return []

    def _unfit_keys(self, tree: Entries, types: Sequence[str]) -> list[Problem]:
        return []

    def _other_name(self, tree: Name) -> Node:
        if tree.type == "type" or tree.name in TYPE_NAMES:
            return Const(type="type", value=tree.name, at=tree.at)
        return Dispatch(name=tree.name, args=(), at=tree.at)

    def _variable(self, name: str, at: int) -> Variable | None:
        return super()._variable(name, at) or self._given_variable(name, at)

    def _select(self, tree: Select) -> Node:
        path = None if tree.is_test else _path(tree)
        bound = path is not None and self._is_bound(path.partition(".")[0])
        found = self._given_variable(path, tree.at) if path and not bound else None
        return found or super()._select(tree)

    def _given_variable(self, name: str, at: int) -> Variable | None:
        """A variable of the expression itself, whatever macros bind: in the container first, unless a dot leads."""
        is_absolute = name.startswith(".") or not self._container
        for wanted in (name.removeprefix("."),) if is_absolute else (f"{self._container}.{name}", name):
            for slot, (known, kind) in enumerate(self._scope[: self._given]):
                if known == wanted:
                    return Variable(type=kind, slot=slot, at=at)
        return None


def _path(tree: Tree) -> str | None:
    """`a.b.c` as it is written."""
    if isinstance(tree, Name):
        return tree.name
    operand = _path(tree.operand) if isinstance(tree, Select) and not tree.is_test else None
    return f"{operand}.{tree.field}" if operand and isinstance(tree, Select) else None
