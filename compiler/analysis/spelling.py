"""How messages speak of parts of a rule: where they stand, and the CEL that they were written as, cut short."""

import json
import re
from collections.abc import Sequence

from compiler.cel.lower import at_name
from compiler.diagnostics import Where
from compiler.reading.expressions import Expression
from contracts.rule_ir import Call, Const, Has, ListOf, Node, Read, Variable
from engine.programs.functions import FUNCTIONS

_MOST_CHARACTERS = 60
_MOST_ITEMS = 4
_NAME = re.compile(r"[A-Za-z_]\w*")


def spot(expression: Expression, node: Node) -> Where:
    """Where a node stands: calls point at their parenthesis, people look at the name before it."""
    return at_name(expression.written, called(node.function) if isinstance(node, Call) else "", node.at)


def literal(value: object) -> str:
    """A constant as CEL writes it."""
    return json.dumps(value, ensure_ascii=False)


def called(function_id: str) -> str:
    """The name with which a function is called; empty for operators."""
    function = FUNCTIONS.get(function_id)
    return function_id if function is None else function.written_name


class Spelling:
    """Spells the nodes of one rule. `text` is what it was written as: there the names of variables stand."""

    def __init__(self, nodes: Sequence[Node], text: str) -> None:
        self._nodes = nodes
        self._text = text

    def of(self, place: int) -> str:
        """The node at a place in CEL; `...` stands for what is long."""
        text = self._of(place)
        return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + "..."

    def _of(self, place: int) -> str:
        match self._nodes[place]:
            case Const(value=value):
                return literal(value)
            case Read(root=root, field=field):
                return f"{root}.{field}" if field else str(root)
            case Has(root=root, field=field):
                return f"has({root}.{field})"
            case Variable(at=at):
                name = _NAME.match(self._text, at)
                return name[0] if name else "..."
            case ListOf(items=items):
                shown = [self._of(item) for item in items[:_MOST_ITEMS]]
                return f"[{', '.join(shown)}{', ...' if len(items) > _MOST_ITEMS else ''}]"
            case Call() as call:
                return self._call(call)
        return "..."

    def _call(self, call: Call) -> str:
        function = FUNCTIONS.get(call.function)
        if function is None:
            return f"{call.function}({', '.join(map(self._of, call.args))})"
        if function.name == "has":
            return f"has({self._of(call.args[0])}.{self._of(call.args[1]).strip(chr(34))})"
        spell = self._of if function.written_name else self._operand
        return function.spelled([spell(arg) for arg in call.args])

    def _operand(self, place: int) -> str:
        """What an operator works on, in parentheses where it is an operation itself."""
        node, text = self._nodes[place], self._of(place)
        is_operation = isinstance(node, Call) and not called(node.function) and not text.endswith("]")
        return f"({text})" if is_operation else text
