"""Sources -> bundle, read aloud. Each stage takes what the ones before it gave; none reaches back.

`build` never trains: it reads the model files that `models.lock` names. A stage that finds errors raises
`CompileError` with all that it found; warnings alone stop nothing and are reported in the end.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from compiler.analysis.checks import rule_problems, slot_problems
from compiler.analysis.rows import row_problems
from compiler.analysis.unused import unused
from compiler.catalog import Catalog, check_arms, check_items, read_catalog
from compiler.cel.check import check_expressions
from compiler.cel.lower import lower_rules
from compiler.diagnostics import Problem, warnings_of
from compiler.export import export_models
from compiler.model_parity import Parity, certify, compare
from compiler.pack import Parts, pack
from compiler.precompute import precompute
from compiler.prove import prove
from compiler.reading.expressions import UNUSED
from compiler.reading.rule_tests import read_rule_tests
from compiler.sources import Sources, survey
from compiler.standing import Standing, standing
from contracts.bundle import Bundle
from contracts.fallback import FallbackTable
from contracts.rule_ir import Rule

Progress: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class ModelReport:
    """One model: rows compared, the largest difference over max(1, |native answer|), and the bytes of its graph."""

    name: str
    points: int
    largest_difference: float
    graph_bytes: int


@dataclass(frozen=True)
class BuildReport:
    """For people: what the build measured and what deserves a look; nothing of it is in the bundle.

    Empty fallbacks are rows without answer.
    """

    revision: str
    warnings: tuple[Problem, ...]
    section_bytes: Mapping[str, int]
    stage_s: Mapping[str, float]
    models: tuple[ModelReport, ...]
    fallback_rows: int
    empty_fallback_rows: int


@dataclass(frozen=True)
class Built:
    """A bundle and the report on its making."""

    bundle: Bundle
    report: BuildReport


@dataclass(frozen=True)
class Sound:
    """Sources of which all holds that can be said without models, and what deserves a look in them."""

    sources: Sources
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class _Lowered:
    """Sources as far as they can be used, what is left standing of them, and all that was found so far.

    Only `_proved` tells whether anything may come of them.
    """

    sources: Sources
    catalog: Catalog
    every_rule: Mapping[str, Rule]
    standing: Standing
    problems: Sequence[Problem]

    @property
    def rules(self) -> dict[str, Rule]:
        """The rules that slots use: no others are shipped."""
        used = self.sources.rules
        return {name: rule for name, rule in self.every_rule.items() if used[name].use is not UNUSED}


def build(folder: Path, on_progress: Progress = lambda stage: None) -> Built:
    """Builds the bundle in a folder; `on_progress` hears the name of each stage. Raises `CompileError`."""
    stages = _Stages(on_progress)
    stages.begin("check")
    lowered = _lowered(folder)
    stages.begin("prove")
    warnings = _proved(lowered)
    stages.begin("export")
    exported = export_models(folder, lowered.sources.models, lowered.sources.lock)
    stages.begin("model parity")
    parities = [compare(each) for each in exported]
    certificates = certify(parities, exported)
    stages.begin("precompute")
    graphs = {each.source.name: each.graph for each in exported}
    calibrations = {each.source.name: each.calibration for each in exported}
    parts = Parts(lowered.sources, lowered.catalog, lowered.rules, graphs, certificates, calibrations)
    fallbacks = precompute(pack(parts), lowered.sources)
    stages.begin("pack")
    bundle = pack(replace(parts, fallbacks=fallbacks))
    stages.end()
    return Built(bundle, _report(bundle, warnings, stages.seconds, parities, fallbacks))


def without_models(folder: Path) -> Bundle:
    """The bundle before training: its inputs are lowered, no model file is read, no fallback is computed."""
    lowered = _lowered(folder)
    _proved(lowered)
    return pack(Parts(lowered.sources, lowered.catalog, lowered.rules, graphs={}))


def check(folder: Path) -> Sound:
    """The sources, if all that can be said without models holds of them. Raises `CompileError`."""
    lowered = _lowered(folder)
    return Sound(lowered.sources, _proved(lowered))


def _lowered(folder: Path) -> _Lowered:
    """Sources -> check -> lower -> look at each rule, and the rows of the catalog, as far as each stage can go."""
    surveyed = survey(folder)
    sources = surveyed.sources
    checked, ill_typed = check_expressions(sources)
    rules, refused = lower_rules(checked, sources)
    catalog, in_rows = read_catalog(sources.tables, folder)
    left = standing(sources, rules, surveyed.problems, in_rows)
    mistakes = [*surveyed.problems, *ill_typed, *refused, *in_rows]
    return _Lowered(sources, catalog, rules, left, [*mistakes, *rule_problems(sources, rules)])


def _proved(lowered: _Lowered) -> tuple[Problem, ...]:
    """The warnings, if nothing was wrong, and all holds that must hold of a whole bundle. Raises `CompileError`."""
    left, catalog = lowered.standing, lowered.catalog
    problems = [*lowered.problems, *check_items(left.sources.slots, catalog)]
    problems += check_arms(left.sources.experiments.experiments, left.sources.places, left.sources.slots, catalog)
    problems += prove(left.sources, lowered.rules, catalog)
    problems += slot_problems(left.sources, lowered.every_rule)
    problems += row_problems(left.sources, lowered.rules, catalog)
    if left.is_whole:
        problems += unused(left.sources, lowered.every_rule)
    if left.has_cases:
        problems += read_rule_tests(lowered.sources, catalog.ids, left.broken)[1]
    return warnings_of(problems)


class _Stages:
    """Times the stages and tells their names."""

    def __init__(self, on_progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._on_progress = on_progress
        self._current = ""
        self._since = 0.0

    def begin(self, stage: str) -> None:
        """Ends the stage before and starts this one."""
        self.end()
        self._current, self._since = stage, time.perf_counter()
        self._on_progress(stage)

    def end(self) -> None:
        """Notes how long the current stage took."""
        if self._current:
            self.seconds[self._current] = time.perf_counter() - self._since


def _report(
    bundle: Bundle,
    warnings: tuple[Problem, ...],
    stage_s: Mapping[str, float],
    parities: Sequence[Parity],
    fallbacks: FallbackTable,
) -> BuildReport:
    sizes = {name: ref.size for name, ref in bundle.manifest.sections.items()}
    rows = [row for slot in fallbacks.slots for row in slot.rows]
    models = tuple(
        ModelReport(each.model, len(each.rows), each.largest, sizes[f"model/{each.model}"]) for each in parities
    )
    return BuildReport(
        revision=bundle.revision,
        warnings=warnings,
        section_bytes=sizes,
        stage_s=stage_s,
        models=models,
        fallback_rows=len(rows),
        empty_fallback_rows=sum(not row.answer for row in rows),
    )
