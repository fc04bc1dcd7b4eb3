"""What the engine's own signatures say of a call: its type, and whether the literals in it will do.

The checker lets `dyn` pass everywhere and looks into no literal; the engine does neither. What it would refuse at an
edge is found here, while the place in the text is still known.
"""

from collections.abc import Sequence

from compiler.cel.tree import Literal, Tree
from contracts.errors import NotRunnableError, RuleError
from engine.programs.functions import Declaration
from engine.programs.inference import KEYS
from engine.programs.types import DYN, CelType, parse, result_of, settled


def result_type(function: Declaration, types: Sequence[str]) -> CelType | None:
    """What a function gives for arguments of these types; None when it does not take them."""
    return result_of(function.param_types, function.result_type, list(map(parsed_type, types)))


def settled_type(inferred: CelType, checked: str) -> str:
    """A type as the engine tells it, the parts that nothing is known of as the checker has them."""
    return str(settled(inferred, parsed_type(checked)))


def parsed_type(spelled: str) -> CelType:
    """A type; `dyn` for one that the engine has no word for."""
    try:
        return parse(spelled)
    except NotRunnableError:
        return DYN


def unfit_key(kind: str) -> str:
    """Why a value of a type cannot be a key of a map; empty where it can, or where that is not known."""
    if kind == "dyn" or kind in KEYS:
        return ""
    return f"a map's keys are strings, ints, uints or bools, not {kind}"


def unfit_literal(function: Declaration, place: int, arg: Tree) -> str:
    """Why an argument will not do where a literal must stand; empty where it will."""
    if not isinstance(arg, Literal):
        return f"`{function.written_name}` takes a literal here, so that it can be checked beforehand"
    try:
        function.checks[place](arg.value)
    except RuleError as error:
        return error.message
    return ""
