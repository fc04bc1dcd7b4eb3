"""Rule -> closure, once per activation: every look-up by name happens here, running only calls.

Each node becomes a closure over those of its children. What reads nothing is computed while planning; an error
there is left to be raised whenever the rule runs, where && || and ?: may absorb it.
"""

from collections.abc import Callable, Sequence

from contracts.catalog import TableSpec
from contracts.errors import ExpiredError, RuleError
from contracts.features import FeatureSchema, Root
from contracts.rule_ir import Call, Const, Has, ListOf, MapOf, Node, Read, Rule
from engine.programs import reading
from engine.programs.functions import FUNCTIONS, LazyFunction
from engine.programs.values import CelValue, Duration, RequestProgram, Scope, Timestamp
from engine.programs.verify import Verified, children, verify

_NOTHING = Scope(0, frozenset(), {}, {}, {})
_TIMES: dict[str, type[Timestamp] | type[Duration]] = {"timestamp": Timestamp, "duration": Duration}


def plan_request(rule: Rule, schema: FeatureSchema, table: TableSpec | None = None) -> RequestProgram:
    """Plans a rule as a closure. Raises `NotRunnableError`; the closure raises `RuleError` naming the rule."""
    verified = verify(rule, schema, table)
    return named(closures(verified, table)[-1], rule.name)


def named(program: RequestProgram, name: str) -> RequestProgram:
    """The same program, whose errors name the rule."""

    def run(scope: Scope) -> CelValue:
        try:
            return program(scope)
        except ExpiredError as error:
            raise ExpiredError(error.message, name, is_blocking=error.is_blocking) from None
        except RuleError as error:
            raise type(error)(error.message, name) from None

    return run


def closures(verified: Verified, table: TableSpec | None) -> list[RequestProgram]:
    """One closure per node of a verified rule, the root's last."""
    planner = _Planner(verified, table)
    for node in verified.rule.nodes:
        planner.add(node)
    return planner.programs


class _Planner:
    """The closures so far, and which of them depend on nothing."""

    def __init__(self, verified: Verified, table: TableSpec | None) -> None:
        self.features = verified.features
        self.columns = {spec.name: spec for spec in table.columns} if table else {}
        self.programs: list[RequestProgram] = []
        self.is_constant: list[bool] = []

    def add(self, node: Node) -> None:
        """Plans the next node."""
        program = self._planned(node)
        parts = children(node)
        is_constant = isinstance(node, Const) or (
            not isinstance(node, Read | Has) and all(self.is_constant[part] for part in parts)
        )
        self.programs.append(_folded(program) if is_constant else program)
        self.is_constant.append(is_constant)

    def _planned(self, node: Node) -> RequestProgram:
        match node:
            case Const():
                return _constant(_TIMES[node.type](node.value) if node.type in _TIMES else node.value)  # type: ignore[arg-type]
            case Read():
                return self._read(node.root, node.field)
            case Has():
                return reading.succeeds(self._read(node.root, node.field))
            case Call():
                return _called(node.function, [self.programs[arg] for arg in node.args])
            case ListOf():
                return _list([self.programs[item] for item in node.items])
            case MapOf():
                return _map([self.programs[key] for key in node.keys], [self.programs[value] for value in node.values])

    def _read(self, root: Root, field: str) -> RequestProgram:
        if root is Root.ITEM:
            return reading.item(self.columns[field])
        if root is Root.NOW:
            return reading.now
        if root is Root.SCORE:
            return reading.score
        return reading.feature(self.features[root, field])


def _constant(value: CelValue) -> RequestProgram:
    return lambda scope: value


def _folded(program: RequestProgram) -> RequestProgram:
    try:
        return _constant(program(_NOTHING))
    except RuleError:
        return program


def _called(function_id: str, args: Sequence[RequestProgram]) -> RequestProgram:
    function = FUNCTIONS[function_id]
    if isinstance(function, LazyFunction):
        return function.plan(*args)
    if len(args) == 1:
        return _unary(function.run, args[0])
    if len(args) == 2:
        return _binary(function.run, args[0], args[1])
    run = function.run
    return lambda scope: run(*[arg(scope) for arg in args])


def _unary(run: Callable[..., CelValue], arg: RequestProgram) -> RequestProgram:
    return lambda scope: run(arg(scope))


def _binary(run: Callable[..., CelValue], left: RequestProgram, right: RequestProgram) -> RequestProgram:
    return lambda scope: run(left(scope), right(scope))


def _list(items: Sequence[RequestProgram]) -> RequestProgram:
    return lambda scope: tuple([item(scope) for item in items])


def _map(keys: Sequence[RequestProgram], values: Sequence[RequestProgram]) -> RequestProgram:
    def run(scope: Scope) -> CelValue:
        names = [key(scope) for key in keys]
        if len(set(names)) < len(names):
            raise RuleError("a map literal repeats a key")
        return dict(zip(names, [value(scope) for value in values], strict=True))  # type: ignore[arg-type]

    return run
