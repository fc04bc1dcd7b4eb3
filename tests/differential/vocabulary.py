"""What expressions are drawn from: the functions, macros and types that the language has, found in its own tables.

A new one is there the moment the language has it. What cannot be drawn is listed, never silently passed over.
"""

from collections.abc import Callable, Sequence

from engine.programs import macros
from engine.programs.functions import FUNCTIONS, Declaration
from engine.programs.types import DYN, CelType

from .literals import LITERALS
from .spelling import CALLED_BY_MACROS, MACRO_NAMES, MACROS, MacroForm, is_spelled


class Vocabulary:
    """What there is to draw from: functions that can be written, macros that the language has, types of values.

    `compiles` tells what the language has, `runs` which examples the other side runs. What is not drawn is listed:
    `unspelled` are functions that the generator cannot write, `lacking` what the other side cannot run.
    """

    def __init__(self, compiles: Callable[[str], bool], runs: Callable[[Sequence[str]], Sequence[bool]]) -> None:
        functions = [each for each in FUNCTIONS.values() if each.name not in CALLED_BY_MACROS]
        has_run = runs([each.example for each in functions])
        self.lacking = tuple(each.id for each, has in zip(functions, has_run, strict=True) if not has)
        functions = [each for each, has in zip(functions, has_run, strict=True) if has]
        known = {word for each in functions for kind in (*each.params, each.result) for word in _words(kind)}
        self.singles = tuple(CelType(name) for name in LITERALS if name in known and name not in ("null", "type"))
        self.has_optionals = "optional" in known
        self.functions = tuple(function for function in functions if self._is_drawn(function))
        self.unspelled = tuple(function.id for function in functions if function not in self.functions)
        forms = [form for form in MACROS if compiles(form.probe)]
        self.macros = tuple(form for form, has in zip(forms, runs([form.probe for form in forms]), strict=True) if has)
        self.lacking += tuple(dict.fromkeys(form.word for form in forms if form not in self.macros))
        written = {MACRO_NAMES.get(form.word, form.word) for form in MACROS}
        self.unspelled_macros = tuple(name for name in macros.MACROS if name not in written)
        self.unknown_macros = tuple(dict.fromkeys(form.word for form in MACROS if form not in forms))
        self._giving: dict[CelType, tuple[Declaration | MacroForm, ...]] = {}

    def giving(self, kind: CelType) -> tuple[Declaration | MacroForm, ...]:
        """What gives values of a type, one name after the other."""
        if kind not in self._giving:
            functions = [each for each in self.functions if bound_by(each.result_type, kind) is not None]
            forms = [form for form in self.macros if bound_by(type_of(form.gives), kind) is not None]
            self._giving[kind] = (*functions, *forms)
        return self._giving[kind]

    def _is_drawn(self, function: Declaration) -> bool:
        types = (*function.param_types, function.result_type)
        return is_spelled(function) and all(map(self._is_known, types)) and function.result_type != DYN

    def _is_known(self, kind: CelType) -> bool:
        if kind.of:
            return kind.name in ("list", "map", "optional") and all(map(self._is_known, kind.of))
        return kind.name in LITERALS or kind == DYN or is_variable(kind)


def bound_by(result: CelType, wanted: CelType) -> dict[str, CelType] | None:
    """The variables of a result type, so that it is the wanted type; None when it can never be."""
    if is_variable(result):
        return {result.name: wanted}
    if result.name != wanted.name or len(result.of) != len(wanted.of):
        return None
    bound: dict[str, CelType] = {}
    for inner, part in zip(result.of, wanted.of, strict=True):
        deeper = bound_by(inner, part)
        if deeper is None or any(bound.get(name, kind) != kind for name, kind in deeper.items()):
            return None
        bound |= deeper
    return bound


def is_variable(kind: CelType) -> bool:
    """Whether it stands for any type: a capital letter."""
    return len(kind.name) == 1 and kind.name.isupper()


def type_of(text: str) -> CelType:
    """A type of the macro table: as `parse` reads it, with any capital letter as a variable."""
    name, bracket, rest = text.partition("(")
    return CelType(name, tuple(type_of(part) for part in rest[:-1].split(",")) if bracket else ())


def _words(kind: str) -> list[str]:
    return kind.replace("(", " ").replace(")", " ").replace(",", " ").split()
