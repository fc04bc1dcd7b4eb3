"""Optionals: values that may be absent, made by `?` in a read, so that absence is no error.

`item.?title` is not CEL of ours (fields of roots are declared); `visitor.affinity[?key].orValue(0.0)` is.
"""

from collections.abc import Mapping

from contracts.errors import RuleError
from engine.programs.functions.containers import entry, has_key
from engine.programs.functions.declaration import Function, LazyFunction
from engine.programs.values import CelValue, OptionalValue, RequestProgram, Scope

NONE = OptionalValue()


def _of_non_zero(value: CelValue) -> OptionalValue:
    """CEL's zero values: null, false, 0, nothing in it; the zero instant counts, as in protobuf."""
    is_zero = value is None or (not value and not isinstance(value, OptionalValue))
    return NONE if is_zero else OptionalValue((value,))


def _value(optional: OptionalValue) -> CelValue:
    if not optional.held:
        raise RuleError("the optional holds nothing")
    return optional.held[0]


def _has_value(optional: OptionalValue) -> bool:
    return bool(optional.held)


def _or(optional: RequestProgram, other: RequestProgram) -> RequestProgram:
    def run(scope: Scope) -> CelValue:
        found = _optional(optional(scope))
        return found if found.held else _optional(other(scope))

    return run


def _or_value(optional: RequestProgram, other: RequestProgram) -> RequestProgram:
    def run(scope: Scope) -> CelValue:
        held = _optional(optional(scope)).held
        return held[0] if held else other(scope)

    return run


def _optional(value: CelValue) -> OptionalValue:
    if isinstance(value, OptionalValue):
        return value
    raise RuleError("an optional is wanted")


def _select(mapping: CelValue, key: str) -> OptionalValue:
    """`map.?key` of a map or an optional one."""
    if isinstance(mapping, OptionalValue):
        return _select(mapping.held[0], key) if mapping.held else NONE
    if not isinstance(mapping, Mapping):
        raise RuleError("`.?` selects from a map")
    return OptionalValue((mapping[key],)) if key in mapping else NONE


def _map_at(mapping: CelValue, key: CelValue) -> OptionalValue:
    return OptionalValue((entry(mapping, key),)) if has_key(mapping, key) else NONE


def _list_at(items: tuple[CelValue, ...], place: int) -> OptionalValue:
    return OptionalValue((items[place],)) if 0 <= place < len(items) else NONE


def _held_at(optional: OptionalValue, key: CelValue) -> OptionalValue:
    """`[key]` of an optional list or map: absent when either is."""
    if not optional.held:
        return NONE
    held = optional.held[0]
    if isinstance(held, tuple) and type(key) is int:
        return _list_at(held, key)
    return _map_at(held, key)


def _first(items: tuple[CelValue, ...]) -> OptionalValue:
    return OptionalValue(items[:1])


def _last(items: tuple[CelValue, ...]) -> OptionalValue:
    return OptionalValue(items[-1:])


