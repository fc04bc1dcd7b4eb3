"""Lists as sequences and as sets: slices, order, what two lists share (CEL's `lists` and `sets` extensions)."""

from collections.abc import Callable, Hashable, Iterable, Sequence

from contracts.errors import RuleError
from engine.programs.functions.comparison import equal, identity
from engine.programs.functions.declaration import Function
from engine.programs.limits import MAX_ENTRIES, Budget, bounded
from engine.programs.values import CelValue, Duration, Timestamp, Uint

Items = tuple[CelValue, ...]
_SORTED_KINDS = (
    ("int", "int"),
    ("uint", "uint"),
    ("double", "double"),
    ("bool", "bool"),
    ("string", "string"),
    ("bytes", "bytes"),
    ("duration", "google.protobuf.Duration"),
    ("timestamp", "google.protobuf.Timestamp"),
)
_NUMBERS = frozenset({int, Uint, float})
_ORDERED = (
    _NUMBERS,
    frozenset({bool}),
    frozenset({str}),
    frozenset({bytes}),
    frozenset({Timestamp}),
    frozenset({Duration}),
)


def _range(count: int) -> Items:
    if not 0 <= count <= MAX_ENTRIES:
        raise RuleError(f"lists.range makes 0 to {MAX_ENTRIES} numbers, not {count}")
    return tuple(range(count))


def _slice(items: Items, start: int, end: int) -> Items:
    if 0 <= start <= end <= len(items):
        return items[start:end]
    raise RuleError(f"{start} to {end} is no part of the list of {len(items)}")


def _flattened(items: Items, depth: int = 1) -> Items:
    if depth < 0:
        raise RuleError("a list is flattened 0 times or more")
    made: list[CelValue] = []
    for item in items:
        made += _flattened(item, depth - 1) if isinstance(item, tuple) and depth else (item,)
        bounded(made)
    return tuple(made)


def _distinct(items: Items) -> Items:
    known = _Known()
    return tuple([item for item in items if known.add(item)])


def _sorted(items: Items) -> Items:
    return _sorted_by(items, items)


def _sorted_by(items: Items, keys: Items) -> Items:
    """In the order of the keys, equal ones as they stood."""
    if len(keys) != len(items):
        raise RuleError(f"{len(items)} entries are not sorted by {len(keys)} keys")
    kinds = {type(key) for key in keys}
    if len(keys) > 1 and not any(kinds <= ordered for ordered in _ORDERED):
        raise RuleError("a list is sorted by values of one kind that has an order")
    return tuple([items[place] for place in sorted(range(len(items)), key=keys.__getitem__)])  # type: ignore[arg-type]


def _reversed(items: Items) -> Items:
    return items[::-1]


def _contains_all(items: Items, others: Items) -> bool:
    known = _Known(items)
    return all(other in known for other in others)


def _equivalent(items: Items, others: Items) -> bool:
    return _contains_all(items, others) and _contains_all(others, items)


def _intersects(items: Items, others: Items) -> bool:
    known = _Known(items)
    return any(other in known for other in others)


class _Known:
    """Values seen: plain ones by what equal values share, lists and maps one by one, up to a budget."""

    def __init__(self, items: Items = ()) -> None:
        self._plain: set[Hashable] = set()
        self._others: list[CelValue] = []
        self._budget = Budget()
        for item in items:
            self.add(item)

    def add(self, item: CelValue) -> bool:
        """Whether the value is new; then it is known from now on."""
        if item in self:
            return False
        key = identity(item)
        if key is None:
            self._others.append(item)
        else:
            self._plain.add(key)
        return True

    def __contains__(self, item: CelValue) -> bool:
        key = identity(item)
        if key is not None:
            return key in self._plain
        return any(equal(item, other, self._budget) for other in self._others)


def _set(id_: str, name: str, doc: str, example: str, run: Callable[[Items, Items], bool]) -> Function:
    return Function(id=id_, name=name, params=("list(A)", "list(A)"), result="bool", doc=doc, example=example, run=run)


def _list(
    id_: str, name: str, more: Sequence[str], result: str, doc: str, example: str, run: Callable[..., CelValue]
) -> Function:
    owner = "list(list(A))" if name == "flatten" and not more else "list(A)"
    return Function(
        id=id_, name=name, params=(owner, *more), result=result, is_member=True, doc=doc, example=example, run=run
    )


def _sorts() -> Iterable[Function]:
    """The checker knows one overload for each kind that has an order; values of all kinds are sorted alike."""
    samples = {
        "int": ("2", "1"), "uint": ("2u", "1u"), "double": ("2.5", "1.5"), "bool": ("true", "false"),
        "string": ("'b'", "'a'"), "bytes": ("b'b'", "b'a'"), "duration": ("duration('2s')", "duration('1s')"),
        "timestamp": ("timestamp(2)", "timestamp(1)"),
    }  # fmt: skip
    for kind, spelled in _SORTED_KINDS:
        high, low = samples[kind]
        yield Function(
            id=f"list_{spelled}_sort",
            name="sort",
            params=(f"list({kind})",),
            result=f"list({kind})",
            is_member=True,
            doc=f"The {kind}s from the least to the greatest.",
            example=f"[{high}, {low}].sort() == [{low}, {high}]",
            run=_sorted,
        )
        yield Function(
            id=f"list_{spelled}_sortByAssociatedKeys",
            name="@sortByAssociatedKeys",
            params=("list(A)", f"list({kind})"),
            result="list(A)",
            is_member=True,
            doc=f"The list in the order of a {kind} told for each element, written `list.sortBy(x, {kind} of x)`.",
            example=f"[{high}, {low}].sortBy(x, x) == [{low}, {high}]",
            run=_sorted_by,
        )


SEQUENCES = (
    Function(
        id="list_range",
        name="lists.range",
        params=("int",),
        result="list(int)",
        doc="The ints from 0 to below the given one.",
        example="lists.range(3) == [0, 1, 2]",
        run=_range,
    ),
    _list(
        "list_slice",
        "slice",
        ("int", "int"),
        "list(A)",
        "From one place to before another.",
        "[1, 2, 3].slice(1, 3) == [2, 3]",
        _slice,
    ),
    _list(
        "list_flatten",
        "flatten",
        (),
        "list(A)",
        "The elements of its lists.",
        "[[1], [2, 3]].flatten() == [1, 2, 3]",
        _flattened,
    ),
    Function(
        id="list_flatten_int",
        name="flatten",
        params=("list(dyn)", "int"),
        result="list(dyn)",
        is_member=True,
        doc="The elements of its lists, that many levels deep.",
        example="[[1], [[2]]].flatten(2) == [1, 2]",
        run=_flattened,
    ),
    _list(
        "list_distinct",
        "distinct",
        (),
        "list(A)",
        "Each value once, where it stands first.",
        "[1, 2, 1].distinct() == [1, 2]",
        _distinct,
    ),
    _list(
        "list_reverse", "reverse", (), "list(A)", "From the last to the first.", "[1, 2].reverse() == [2, 1]", _reversed
    ),
    *_sorts(),
    _set(
        "list_sets_contains_list",
        "sets.contains",
        "Whether the first list holds every value of the second.",
        "sets.contains([1, 2], [2])",
        _contains_all,
    ),
    _set(
        "list_sets_equivalent_list",
        "sets.equivalent",
        "Whether each list holds every value of the other.",
        "sets.equivalent([1, 2], [2, 1, 1])",
        _equivalent,
    ),
    _set(
        "list_sets_intersects_list",
        "sets.intersects",
        "Whether some value is in both lists.",
        "sets.intersects([1, 2], [2, 3])",
        _intersects,
    ),
)
