"""Lists and maps: what is in them, what stands where. Keys of maps are strings, ints, uints or bools.

Two shapes are fast in columns. A map or list of the request, asked by an item's string as in
`visitor.affinity[item.category]` or `item.id in visitor.items`, is looked up per distinct string; an item's own list
or map, asked by one string, is searched in the column's codes.
"""

import operator
import struct
from collections.abc import Mapping

import numpy as np

from contracts.errors import RuleError
from engine.column import Array
from engine.programs.arrays import distinct, looked_up, mapped, some
from engine.programs.functions.comparison import equal
from engine.programs.functions.declaration import Function
from engine.programs.limits import Budget, bounded
from engine.programs.values import CelValue, Lists, Operand, OptionalValue, Texts, Uint

_NOWHERE_BITS = 0x7FF8_EDCE_0000_0001  # a NaN that no map holds: those that are stored, or computed, are others
_NOWHERE = struct.unpack("<d", struct.pack("<q", _NOWHERE_BITS))[0]
_HASHABLE = frozenset({bool, int, Uint, float, str})


def contains(value: CelValue, items: tuple[CelValue, ...]) -> bool:
    """Whether a list holds a value that equals this one."""
    if type(value) is str:
        return value in items
    budget = Budget()
    return any(equal(value, item, budget) for item in items)


def has_key(mapping: CelValue, key: CelValue) -> bool:
    """Whether a map has a key; of an optional, whether it holds a map that has it."""
    if isinstance(mapping, OptionalValue):
        return bool(mapping.held) and has_key(mapping.held[0], key)
    if not isinstance(mapping, Mapping):
        raise RuleError("only a map has keys")
    return type(key) in _HASHABLE and key in mapping


def entry(mapping: CelValue, key: CelValue) -> CelValue:
    """The value of a key. Raises `RuleError` when there is none."""
    if type(mapping) is dict and type(key) is str and key in mapping:  # nearly all maps are such
        return mapping[key]
    if has_key(mapping, key):
        return mapping[key]  # type: ignore[index]
    raise RuleError(f"the map has no key {key!r}")


def element(items: tuple[CelValue, ...], place: int) -> CelValue:
    """The element at a place. Raises `RuleError` outside the list."""
    if 0 <= place < len(items):
        return items[place]
    raise RuleError(f"place {place} is outside the list of {len(items)}")


def _in_map(key: CelValue, mapping: CelValue) -> bool:
    return has_key(mapping, key)


def _get(mapping: Mapping[str, float], key: str, default: float) -> float:
    return mapping.get(key, default)


def _in_list_coded(texts: Texts, items: tuple[str, ...]) -> Operand:
    strings, places = distinct(texts)
    few, many = (items, strings) if len(items) < len(strings) else (strings, items)
    common = frozenset(few).intersection(many)
    if not common:
        return np.zeros(len(texts.codes), dtype=np.bool_), None
    held: Array = np.fromiter(map(common.__contains__, strings), np.bool_, len(strings))
    return held if places is None else held.take(places), None


def _in_map_coded(texts: Texts, mapping: Mapping[str, CelValue]) -> Operand:
    return mapped(mapping.__contains__, texts, np.bool_), None


def _has_key_coded(mapping: Mapping[str, CelValue], texts: Texts) -> Operand:
    return _in_map_coded(texts, mapping)


def _get_coded(mapping: Mapping[str, float], texts: Texts, default: float) -> Operand:
    return looked_up(mapping.get, default, texts), None


def _entry_coded(mapping: Mapping[str, float], texts: Texts) -> Operand:
    values = looked_up(mapping.get, _NOWHERE, texts)
    return values, some(values.view(np.int64) == _NOWHERE_BITS)


def _in_list_listed(text: str, lists: Lists) -> Operand:
    holders, _ = _found(lists, text)
    mask = np.zeros(len(lists.starts), dtype=np.bool_)
    mask[holders] = True
    return mask, None


