"""Files -> checked, frozen `Sources`: what a bundle is made of, each part with the place where it was written.

Strict: unknown keys, wrong types and dangling names are problems, all of them collected in one run. What each file
may say stands in `compiler.reading`. CEL text is kept as it is (`compiler.cel` checks it); CSV rows and model files
are not opened here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.diagnostics import CompileError, Problem, Where
from compiler.diagnostics import declaration_messages as misfit
from compiler.diagnostics import source_messages as say
from compiler.places import SourceText, TomlError, Value, read_toml
from compiler.reading.config import Declarations, Wiring, read_declarations, read_wiring
from compiler.reading.expressions import GUARD, RERANK, UNUSED, Expression, by_name
from compiler.reading.features import FeatureSource
from compiler.reading.fields import Fields, Log
from compiler.reading.models import LOCK_FILE, ModelSource, read_lock, read_model
from compiler.reading.rights import Grant, conditions
from compiler.reading.rules import NamedRule, read_rules
from compiler.reading.slots import Declared, SlotSource, check_caps, read_slot
from compiler.reading.tables import TableSource
from contracts.experiments import ExperimentSpec
from contracts.features import FeatureSchema

__all__ = [
    "Expression",
    "FeatureSource",
    "ModelSource",
    "SlotSource",
    "Sources",
    "Surveyed",
    "TableSource",
    "read_folder",
    "read_sources",
    "survey",
]

CONFIG_FILE = "edgewise.toml"


@dataclass(frozen=True)
class Sources:
    """Everything a bundle is made of. `rules` holds named and inline expressions by rule name.

    `rights` says who may be decided for.
    `precompute_now` (microseconds) is the instant of the fallback tables, `max_rows` bounds each. `lock` maps a
    file (relative) to the SHA-256 (hex) it must have; `batch` and `site` are relative paths.
    """

    folder: Path
    name: str
    purposes: Mapping[str, str]
    features: tuple[FeatureSource, ...]
    schema: FeatureSchema
    tables: Mapping[str, TableSource]
    rules: Mapping[str, Expression]
    slots: Mapping[str, SlotSource]
    models: Mapping[str, ModelSource]
    rights: Mapping[str, Grant]
    pages: Mapping[str, tuple[str, ...]]
    experiments: ExperimentSpec
    precompute_now: int
    max_rows: int
    max_staleness_s: int | None
    lock: Mapping[str, str]
    batch: str | None
    site: str | None


@dataclass(frozen=True)
class Surveyed:
    """Sources as far as they could be read, with stand-ins where `problems` says so."""

    sources: Sources
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Documents:
    config: Value
    rules: Mapping[str, Value]
    slots: Mapping[str, Value]
    models: Mapping[str, Value]
    lock: SourceText


def read_sources(folder: Path) -> Sources:
    """Reads a bundle's folder. Raises `CompileError` with every problem found."""
    surveyed = survey(folder)
    if surveyed.problems:
        raise CompileError(surveyed.problems)
    return surveyed.sources


def survey(folder: Path) -> Surveyed:
    """Reads a bundle's folder as far as possible. Raises `CompileError` when a file is not even TOML."""
    log: Log = []
    documents = _read_documents(folder)
    config = Fields(documents.config, "a bundle", log)
    declared = read_declarations(config, folder, log)
    written = read_rules(documents.rules, log)
    names = Declared(declared.tables, declared.schema, written, tuple(documents.models))
    slots = {name: read_slot(name, value, names, log) for name, value in documents.slots.items()}
    check_caps(slots, log)
    models = {name: read_model(name, value, _users(slots, name), log) for name, value in documents.models.items()}
    rules = _named_rules(written, slots, log) | by_name(each for slot in slots.values() for each in slot.expressions)
    rules |= by_name(each for model in models.values() for each in model.expressions) | conditions(declared.rights)
    wiring = read_wiring(config, declared, {name: slot.spec for name, slot in slots.items()})
    config.close()
    lock = read_lock(documents.lock, log)
    return Surveyed(_assemble(folder, declared, slots, models, rules, wiring, lock), tuple(log))


def _assemble(
    folder: Path,
    declared: Declarations,
    slots: Mapping[str, SlotSource],
    models: Mapping[str, ModelSource],
    rules: Mapping[str, Expression],
    wiring: Wiring,
    lock: Mapping[str, str],
) -> Sources:
    return Sources(
        folder=folder,
        name=declared.name,
        purposes=declared.purposes,
        features=declared.features,
        schema=declared.schema,
        tables=declared.tables,
        rules=rules,
        slots=slots,
        models=models,
        rights=declared.rights,
        pages=wiring.pages,
        experiments=wiring.experiments,
        precompute_now=wiring.precompute_now,
        max_rows=wiring.max_rows,
        max_staleness_s=declared.max_staleness_s,
        lock=lock,
        batch=wiring.batch,
        site=wiring.site,
    )


def _users(slots: Mapping[str, SlotSource], model: str) -> tuple[str, ...]:
    """The tables of the slots that use a model."""
    users = [slot.spec for slot in slots.values() if model in (slot.spec.model, *slot.spec.other_models)]
    return tuple(dict.fromkeys(spec.table for spec in users))


def _named_rules(written: Mapping[str, NamedRule], slots: Mapping[str, SlotSource], log: Log) -> dict[str, Expression]:
    """The rules of `rules/*.toml`, each for what slots use it; those that no slot uses are only checked."""
    rules = {}
    for name, rule in written.items():
        guarded = [slot for slot in slots.values() if name in slot.spec.guards]
        boosted = [slot for slot in slots.values() if name in slot.spec.boosts]
        tables = tuple(dict.fromkeys(slot.spec.table for slot in (*guarded, *boosted)))
        if rule.written is not None:
            use = GUARD if guarded else RERANK if boosted else UNUSED
            rules[name] = Expression(name, rule.written, use, tables)
        if guarded and boosted:
            log.append(misfit.guard_and_boost(boosted[0].places["boosts"], name, guarded[0].spec.name))
    return rules


def _read_documents(folder: Path) -> _Documents:
    """Every file of the bundle, parsed. Raises `CompileError` naming all files that are not TOML."""
    log: Log = []
    if not (folder / CONFIG_FILE).is_file():
        raise CompileError([say.no_bundle(str(folder), CONFIG_FILE)])
    config = _read_document(folder, folder / CONFIG_FILE, log)
    rules, slots, models = (read_folder(folder, name, log) for name in ("rules", "slots", "models"))
    lock = SourceText(LOCK_FILE, _text_of(folder, folder / LOCK_FILE, log))
    if config is None or log:
        raise CompileError(log)
    return _Documents(config, rules, slots, models, lock)


def read_folder(folder: Path, name: str, log: Log) -> dict[str, Value]:
    """The TOML files of a folder of the bundle, by their names without ending; those that are not TOML are logged."""
    documents = {path.stem: _read_document(folder, path, log) for path in sorted((folder / name).glob("*.toml"))}
    return {stem: document for stem, document in documents.items() if document is not None}


def _read_document(folder: Path, path: Path, log: Log) -> Value | None:
    try:
        return read_toml(path.relative_to(folder).as_posix(), _text_of(folder, path, log))
    except TomlError as error:
        log.append(say.not_toml(error.where, error.message))
        return None


def _text_of(folder: Path, path: Path, log: Log) -> str:
    """The text of a file, none if it is absent."""
    if not path.exists():
        return ""
    data = path.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        log.append(say.not_utf8(Where(path.relative_to(folder).as_posix(), line, 1)))
        return ""
