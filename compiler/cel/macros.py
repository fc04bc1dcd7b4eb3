"""Which macro an expansion comes from. The parser keeps the expansion alone: a loop with an accumulator.

Each macro has one shape (google/cel-spec, doc/langdef.md, "Macros"); `@result`, the accumulator's name, cannot be
written by hand. What has another shape is no macro that we know.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

_ACCUMULATOR = "@result"
_LOGIC = {"_&&_": "all", "_||_": "exists"}


@dataclass(frozen=True)
class Recognised:
    """A macro of `engine.programs.macros`, still as messages: what it goes over, the names it binds, its bodies."""

    macro: str
    over: Message
    names: tuple[str, ...]
    bodies: tuple[Message, ...]


def recognised(loop: Message) -> Recognised | None:
    """The macro that a comprehension is the expansion of."""
    if loop.accu_var != _ACCUMULATOR:
        return _bound(loop)
    names = (loop.iter_var, loop.iter_var2) if loop.iter_var2 else (loop.iter_var,)
    conditions, step = _conditions(loop.loop_step)
    found = _step(step, loop)
    if found is None:
        return None
    macro, body = found
    if macro == "exists_one":
        return Recognised(macro, loop.iter_range, names, conditions)
    if macro == "map" and conditions and _is_name(body, names[0]) and len(names) == 1:
        return Recognised("filter", loop.iter_range, names, conditions)
    return Recognised(macro, loop.iter_range, names, (*conditions, body))


def _bound(loop: Message) -> Recognised | None:
    """`cel.bind(name, value, expression)`: a loop over nothing whose accumulator is the value."""
    if loop.iter_range.list_expr.elements or loop.iter_range.WhichOneof("kind") != "list_expr":
        return None
    return Recognised("bind", loop.accu_init, (loop.accu_var,), (loop.result,))


def _conditions(step: Message) -> tuple[tuple[Message, ...], Message]:
    """`condition ? step : @result` taken apart."""
    args = _args_of(step, "_?_:_")
    if len(args) == 3 and _is_name(args[2], _ACCUMULATOR):
        return (args[0],), args[1]
    return (), step


def _step(step: Message, loop: Message) -> tuple[str, Message] | None:
    """The macro of a step, and what it puts to the accumulator."""
    function = step.call_expr.function
    args = _args_of(step, function)
    if len(args) < 2 or not _is_name(args[0], _ACCUMULATOR):
        return None
    if function in _LOGIC:
        return _LOGIC[function], args[1]
    if function == "cel.@mapInsert":
        return ("transform_map", args[2]) if len(args) == 3 else ("transform_map_entry", args[1])
    if function != "_+_":
        return None
    if loop.accu_init.WhichOneof("kind") == "const_expr":
        return "exists_one", args[1]
    (item,) = args[1].list_expr.elements
    return "map", item


def _args_of(expr: Message, function: str) -> Sequence[Message]:
    call = expr.call_expr
    if expr.WhichOneof("kind") != "call_expr" or call.function != function:
        return ()
    return [call.target, *call.args] if call.HasField("target") else list(call.args)


def _is_name(expr: Message, name: str) -> bool:
    return bool(expr.WhichOneof("kind") == "ident_expr" and expr.ident_expr.name == name)
