"""CEL's `math.bit...`: what is done to the bits of a number.

Bits are those of 64-bit numbers; shifting to the right fills with zeros, also for negative ints, as CEL defines it.
"""

from collections.abc import Callable, Iterable

from contracts.errors import RuleError
from contracts.features import INT64_MAX, UINT64_MAX
from engine.programs.functions.declaration import Function
from engine.programs.values import Uint

_BITS = 64


def _shifted_left(value: int, count: int) -> int:
    if count < 0:
        raise RuleError("bits are shifted by 0 or more")
    bits = (value & UINT64_MAX) << count if count < _BITS else 0
    return _from_bits(bits & UINT64_MAX, value)


def _shifted_right(value: int, count: int) -> int:
    if count < 0:
        raise RuleError("bits are shifted by 0 or more")
    return _from_bits((value & UINT64_MAX) >> count if count < _BITS else 0, value)


def _from_bits(bits: int, like: int) -> int:
    if isinstance(like, Uint):
        return Uint(bits)
    return bits - (UINT64_MAX + 1) if bits > INT64_MAX else bits


def _not(value: int) -> int:
    return _from_bits(~value & UINT64_MAX, value)


def _bitwise(operation: Callable[[int, int], int]) -> Callable[[int, int], int]:
    return lambda left, right: _from_bits(operation(left & UINT64_MAX, right & UINT64_MAX), left)


def _bits(
    word: str, doc: str, run: Callable[..., int], samples: tuple[str, str], second: str = ""
) -> Iterable[Function]:
    for kind, sample in zip(("int", "uint"), samples, strict=True):
        params = (kind,) if second == "none" else (kind, second or kind)
        yield Function(
            id=f"math_bit{word}_{kind}_{kind if second == 'none' else second or kind}",
            name=f"math.bit{word}",
            params=params,
            result=kind,
            doc=doc,
            example=f"math.bit{word}({sample}",
            run=run,
        )


BITS = (
    *_bits("And", "The bits that both have.", _bitwise(lambda a, b: a & b), ("6, 3) == 2", "6u, 3u) == 2u")),
    *_bits("Or", "The bits that either has.", _bitwise(lambda a, b: a | b), ("6, 3) == 7", "6u, 3u) == 7u")),
    *_bits("Xor", "The bits that one of them has.", _bitwise(lambda a, b: a ^ b), ("6, 3) == 5", "6u, 3u) == 5u")),
    *_bits("Not", "All 64 bits turned.", _not, ("1) == -2", "0u) == 18446744073709551615u"), "none"),
    *_bits("ShiftLeft", "The bits moved up by a count.", _shifted_left, ("1, 2) == 4", "1u, 2) == 4u"), "int"),
    *_bits("ShiftRight", "The bits moved down by a count.", _shifted_right, ("4, 2) == 1", "4u, 2) == 1u"), "int"),
)