def _has_key_listed(lists: Lists, text: str) -> Operand:
    return _in_list_listed(text, lists)


def _sizes(lists: Lists) -> Operand:
    return lists.ends - lists.starts, None


def _get_listed(lists: Lists, text: str, default: float) -> Operand:
    holders, entries = _found(lists, text)
    values = np.full(len(lists.starts), default)
    values[holders] = _numbers(lists)[entries]
    return values, None


def _entry_listed(lists: Lists, text: str) -> Operand:
    holders, entries = _found(lists, text)
    values = np.zeros(len(lists.starts))
    values[holders] = _numbers(lists)[entries]
    errors = np.ones(len(values), dtype=np.bool_)
    errors[holders] = False
    return values, some(errors)


def _numbers(lists: Lists) -> Array:
    numbers = lists.column.numbers
    return np.zeros(0) if numbers is None else numbers


def _found(lists: Lists, text: str) -> tuple[Array, Array]:
    """The candidates whose entries hold a string, and which entries these are."""
    holders, places, codes = lists.entries
    hits = (codes == lists.column.code_of.get(text, -1)).nonzero()[0]
    return holders.take(hits), places.take(hits)


def _size(id_: str, kind: str, example: str, *, is_member: bool) -> Function:
    return Function(
        id=id_,
        name="size",
        params=(kind,),
        result="int",
        is_member=is_member,
        doc="How many entries there are.",
        example=example,
        run=len,
        listed=_sizes,
    )


CONTAINERS = (
    Function(
        id="in_list",
        name="@in",
        params=("A", "list(A)"),
        result="bool",
        doc="Whether a list holds a value.",
        example="'a' in ['a', 'b']",
        run=contains,
        coded={"bool": _in_list_coded},
        listed=_in_list_listed,
    ),
    Function(
        id="in_map",
        name="@in",
        params=("A", "map(A,B)"),
        result="bool",
        doc="Whether a map has a key.",
        example="'a' in {'a': 1.0}",
        run=_in_map,
        coded={"bool": _in_map_coded},
        listed=_in_list_listed,
    ),
    Function(
        id="index_list",
        name="_[_]",
        params=("list(A)", "int"),
        result="A",
        doc="The element at a place, counted from 0; an error outside the list.",
        example="['a', 'b'][1] == 'b'",
        run=element,
    ),
    Function(
        id="index_map",
        name="_[_]",
        params=("map(A,B)", "A"),
        result="B",
        doc="The value of a key; an error when the map lacks it.",
        example="{'a': 1.0}['a'] == 1.0",
        run=entry,
        coded={"double": _entry_coded},
        listed=_entry_listed,
    ),
    Function(
        id="has_key",
        name="has",
        params=("map(A,B)", "A"),
        result="bool",
        doc="Whether a map has a key, as written with `has(map.key)`.",
        example="has({'a': 1.0}.a)",
        run=has_key,
        coded={"bool": _has_key_coded},
        listed=_has_key_listed,
    ),
    Function(
        id="get",
        name="get",
        params=("map(string,double)", "string", "double"),
        result="double",
        is_own=True,
        doc="The value of a key, or the default when the map lacks it; never an error.",
        example="get({'a': 1.0}, 'b', 0.0) == 0.0",
        run=_get,
        coded={"double": _get_coded},
        listed=_get_listed,
    ),
    _size("size_list", "list(A)", "size(['a', 'b']) == 2", is_member=False),
    _size("list_size", "list(A)", "['a', 'b'].size() == 2", is_member=True),
    _size("size_map", "map(A,B)", "size({'a': 1.0}) == 1", is_member=False),
    _size("map_size", "map(A,B)", "{'a': 1.0}.size() == 1", is_member=True),
    Function(
        id="add_list",
        name="_+_",
        params=("list(A)", "list(A)"),
        result="list(A)",
        doc="One list after the other.",
        example="['a'] + ['b'] == ['a', 'b']",
        run=lambda left, right: bounded(operator.add(left, right)),
    ),
)
