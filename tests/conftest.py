"""The tea shop, trained on the spot, for every test that needs a real bundle."""

import runpy
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from contracts.bundle import Bundle

# How long an example takes is no property, and the same code meets the same examples on every machine and every day;
# `pytest --hypothesis-profile explore` draws others.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("explore"), derandomize=True)
settings.load_profile("same")

TEA = Path(__file__).parents[1] / "deploy/template"


@pytest.fixture(scope="session")
def tea_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources of the tea shop with trained models. Shared: copy it before you change anything."""
    folder = tmp_path_factory.mktemp("tea") / "tea"
    shutil.copytree(TEA, folder)
    runpy.run_path(str(folder / "train.py"))["train"](folder)
    return folder


@pytest.fixture(scope="session")
def tea_bundle(tea_folder: Path) -> Bundle:
    """The tea shop as `edgewise build` makes it, from a cold start."""
    from compiler.build import build  # tests of other floors are collected without the compiler

    return build(tea_folder).bundle
