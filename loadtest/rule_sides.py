"""Those who run the rules of `rule_bench`: ours, three CEL libraries, and what one would write by hand.

A side turns texts into programs once; a program answers for a visitor, or for candidates (None: the rule fails for
it). What a library needs for each request, such as converting its values, counts.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol, TypeAlias

from contracts.rule_ir import Form
from engine.column import Array
from engine.programs.columns import plan_columns
from engine.programs.plan import plan_request
from loadtest.rule_workload import NOW, SCHEMA, TABLE, Candidates, Visitor, lowered
from loadtest.rules_by_hand import guardrail_by_hand, rules_by_hand

Answers: TypeAlias = list[bool | None]
Masks: TypeAlias = tuple[Array, Array | None]  # what holds, and where the rule failed
OfVisitor: TypeAlias = Callable[[Visitor], Answers]
OfCandidates: TypeAlias = Callable[[Candidates], Answers | Masks]


class Evaluator(Protocol):
    """A program of cel-python."""

    def evaluate(self, values: dict[str, object]) -> object:
        """The value, as one of its own types."""


class Side(Protocol):
    """One way to run rules."""

    name: str

    def requests(self, texts: Sequence[str]) -> OfVisitor:
        """Programs of request rules."""

    def guardrail(self, text: str) -> OfCandidates:
        """The program of a guardrail."""

    def activation(self, texts: Sequence[str]) -> Callable[[], object]:
        """What makes rules ready where they run: each call does it anew."""


class Ours:
    """Closures for requests, column programs for candidates."""

    name = "edgewise"

    def requests(self, texts: Sequence[str]) -> OfVisitor:
        """The closures of lowered rules."""
        programs = [plan_request(lowered(text, Form.REQUEST), SCHEMA, TABLE) for text in texts]

        def run(visitor: Visitor) -> Answers:
            scope = visitor.scope()
            return [program(scope) for program in programs]  # type: ignore[misc]

        return run

    def guardrail(self, text: str) -> OfCandidates:
        """The column program of a lowered rule."""
        program = plan_columns(lowered(text, Form.COLUMNS), SCHEMA, TABLE)

        def run(candidates: Candidates) -> Masks:
            computed = program(candidates.batch())
            return computed.values, computed.errors

        return run

    def activation(self, texts: Sequence[str]) -> Callable[[], object]:
        """Plans what `build` has lowered: no text is parsed at the edge."""
        rules = [lowered(text, Form.REQUEST) for text in texts]
        return lambda: [plan_request(rule, SCHEMA, TABLE) for rule in rules]


class ByHand:
    """Python and NumPy as one would write them for exactly these rules: nothing is declared, checked or bounded."""

    name = "by hand (floor)"

    def requests(self, texts: Sequence[str]) -> OfVisitor:
        """The same rules in Python."""
        return rules_by_hand

    def guardrail(self, text: str) -> OfCandidates:
        """The same guardrail in NumPy."""
        return guardrail_by_hand

    def activation(self, texts: Sequence[str]) -> Callable[[], object]:
        """Nothing to do."""
        return lambda: None


class GoogleCpp:
    """cel-expr-python: Google's C++ library."""

    name = "cel-expr-python (C++)"

    def __init__(self) -> None:
        cel = import_module("cel_expr_python.cel")
        values = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
        roots = dict.fromkeys(("request", "visitor", "visitor_state", "item"), values)
        self._environment = cel.NewEnv(variables={**roots, "now": cel.Type.TIMESTAMP})

    def requests(self, texts: Sequence[str]) -> OfVisitor:
        """One activation for all rules of a request."""
        programs = [self._environment.compile(text) for text in texts]

        def run(visitor: Visitor) -> Answers:
            activation = self._environment.Activation({**visitor.plain, "now": NOW})
            return [program.eval(activation).value() for program in programs]

        return run

    def guardrail(self, text: str) -> OfCandidates:
        """One evaluation for each candidate."""
        program = self._environment.compile(text)

        def answer(item: dict[str, object], request: dict[str, object]) -> bool | None:
            value = program.eval(data={"item": item, "request": request}).value()
            return value if isinstance(value, bool) else None

        return _one_by_one(answer)

    def activation(self, texts: Sequence[str]) -> Callable[[], object]:
        """Parses and checks."""
        return lambda: [self._environment.compile(text) for text in texts]


class Rust:
    """common-expression-language: bindings of the Rust crate `cel`."""

    name = "common-expression-language (Rust)"

    def __init__(self) -> None:
        self._cel = import_module("cel")

    def requests(self, texts: Sequence[str]) -> OfVisitor:
        """One context for all rules of a request."""
        programs = [self._cel.compile(text) for text in texts]

        def run(visitor: Visitor) -> Answers:
            context = self._cel.Context(variables={**visitor.plain, "now": NOW})
            return [program.execute(context) for program in programs]

        return run

    def guardrail(self, text: str) -> OfCandidates:
        """One evaluation for each candidate."""
        program = self._cel.compile(text)

        def answer(item: dict[str, object], request: dict[str, object]) -> bool | None:
            try:
                return bool(program.execute({"item": item, "request": request}))
            except (KeyError, RuntimeError, TypeError, ValueError):
                return None

        return _one_by_one(answer)

    def activation(self, texts: Sequence[str]) -> Callable[[], object]:
        """Parses."""
        return lambda: [self._cel.compile(text) for text in texts]


class PurePython:
    """cel-python: an interpreter in Python."""

    name = "cel-python (Python)"

    def __init__(self) -> None:
        self._celpy = import_module("celpy")
        self._environment = self._celpy.Environment()

    def requests(self, texts: Sequence[str]) -> OfVisitor:
        """One conversion for all rules of a request."""
        programs = [self._program(text) for text in texts]
        now = self._celpy.celtypes.TimestampType(NOW)

        def run(visitor: Visitor) -> Answers:
            values = {name: self._celpy.json_to_cel(value) for name, value in visitor.plain.items()}
            return [bool(program.evaluate({**values, "now": now})) for program in programs]

        return run

    def guardrail(self, text: str) -> OfCandidates:
        """One evaluation for each candidate."""
        program, convert = self._program(text), self._celpy.json_to_cel

        def answer(item: dict[str, object], request: dict[str, object]) -> bool | None:
            try:
                return bool(program.evaluate({"item": convert(item), "request": convert(request)}))
            except self._celpy.CELEvalError:
                return None

        return _one_by_one(answer)

    def activation(self, texts: Sequence[str]) -> Callable[[], object]:
        """Parses and plans."""
        return lambda: [self._program(text) for text in texts]

    def _program(self, text: str) -> Evaluator:
        program: Evaluator = self._environment.program(self._environment.compile(text))
        return program


PEERS: tuple[type[Side], ...] = (GoogleCpp, Rust, PurePython)


def sides() -> tuple[list[Side], list[str]]:
    """Ours, the floor and the peers that are installed; then the names of those that are not."""
    found: list[Side] = [Ours(), ByHand()]
    absent = []
    for peer in PEERS:
        try:
            found.append(peer())
        except ImportError:
            absent.append(peer.name)
    return found, absent


def answers(outcome: Answers | Masks) -> Answers:
    """What came out, candidate by candidate."""
    if isinstance(outcome, list):
        return outcome
    values, errors = outcome
    failed = [False] * len(values) if errors is None else errors.tolist()
    return [None if fails else bool(value) for value, fails in zip(values.tolist(), failed, strict=True)]


def _one_by_one(answer: Callable[[dict[str, object], dict[str, object]], bool | None]) -> OfCandidates:
    return lambda candidates: [answer(item, candidates.request) for item in candidates.plain]
