"""Cases of google/cel-spec's conformance tests: read, run through check, IR bytes and engine, judged.

The form is the one of tests/simple/testdata as JSON: typed values are `[kind, payload]`. A case is skipped only for
protobuf messages and enums, or for a function or macro that the checker does not declare.
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from compiler.cel.trial import Trial, TrialError, compiled
from compiler.diagnostics import CompileError
from contracts.codec import Contract, decode, encode
from contracts.errors import NotRunnableError, RuleError
from contracts.features import FeatureSchema
from contracts.rule_ir import Rule
from engine.programs.functions.containers import entry
from engine.programs.functions.formatting import text_of
from engine.programs.plan import plan_trial
from engine.programs.types import DYN, CelType, parse
from engine.programs.values import CelMap, CelValue, Duration, Scope, Timestamp, TypeValue, Uint, as_map, kind_of

Typed: TypeAlias = tuple[str, object]
_SECOND_NS = 1_000_000_000
_NO_FEATURES = FeatureSchema(purposes=(), features=())
_UNDECLARED_MACROS = ("cel.block", "cel.iterVar")
_MESSAGE_MADE = "E217"
_NUMBERS: dict[str, type[int] | type[Uint] | type[float]] = {"int": int, "uint": Uint, "double": float}
_PROTOBUF = ("message", "object", "enum", "wrapper")


class Expected(Contract, frozen=True):
    """What a case wants: a value, an error, or what the checker tells of its type."""

    value: Typed | None = None
    error: tuple[str, ...] | None = None
    type: str | None = None


class Case(Contract, frozen=True, forbid_unknown_fields=False):
    """One case. `type_env` declares names: a type, or functions, which are left undecoded."""

    id: str
    expr: str
    expect: Expected
    file: str = ""
    container: str = ""
    disable_check: bool = False
    disable_macros: bool = False
    check_only: bool = False
    type_env: tuple[tuple[str, object], ...] = ()
    bindings: dict[str, Typed] = {}
    needs_proto: bool = False


class Result(Contract, frozen=True):
    """How a case went, and why."""

    id: str
    outcome: Literal["pass", "fail", "skip"]
    why: str = ""


class _SkippedError(Exception):
    """The case needs what is left out on purpose."""


class _MalformedError(Exception):
    """The case cannot be read."""


def run_cases(cases: Iterable[Case]) -> tuple[Result, ...]:
    """Runs the cases, and gives their results in the same order."""
    return tuple(map(_run, cases))


def _run(case: Case) -> Result:
    try:
        why = _judged(case)
    except _SkippedError as skipped:
        return Result(id=case.id, outcome="skip", why=str(skipped))
    except _MalformedError as malformed:
        why = f"the case itself is malformed: {malformed}"
    return Result(id=case.id, outcome="fail" if why else "pass", why=why)


def _judged(case: Case) -> str:
    """What is wrong, or nothing."""
    if case.needs_proto:
        raise _SkippedError("protobuf messages and enums")
    undeclared = [macro for macro in _UNDECLARED_MACROS if f"{macro}(" in case.expr]
    if undeclared:
        raise _SkippedError(f"`{undeclared[0]}` is not declared by the checker")
    try:
        type_, rule = compiled(_trial(case))
    except TrialError as error:
        if error.undeclared and _is_called(case.expr, error.undeclared):
            raise _SkippedError(f"`{error.undeclared}` is not declared by the checker") from None
        return "" if case.expect.error else f"does not compile: {error}"
    except CompileError as error:
        if any(problem.code == _MESSAGE_MADE for problem in error.problems):
            raise _SkippedError("protobuf messages and enums") from None
        return "" if case.expect.error else f"is not lowered: {error}"
    if case.expect.type and type_ != case.expect.type.replace("optional_type", "optional"):
        return f"expected type {case.expect.type}, got {type_}"
    return "" if case.check_only else _compared(case, rule)


def _trial(case: Case) -> Trial:
    kinds: dict[str, CelType] = dict.fromkeys(case.bindings, DYN)
    for name, declared in case.type_env:
        if not isinstance(declared, str):
            raise _SkippedError("a function that only the test declares")
        kinds[name] = _type(declared)
    return Trial(
        case.expr, kinds, case.container, is_checked=not case.disable_check, has_macros=not case.disable_macros
    )


def _type(declared: str) -> CelType:
    if any(word in declared for word in _PROTOBUF):
        raise _SkippedError("protobuf messages and enums")
    try:
        return parse(declared.replace("optional_type", "optional"))
    except NotRunnableError as error:
        raise _MalformedError(str(error)) from None


def _is_called(text: str, name: str) -> bool:
    """Whether an unknown name is a function, or stands before the dot of one."""
    return f"{name}(" in text or f"{name}." in text


def _compared(case: Case, rule: Rule) -> str:
    given = {name: _value(typed) for name, typed in case.bindings.items()}
    wanted = True if case.expect.value is None else _value(case.expect.value)
    try:
        value = _evaluated(rule, _trial(case).variables, given)
    except (RuleError, NotRunnableError) as error:
        return "" if case.expect.error else f"expected a value, got the error: {error}"
    if case.expect.error:
        return f"expected an error, got {text_of(value)}"
    return "" if is_same(value, wanted) else f"expected {_shown(wanted)}, got {_shown(value)}"


def _evaluated(rule: Rule, variables: Mapping[str, CelType], given: Mapping[str, CelValue]) -> CelValue:
    received = decode(encode(rule), Rule)
    program = plan_trial(received, _NO_FEATURES, None, tuple(variables.values()))
    missing = [name for name in variables if name not in given]
    if missing:
        raise RuleError(f"{missing[0]} has no value")
    return program(Scope(0, frozenset(), {}, {}, {}, variables=[given[name] for name in variables]))


def _value(typed: Typed) -> CelValue:
    """A typed value of the cases."""
    try:
        return _read(*typed)
    except (ValueError, TypeError, RuleError) as error:
        raise _MalformedError(f"{typed}: {error}") from None


def _read(kind: str, payload: object) -> CelValue:
    match kind, payload:
        case (("int" | "uint" | "double"), str()):
            return _NUMBERS[kind](payload)
        case "bytes", str():
            return b64decode(payload, validate=True)
        case "type", str():
            return TypeValue(payload)
        case "list", list():
            return tuple(_read(*item) for item in payload)
        case "map", list():
            return as_map([(_read(*key), _read(*item)) for key, item in payload])
        case (("timestamp" | "duration"), [int() as seconds, int() as nanos]):
            return (Timestamp if kind == "timestamp" else Duration)(seconds * _SECOND_NS + nanos)
        case (("bool" | "string" | "null"), (None | bool() | str())):
            return payload
        case (("object" | "enum"), _):
            raise _SkippedError("protobuf messages and enums")
    raise _MalformedError(f"{kind!r} is no kind of value for {payload!r}")


def is_same(value: CelValue, wanted: CelValue) -> bool:
    """Whether two values are the same down to their types, those of keys too; NaN is NaN here, -0.0 is not 0.0."""
    if isinstance(value, tuple) and isinstance(wanted, tuple):
        return len(value) == len(wanted) and all(map(is_same, value, wanted))
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return _keys(value) == _keys(wanted) and all(is_same(entry(value, key), item) for key, item in wanted.items())
    return type(value) is type(wanted) and (value == wanted or value != value) and repr(value) == repr(wanted)


def _keys(mapping: CelMap) -> list[tuple[str, str]]:
    return sorted((kind_of(key), text_of(key)) for key in mapping)


def _shown(value: CelValue) -> str:
    return f"{text_of(value)} ({kind_of(value)})"
