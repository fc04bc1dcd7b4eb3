"""What a case expected beside what came: differences, each with its place and what explains it. Pure.

A blocker is explained by its rule and what that read (`deploy.cases.readings`), anything else by `engine.explain` and
`engine.absences`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping

from compiler.reading.givens import Heading
from compiler.reading.rule_tests import RuleCase
from compiler.reading.slot_cases import SlotCase
from contracts.codec import Contract
from contracts.decision import Decision, Prop, Trace
from contracts.features import Value
from deploy.cases.readings import Readings
from engine.absences import Absences
from engine.explain import explain, why_not
from engine.programs.values import NANOSECONDS_PER_MICROSECOND, CelValue, Timestamp

_TOLERANCE = 1e-9
_SHOWN_LINES = 4
_NOT_CONSIDERED = "(not considered)"


class Difference(Contract, frozen=True):
    """One expectation that was not met, and where it was written; None: nothing. `notes` explain what came."""

    key: str
    file: str
    line: int
    expected: Value | None
    got: Value | None
    notes: tuple[str, ...] = ()


def of_decision(
    case: SlotCase, decision: Decision, trace: Trace, readings: Readings, absences: Absences
) -> tuple[Difference, ...]:
    """Everything about a slot's decision that is not as expected."""
    return tuple(_Decided(case, decision, trace, readings, absences).differences())


def of_rule(case: RuleCase, value: CelValue, error: str | None, notes: tuple[str, ...]) -> tuple[Difference, ...]:
    """What a rule gave, or the error that it met, if that is not as expected."""
    if case.error is not None:
        if error is not None and case.error in error:
            return ()
        got = _plain(value) if error is None else error
        return (_difference(case.heading, "error", case.error, got, notes),)
    got = _plain(value) if error is None else f"error: {error}"
    if error is None and case.value is not None and _same(case.value, got):
        return ()
    return (_difference(case.heading, "value", case.value, got, notes),)


class _Decided:
    """One case of a slot with the decision that was made."""

    def __init__(
        self, case: SlotCase, decision: Decision, trace: Trace, readings: Readings, absences: Absences
    ) -> None:
        self._case = case
        self._decision = decision
        self._trace = trace
        self._readings = readings
        self._absences = absences

    def differences(self) -> Iterator[Difference]:
        """In the order of the stages: tier, blockers, answer, payload."""
        expect, decision = self._case.expect, self._decision
        if expect.tier not in (None, decision.tier):
            yield self._of("tier", expect.tier, decision.tier, self._story())
        if expect.cause not in (None, decision.cause):
            yield self._of("cause", expect.cause, decision.cause, self._story())
        if expect.blockers is not None:
            yield from self._blockers(expect.blockers)
        yield from self._answer()
        yield from self._contents()

    def _blockers(self, expected: Mapping[str, str]) -> Iterator[Difference]:
        """Every item that the case names is blocked as expected, and by nothing else."""
        case, blocked = self._case, self._trace.blockers
        for item in dict.fromkeys([*(case.candidates or ()), *case.items, *expected]):
            got = blocked.get(item) or self._unjudged(item)
            if got == expected.get(item):
                continue
            yield self._of(f"blockers.{item}", expected.get(item), got, self._about(item, got, expected.get(item)))

    def _about(self, item: str, *blockers: str | None) -> tuple[str, ...]:
        """What the rule that blocked read; if none did, what the rule read that was to block."""
        rule = next((name for name in blockers if name in self._readings.lowered), None)
        return self._why_not(item) if rule is None else self._readings.explain(rule, self._readings.at(item))

    def _unjudged(self, item: str) -> str | None:
        """A candidate that no guardrail saw did not pass them either."""
        is_judged = item in self._trace.survivors or item in self._decision.answer
        return None if is_judged or self._case.candidates is None else _NOT_CONSIDERED

    def _answer(self) -> Iterator[Difference]:
        expect, answer = self._case.expect, self._decision.answer
        first = answer[0] if answer else None
        if expect.order not in (None, answer):
            yield self._of("order", expect.order, answer, self._why_not(*(expect.order or ())))
        if expect.first not in (None, first):
            yield self._of("first", expect.first, first, self._why_not(str(expect.first)))
        absent = tuple(item for item in expect.includes if item not in answer)
        if absent:
            found = tuple(item for item in expect.includes if item in answer)
            yield self._of("includes", expect.includes, found, self._why_not(*absent))
        shown = tuple(item for item in expect.never if item in answer)
        if shown:
            yield self._of("never", (), shown, self._why_not(*shown, is_shown=True))

    def _contents(self) -> Iterator[Difference]:
        """Payload fields and sentences of the answered items."""
        props, sentences = self._shown()
        for item, fields in (self._case.expect.payload or {}).items():
            for name, expected in fields.items():
                got: Value | None = props.get(item, {}).get(name)
                if not _same(expected, got):
                    yield self._of(f"payload.{item}.{name}", expected, got, self._why_not(item))
        for item, sentence in (self._case.expect.why or {}).items():
            if sentences.get(item) != sentence:
                yield self._of(f"why.{item}", sentence, sentences.get(item), self._why_not(item))

    def _shown(self) -> tuple[dict[str, dict[str, Prop]], dict[str, str | None]]:
        """Payload and sentence of each answered item: of a ranking's items, else of the slot's only one."""
        decision = self._decision
        if decision.items or not decision.answer:
            return {each.id: each.props for each in decision.items}, {each.id: each.why for each in decision.items}
        return {decision.answer[0]: decision.props}, {decision.answer[0]: decision.why}

    def _story(self) -> tuple[str, ...]:
        """How the decision came about, without its draws."""
        lines = explain(self._decision, self._trace)[1:]
        return tuple([line for line in lines if not line.startswith("drew ")][:_SHOWN_LINES])

    def _why_not(self, *items: str, is_shown: bool = False) -> tuple[str, ...]:
        """Why items are not in the answer, or that they are."""
        found = [item for item in items if is_shown or item not in self._decision.answer]
        return tuple(why_not(item, self._decision, self._trace, self._absences.of(item)) for item in found)

    def _of(self, key: str, expected: Value | None, got: Value | None, notes: Iterable[str]) -> Difference:
        return _difference(self._case.heading, key, expected, got, notes)


def _difference(
    heading: Heading, key: str, expected: Value | None, got: Value | None, notes: Iterable[str]
) -> Difference:
    where = heading.at(f"expect.{key}")
    return Difference(key=key, file=where.file, line=where.line, expected=expected, got=got, notes=tuple(notes))


def _same(expected: Value | None, got: Value | None) -> bool:
    """Equal; numbers as far as nine digits say."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(_same(expected[key], got[key]) for key in expected)
    if isinstance(expected, float) and isinstance(got, int | float) and not isinstance(got, bool):
        return math.isclose(expected, got, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return type(expected) is type(got) and expected == got


def _plain(value: CelValue) -> Value | None:
    """A rule's value as tests write it: instants in microseconds."""
    if isinstance(value, Timestamp):
        return value // NANOSECONDS_PER_MICROSECOND
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return value if isinstance(value, (bool, int, float, str)) else str(value)
