"""Contracts -> sections in canonical bytes -> manifest -> bundle. The same parts give the same revision anywhere.

The manifest lists the capabilities that running these parts takes; `engine.capabilities` says what an engine has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from compiler.catalog import Catalog
from compiler.export import SCORER
from compiler.sources import Sources
from contracts.bundle import (
    FORMAT_VERSION,
    Bundle,
    Certificates,
    Manifest,
    ModelSet,
    ModelSpec,
    ParityCertificate,
    SectionRef,
    digest,
)
from contracts.codec import encode
from contracts.fallback import FallbackTable
from contracts.features import FeatureSchema
from contracts.rule_ir import IR_VERSION, Call, Has, MacroCall, Read, Rule, RuleIR
from contracts.slots import PolicySpec, SlotSet
from engine.caps import synced_feature


@dataclass(frozen=True)
class Parts:
    """What goes into a bundle. A draft has no graphs, no certificates or no fallbacks yet."""

    sources: Sources
    catalog: Catalog
    rules: Mapping[str, Rule]
    graphs: Mapping[str, bytes]
    certificates: Sequence[ParityCertificate] = ()
    calibrations: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    fallbacks: FallbackTable | None = None


def pack(parts: Parts) -> Bundle:
    """The bundle of these parts."""
    sections = dict(_sections(parts))
    sources = parts.sources
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=sources.name,
        capabilities=tuple(sorted(set(_capabilities(parts)))),
        sections={name: SectionRef(digest=digest(data), size=len(data)) for name, data in sorted(sections.items())},
        max_staleness_s=sources.max_staleness_s,
    )
    return Bundle(manifest, sections)


def _sections(parts: Parts) -> Iterator[tuple[str, bytes]]:
    sources = parts.sources
    yield "schema", encode(_schema(sources))
    yield "catalog", encode(parts.catalog.schema)
    yield "rules", encode(RuleIR(ir_version=IR_VERSION, rules=dict(parts.rules)))
    yield "slots", encode(_slots(sources))
    yield "models", encode(ModelSet(models=_models(parts)))
    yield "experiments", encode(sources.experiments)
    yield "certificates", encode(Certificates(parity=tuple(parts.certificates)))
    if parts.fallbacks is not None:
        yield "fallbacks", encode(parts.fallbacks)
    for (table, column), data in parts.catalog.columns.items():
        yield f"column/{table}/{column}", encode(data)
    for name, graph in parts.graphs.items():
        yield f"model/{name}", graph


def _schema(sources: Sources) -> FeatureSchema:
    """The declared features, and those in which the origin counts for synced caps."""
    specs = [slot.spec for slot in sources.slots.values()]
    counters = tuple(synced_feature(spec, cap) for spec in specs for cap in spec.caps if cap.is_synced)
    return FeatureSchema(purposes=sources.schema.purposes, features=(*sources.schema.features, *counters))


def _slots(sources: Sources) -> SlotSet:
    slots = tuple(slot.spec for slot in sources.slots.values())
    rights = {name: grant if isinstance(grant, bool) else grant.name for name, grant in sources.rights.items()}
    return SlotSet(slots=slots, pages=dict(sources.pages), decision_rights=rights)


def _models(parts: Parts) -> tuple[ModelSpec, ...]:
    return tuple(
        ModelSpec(
            name=model.name,
            scorer=SCORER,
            inputs=model.inputs,
            output=model.output,
            calibration=parts.calibrations.get(model.name, ()),
        )
        for model in parts.sources.models.values()
    )


def _capabilities(parts: Parts) -> Iterator[str]:
    sources = parts.sources
    yield f"ir/{IR_VERSION}"
    for rule in parts.rules.values():
        yield from (f"function/{node.function}" for node in rule.nodes if isinstance(node, Call))
        yield from (f"macro/{node.macro}" for node in rule.nodes if isinstance(node, MacroCall))
        yield from (f"root/{node.root}" for node in rule.nodes if isinstance(node, Read | Has))
    for slot in sources.slots.values():
        yield f"kind/{slot.spec.kind}"
        yield from (f"generator/{generator.__struct_config__.tag}" for generator in slot.spec.retrieve)
    yield from (f"policy/{policy.name}" for policy in _policies(sources))
    yield from (f"scorer/{model.scorer}" for model in _models(parts))
    yield from (f"fold/{feature.fold.fold}" for feature in _schema(sources).features if feature.fold is not None)
    for table in sources.tables.values():
        yield from (f"column/{column.type}" for column in table.columns)


def _policies(sources: Sources) -> Iterator[PolicySpec]:
    yield from (slot.spec.policy for slot in sources.slots.values())
    yield from (slot.spec.shadow for slot in sources.slots.values() if slot.spec.shadow is not None)
    for experiment in sources.experiments.experiments:
        yield from (arm.policy for arm in experiment.arms if arm.policy is not None)
