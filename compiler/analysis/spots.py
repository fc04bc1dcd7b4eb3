"""Where a node of a rule was written, at the character that people look at."""

from compiler.analysis.spelling import called
from compiler.diagnostics import Where
from compiler.reading.expressions import Expression
from contracts.rule_ir import Call, Node


def spot(expression: Expression, node: Node) -> Where:
    """Where a node stands: calls point at their parenthesis, people look at the name before it."""
    name = called(node.function) if isinstance(node, Call) else ""
    start = expression.text.rfind(name.rpartition(".")[2], 0, node.at) if name else node.at
    return expression.written.at(start if start >= 0 else node.at)
