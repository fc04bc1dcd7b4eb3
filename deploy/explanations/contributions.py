"""How much each input added to a model's answer for one candidate, exactly, by a library that has its trees. Offline.

LightGBM and XGBoost, and shap for scikit-learn, compute Shapley values of the trees (Lundberg et al. 2018, "Consistent
Individualized Feature Attribution for Tree Ensembles") from the model file that the bundle was made of; its digest
stands in the bundle's certificate. They are shown only when they add up to what the engine's own scorer says: to its
margin, or to the probability where a model has no margin.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compiler.exporters import MARGIN, PROBABILITY, ExportError, exporter
from compiler.reading.models import ModelSource
from compiler.sources import read_sources
from contracts.bundle import Bundle, Certificates, ParityCertificate
from contracts.codec import Contract
from deploy.outcome import OperationError
from engine.hashing import content_digest
from engine.loaded import LoadedModel


class NotOfferedError(OperationError):
    """No library at hand computes exact contributions to this model's answer."""


class Contributions(Contract, frozen=True):
    """What each input added, and `base`, what the model says of nobody in particular; together `total`.

    `adds_up_to` says what that is: `margin` or `probability`. `score` is what the scorer says of that candidate, before
    any calibration: the total itself, or the probability that belongs to this margin. `difference` is by how much the
    two disagree, at most the bound of the model's parity certificate.
    """

    model: str
    base: float
    inputs: dict[str, float]
    adds_up_to: str
    total: float
    score: float
    difference: float


def contributions(folder: Path, bundle: Bundle, model: LoadedModel, row: NDArray[np.float32]) -> Contributions:
    """The contributions to the answer for one row. `folder` holds the bundle's sources.

    Raises `NotOfferedError`, and `OperationError` where the sources are others or the sum is not the score.
    """
    name = model.spec.name
    certificate = _certificate(bundle, name)
    adds_up_to, given = _by_library(folder, certificate, model, row)
    total = math.fsum(given)
    told = _sigmoid(total) if (adds_up_to, model.spec.output) == (MARGIN, PROBABILITY) else total
    score = _scored(model, row)
    difference = abs(told - score)
    if not difference <= certificate.bound * max(1.0, abs(told)):
        raise OperationError(
            f"model {name}: contributions add up to {told:.9g}, its scorer says {score:.9g}. This is a bug: report it"
        )
    names = [each.name for each in model.inputs]
    added = dict(zip(names, given, strict=False))
    return Contributions(
        model=name,
        base=given[-1],
        inputs=added,
        adds_up_to=adds_up_to,
        total=total,
        score=score,
        difference=difference,
    )


def _certificate(bundle: Bundle, model: str) -> ParityCertificate:
    for each in bundle.read("certificates", Certificates).parity:
        if each.model == model:
            return each
    raise OperationError(f"the bundle has no certificate for model {model}: it was built without it")


def _by_library(
    folder: Path, certificate: ParityCertificate, model: LoadedModel, row: NDArray[np.float32]
) -> tuple[str, list[float]]:
    """What the contributions add up to, and they themselves, the base last."""
    source, data = _source(folder, certificate)
    try:
        native = exporter(source.exporter)(data, source.output, len(model.inputs))
        if native.contributions is None:
            raise NotOfferedError(f"for {source.exporter} models like {source.name} no exact contributions are offered")
        given = native.contributions(row[np.newaxis].astype(np.float64))[0]
    except ExportError as error:
        raise NotOfferedError(f"model {source.name}: {error.message}: {error.hint}") from None
    return native.adds_up_to, [float(value) for value in given]


def _source(folder: Path, certificate: ParityCertificate) -> tuple[ModelSource, bytes]:
    """The model as the sources name it, and the file that the bundle was made from."""
    source = read_sources(folder).models.get(certificate.model)
    if source is None:
        raise OperationError(f"{folder} has no model {certificate.model}: name the sources of this bundle")
    data = (folder / source.file).read_bytes()
    if content_digest(data) != certificate.source_digest:
        raise OperationError(f"{folder / source.file} is not the file that this bundle was made from")
    return source, data


def _scored(model: LoadedModel, row: NDArray[np.float32]) -> float:
    if model.scorer is None:
        raise OperationError(f"model {model.spec.name} is not loaded")
    return float(model.scorer.score(row[np.newaxis])[0])


def _sigmoid(margin: float) -> float:
    return 1.0 / (1.0 + math.exp(-margin))