OPTIONALS: tuple[Function | LazyFunction, ...] = (
    Function(
        id="optional_of",
        name="optional.of",
        params=("A",),
        result="optional(A)",
        doc="An optional that holds the value.",
        example="optional.of(1).value() == 1",
        run=lambda value: OptionalValue((value,)),
    ),
    Function(
        id="optional_ofNonZeroValue",
        name="optional.ofNonZeroValue",
        params=("A",),
        result="optional(A)",
        doc="An optional that holds the value unless that is null, false, zero or empty.",
        example="!optional.ofNonZeroValue('').hasValue()",
        run=_of_non_zero,
    ),
    Function(
        id="optional_none",
        name="optional.none",
        params=(),
        result="optional(A)",
        doc="An optional that holds nothing.",
        example="!optional.none().hasValue()",
        run=lambda: NONE,
    ),
    Function(
        id="optional_hasValue",
        name="hasValue",
        params=("optional(A)",),
        result="bool",
        is_member=True,
        doc="Whether it holds a value.",
        example="{'a': 1}[?'a'].hasValue()",
        run=_has_value,
    ),
    Function(
        id="optional_value",
        name="value",
        params=("optional(A)",),
        result="A",
        is_member=True,
        doc="The value it holds; an error when it holds none.",
        example="{'a': 1}[?'a'].value() == 1",
        run=_value,
    ),
    LazyFunction(
        id="optional_or_optional",
        name="or",
        params=("optional(A)", "optional(A)"),
        result="optional(A)",
        is_member=True,
        doc="The first of the two that holds a value; the second is run only if the first holds none.",
        example="{'a': 1}[?'b'].or(optional.of(2)).value() == 2",
        plan=_or,
    ),
    LazyFunction(
        id="optional_orValue_value",
        name="orValue",
        params=("optional(A)", "A"),
        result="A",
        is_member=True,
        doc="The value it holds, else the given one, which is run only then.",
        example="{'a': 1}[?'b'].orValue(2) == 2",
        plan=_or_value,
    ),
    Function(
        id="select_optional_field",
        name="_?._",
        params=("map(string,B)", "string"),
        result="optional(B)",
        doc="The entry of a key, written `map.?key`; nothing when the map lacks it.",
        example="{'a': 1}.?a.orValue(2) == 1",
        run=_select,
    ),
    Function(
        id="select_optional_field_of_optional",
        name="_?._",
        params=("optional(map(string,B))", "string"),
        result="optional(B)",
        doc="The same of an optional that holds a map; nothing when it holds none.",
        example="{'a': {'b': 1}}.?a.?b.orValue(2) == 1",
        run=_select,
    ),
    Function(
        id="map_optindex_optional_value",
        name="_[?_]",
        params=("map(A,B)", "A"),
        result="optional(B)",
        doc="The entry of a key; nothing when the map lacks it.",
        example="{'a': 1}[?'b'].orValue(2) == 2",
        run=_map_at,
    ),
    Function(
        id="list_optindex_optional_int",
        name="_[?_]",
        params=("list(A)", "int"),
        result="optional(A)",
        doc="The element at a place; nothing outside the list.",
        example="[7][?1].orValue(8) == 8",
        run=_list_at,
    ),
    *(
        Function(
            id=id_,
            name=name,
            params=params,
            result="optional(B)",
            doc="The same of an optional that holds a list or map; nothing when it holds none.",
            example=example,
            run=_held_at,
        )
        for id_, name, params, example in (
            ("optional_list_index_int", "_[_]", ("optional(list(B))", "int"), "[[7]][?0][0].orValue(8) == 7"),
            (
                "optional_list_optindex_optional_int",
                "_[?_]",
                ("optional(list(B))", "int"),
                "[[7]][?0][?1].orValue(8) == 8",
            ),
            ("optional_map_index_value", "_[_]", ("optional(map(A,B))", "A"), "[{'a': 1}][?0]['a'].orValue(8) == 1"),
            (
                "optional_map_optindex_optional_value",
                "_[?_]",
                ("optional(map(A,B))", "A"),
                "[{'a': 1}][?0][?'b'].orValue(8) == 8",
            ),
        )
    ),
    Function(
        id="has_optional_key",
        name="has",
        params=("optional(map(A,B))", "A"),
        result="bool",
        doc="Whether it holds a map that has a key, as written with `has(optional.key)`.",
        example="has({'a': {'b': 1}}.?a.b)",
        run=has_key,
    ),
    Function(
        id="list_first",
        name="first",
        params=("list(A)",),
        result="optional(A)",
        is_member=True,
        doc="The first element; nothing of an empty list.",
        example="[7, 8].first().value() == 7",
        run=_first,
    ),
    Function(
        id="list_last",
        name="last",
        params=("list(A)",),
        result="optional(A)",
        is_member=True,
        doc="The last element; nothing of an empty list.",
        example="[7, 8].last().value() == 8",
        run=_last,
    ),
)
