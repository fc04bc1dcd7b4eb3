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
from compiler.reading.values import places_of
from contracts.experiments import ExperimentSpec
from contracts.features import FeatureSchema, Root

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
_FOLDERS = ("rules", "slots", "models")


@dataclass(frozen=True)
class Sources:
    """Everything a bundle is made of. `rules` holds named and inline expressions by rule name.

    `rights` says who may be decided for.
    `precompute_now` (microseconds) is the instant of the fallback tables, `max_rows` bounds each. `lock` maps a
    file (relative) to the SHA-256 (hex) it must have; `batch` and `site` are relative paths. `places` says where the
    values of the config stand, by path.
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
    places: Mapping[str, Where]
    batch: str | None
    site: str | None

    @property
    def untyped(self) -> frozenset[str]:
        """What is declared without a type that is known, as expressions write it."""
        columns = [f"{Root.ITEM}.{name}" for table in self.tables.values() for name in table.untyped]
        features = [f"{each.spec.root}.{each.spec.name}" for each in self.features if not each.has_type]
        return frozenset([*columns, *features])


@dataclass(frozen=True)
class Surveyed:
    """Sources as far as they could be read, with stand-ins where `problems` says so."""

    sources: Sources
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Documents:
    """Files by their names. `unread` are, by folder, those that are no TOML, as empty documents: they may be named."""

    config: Value
    rules: Mapping[str, Value]
    slots: Mapping[str, Value]
    models: Mapping[str, Value]
    unread: Mapping[str, Mapping[str, Value]]
    lock: SourceText


def read_sources(folder: Path) -> Sources:
    """Reads a bundle's folder. Raises `CompileError` with every problem found."""
    surveyed = survey(folder)
    if surveyed.problems:
        raise CompileError(surveyed.problems)
    return surveyed.sources


def survey(folder: Path) -> Surveyed:
    """Reads a bundle's folder as far as possible. Raises `CompileError` when `edgewise.toml` is not even TOML."""
    log: Log = []
    documents = _read_documents(folder, log)
    config = Fields(documents.config, "a bundle", log)
    declared = read_declarations(config, folder, log)
    written = read_rules(documents.rules, log)
    slots = _read_slots(documents, declared, written, log)
    models = {name: read_model(name, value, _users(slots, name), log) for name, value in documents.models.items()}
    models |= {name: read_model(name, value, (), []) for name, value in documents.unread["models"].items()}
    rules = _named_rules(written, slots, log) | by_name(each for slot in slots.values() for each in slot.expressions)
    rules |= by_name(each for model in models.values() for each in model.expressions) | conditions(declared.rights)
    wiring = read_wiring(config, declared, {name: slot.spec for name, slot in slots.items()})
    config.close()
    lock = read_lock(documents.lock, log)
    places = places_of(documents.config)
    return Surveyed(_assemble(folder, declared, slots, models, rules, wiring, lock, places), tuple(log))


def _assemble(
    folder: Path,
    declared: Declarations,
    slots: Mapping[str, SlotSource],
    models: Mapping[str, ModelSource],
    rules: Mapping[str, Expression],
    wiring: Wiring,
    lock: Mapping[str, str],
    places: Mapping[str, Where],
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
        places=places,
        batch=wiring.batch,
        site=wiring.site,
    )


def _read_slots(
    documents: _Documents, declared: Declarations, written: Mapping[str, NamedRule], log: Log
) -> dict[str, SlotSource]:
    unread = documents.unread
    models = (*documents.models, *unread["models"])
    names = Declared(declared.tables, declared.schema, written, models, has_all_rules=not unread["rules"])
    slots = {name: read_slot(name, value, names, log) for name, value in documents.slots.items()}
    check_caps(slots, log)
    return slots | {name: read_slot(name, value, names, []) for name, value in unread["slots"].items()}


def _users(slots: Mapping[str, SlotSource], model: str) -> tuple[str, ...]:
    """The tables of the slots that use a model."""
    users = [slot.spec for slot in slots.values() if model in slot.spec.models]
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


def _read_documents(folder: Path, log: Log) -> _Documents:
    """Every file of the bundle, parsed. Raises `CompileError` when there is no config to read the others by."""
    if not (folder / CONFIG_FILE).is_file():
        raise CompileError([say.no_bundle(str(folder), CONFIG_FILE)])
    config = _read_document(folder, folder / CONFIG_FILE, log)
    rules, slots, models = read = [read_folder(folder, name, log) for name in _FOLDERS]
    lock = SourceText(LOCK_FILE, _text_of(folder, folder / LOCK_FILE, log) or "")
    if config is None:
        raise CompileError(log)
    unread = {name: _unread(folder, name, known) for name, known in zip(_FOLDERS, read, strict=True)}
    return _Documents(config, rules, slots, models, unread, lock)


def _unread(folder: Path, name: str, read: Mapping[str, Value]) -> dict[str, Value]:
    places = {path.stem: Where(f"{name}/{path.name}", 1, 1) for path in sorted((folder / name).glob("*.toml"))}
    return {stem: Value({}, "", where, where) for stem, where in places.items() if stem not in read}


def read_folder(folder: Path, name: str, log: Log) -> dict[str, Value]:
    """The TOML files of a folder of the bundle, by their names without ending; those that are not TOML are logged."""
    documents = {path.stem: _read_document(folder, path, log) for path in sorted((folder / name).glob("*.toml"))}
    return {stem: document for stem, document in documents.items() if document is not None}


def _read_document(folder: Path, path: Path, log: Log) -> Value | None:
    text = _text_of(folder, path, log)
    try:
        return None if text is None else read_toml(path.relative_to(folder).as_posix(), text)
    except TomlError as error:
        log.append(say.not_toml(error.where, error.message))
        return None


def _text_of(folder: Path, path: Path, log: Log) -> str | None:
    """The text of a file, empty if it is absent, None if it is no text."""
    if not path.exists():
        return ""
    data = path.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        log.append(say.not_utf8(Where(path.relative_to(folder).as_posix(), line, 1)))
        return None
