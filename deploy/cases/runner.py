"""Running the cases of a bundle's `tests/*.toml`: cases and a loaded bundle -> outcomes. Pure.

A slot's case is decided by `engine.decide`, as a page with that slot alone, with what the case gives in place of
visitor, rows and candidates. Its policy is greedy: the best answer, as in the fallback tables, instead of a drawn
one. No experiment runs, and nobody is held out unless the case says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from compiler.reading.givens import Given, Signal
from compiler.reading.rule_tests import Case, RuleCase
from compiler.reading.slot_cases import SlotCase
from compiler.sources import Sources
from contracts.codec import Contract
from contracts.controls import Controls
from contracts.decision import DecisionRequest, Stage, Tier
from contracts.errors import RuleError
from contracts.experiments import ExperimentSpec
from contracts.features import FeatureValue
from contracts.rule_ir import Rule
from deploy.cases.differences import Difference, of_decision, of_rule
from deploy.cases.readings import Readings
from deploy.cases.rows import with_rows
from engine.absences import Absences
from engine.decide import decide
from engine.gate import scope_of
from engine.generators.pool import LoadedPool
from engine.loaded import LoadedBundle, LoadedPolicy, LoadedSlot
from engine.policies import POLICIES
from engine.snapshot import VISITOR, Snapshot, Table

_BEST = LoadedPolicy(POLICIES["greedy"], {})
_SOMEBODY = "visitor"
_NEEDS_BUILD = (Tier.MODEL, Tier.FALLBACK)


class CaseOutcome(Contract, frozen=True):
    """What came of one case. `file` and `line` say where it stands, `detail` why it was skipped."""

    name: str
    file: str
    line: int
    outcome: Literal["pass", "fail", "skip"]
    description: str = ""
    detail: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A bundle whose cases run: loaded, its rules as lowered, its sources. Without models: no fallbacks."""

    loaded: LoadedBundle
    rules: Mapping[str, Rule]
    sources: Sources
    has_models: bool


def run_cases(cases: Iterable[Case], subject: Subject) -> tuple[CaseOutcome, ...]:
    """The outcomes, in the order of the cases."""
    return tuple(_outcome(case, subject) for case in cases)


def _outcome(case: Case, subject: Subject) -> CaseOutcome:
    detail = "" if subject.has_models else _needed(case)
    differences = () if detail else _differences(case, subject)
    heading = case.heading
    return CaseOutcome(
        name=heading.name,
        file=heading.where.file,
        line=heading.where.line,
        outcome="skip" if detail else "fail" if differences else "pass",
        description=heading.description,
        detail=detail,
        differences=differences,
    )


def _needed(case: Case) -> str:
    """Why a case cannot run on a bundle without models."""
    if isinstance(case, SlotCase) and case.expect.tier in _NEEDS_BUILD:
        return f"expects tier `{case.expect.tier}`, and the models are not trained"
    return ""


def _differences(case: Case, subject: Subject) -> tuple[Difference, ...]:
    if isinstance(case, RuleCase):
        return _try_rule(case, subject)
    table = with_rows(subject.loaded.snapshot.tables[subject.loaded.slots[case.slot].spec.table], case.items)
    loaded = _loaded(case, subject.loaded, table)
    snapshot, request = _snapshot(case.given, loaded, table), _request(case)
    controls = Controls(killed=(case.slot,) if Signal.KILLED in case.circumstances.signals else ())
    decided = decide(loaded, request, snapshot, controls, _never)
    scope = scope_of(request, snapshot, loaded)
    readings = Readings(subject.rules, subject.sources.rules, loaded, scope, table)
    absences = Absences(loaded, request, snapshot, decided, 0)
    return of_decision(case, decided.decisions[0], decided.traces[0], readings, absences)


def _try_rule(case: RuleCase, subject: Subject) -> tuple[Difference, ...]:
    loaded = subject.loaded
    table = loaded.snapshot.tables[subject.sources.rules[case.rule].tables[0]]
    if case.item is not None:
        table = with_rows(table, {case.item: case.row})
    scope = scope_of(_page(case.given, ()), _snapshot(case.given, loaded, table), loaded)
    readings = Readings(subject.rules, subject.sources.rules, loaded, scope, table)
    at = readings.at(case.item, case.score, case.scores)
    value, error = None, None
    try:
        value = readings.run(case.rule, at)
    except RuleError as problem:
        error = problem.message
    return of_rule(case, value, error, readings.explain(case.rule, at))


def _loaded(case: SlotCase, loaded: LoadedBundle, table: Table) -> LoadedBundle:
    """The bundle as this case wants it: the best answers, its candidates, its holdouts."""
    slot = replace(loaded.slots[case.slot], policy=_BEST)
    if case.candidates is not None:
        slot = _narrowed(slot, case.candidates, table)
    held = [each for each in loaded.experiments.holdouts if each.salt in case.circumstances.holdouts]
    holdouts = tuple(msgspec.structs.replace(each, share=1.0) for each in held)
    experiments = ExperimentSpec(holdouts=holdouts)
    return replace(loaded, slots={**loaded.slots, case.slot: slot}, experiments=experiments, arm_policies={})


def _narrowed(slot: LoadedSlot, candidates: tuple[str, ...], table: Table) -> LoadedSlot:
    """The slot with these candidates alone, in the precomputed answers too."""
    rows = np.array([table.row_of[item] for item in candidates], dtype=np.int64)
    fallback = slot.fallback
    if fallback is not None:
        answers = {key: tuple(item for item in found if item in candidates) for key, found in fallback.answers.items()}
        fallback = replace(fallback, answers=answers)
    return replace(slot, generators=(LoadedPool("candidates", 0, rows),), fallback=fallback)


def _snapshot(given: Given, loaded: LoadedBundle, table: Table) -> Snapshot:
    features = {name: FeatureValue(value=value, as_of=given.as_of) for name, value in given.visitor.items()}
    return Snapshot({**loaded.snapshot.tables, table.name: table}, {_SOMEBODY: features})


def _request(case: SlotCase) -> DecisionRequest:
    said = case.circumstances.signals
    page = _page(case.given, (case.slot,))
    return msgspec.structs.replace(
        page,
        units={} if Signal.OPTED_OUT in said or Signal.GPC in said else page.units,
        is_opted_out=Signal.OPTED_OUT in said,
        is_gpc=Signal.GPC in said,
        is_bot=Signal.BOT in said,
        is_feed_stale=Signal.STALE_FEED in said,
        is_overloaded=Signal.OVERLOAD in said,
        exposures={cap: dict(counts) for cap, counts in case.circumstances.exposures.items()},
    )


def _page(given: Given, slots: tuple[str, ...]) -> DecisionRequest:
    """A visitor who granted nothing is nobody in particular, as on a node."""
    return DecisionRequest(
        request_id="test",
        now=given.now,
        slots=slots,
        units={VISITOR: _SOMEBODY} if given.granted else {},
        granted=given.granted,
        visitor_state=dict(given.visitor_state),
        context=dict(given.request),
    )


def _never(_slot: str, _stage: Stage) -> bool:
    return False
