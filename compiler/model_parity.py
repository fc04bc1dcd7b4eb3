"""Model parity: native against ONNX, as the engine's scorer runs it.

Both are run on the same float32 rows: samples, samples with NaN in each input, and for every split of the graph
rows that reach it, at its float32 threshold, at the two float32 neighbours of that, and with NaN. The graph's own
thresholds suffice: a native threshold t lies in [t32, next float32) exactly when both models agree on t32 and on
the next float32. The bound is 1e-5 * max(1, |native|), on margins or probabilities, whichever the model gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.diagnostics import CompileError, Problem, model_messages
from compiler.export import Exported, place_of
from contracts.bundle import ParityCertificate
from contracts.errors import ScoringError
from engine.column import Array
from engine.scorers import Scorer
from engine.scorers.forest import Forest, read_forest

BOUND = 1e-5
SAMPLES = 256
EQUAL = "equal"
_SHOWN = 5
_SEED = 20260105
_LARGEST = np.finfo(np.float32).max
_BELOW, _ABOVE = np.float32(-np.inf), np.float32(np.inf)


@dataclass(frozen=True)
class Parity:
    """Native and ONNX answers on float32 rows; `distance` is the difference over max(1, |native|), NaN: one refused."""

    model: str
    rows: Array
    native: Array
    onnx: Array
    distance: Array
    is_wrong: Array

    @property
    def largest(self) -> float:
        """The largest distance of all rows that both answer."""
        return float(np.nanmax(self.distance, initial=0.0))


def certify(parities: Sequence[Parity], exported: Sequence[Exported]) -> tuple[ParityCertificate, ...]:
    """One certificate per model. Raises `CompileError` showing the rows on which a model failed."""
    problems = [_problem(one, each) for one, each in zip(parities, exported, strict=True) if one.is_wrong.any()]
    if problems:
        raise CompileError(problems)
    return tuple(
        ParityCertificate(
            model=one.model, source_digest=each.source_digest, points=len(one.rows), bound=BOUND, verdict=EQUAL
        )
        for one, each in zip(parities, exported, strict=True)
    )


def compare(exported: Exported) -> Parity:
    """Runs both on all rows. Where the native model refuses NaN, so must ONNX, unless that NaN can never arrive.

    Where it refuses infinity, which trees trained on NaN split at, there is nothing to compare with.
    """
    rows = probe_rows(exported.native.ranges, read_forest(exported.graph))
    native = exported.native.predict(rows.astype(np.float64))
    onnx = _scores(exported.scorer, rows, native)
    distance = np.abs(onnx - native) / np.maximum(1.0, np.abs(native))
    may_be_nan = np.array([spec.missing == "nan" for spec in exported.source.inputs])
    is_beyond = np.isinf(rows) | (np.isnan(rows) & ~may_be_nan)
    is_moot = np.isnan(native) & (np.isnan(onnx) | is_beyond.any(axis=1))
    return Parity(exported.source.name, rows, native, onnx, distance, ~(distance <= BOUND) & ~is_moot)


def probe_rows(ranges: Array, forest: Forest | None) -> Array:
    """The float32 rows of a comparison, each once, the same for the same graph."""
    low, high = _spans(ranges, forest)
    chance = np.random.default_rng(_SEED)
    samples = (low + chance.random((SAMPLES, len(low))) * (high - low)).astype(np.float32)
    with_nan = np.repeat(samples[:1], len(low), axis=0)
    np.fill_diagonal(with_nan, np.nan)
    rows = [samples, with_nan, np.zeros((1, len(low)), np.float32)]
    if forest is not None:
        rows += list(_split_rows(forest, samples))
    return np.unique(np.concatenate(rows), axis=0)


def _spans(ranges: Array, forest: Forest | None) -> tuple[Array, Array]:
    """The declared ranges, widened by a tenth beyond every threshold."""
    low, high = ranges[:, 0].copy(), ranges[:, 1].copy()
    if forest is not None:
        finite = np.abs(forest.thresholds) < _LARGEST
        np.minimum.at(low, forest.features[finite], forest.thresholds[finite])
        np.maximum.at(high, forest.features[finite], forest.thresholds[finite])
    margin = 0.1 * (high - low)
    return low - margin, high + margin


def _split_rows(forest: Forest, samples: Array) -> Iterator[Array]:
    """Per split, a sample moved to where it reaches that split, with the split's input at four values."""
    for number, (split, low, high) in enumerate(_reached(forest, samples.shape[1])):
        row = np.clip(samples[number % len(samples)], low, high)
        threshold = np.float32(forest.thresholds[split])
        rows = np.repeat(row[np.newaxis], 4, axis=0)
        below, above = np.nextafter(threshold, _BELOW), np.nextafter(threshold, _ABOVE)
        rows[:, forest.features[split]] = threshold, below, above, np.nan
        yield rows


def _reached(forest: Forest, n_inputs: int) -> Iterator[tuple[int, Array, Array]]:
    """Each split, with the lowest and highest float32 inputs that lead to it."""
    everything = np.full(n_inputs, -_LARGEST, np.float32), np.full(n_inputs, _LARGEST, np.float32)
    waiting = [(int(root), *everything) for root in forest.roots]
    while waiting:
        split, low, high = waiting.pop()
        yield split, low, high
        feature, threshold = forest.features[split], np.float32(forest.thresholds[split])
        if not forest.is_true_leaf[split]:
            waiting.append((int(forest.on_true[split]), low, _with(high, feature, min(high[feature], threshold))))
        if not forest.is_false_leaf[split]:
            above = np.nextafter(threshold, _ABOVE)
            waiting.append((int(forest.on_false[split]), _with(low, feature, max(low[feature], above)), high))


def _with(limits: Array, feature: int, limit: float) -> Array:
    changed = limits.copy()
    changed[feature] = limit
    return changed


def _scores(scorer: Scorer, rows: Array, native: Array) -> Array:
    """The scorer's answers, NaN where it refuses; rows that the native model refuses are scored one by one."""
    result = np.full(len(rows), np.nan)
    is_refused = np.isnan(native)
    for chosen in (np.flatnonzero(~is_refused), *np.flatnonzero(is_refused)[:, np.newaxis]):
        result[chosen] = _scored(scorer, rows[chosen])
    return result


def _scored(scorer: Scorer, rows: Array) -> Array:
    """Scores; where a run is refused, halves find the rows at fault."""
    try:
        return scorer.score(rows)
    except ScoringError:
        if len(rows) == 1:
            return np.full(1, np.nan)
        return np.concatenate([_scored(scorer, half) for half in np.array_split(rows, 2)])


def _problem(parity: Parity, exported: Exported) -> Problem:
    names = [spec.name for spec in exported.source.inputs]
    wrong = np.flatnonzero(parity.is_wrong)
    failed = f"by more than {BOUND:g} in {len(wrong)} of {len(parity.rows)} rows"
    rows = "\n".join(_line(names, parity, index) for index in wrong[:_SHOWN])
    return model_messages.no_parity(place_of(exported.source), exported.source.file, failed, rows)


def _line(names: Sequence[str], parity: Parity, index: int) -> str:
    inputs = ", ".join(f"{name} = {value:.9g}" for name, value in zip(names, parity.rows[index], strict=True))
    native, onnx = (_spelled(answers[index]) for answers in (parity.native, parity.onnx))
    return f"    native {native}, ONNX {onnx} for {inputs}"


def _spelled(answer: float) -> str:
    return "refuses" if np.isnan(answer) else f"{answer:.9g}"
