"""Trained models -> ONNX graphs that the engine has loaded. Files are read by digest: `build` never trains.

What a model file says about its own inputs must match the bundle: their number, and their names where it has some.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from compiler.calibration import read_points
from compiler.diagnostics import CompileError, Problem, Where, model_messages
from compiler.exporters import ExportError, Native, exporter
from compiler.reading.models import LOCK_FILE, ModelSource
from contracts.errors import NotRunnableError
from engine.scorers import SCORERS, Scorer

SCORER = "onnx"


@dataclass(frozen=True)
class Exported:
    """One model: its source file's digest, its native form, its graph, and that graph as the engine runs it.

    `calibration` are the points through which the engine maps what the graph gives; none: as it is.
    """

    source: ModelSource
    source_digest: str
    native: Native
    graph: bytes
    scorer: Scorer
    calibration: tuple[tuple[float, float], ...] = ()


def export_models(folder: Path, models: Mapping[str, ModelSource], lock: Mapping[str, str]) -> tuple[Exported, ...]:
    """Exports every model. Raises `CompileError` with what is wrong with any of them."""
    problems: list[Problem] = []
    exported = []
    for model in models.values():
        try:
            one = _exported(model, _locked_bytes(folder, model.file, place_of(model), lock))
            exported.append(replace(one, calibration=_calibration(folder, model, lock)))
        except CompileError as error:
            problems += error.problems
    if problems:
        raise CompileError(problems)
    return tuple(exported)


def place_of(model: ModelSource) -> Where:
    """Where a model names its file."""
    return model.places.get("file", model.where)


def _calibration(folder: Path, model: ModelSource, lock: Mapping[str, str]) -> tuple[tuple[float, float], ...]:
    if model.calibration is None:
        return ()
    where = model.places.get("calibration", model.where)
    return read_points(_locked_bytes(folder, model.calibration, where, lock), model.calibration, where)


def _locked_bytes(folder: Path, file: str, where: Where, lock: Mapping[str, str]) -> bytes:
    try:
        data = (folder / file).read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise CompileError([model_messages.no_file(where, file)]) from None
    actual = sha256(data).hexdigest()
    if file not in lock:
        raise CompileError([model_messages.not_locked(where, file, LOCK_FILE)])
    if actual != lock[file]:
        raise CompileError([model_messages.other_bytes(where, file, lock[file], actual)])
    return data


def _exported(model: ModelSource, data: bytes) -> Exported:
    where = place_of(model)
    try:
        native = exporter(model.exporter)(data, model.output, len(model.inputs))
        problems = list(_input_problems(model, native))
        if problems:
            raise CompileError(problems)
        graph = native.to_onnx()
        scorer = SCORERS[SCORER](graph, len(model.inputs), model.output)
    except ExportError as error:
        raise CompileError([model_messages.not_exportable(where, model.file, error.message, error.hint)]) from None
    except NotRunnableError as error:
        raise CompileError([model_messages.not_runnable(where, model.file, str(error))]) from None
    return Exported(model, sha256(data).hexdigest(), native, graph, scorer)


def _input_problems(model: ModelSource, native: Native) -> Iterator[Problem]:
    names = [spec.name for spec in model.inputs]
    if native.n_inputs != len(names):
        where = model.places.get("inputs", model.where)
        yield model_messages.other_inputs(where, model.file, native.n_inputs, names)
        return
    for declared, trained in _pairs(names, native.input_names):
        if declared != trained:
            where = model.places.get(f"inputs.{declared}", model.where)
            yield model_messages.other_input(where, model.file, declared, trained)


def _pairs(names: Sequence[str], trained: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(names, trained or names, strict=True)
