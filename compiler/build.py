"""Sources -> bundle, read aloud. Each stage takes what the ones before it gave; none reaches back.

`build` never trains: it reads the model files that `models.lock` names. A stage that finds problems raises
`CompileError` with all that it found.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from compiler.catalog import Catalog, check_items, read_catalog
from compiler.cel.check import check_expressions
from compiler.cel.lower import lower_rules
from compiler.diagnostics import CompileError
from compiler.export import export_models
from compiler.model_parity import Parity, certify, compare
from compiler.pack import Parts, pack
from compiler.precompute import precompute
from compiler.prove import prove
from compiler.reading.expressions import UNUSED
from compiler.sources import Sources, survey
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
    """For people: what the build measured; nothing of it is in the bundle. Empty fallbacks are rows without answer."""

    revision: str
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
class _Lowered:
    sources: Sources
    catalog: Catalog
    rules: Mapping[str, Rule]


def build(folder: Path, on_progress: Progress = lambda stage: None) -> Built:
    """Builds the bundle in a folder; `on_progress` hears the name of each stage. Raises `CompileError`."""
    stages = _Stages(on_progress)
    stages.begin("check")
    lowered = _lowered(folder)
    stages.begin("export")
    exported = export_models(folder, lowered.sources.models, lowered.sources.lock)
    stages.begin("model parity")
    parities = [compare(each) for each in exported]
    certificates = certify(parities, exported)
    stages.begin("precompute")
    graphs = {each.source.name: each.graph for each in exported}
    parts = Parts(lowered.sources, lowered.catalog, lowered.rules, graphs, certificates)
    fallbacks = precompute(pack(parts), lowered.sources)
    stages.begin("prove")
    prove(lowered.sources, lowered.rules, lowered.catalog)
    stages.begin("pack")
    bundle = pack(replace(parts, fallbacks=fallbacks))
    stages.end()
    return Built(bundle, _report(bundle, stages.seconds, parities, fallbacks))


def without_models(folder: Path) -> Bundle:
    """The bundle before training: its inputs are lowered, no model file is read, no fallback is computed."""
    lowered = _lowered(folder)
    prove(lowered.sources, lowered.rules, lowered.catalog)
    return pack(Parts(lowered.sources, lowered.catalog, lowered.rules, graphs={}))


def check(folder: Path) -> Sources:
    """The sources, if all that can be said without models holds of them. Raises `CompileError`."""
    lowered = _lowered(folder)
    prove(lowered.sources, lowered.rules, lowered.catalog)
    return lowered.sources


def _lowered(folder: Path) -> _Lowered:
    """Sources -> check -> lower, and the rows of the catalog: their problems come together."""
    surveyed = survey(folder)
    sources = surveyed.sources
    checked, ill_typed = check_expressions(sources)
    rules, refused = lower_rules(checked, sources)
    catalog, in_rows = read_catalog(sources.tables, folder)
    problems = [*surveyed.problems, *ill_typed, *refused, *in_rows]
    if not problems:
        problems = check_items(sources.slots, catalog)
    if problems:
        raise CompileError(problems)
    used = {name: rule for name, rule in rules.items() if sources.rules[name].use is not UNUSED}
    return _Lowered(sources, catalog, used)


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
    bundle: Bundle, stage_s: Mapping[str, float], parities: Sequence[Parity], fallbacks: FallbackTable
) -> BuildReport:
    sizes = {name: ref.size for name, ref in bundle.manifest.sections.items()}
    rows = [row for slot in fallbacks.slots for row in slot.rows]
    models = tuple(
        ModelReport(each.model, len(each.rows), each.largest, sizes[f"model/{each.model}"]) for each in parities
    )
    return BuildReport(
        revision=bundle.revision,
        section_bytes=sizes,
        stage_s=stage_s,
        models=models,
        fallback_rows=len(rows),
        empty_fallback_rows=sum(not row.answer for row in rows),
    )
