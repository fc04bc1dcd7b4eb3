"""How much each input added to a model's margin for one candidate, exactly, by the training library itself. Offline.

The library computes Shapley values of the trees (Lundberg et al. 2018, "Consistent Individualized Feature Attribution
for Tree Ensembles") from the model file that the bundle was made of; its digest stands in the bundle's certificate.
They are shown only when they add up to what the engine's own scorer says.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compiler.exporters import PROBABILITY, exporter
from compiler.sources import read_sources
from contracts.bundle import Bundle, Certificates, ParityCertificate
from contracts.codec import Contract
from deploy.outcome import OperationError
from engine.hashing import content_digest
from engine.loaded import LoadedModel


class NotOfferedError(OperationError):
    """The library of this model computes no exact contributions."""


class Contributions(Contract, frozen=True):
    """What each input added to the margin, and `base`, the margin of nobody in particular; together `margin`.

    `score` is what the scorer says of that candidate, before any calibration: the margin itself or its probability.
    `difference` is by how much the two disagree, at most the bound of the model's parity certificate.
    """

    model: str
    base: float
    inputs: dict[str, float]
    margin: float
    score: float
    difference: float


def contributions(folder: Path, bundle: Bundle, model: LoadedModel, row: NDArray[np.float32]) -> Contributions:
    """The contributions to one row's margin. `folder` holds the bundle's sources.

    Raises `NotOfferedError`, and `OperationError` where the sources are others or the sum is not the score.
    """
    name = model.spec.name
    certificate = _certificate(bundle, name)
    given = _by_library(folder, certificate, model, row)
    margin = math.fsum(given)
    told = _sigmoid(margin) if model.spec.output == PROBABILITY else margin
    score = _scored(model, row)
    difference = abs(told - score)
    if not difference <= certificate.bound * max(1.0, abs(told)):
        raise OperationError(
            f"model {name}: contributions add up to {told:.9g}, its scorer says {score:.9g}. This is a bug: report it"
        )
    names = [each.name for each in model.inputs]
    added = dict(zip(names, given, strict=False))
    return Contributions(model=name, base=given[-1], inputs=added, margin=margin, score=score, difference=difference)


def _certificate(bundle: Bundle, model: str) -> ParityCertificate:
    for each in bundle.read("certificates", Certificates).parity:
        if each.model == model:
            return each
    raise OperationError(f"the bundle has no certificate for model {model}: it was built without it")


def _by_library(
    folder: Path, certificate: ParityCertificate, model: LoadedModel, row: NDArray[np.float32]
) -> list[float]:
    source = read_sources(folder).models.get(certificate.model)
    if source is None:
        raise OperationError(f"{folder} has no model {certificate.model}: name the sources of this bundle")
    data = (folder / source.file).read_bytes()
    if content_digest(data) != certificate.source_digest:
        raise OperationError(f"{folder / source.file} is not the file that this bundle was made from")
    native = exporter(source.exporter)(data, source.output, len(model.inputs))
    if native.contributions is None:
        raise NotOfferedError(
            f"for {source.exporter} models like {certificate.model} no exact contributions are offered"
        )
    rows = row[np.newaxis].astype(np.float64)
    return [float(value) for value in native.contributions(rows)[0]]


def _scored(model: LoadedModel, row: NDArray[np.float32]) -> float:
    if model.scorer is None:
        raise OperationError(f"model {model.spec.name} is not loaded")
    return float(model.scorer.score(row[np.newaxis])[0])


def _sigmoid(margin: float) -> float:
    return 1.0 / (1.0 + math.exp(-margin))
