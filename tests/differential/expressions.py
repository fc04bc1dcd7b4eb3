"""The generator: well-typed CEL expressions drawn from the table of functions, the macros and edge values.

Types lead: a term of the wanted type is a call of a function that gives it, a macro, a read or a literal. Chance is an
argument, so the same seed draws the same expressions.
"""

from collections.abc import Iterable, Mapping, Sequence
from random import Random

from engine.programs.functions import Declaration
from engine.programs.types import BOOL, DYN, NUMBERS, STRING, STRINGS, CelType

from .literals import ARGUMENTS, LITERAL_ONLY, LITERALS
from .spelling import MacroForm, Term, call, leaf, takes_word
from .vocabulary import Vocabulary, bound_by, is_variable, type_of
from .worlds import REQUEST_FIELDS, ROW_FIELDS, Field

MAX_TERMS = 40
DEPTHS = (1, 2, 2, 3, 3, 3, 4, 5)
WORDS = ("a", "b", "ab")
NAMES = ("x", "y", "x1")  # few, so that inner variables hide outer ones
KEYS = ("int", "uint", "bool", "string")
Bound = Mapping[str, CelType]


class Generator:
    """Draws expressions of a vocabulary; those of a `row` may read an item and its score."""

    def __init__(self, vocabulary: Vocabulary, random: Random, *, has_expiring: bool = False) -> None:
        self._vocabulary = vocabulary
        self._random = random
        self._request_fields = _by_type(field for field in REQUEST_FIELDS if has_expiring or not field.is_expiring)
        self._row_fields = _by_type(ROW_FIELDS)
        self._fields: list[Mapping[CelType, Sequence[Field]]] = []
        self._left = 0

    def draw(self, *, reads_row: bool, kinds: Sequence[CelType] = ()) -> Term:
        """One expression, of one of these types or of any."""
        self._left = MAX_TERMS
        self._fields = [self._row_fields, self._row_fields, self._request_fields] if reads_row else []
        self._fields = self._fields or [self._request_fields]
        kind = self._random.choice(kinds) if kinds else self._root()
        return self._grow(kind, self._random.choice(DEPTHS), {})

    def _root(self) -> CelType:
        roll = self._random.random()
        if roll < 0.4:
            return BOOL
        return self._any() if roll < 0.8 else self._random.choice((STRINGS, NUMBERS, self._container()))

    def _any(self) -> CelType:
        """A type for a variable of a signature."""
        return self._container() if self._random.random() < 0.2 else self._random.choice(self._vocabulary.singles)

    def _container(self) -> CelType:
        element = self._random.choice(self._vocabulary.singles)
        match self._random.randrange(4):
            case 0:
                return CelType("list", (element,))
            case 1:
                return CelType("map", (self._key(), element))
            case 2:
                return CelType("list", (CelType("list", (element,)),))
        return self._random.choice((STRINGS, NUMBERS))

    def _key(self) -> CelType:
        known = [kind for kind in self._vocabulary.singles if kind.name in KEYS]
        return self._random.choice([STRING, *known]) if self._random.random() < 0.5 else STRING

    def _grow(self, kind: CelType, depth: int, bound: Bound) -> Term:
        self._left -= 1
        stop = {"list": 0.4, "map": 0.5, "string": 0.3}.get(kind.name, 0.15)
        giving = self._vocabulary.giving(kind)
        if kind == DYN:
            return self._grow(self._any(), depth, bound)
        if depth <= 0 or self._left <= 0 or not giving or self._random.random() < stop:
            return self._leaf(kind, depth - 1, bound)
        name = self._random.choice(sorted({_name(each) for each in giving}))  # fair to lone overloads
        chosen = self._random.choice([each for each in giving if _name(each) == name])
        if isinstance(chosen, MacroForm):
            return self._macro(chosen, kind, depth - 1, bound)
        return self._call(chosen, kind, depth - 1, bound)

    def _call(self, function: Declaration, kind: CelType, depth: int, bound: Bound) -> Term:
        known = dict(bound_by(function.result_type, kind) or {})
        if takes_word(function):
            return self._worded(function, kind, known, depth, bound)
        if not self._has_keys(function.param_types, known):
            return self._leaf(kind, depth, bound)
        params = enumerate([self._filled(param, known) for param in function.param_types])
        args = [self._argument(function.name, place, param, depth, bound) for place, param in params]
        return call(function, kind, tuple(args))

    def _worded(
        self, function: Declaration, kind: CelType, known: dict[str, CelType], depth: int, bound: Bound
    ) -> Term:
        """A call on a map, or on one that may be absent, with a bare word for its key."""
        mapping = CelType("map", (STRING, self._filled(CelType("B"), known)))
        is_optional = function.param_types[0].name == "optional"
        operand = self._grow(CelType("optional", (mapping,)) if is_optional else mapping, depth, bound)
        return call(function, kind, (operand,), self._random.choice(WORDS))

    def _argument(self, name: str, place: int, kind: CelType, depth: int, bound: Bound) -> Term:
        key = (name, place, kind.name)
        if key in ARGUMENTS and (key in LITERAL_ONLY or self._random.random() < 0.75):
            return leaf(kind, self._random.choice(ARGUMENTS[key]))
        return self._grow(kind, depth, bound)

    def _macro(self, form: MacroForm, kind: CelType, depth: int, bound: Bound) -> Term:
        known = dict(bound_by(type_of(form.gives), kind) or {})
        if "K" in (*form.over, *form.bodies):
            known.setdefault("K", self._key())
        if not self._has_keys([type_of(form.over), *map(type_of, form.bodies)], known):
            return self._leaf(kind, depth, bound)
        over_type = self._filled(type_of(form.over), known)
        types = [self._filled(type_of(each), known) for each in form.variables]
        names = tuple(self._random.sample(NAMES, len(types)))
        inner = {**bound, **dict(zip(names, types, strict=True))}
        over = self._grow(over_type, depth, bound)
        bodies = tuple([self._grow(self._filled(type_of(each), known), depth, inner) for each in form.bodies])
        return form.term(kind, over, names, bodies)

    def _has_keys(self, kinds: Sequence[CelType], known: dict[str, CelType]) -> bool:
        """Draws what is not known of the keys of maps; false when something else is known of one."""
        for kind in kinds:
            if kind.name == "map" and is_variable(kind.of[0]):
                known.setdefault(kind.of[0].name, self._key())
                if known[kind.of[0].name].name not in KEYS:
                    return False
            if not self._has_keys(kind.of, known):
                return False
        return True

    def _filled(self, kind: CelType, known: dict[str, CelType]) -> CelType:
        if is_variable(kind):
            return known.setdefault(kind.name, self._any())
        return CelType(kind.name, tuple([self._filled(inner, known) for inner in kind.of]))

    def _leaf(self, kind: CelType, depth: int, bound: Bound) -> Term:
        names = [name for name, type_ in bound.items() if type_ == kind]
        if names and self._random.random() < 0.6:
            return leaf(kind, self._random.choice(names))
        fields = self._random.choice(self._fields)
        if fields.get(kind) and self._random.random() < 0.7:
            return leaf(kind, self._random.choice(fields[kind]).text)
        if kind == BOOL and self._random.random() < 0.3:
            return leaf(BOOL, f"has({self._testable(fields)})")
        return self._literal(kind, depth, bound)

    def _testable(self, fields: Mapping[CelType, Sequence[Field]]) -> str:
        return self._random.choice([field for same in fields.values() for field in same if field.name]).text

    def _literal(self, kind: CelType, depth: int, bound: Bound) -> Term:
        if kind.name == "list":
            items = tuple(
                [self._grow(kind.of[0], depth, bound) for _ in range(self._random.choice((0, 1, 1, 2, 2, 3)))]
            )
            return Term(kind, _pieces("[", items, "]"), items)
        if kind.name == "map":
            return self._map(kind, depth, bound)
        if kind.name == "optional":
            return self._optional(kind, depth, bound)
        return leaf(kind, self._random.choice(LITERALS[kind.name]))

    def _map(self, kind: CelType, depth: int, bound: Bound) -> Term:
        entries = []
        for _ in range(self._random.randrange(3)):
            key = leaf(kind.of[0], self._random.choice(LITERALS[kind.of[0].name]))
            entries.append(Term(kind, ("", ": ", ""), (key, self._grow(kind.of[1], depth, bound))))
        return Term(kind, _pieces("{", entries, "}"), tuple(entries))

    def _optional(self, kind: CelType, depth: int, bound: Bound) -> Term:
        if self._random.random() < 0.3:
            return leaf(kind, "optional.none()")
        return Term(kind, ("optional.of(", ")"), (self._grow(kind.of[0], depth, bound),))


def _name(giver: Declaration | MacroForm) -> str:
    return giver.word if isinstance(giver, MacroForm) else giver.name


def _by_type(fields: Iterable[Field]) -> dict[CelType, list[Field]]:
    by_type: dict[CelType, list[Field]] = {}
    for field in fields:
        by_type.setdefault(field.type, []).append(field)
    return by_type


def _pieces(first: str, parts: Sequence[Term], last: str) -> tuple[str, ...]:
    return (first, *[", "] * (len(parts) - 1), last) if parts else (first + last,)
