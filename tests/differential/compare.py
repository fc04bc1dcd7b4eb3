"""Both sides, side by side: our closures against the library, our column programs against our closures.

A difference is shrunk to a small expression and kept once for each function at its root.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random

from contracts.errors import RuleError
from contracts.rule_ir import Form
from engine.programs.values import CelValue

from . import deviations
from .columns import disagreement
from .expressions import Generator
from .fuzz_report import Difference, Report
from .ours import Compiled, Pipeline, Refused, ran
from .outcomes import ERROR, GIVEN_UP, Outcome, has_nul, outcome_of, readable, same
from .reference import LACKING, Reference
from .shrinking import shrunk
from .spelling import Term
from .vocabulary import Vocabulary
from .worlds import REQUEST_FIELDS, ROW_FIELDS, ROWS, World, draw_world

BATCH = 100
WORLDS = 8
BATCHES_PER_WORLDS = 5
MAX_SHRUNK = 60
TRIES = 24
# Other maps between one evaluation and the next, for their order depends on what memory they get.
_STIRRING = tuple(f"{{{', '.join(f'{key}: {key}' for key in range(count))}}}.map(x, x)" for count in range(1, 12, 2))


@dataclass(frozen=True)
class Case:
    """A term and the rows of all worlds, by number, to run it on."""

    term: Term
    compiled: Compiled
    rows: tuple[int, ...]


class Comparison:
    """A run of the fuzzer. Without a reference, columns alone are compared: with functions of our own, and EXPIRED."""

    def __init__(self, seed: int, reference: Reference | None) -> None:
        self.report = Report()
        self._random = Random(seed)
        self._reference = reference
        self._pipeline = Pipeline()
        self.vocabulary = Vocabulary(self._pipeline.compiles, self._runs)
        self._generator = Generator(self.vocabulary, self._random, has_expiring=reference is None)
        self._worlds: list[World] = []

    def _runs(self, texts: Sequence[str]) -> list[bool]:
        """Which expressions the library has functions for."""
        if self._reference is None:
            return [True] * len(texts)
        self._reference.bind([{}])
        answers = self._reference.evaluate([(text, (0,)) for text in texts])
        return [answer is not None and answer[0][0] != LACKING for answer in answers]

    def run(self, evaluations: int) -> Iterator[int]:
        """Compares until so many evaluations are done; yields how many each batch added."""
        batches = 0
        while self.report.evaluations < evaluations:
            if batches % BATCHES_PER_WORLDS == 0:
                self._draw_worlds()
            before, batches = self.report.evaluations, batches + 1
            self._compare(list(self._cases()))
            yield self.report.evaluations - before

    def _draw_worlds(self) -> None:
        self._worlds = [draw_world(self._random, is_wild=self._reference is None) for _ in range(WORLDS)]
        if self._reference is not None:
            self._reference.bind([world.seen(row) for world in self._worlds for row in range(ROWS)])

    def _cases(self) -> Iterator[Case]:
        for _ in range(BATCH):
            reads_row = self._reference is None or self._random.random() < 0.5
            term = self._generator.draw(reads_row=reads_row)
            compiled = self._pipeline.compiled(term.text, Form.COLUMNS if reads_row else Form.REQUEST)
            if isinstance(compiled, Compiled):
                self.report.expressions += 1
                self.report.run.update(compiled.functions())
                yield Case(term, compiled, self._rows(term.text))
            elif compiled.is_unchecked:
                self.report.unchecked += 1
            else:
                self.report.refused[compiled.reason] += 1

    def _rows(self, text: str) -> tuple[int, ...]:
        """All rows of two worlds, one row of each world, or a single one: whatever the expression can tell apart."""
        if any(str(each.root) in text for each in ROW_FIELDS):
            first = self._random.randrange(WORLDS - 1) * ROWS
            return tuple(range(first, first + 2 * ROWS))
        if any(str(each.root) in text for each in REQUEST_FIELDS):
            return tuple(range(0, WORLDS * ROWS, ROWS))
        return (0,)

    def _compare(self, cases: Sequence[Case]) -> None:
        ours = [self._ours(case.compiled, case.rows) for case in cases]
        for case, values in zip(cases, ours, strict=True):
            self.report.evaluations += len(values) if self._reference is None else 0
            if case.compiled.columns and len(case.rows) % ROWS == 0:
                self._compare_columns(case, values)
        if self._reference is None:
            return
        theirs = self._reference.evaluate([(case.compiled.text, case.rows) for case in cases])
        for case, values, others in zip(cases, ours, theirs, strict=True):
            self._compare_library(case, values, others or [])

    def _ours(self, compiled: Compiled, rows: Sequence[int]) -> list[CelValue | RuleError]:
        by_world = groupby(rows, key=lambda row: row // ROWS)
        return [value for n, some in by_world for value in compiled.outcomes(self._worlds[n], [r % ROWS for r in some])]

    def _compare_library(self, case: Case, values: Sequence[CelValue | RuleError], theirs: Sequence[Outcome]) -> None:
        for row, value, other in zip(case.rows, values, theirs, strict=bool(theirs)):
            own = outcome_of(value)
            self.report.evaluations += other[0] != LACKING
            self.report.errors_on_both += own == ERROR and other[0] in (ERROR[0], GIVEN_UP)
            if other[0] == LACKING:
                self.report.lacking[str(other[1])] += 1
            elif own != ERROR and has_nul(own):
                self.report.with_nul += 1
            elif not same(own, other):
                self._differs(case, row, own, other)
                return

    def _differs(self, case: Case, row: int, own: Outcome, other: Outcome) -> None:
        if not self._is_stable(case.term.text, row):
            self.report.unstable += 1
            return
        term = self._shrunk(
            case.term, lambda terms: self._differing(terms, row), lambda term: self._is_stable(term.text, row)
        )
        (pair,) = self._pairs([term], row)
        own, other = pair or (own, other)
        deviation = self._known(term, row, own, other)
        if deviation:
            self.report.known[deviation] += 1
        else:
            self._keep(term, row, ("ours", "library"), (readable(own), readable(other)))

    def _known(self, term: Term, row: int, own: Outcome, other: Outcome) -> str | None:
        """The deviation that a difference is an instance of."""
        compiled = self._compiled(term)
        if compiled is None:
            return None
        scope = self._worlds[row // ROWS].row(row % ROWS)
        return deviations.known(
            deviations.Seen(term.text, compiled.rule, own, other, lambda rule: outcome_of(ran(rule, scope)))
        )

    def _is_stable(self, text: str, row: int) -> bool:
        """Whether the library gives the same each time: it goes through maps in any order."""
        assert self._reference is not None
        mixed = [(each, (row,)) for n in range(TRIES) for each in (text, _STIRRING[n % len(_STIRRING)])]
        return len({repr(answer) for answer in self._reference.evaluate(mixed)[::2]}) == 1

    def _differing(self, terms: Sequence[Term], row: int) -> list[bool]:
        return [pair is not None and not same(*pair) for pair in self._pairs(terms, row)]

    def _pairs(self, terms: Sequence[Term], row: int) -> list[tuple[Outcome, Outcome] | None]:
        """The outcomes of both sides for each term; None where one side has none."""
        assert self._reference is not None
        compiled = [self._compiled(term) for term in terms]
        answers = iter(self._reference.evaluate([(each.text, (row,)) for each in compiled if each]))
        return [self._pair(each, row, next(answers)) if each else None for each in compiled]

    def _pair(self, compiled: Compiled, row: int, answer: list[Outcome] | None) -> tuple[Outcome, Outcome] | None:
        if answer is None or answer[0][0] == LACKING:
            return None
        (value,) = self._ours(compiled, (row,))
        return (outcome_of(value), answer[0])

    def _compare_columns(self, case: Case, values: Sequence[CelValue | RuleError]) -> None:
        self.report.column_programs += 1
        for start in range(0, len(case.rows), ROWS):
            world = self._worlds[case.rows[start] // ROWS]
            self.report.column_rows += ROWS
            if disagreement(case.compiled, world, values[start : start + ROWS]):
                self._differs_in_columns(case.term, world, case.rows[start])
                return

    def _differs_in_columns(self, term: Term, world: World, first: int) -> None:
        term = self._shrunk(
            term, lambda terms: [bool(self._disagreement(each, world)) for each in terms], lambda term: True
        )
        column, closure, place = self._disagreement(term, world) or ("", "", 0)
        self._keep(term, first + place, ("column", "closure"), (column, closure))

    def _disagreement(self, term: Term, world: World) -> tuple[str, str, int] | None:
        compiled = self._compiled(term)
        if compiled is None or compiled.columns is None:
            return None
        return disagreement(compiled, world, compiled.outcomes(world, range(ROWS)))

    def _compiled(self, term: Term) -> Compiled | None:
        compiled = self._pipeline.compiled(term.text, Form.COLUMNS)
        return None if isinstance(compiled, Refused) else compiled

    def _shrunk(
        self, term: Term, holding: Callable[[Sequence[Term]], list[bool]], confirmed: Callable[[Term], bool]
    ) -> Term:
        """A smaller term of which it holds, too; after many, the term itself, to come to an end."""
        return shrunk(term, holding, confirmed) if self.report.seen.total() < MAX_SHRUNK else term

    def _keep(self, term: Term, row: int, sides: tuple[str, str], outcomes: tuple[str, str]) -> None:
        compiled = self._compiled(term)
        root = compiled.root if compiled else "?"
        self.report.keep(f"{sides} {root}", Difference(sides, term.text, self._reads(term, row), outcomes))

    def _reads(self, term: Term, row: int) -> str:
        """The values that an expression reads."""
        seen = self._worlds[row // ROWS].seen(row % ROWS) if self._reference else {}
        read = [each for each in (*ROW_FIELDS, *REQUEST_FIELDS) if each.text in term.text]
        return ", ".join(f"{each.text} = {seen.get(each.variable, 'nothing')!r}" for each in read)
