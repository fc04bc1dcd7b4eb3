"""CEL types as rules and functions spell them: `int`, `list(string)`, `map(string,double)`, and variables `A`, `B`.

`dyn` is what mixed lists hold; only type variables take it. `never` is the element of an empty list or optional and
fits everywhere. Types of the IR come from outside, so each is parsed, bounded and compared, and never believed.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from contracts.errors import NotRunnableError
from contracts.features import ValueType

MAX_TYPE_LENGTH = 256
_SCALARS = frozenset(
    {"bool", "int", "uint", "double", "string", "bytes", "null", "timestamp", "duration", "type", "dyn"}
)
_CONTAINERS = {"list": 1, "optional": 1, "map": 2}
VARIABLES = frozenset({"A", "B"})


class CelType(NamedTuple):
    """One type; `of` holds the element of a list or optional, or the key and value of a map."""

    name: str
    of: tuple["CelType", ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({','.join(map(str, self.of))})" if self.of else self.name


BOOL, INT, DOUBLE, STRING = CelType("bool"), CelType("int"), CelType("double"), CelType("string")
BYTES, UINT = CelType("bytes"), CelType("uint")
TIMESTAMP, DURATION, DYN, NEVER = CelType("timestamp"), CelType("duration"), CelType("dyn"), CelType("never")
STRINGS = CelType("list", (STRING,))
NUMBERS = CelType("map", (STRING, DOUBLE))

TYPE_OF_VALUES: dict[ValueType, CelType] = {
    ValueType.BOOL: BOOL,
    ValueType.INT: INT,
    ValueType.DOUBLE: DOUBLE,
    ValueType.STRING: STRING,
    ValueType.TIMESTAMP: TIMESTAMP,
    ValueType.STRINGS: STRINGS,
    ValueType.NUMBERS: NUMBERS,
}


@lru_cache(maxsize=4_096)
def parse(text: str, variables: frozenset[str] = frozenset()) -> CelType:
    """Reads a type, or with `variables` one of a signature. Raises `NotRunnableError` for an unknown one."""
    spelled = text.replace(" ", "")
    if len(spelled) > MAX_TYPE_LENGTH:
        raise NotRunnableError("a type is spelled too long")
    if spelled in _SCALARS or spelled in variables:
        return CelType(spelled)
    name, _, rest = spelled.partition("(")
    of = rest[:-1].split(",", 1) if name == "map" else [rest[:-1]]
    if len(of) != _CONTAINERS.get(name) or not rest.endswith(")"):
        raise NotRunnableError(f"type {text!r} is not one that this engine knows")
    return CelType(name, tuple([parse(part, variables) for part in of]))


def join(left: CelType, right: CelType) -> CelType:
    """The narrowest type that holds the values of both."""
    if left == right or right == NEVER:
        return left
    if left == NEVER:
        return right
    if left.name == right.name and left.of:
        return CelType(left.name, tuple(map(join, left.of, right.of)))
    return DYN


def fits(given: CelType, wanted: CelType) -> bool:
    """Whether values of one type may stand where another is declared: `never` and `dyn` give way, no other does."""
    if given in (wanted, NEVER) or wanted == DYN:
        return True
    return given.name == wanted.name and bool(given.of) and all(map(fits, given.of, wanted.of))


def settled(given: CelType, declared: CelType) -> CelType:
    """The given type with the parts that no value has (`never`) as they are declared."""
    if given == NEVER:
        return declared
    if given.name != declared.name:
        return given
    return CelType(given.name, tuple(map(settled, given.of, declared.of)))


def result_of(params: Sequence[CelType], result: CelType, args: Sequence[CelType]) -> CelType | None:
    """What a function of these parameters gives for arguments of these types; None when it does not take them."""
    bound: dict[str, CelType] = {}
    if len(params) != len(args) or not all(_takes(param, arg, bound) for param, arg in zip(params, args, strict=True)):
        return None
    return _filled(result, bound)


def _takes(param: CelType, arg: CelType, bound: dict[str, CelType]) -> bool:
    if param.name in VARIABLES:
        known = bound.get(param.name, NEVER)
        bound[param.name] = join(known, arg)
        return known == arg or DYN in (known, arg) or bound[param.name] != DYN
    if param.of and param.name == arg.name:
        return all(_takes(inner, given, bound) for inner, given in zip(param.of, arg.of, strict=True))
    return fits(arg, param)


def _filled(result: CelType, bound: dict[str, CelType]) -> CelType:
    if result.name in VARIABLES:
        return bound.get(result.name, NEVER)
    return CelType(result.name, tuple(_filled(inner, bound) for inner in result.of))
