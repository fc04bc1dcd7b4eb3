"""`format`: values put into a string, by clauses such as `%d` and `%.2f`, as CEL's `strings` extension writes them."""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from contracts.errors import RuleError
from engine.programs.functions.declaration import Function
from engine.programs.functions.instants import duration_text, timestamp_text
from engine.programs.limits import Budget, bounded_text
from engine.programs.values import CelValue, Duration, OptionalValue, Timestamp, TypeValue

_CLAUSE = re.compile(r"%(?:\.([0-9]{1,4}))?(.?)", re.DOTALL)
_MAX_PRECISION = 1_000
_DEFAULT_PRECISION = 6


def _formatted(text: str, values: tuple[CelValue, ...]) -> str:
    left = iter(values)

    def written(found: re.Match[str]) -> str:
        precision, verb = found[1], found[2]
        if verb == "%" and precision is None:
            return "%"
        if verb not in _VERBS:
            raise RuleError(f"{found[0]!r} is no clause of a format; write one of %s %d %f %e %b %o %x %X %%")
        for value in left:
            return _VERBS[verb](value, _precision(precision))
        raise RuleError(f"nothing is left to format for {found[0]!r}")

    return bounded_text(_CLAUSE.sub(written, text))


def clauses(text: str) -> tuple[str, ...]:
    """The verbs of a format that take a value, in order: `d` of `%d`. Raises `RuleError` for what is no clause."""
    found = [(each[0], each[1], each[2]) for each in _CLAUSE.finditer(text)]
    wrong = [whole for whole, precision, verb in found if verb not in _VERBS and (verb != "%" or precision)]
    if wrong:
        raise RuleError(f"{wrong[0]!r} is no clause of a format; write one of %s %d %f %e %b %o %x %X %%")
    return tuple([verb for _, _, verb in found if verb != "%"])


def _precision(digits: str | None) -> int:
    precision = _DEFAULT_PRECISION if digits is None else int(digits)
    if precision > _MAX_PRECISION:
        raise RuleError(f"at most {_MAX_PRECISION} digits are written after the point")
    return precision


def text_of(value: CelValue, budget: Budget | None = None) -> str:
    """Any value as `%s` writes it. Raises `RuleError` when it holds too many others."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return value
        case TypeValue():
            return value.name
        case bytes():
            return value.decode(errors="replace")
        case Timestamp():
            return timestamp_text(value)
        case Duration():
            return _plain_seconds(value)
        case int():
            return f"{value:d}"
        case float():
            return _double_text(value)
    return _entries_text(value, budget or Budget())


def _entries_text(value: CelValue, budget: Budget) -> str:
    budget.take()
    match value:
        case OptionalValue():
            return f"optional.of({text_of(value.held[0], budget)})" if value.held else "optional.none()"
        case tuple():
            return bounded_text(f"[{', '.join([text_of(item, budget) for item in value])}]")
        case Mapping():
            entries = sorted((text_of(key), text_of(entry, budget)) for key, entry in value.items())
            return bounded_text("{" + ", ".join(f"{key}: {entry}" for key, entry in entries) + "}")
    raise RuleError("the value cannot be written as text")


def _plain_seconds(value: int) -> str:
    text = duration_text(value)
    return text[:-1].rstrip("0").rstrip(".") + "s" if "." in text else text


def _double_text(value: float) -> str:
    """The shortest digits that read back, without an exponent."""
    return _special(value) or f"{Decimal(repr(value)).normalize():f}"


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else ""


def _string(value: CelValue, precision: int) -> str:
    return text_of(value)


def _decimal(value: CelValue, precision: int) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return _special(value)
    return f"{_whole(value, '%d'):d}"


def _fixed(value: CelValue, precision: int) -> str:
    if isinstance(value, float):
        return _special(value) or f"{Decimal(value):.{precision}f}"
    return f"{Decimal(_whole(value, '%f')):.{precision}f}"


def _scientific(value: CelValue, precision: int) -> str:
    number = value if isinstance(value, float) else float(_whole(value, "%e"))
    return _special(number) or f"{number:.{precision}e}"


def _binary(value: CelValue, precision: int) -> str:
    return f"{int(value) if isinstance(value, bool) else _whole(value, '%b'):b}"


def _octal(value: CelValue, precision: int) -> str:
    return f"{_whole(value, '%o'):o}"


def _hexadecimal(value: CelValue, precision: int) -> str:
    if isinstance(value, str):
        return value.encode().hex()
    return value.hex() if isinstance(value, bytes) else f"{_whole(value, '%x'):x}"


def _upper_hexadecimal(value: CelValue, precision: int) -> str:
    return _hexadecimal(value, precision).upper()


def _whole(value: CelValue, clause: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool | Timestamp | Duration):
        return value
    raise RuleError(f"{clause} does not format a {type(value).__name__}")


_VERBS: dict[str, Callable[[CelValue, int], str]] = {
    "s": _string,
    "d": _decimal,
    "f": _fixed,
    "e": _scientific,
    "b": _binary,
    "o": _octal,
    "x": _hexadecimal,
    "X": _upper_hexadecimal,
}

FORMATTING = (
    Function(
        id="string_format",
        name="format",
        params=("string", "list(dyn)"),
        result="string",
        is_member=True,
        doc="The values put in for %s (any), %d (whole), %f %e (decimal, as %.2f), %b %o %x %X; %% is a percent sign.",
        example="'%s costs %.2f'.format(['tea', 3.5]) == 'tea costs 3.50'",
        run=_formatted,
        checks={0: clauses},
    ),
)
