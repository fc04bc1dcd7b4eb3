"""Row by row: the exact and slow way through a batch, for what has no column form, and for the words of an error."""

from contracts.errors import RuleError
from engine.programs.arrays import attempted
from engine.programs.values import Batch, CelValue, ColumnValues, Mask, Operand, RequestProgram, Scope, Texts


def row_by_row(program: RequestProgram, kind: str, batch: Batch) -> Operand:
    """A closure of each candidate, as a column. Raises `ExpiredError` at once."""
    scopes = [_scope(batch, place) for place in range(len(batch.rows))]
    return attempted(kind, program, scopes)


def problem(program: RequestProgram, batch: Batch, errors: Mask) -> RuleError | None:
    """The error of the first candidate in error, as its closure words it."""
    found = None
    try:
        program(_scope(batch, int(errors.argmax())))
    except RuleError as error:
        found = error
    return found


def _scope(batch: Batch, place: int) -> Scope:
    score = None if batch.score is None else float(batch.score[place])
    scope = batch.scope.at(batch.table, int(batch.rows[place]), score)
    if batch.scores is not None:
        scope.scores = {model: float(scores[place]) for model, scores in batch.scores.items()}
    if batch.variables:
        scope.variables.extend([None] * (max(batch.variables) + 1))
        for slot, values in batch.variables.items():
            scope.variables[slot] = _one(values, place)
    return scope


def _one(values: ColumnValues, place: int) -> CelValue:
    if isinstance(values, Texts):
        return values.dictionary[int(values.codes[place])]
    number: CelValue = values[place].item()  # type: ignore[index]
    return number
