"""One decision's explanation for people, line by line."""

import math
from collections.abc import Iterator, Mapping

from compiler.exporters import PROBABILITY
from contracts.codec import encode_json
from contracts.explanation import CandidateDetails, Details, FeatureReading, InputReading, ModelReading
from contracts.features import Value
from deploy.explanations.contributions import Contributions
from deploy.explanations.explainer import ExplainReport

_SHOWN_CHARS = 60
_DAY_S = 86_400.0


def explanation_text(told: ExplainReport) -> str:
    """The report as lines."""
    return "\n".join(_lines(told))


def _lines(told: ExplainReport) -> Iterator[str]:
    yield from told.explanation
    if told.why_not:
        yield told.why_not
    if told.problem:
        yield f"not all can be told: {told.problem}"
    if told.details is None:
        return
    yield from _circumstances(told.details)
    added = {each.model: each for each in told.contributions}
    for candidate in told.details.candidates:
        yield from _candidate(candidate, added)
    if told.details.is_same is False:
        yield "computed again, scores come out otherwise: this is another engine than the one that decided"


def _circumstances(details: Details) -> Iterator[str]:
    yield f"gate: {'; '.join(details.gate)}"
    arms = ", ".join(f"{name} {arm}" for name, arm in sorted(details.assignments.items()))
    yield f"assigned: {arms or 'nothing'}"
    yield "read:"
    yield from (f"  {_feature(each)}" for each in details.features)


def _feature(reading: FeatureReading) -> str:
    value = "" if reading.value is None else f" = {_short(reading.value)}"
    age = "" if reading.age_s is None else f", {reading.age_s / _DAY_S:.1f} days old"
    return f"{reading.name} {reading.status}{value}{age}"


def _candidate(candidate: CandidateDetails, added: Mapping[str, Contributions]) -> Iterator[str]:
    yield f"{candidate.item}:"
    if candidate.blocker:
        yield f"  first blocker: {candidate.blocker}"
    if candidate.score is not None:
        yield f"  score {candidate.score:.6g}"
    yield from (f"  {name} {value:+.6g}" for name, value in candidate.terms.items())
    if candidate.value is not None:
        yield f"  value {candidate.value:.6g}"
    if candidate.position is not None:
        stated = "" if candidate.propensity is None else f", propensity {candidate.propensity:.6g}"
        yield f"  shown at position {candidate.position}{stated}"
    for model in candidate.models:
        yield from _model(model, added.get(model.model))


def _model(reading: ModelReading, added: Contributions | None) -> Iterator[str]:
    said = "" if reading.score is None else f": {reading.score:.6g}"
    yield f"  model {reading.model}{said}"
    if reading.problem:
        yield f"    no inputs: {reading.problem}"
    if added is None:
        yield from (f"    {_input(each)}" for each in reading.inputs)
        return
    is_calibrated = reading.score is not None and not math.isclose(reading.score, added.score, rel_tol=1e-5)
    when = " before calibration" if is_calibrated and added.adds_up_to == PROBABILITY else ""
    yield f"    {added.adds_up_to}{when} {added.total:.6g} = {added.base:+.6g} for anybody"
    for each in sorted(reading.inputs, key=lambda each: -abs(added.inputs[each.name])):
        yield f"    {added.inputs[each.name]:+.6g} by {_input(each)}"


def _input(reading: InputReading) -> str:
    value = "none" if reading.value is None else f"{reading.value:.6g}"
    odd = [f"{name} {status}" for name, status in reading.reads.items() if status != "PRESENT"]
    return f"{reading.name} = {value}" + (f" ({', '.join(odd)})" if odd else "")


def _short(value: Value) -> str:
    text = encode_json(value).decode()
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
