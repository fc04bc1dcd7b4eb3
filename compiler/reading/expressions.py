"""CEL expressions as they stand in the sources: text, name, where every character was written, what is expected.

What each kind of expression may read and give stands in the table of `Use`s; nothing is checked here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from compiler.diagnostics import Where
from compiler.places import Text
from contracts.features import Root, ValueType
from contracts.rule_ir import Form

CEL_TYPES: dict[ValueType, str] = {
    ValueType.BOOL: "bool",
    ValueType.INT: "int",
    ValueType.DOUBLE: "double",
    ValueType.STRING: "string",
    ValueType.TIMESTAMP: "timestamp",
    ValueType.STRINGS: "list(string)",
    ValueType.NUMBERS: "map(string,double)",
}
_VISIT = (Root.NOW, Root.REQUEST, Root.VISITOR_STATE, Root.VISITOR)
_NUMBER = ("double", "int")


@dataclass(frozen=True)
class Use:
    """What an expression is for: how it runs, which roots it may read, which CEL types it may give (none: any)."""

    form: Form
    roots: tuple[Root, ...]
    results: tuple[str, ...]


ELIGIBLE = Use(Form.REQUEST, _VISIT, ("bool",))
WHERE = Use(Form.COLUMNS, (Root.ITEM,), ("bool",))
ORDER = Use(Form.COLUMNS, (Root.ITEM,), _NUMBER)
LISTED = Use(Form.REQUEST, _VISIT, ("list(string)",))
BUCKET = Use(Form.REQUEST, _VISIT, ("string",))
MATCH = Use(Form.COLUMNS, (*_VISIT, Root.ITEM), ("bool",))
GUARD = Use(Form.COLUMNS, (*_VISIT, Root.ITEM), ("bool",))
STATIC_SCORE = Use(Form.COLUMNS, (*_VISIT, Root.ITEM), _NUMBER)
RERANK = Use(Form.COLUMNS, (*_VISIT, Root.ITEM, Root.SCORE, Root.SCORES), _NUMBER)
INPUT = Use(Form.COLUMNS, (*_VISIT, Root.ITEM), (*_NUMBER, "bool"))
SENTENCE = Use(Form.REQUEST, (*_VISIT, Root.ITEM), ("string",))
ALONE = Use(Form.REQUEST, (*_VISIT, Root.ITEM), ())
UNUSED = Use(Form.COLUMNS, RERANK.roots, ("bool", *_NUMBER))


def payload_use(kind: ValueType) -> Use:
    """The use of a payload field of a declared type."""
    return Use(Form.REQUEST, SENTENCE.roots, (CEL_TYPES[kind],))


@dataclass(frozen=True)
class Expression:
    """A rule before it is checked.

    `name` is the rule's name in the IR (inline ones by place: `slots/hero:payload.title`); `tables` are the tables
    whose columns `item` has, none where no slot uses it (then any table will do).
    """

    name: str
    written: Text
    use: Use
    tables: tuple[str, ...]

    @property
    def text(self) -> str:
        """The CEL text."""
        return self.written.value

    @property
    def where(self) -> Where:
        """Where its first character stands."""
        return self.written.at(0)

    @property
    def form(self) -> Form:
        """How it runs."""
        return self.use.form

    @property
    def table(self) -> str | None:
        """The table that it is used with, the first one if there are several."""
        return self.tables[0] if self.tables else None


def by_name(expressions: Iterable[Expression]) -> dict[str, Expression]:
    """Expressions by the names of their rules."""
    return {expression.name: expression for expression in expressions}
