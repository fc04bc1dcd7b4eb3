"""The storefront bundle, prepared on a small sample of households for the tests of its modules."""

import shutil
import sys
from pathlib import Path

import pytest

STOREFRONT = Path(__file__).parents[3] / "bundles/storefront"
SAMPLE = 40
sys.path.insert(0, str(STOREFRONT))  # its scripts import each other as siblings


@pytest.fixture(scope="session")
def storefront_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources of the storefront with data of a few households. Shared: copy it before you change anything."""
    from data import prepare

    folder = tmp_path_factory.mktemp("bundles") / "storefront"
    kept = shutil.ignore_patterns(
        "data", "dist", "site", "*.txt", "*.calibration.csv", "redemption.json", "models.lock", "__pycache__"
    )
    shutil.copytree(STOREFRONT, folder, ignore=kept)
    prepare(folder, SAMPLE)
    return folder
