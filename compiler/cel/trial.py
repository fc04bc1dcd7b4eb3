"""Expressions on trial: outside any bundle, over variables of any type, with types left open where they are.

What `edgewise eval` and the conformance suite run. The way is that of rules: check, lower, IR.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.cel.lower import lower_trial
from compiler.cel.schema import bare_environment
from compiler.cel.tree import read_tree
from contracts.errors import EdgewiseError
from contracts.rule_ir import Rule
from engine.programs.types import CelType

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


def compiled(trial: Trial) -> tuple[str, Rule]:
    """The type that the checker tells, and the lowered expression. Raises `TrialError` or `CompileError`."""
    env = bare_environment(trial.variables, trial.container)
    try:
        serialized = env.compile(trial.text, disable_check=not trial.is_checked).serialize()
    except RuntimeError as error:
        raise TrialError(str(error)) from None
    tree = read_tree(serialized)
    variables = {name: str(kind) for name, kind in trial.variables.items()}
    container = "" if trial.is_checked else trial.container  # checked names are resolved already
    return tree.type, lower_trial(tree, trial.text, variables, container)
