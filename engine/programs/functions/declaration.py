"""What a function of the rule language is: its signature, its meaning, an example, and how it runs.

`id` is the checker's overload id; rules name functions by it. A strict function's `run` takes and gives CEL values
and raises `RuleError` alone. Its column forms are optional: without one, strings are evaluated per distinct value
and anything else row by row, so a form only makes it fast. A lazy function decides which of its arguments to run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from engine.column import Array
from engine.programs.types import VARIABLES, CelType, parse
from engine.programs.values import CelValue, ColumnStep, Operand, RequestProgram

_WRITTEN = {"math.@max": "math.greatest", "math.@min": "math.least", "@sortByAssociatedKeys": "sortBy"}
_UNPADDED = {"": "", "[": "[", "]": "]", "[?": "[?", "?.": ".?"}
ColumnForm = Callable[..., Operand]


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """The signature of a function in CEL types, `A` and `B` being variables; `name` is how CEL text calls it.

    `is_own` marks functions that are not CEL's: the compiler declares those to its checker. `example` is a CEL
    expression that is true. `checks` has, by place, what raises `RuleError` for a literal argument that will not do;
    those of `takes_literals` must be literals.
    """

    id: str
    name: str
    params: tuple[str, ...]
    result: str
    doc: str
    example: str
    is_member: bool = False
    is_own: bool = False
    checks: Mapping[int, Callable[..., object]] = field(default_factory=dict)
    takes_literals: frozenset[int] = frozenset()

    @property
    def signature(self) -> str:
        """How it is written in CEL, with types for values: `string.startsWith(string) -> bool`, `int + int -> int`."""
        return f"{self.spelled(self.params)} -> {self.result}"

    @property
    def written_name(self) -> str:
        """The name with which it is called; empty for an operator."""
        name = _WRITTEN.get(self.name, self.name)
        return name if name.replace(".", "").isidentifier() else ""

    def spelled(self, operands: Sequence[str]) -> str:
        """A call of it in CEL, with these operands."""
        name = self.written_name
        if not name:
            return self._operation(operands)
        if self.is_member:
            return f"{operands[0]}.{name}({', '.join(operands[1:])})"
        return f"{name}({', '.join(operands)})"

    def _operation(self, operands: Sequence[str]) -> str:
        """An operator's name has `_` where its operands stand, but for `@in`."""
        first, *signs = self.name.replace("@in", "_in_").split("_")
        padded = [_UNPADDED.get(sign, f" {sign} ") for sign in signs]
        return first + "".join(param + sign for param, sign in zip(operands, padded, strict=True))

    @cached_property
    def param_types(self) -> tuple[CelType, ...]:
        """The parameters' types."""
        return tuple([parse(param, VARIABLES) for param in self.params])

    @cached_property
    def result_type(self) -> CelType:
        """The result's type."""
        return parse(self.result, VARIABLES)


@dataclass(frozen=True, kw_only=True)
class Function(Declaration):
    """A strict function. `numeric` cannot fail and `checked` tells where it did, both over arrays of single numbers.

    `coded` works on one column of strings, by the kind of its result; `listed` on one column of lists or maps. Their
    other arguments are CEL values. `alike` is a faster `run` for arguments of one and the same plain type.
    """

    run: Callable[..., CelValue]
    alike: Callable[..., CelValue] | None = None
    numeric: Callable[..., Array] | None = None
    checked: ColumnForm | None = None
    coded: Mapping[str, ColumnForm] = field(default_factory=dict)
    listed: ColumnForm | None = None


@dataclass(frozen=True, kw_only=True)
class LazyFunction(Declaration):
    """A function over programs: `plan` joins closures, `plan_columns` column steps (without it: row by row)."""

    plan: Callable[..., RequestProgram]
    plan_columns: Callable[..., ColumnStep] | None = None
