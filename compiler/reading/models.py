"""`models/<name>.toml` -> models: file, exporter, and their inputs as expressions; `models.lock` -> digests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.diagnostics import Where
from compiler.diagnostics import declaration_messages as misfit
from compiler.exporters import EXPORTERS
from compiler.places import SourceText, Value
from compiler.reading import fields, names
from compiler.reading.expressions import INPUT, Expression
from compiler.reading.fields import Fields, Log
from compiler.reading.values import places_of
from contracts.bundle import InputSpec

LOCK_FILE = "models.lock"
_OUTPUTS = ("margin", "probability")
_MISSING_WORDS = ("nan", "refuse")
_LOCKED = re.compile(r"([0-9a-f]{64})  (\S.*)")


@dataclass(frozen=True)
class ModelSource:
    """A trained model: which exporter reads which file, and its inputs in matrix order. `file` is relative.

    `calibration` is a CSV file (relative) of points on the line from outputs to probabilities.
    `places` maps a key's path in the model file (`file`, `inputs.price`) to where its value stands.
    """

    name: str
    exporter: str
    file: str
    output: str
    inputs: tuple[InputSpec, ...]
    expressions: tuple[Expression, ...]
    where: Where
    places: Mapping[str, Where]
    calibration: str | None = None


def read_model(name: str, value: Value, tables: tuple[str, ...], log: Log) -> ModelSource:
    """One model file. `tables` are those of the slots that use it: `item` of its inputs."""
    names.check_name(value, name, "model", log)
    model = Fields(value, "a model", log)
    exporter = model.need("exporter", fields.known(EXPORTERS, "exporter"), "")
    file = model.need("file", fields.text, "")
    output = model.need("output", fields.known(_OUTPUTS, "output"), _OUTPUTS[0])
    calibration = model.take("calibration", fields.text, None)
    reading = _Inputs(name, tables)
    inputs: tuple[InputSpec, ...] = model.need("inputs", reading.read_all, ())
    model.close()
    found = tuple(reading.expressions)
    return ModelSource(name, exporter, file, output, inputs, found, value.where, places_of(value), calibration)


def read_lock(source: SourceText, log: Log) -> dict[str, str]:
    """The SHA-256 (hex) of each model file, as `sha256sum` writes them."""
    digests = {}
    for number, line in enumerate(source.text.splitlines(), 1):
        found = _LOCKED.fullmatch(line)
        if found:
            digests[found[2]] = found[1]
        elif line.strip():
            log.append(misfit.bad_lock_line(Where(source.file, number, 1, line)))
    return digests


class _Inputs:
    """The inputs of one model while they are read."""

    def __init__(self, model: str, tables: tuple[str, ...]) -> None:
        self.expressions: list[Expression] = []
        self._model = model
        self._tables = tables

    def read_all(self, value: Value, log: Log) -> tuple[InputSpec, ...]:
        """All inputs, in the order in which they stand: the order of the matrix."""
        entries = names.readable(fields.table_of(value, log), "model input", log)
        if not entries:
            log.append(misfit.model_without_inputs(value.where, self._model))
        return tuple(self._read(name, entry, log) for name, entry in entries.items())

    def _read(self, name: str, value: Value, log: Log) -> InputSpec:
        missing: str | float = "nan"
        if isinstance(value.raw, Mapping):
            entry = Fields(value, "a model input", log)
            written = entry.need("expr", fields.written, None)
            missing = entry.take("missing", _read_missing, missing)
            entry.close()
        else:
            written = fields.written(value, log)
        rule = f"models/{self._model}:{value.path}"
        if written is not None:
            self.expressions.append(Expression(rule, written, INPUT, self._tables))
        return InputSpec(name=name, rule=rule, missing=missing)


def _read_missing(value: Value, log: Log) -> str | float | None:
    if isinstance(value.raw, str):
        return fields.known(_MISSING_WORDS, "value of `missing`")(value, log)
    return fields.number()(value, log)
