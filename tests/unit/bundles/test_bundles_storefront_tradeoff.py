from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from fitting import Fitted
from numpy.typing import NDArray
from tradeoff import compare
from training_rows import WeekRows

from compiler.build import without_models
from engine.load import load
from engine.loaded import LoadedBundle

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
LIKELY = (0.3, 0.29, 0.02)


@dataclass(frozen=True)
class Said:
    """A model that says what a test wants."""

    chances_: tuple[float, ...]

    def chances(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.array(self.chances_)


@pytest.fixture(scope="module")
def loaded(storefront_folder: Path) -> LoadedBundle:
    return load(without_models(storefront_folder))


def rows(*money: tuple[float, float, float, float]) -> WeekRows:
    """One request of three items, the second of which was bought for 5.00."""
    return WeekRows(
        items=np.array(["a", "b", "c"]),
        inputs=np.zeros((3, 1), dtype=np.float32),
        discount_inputs=np.zeros((3, 1), dtype=np.float32),
        labels=np.array([False, True, False]),
        reduced=np.array([False, True, False]),
        paid=np.array([0.0, 500.0, 0.0]),
        money=np.array(money),
        baskets=np.array(["1"]),
        starts=np.array([0, 3]),
    )


def test_of_two_that_are_almost_as_likely_the_one_that_earns_more_comes_first(loaded: LoadedBundle) -> None:
    week = rows((200, 100, 0.25, 0.1), (800, 100, 0.5, 0.1), (9000, 100, 0.25, 0.1))
    likely, discount = cast(Fitted, Said(LIKELY)), cast(Fitted, Said((0.0, 1.0, 0.0)))
    alone, both = compare(week, likely, discount, loaded)
    assert alone.ndcg == pytest.approx(1 / np.log2(3))
    assert both.ndcg == 1.0
    assert alone.margin == both.margin == pytest.approx((1.0 + 3.0 + 3.0) / 3)
    assert alone.earned == both.earned == pytest.approx(4.0)
