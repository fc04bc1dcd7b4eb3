"""Both sides, side by side: our closures against the library, our column programs against our closures.

A difference is shrunk to a small expression and kept once per set of functions that it is made of.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from contracts.errors import ExpiredError, RuleError
from contracts.rule_ir import Form
from engine.programs.functions import FUNCTIONS
from engine.programs.values import CelValue, Computed

from . import deviations
from .expressions import Generator, Vocabulary
from .ours import Compiled, Pipeline, Refused, computed
from .outcomes import ERROR, Outcome, has_nul, outcome_of, readable
from .reference import GIVEN_UP, LACKING, Reference
from .shrinking import shrunk
from .spelling import Term
from .worlds import REQUEST_FIELDS, ROW_FIELDS, ROWS, World, draw_world

BATCH = 100
WORLDS = 8
BATCHES_PER_WORLDS = 5
MAX_SHRUNK = 60
_COLUMN_KINDS = {"timestamp": 1_000, "duration": 1_000}


@dataclass(frozen=True)
class Difference:
    """Two outcomes that should be one; `sides` names them, ours first."""

    sides: tuple[str, str]
    text: str
    reads: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        reads = f"\n    where {self.reads}" if self.reads else ""
        return f"{self.text}{reads}\n    {self.sides[0]}: {self.ours}\n    {self.sides[1]}: {self.theirs}"


@dataclass
class Report:
    """What was tried and what came of it."""

    evaluations: int = 0
    expressions: int = 0
    errors_on_both: int = 0
    column_rows: int = 0
    column_programs: int = 0
    differing: int = 0
    differences: dict[tuple[str, ...], Difference] = field(default_factory=dict)
    known: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unchecked: int = 0
    with_nul: int = 0
    lacking: Counter[str] = field(default_factory=Counter)
    run: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Case:
    """A term and the bindings to run it with, as numbers of rows of all worlds."""

    term: Term
    compiled: Compiled
    rows: tuple[int, ...]


class Comparison:
    """A run of the fuzzer: draws, evaluates on all sides, compares. Without a reference, columns alone are compared."""

    def __init__(self, seed: int, reference: Reference | None) -> None:
        self.report = Report()
        self._random = Random(seed)
        self._reference = reference
        self._pipeline = Pipeline()
        self.vocabulary = Vocabulary(self._pipeline.compiles, has_own=reference is None)
        self._generator = Generator(self.vocabulary, self._random, has_expiring=reference is None)
        self._worlds: list[World] = []

    def run(self, evaluations: int) -> Iterator[int]:
        """Compares until so many evaluations are done; yields how many each batch added."""
        batches = 0
        while self.report.evaluations < evaluations:
            if batches % BATCHES_PER_WORLDS == 0:
                self._draw_worlds()
            before, batches = self.report.evaluations, batches + 1
            self._compare(list(self._cases(BATCH)))
            yield self.report.evaluations - before

    def unreached(self) -> list[str]:
        """Functions that the generator can write but that no expression so far has run."""
        return [function.id for function in self.vocabulary.functions if not self.report.run[function.id]]

    def _draw_worlds(self) -> None:
        self._worlds = [draw_world(self._random, is_wild=self._reference is None) for _ in range(WORLDS)]
        if self._reference is not None:
            self._reference.bind([world.seen(row) for world in self._worlds for row in range(ROWS)])

    def _cases(self, count: int) -> Iterator[Case]:
        for _ in range(count):
            reads_row = self._reference is None or self._random.random() < 0.5
            term = self._generator.draw(reads_row=reads_row)
            compiled = self._pipeline.compiled(term.text, Form.COLUMNS if reads_row else Form.REQUEST)
            if isinstance(compiled, Refused):
                self._note(compiled)
                continue
            self.report.expressions += 1
            self.report.run.update(compiled.functions())
            yield Case(term, compiled, self._rows(term.text))

    def _note(self, refused: Refused) -> None:
        if refused.is_unchecked:
            self.report.unchecked += 1
        else:
            self.report.refused[refused.code.partition("node ")[0] + refused.code.partition(": ")[2]] += 1

    def _rows(self, text: str) -> tuple[int, ...]:
        """All rows of two worlds, one row of each world, or a single one: whatever the expression can tell apart."""
        if any(f"{each.root}" in text for each in ROW_FIELDS):
            first = self._random.randrange(WORLDS - 1) * ROWS
            return tuple(range(first, first + 2 * ROWS))
        if any(f"{each.root}" in text for each in REQUEST_FIELDS):
            return tuple(range(0, WORLDS * ROWS, ROWS))
        return (0,)

    def _compare(self, cases: Sequence[Case]) -> None:
        ours = [self._ours(case) for case in cases]
        for case, values in zip(cases, ours, strict=True):
            self.report.evaluations += len(values)
            self._compare_columns(case, values)
        if self._reference is None:
            return
        theirs = self._reference.evaluate([(case.compiled.text, case.rows) for case in cases])
        for case, values, others in zip(cases, ours, theirs, strict=True):
            if others is not None:
                self._compare_library(case, values, others)

    def _ours(self, case: Case) -> list[CelValue | RuleError]:
        return [
            value
            for start in range(0, len(case.rows), ROWS)
            for value in self._outcomes(case.compiled, case.rows[start : start + ROWS])
        ]

    def _outcomes(self, compiled: Compiled, rows: Sequence[int]) -> list[CelValue | RuleError]:
        return [each for row in rows for each in compiled.outcomes(self._worlds[row // ROWS], (row % ROWS,))]

    def _compare_library(self, case: Case, values: Sequence[CelValue | RuleError], theirs: Sequence[Outcome]) -> None:
        for row, value, other in zip(case.rows, values, theirs, strict=True):
            own = _outcome(value)
            self.report.errors_on_both += own == ERROR and other[0] in (ERROR[0], GIVEN_UP)
            if same(own, other):
                continue
            if other[0] == LACKING:
                self.report.lacking[str(other[1])] += 1
                continue
            if has_nul(own) or has_nul(other):
                self.report.with_nul += 1
                continue
            self._differs(case, row, own, other)
            return

    def _differs(self, case: Case, row: int, own: Outcome, other: Outcome) -> None:
        deviation = deviations.known(case.compiled.text, own, other)
        if deviation:
            self.report.known[deviation] += 1
            return
        self.report.differing += 1
        if self.report.differing > MAX_SHRUNK:
            return
        term = shrunk(case.term, lambda terms: self._differing(terms, row))
        pairs = self._pairs([term], row)
        own, other = pairs[0] or (own, other)
        self._keep(("ours", "library"), term, row, readable(own), readable(other))

    def _differing(self, terms: Sequence[Term], row: int) -> list[bool]:
        return [
            pair is not None
            and not same(*pair)
            and pair[1][0] != LACKING
            and not deviations.known(term.text, *pair)
            for term, pair in zip(terms, self._pairs(terms, row), strict=True)
        ]

    def _pairs(self, terms: Sequence[Term], row: int) -> list[tuple[Outcome, Outcome] | None]:
        """The outcomes of both sides for each term; None where one has none."""
        assert self._reference is not None
        compiled = [self._compiled(term) for term in terms]
        tasks = [(each.text, (row,)) for each in compiled if each]
        answers = iter(self._reference.evaluate(tasks))
        return [self._pair(each, row, next(answers)) if each else None for each in compiled]

    def _pair(self, compiled: Compiled, row: int, answer: list[Outcome] | None) -> tuple[Outcome, Outcome] | None:
        return None if answer is None else (_outcome(self._outcomes(compiled, (row,))[0]), answer[0])

    def _compiled(self, term: Term) -> Compiled | None:
        compiled = self._pipeline.compiled(term.text, Form.COLUMNS)
        return compiled if isinstance(compiled, Compiled) else None

    def _compare_columns(self, case: Case, values: Sequence[CelValue | RuleError]) -> None:
        if case.compiled.columns is None or len(case.rows) % ROWS:
            return
        self.report.column_programs += 1
        for start in range(0, len(case.rows), ROWS):
            world = self._worlds[case.rows[start] // ROWS]
            self.report.column_rows += ROWS
            if disagreement(case.compiled, world, values[start : start + ROWS]):
                self._differs_in_columns(case, world, case.rows[start])
                return

    def _differs_in_columns(self, case: Case, world: World, row: int) -> None:
        self.report.differing += 1
        if self.report.differing > MAX_SHRUNK:
            return
        term = shrunk(case.term, lambda terms: [bool(self._disagreement(each, world)) for each in terms])
        column, closure, place = self._disagreement(term, world) or ("", "", 0)
        self._keep(("column", "closure"), term, row + place, column, closure)

    def _disagreement(self, term: Term, world: World) -> tuple[str, str, int] | None:
        compiled = self._compiled(term)
        if compiled is None or compiled.columns is None:
            return None
        return disagreement(compiled, world, compiled.outcomes(world, range(ROWS)))

    def _keep(self, sides: tuple[str, str], term: Term, row: int, own: str, other: str) -> None:
        compiled = self._compiled(term)
        key = (*sides, *sorted(compiled.functions() if compiled else ()))
        self.report.differences.setdefault(key, Difference(sides, term.text, self._reads(term, row), own, other))

    def _reads(self, term: Term, row: int) -> str:
        """The values that an expression reads."""
        seen = self._worlds[row // ROWS].seen(row % ROWS) if self._reference else {}
        read = [each for each in (*ROW_FIELDS, *REQUEST_FIELDS) if each.text in term.text]
        return ", ".join(f"{each.text} = {seen.get(each.variable, 'nothing')!r}" for each in read)


def same(ours: Outcome, theirs: Outcome) -> bool:
    """Whether both sides gave the same, however they came to an error."""
    return ours == theirs or (ours == ERROR and theirs[0] == GIVEN_UP)


def disagreement(
    compiled: Compiled, world: World, values: Sequence[CelValue | RuleError]
) -> tuple[str, str, int] | None:
    """What the column program says, what the closure says, and of which row; None when they agree on all rows."""
    assert compiled.columns is not None
    answer = computed(compiled.columns, world)
    if any(isinstance(value, ExpiredError) for value in values):
        return None if isinstance(answer, ExpiredError) else ("no EXPIRED", "EXPIRED", 0)
    if isinstance(answer, RuleError):
        return (f"raises {answer}", "does not", 0)
    rows = [_column_outcome(answer, row, compiled.rule.type) for row in range(ROWS)]
    for row, (own, value) in enumerate(zip(rows, values, strict=True)):
        if own != _outcome(value):
            return (readable(own), readable(_outcome(value)), row)
    return _problem_disagreement(answer, values)


def _problem_disagreement(answer: Computed, values: Sequence[CelValue | RuleError]) -> tuple[str, str, int] | None:
    """The first row's error is told in the closure's words."""
    first = next((value for value in values if isinstance(value, RuleError)), None)
    ours, theirs = _worded(answer.problem), _worded(first)
    is_empty = answer.errors is not None and not answer.errors.any()
    return (ours, theirs, 0) if ours != theirs or is_empty else None


def _worded(error: RuleError | None) -> str:
    return "no problem" if error is None else f"{type(error).__name__} {error.rule}: {error}"


def _column_outcome(answer: Computed, row: int, kind: str) -> Outcome:
    if answer.errors is not None and answer.errors[row]:
        return ERROR
    value = answer.values[row]
    plain = value.item() if hasattr(value, "item") else value
    return (kind, plain) if kind in _COLUMN_KINDS else outcome_of(plain)


def _outcome(value: CelValue | RuleError) -> Outcome:
    return ERROR if isinstance(value, RuleError) else outcome_of(value)


def known_functions() -> int:
    """How many functions the language has."""
    return len(FUNCTIONS)
