"""Trained models -> ONNX. One file per training library, one line in `EXPORTERS`.

An exporter loads a model file into a `Native`: the model as its own library runs it, and its ONNX form. Both read
the same rows, so `compiler.model_parity` can compare them. The libraries are heavy: a module is imported when a
bundle names it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TypeAlias

from contracts.errors import EdgewiseError
from engine.column import Array

MARGIN, PROBABILITY = "margin", "probability"
OUTPUTS = (MARGIN, PROBABILITY)
EXPORTERS: dict[str, str] = {
    "lightgbm": "compiler.exporters.lightgbm",
    "onnx": "compiler.exporters.onnx_file",
    "sklearn": "compiler.exporters.sklearn",
    "xgboost": "compiler.exporters.xgboost",
}

_EXTRAS = {"xgboost": "xgboost"}


class ExportError(EdgewiseError):
    """A model file that cannot be exported. `hint` says what to do next."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Native:
    """A trained model. `predict` maps float64 rows to one number each: NaN where the library refuses a row.

    `ranges` (inputs x 2) says between which values sample rows are drawn; `input_names` is empty when the file
    names none. `contributions` maps rows to what each input added, and last what the model says of nobody; None
    where that is not offered; it raises `ExportError` where its library is missing or a row is refused. Together
    they are the margin, also where `predict` gives its probability, unless `adds_up_to` says that they are the
    probability itself.
    """

    n_inputs: int
    input_names: tuple[str, ...]
    ranges: Array
    predict: Callable[[Array], Array]
    to_onnx: Callable[[], bytes]
    contributions: Callable[[Array], Array] | None = None
    adds_up_to: str = MARGIN


Exporter: TypeAlias = Callable[[bytes, str, int], Native]


def exporter(name: str) -> Exporter:
    """The exporter of that name: (file's bytes, `margin` or `probability`, number of inputs) -> `Native`.

    Raises `ExportError` when its library is not installed.
    """
    try:
        load: Exporter = import_module(EXPORTERS[name]).load
    except ModuleNotFoundError as error:
        raise not_installed(f"exporter {name}", error.name, _EXTRAS.get(name, "compiler")) from None
    return load


def not_installed(what: str, library: str | None, extra: str) -> ExportError:
    """The error of a library that is missing; `extra` is what brings it."""
    return ExportError(f"{what} needs {library}, which is not installed", f"pip install 'edgewise[{extra}]'")
