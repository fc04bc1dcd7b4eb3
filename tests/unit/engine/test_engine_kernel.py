"""The kernel reads no array beyond its end: arrays that do not belong together are refused, and nothing is written."""

import numpy as np
import pytest
from numpy.typing import NDArray

kernel = pytest.importorskip("engine.scorers.kernel", reason="no C compiler was there when Edgewise was installed")

ALL = 0xFFFFFFFF


def arguments(**changed: object) -> list[object]:
    """Two inputs with one split each at 1.0, two trees of two leaves, three rows; the first input is bound once."""
    told: dict[str, object] = {
        "edges": np.array([1.0, np.inf, 1.0, np.inf], np.float32),
        "firsts": np.array([0, 2, 4]),
        "masks": np.array([[1, ALL], [2, ALL], [ALL, ALL], [ALL, 1], [ALL, 2], [ALL, 2]], np.uint32),
        "leaves": np.array([1.0, 2.0, 10.0, 20.0], np.float32),
        "before": np.array([-1, 1]),
        "bound": np.full((3, 2), ALL, np.uint32),
        "once_places": np.array([0]),
        "once": np.array([1.0], np.float32),
        "places": np.array([1]),
        "columns": np.array([[0.0, 2.0, np.nan]], np.float32),
        "sums": np.full(3, -1.0),
    }
    return list({**told, **changed}.values())


def summed(given: list[object]) -> NDArray[np.float64]:
    kernel.leaf_sums(*given)
    sums = given[-1]
    assert isinstance(sums, np.ndarray)
    return sums


def test_leaves_are_summed_by_interval() -> None:
    assert summed(arguments()).tolist() == [11.0, 21.0, 21.0]
    assert summed(arguments(once=np.array([1.5], np.float32))).tolist() == [12.0, 22.0, 22.0]


def test_nothing_is_summed_of_no_rows() -> None:
    none = {"bound": np.zeros((0, 2), np.uint32), "columns": np.zeros((1, 0), np.float32), "sums": np.zeros(0)}
    assert summed(arguments(**none)).tolist() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"firsts": np.array([0, 2])},
        {"firsts": np.array([0, 5, 4])},
        {"firsts": np.array([0, 0, 4])},
        {"firsts": np.array([1, 2, 4])},
        {"firsts": np.zeros(0, np.int64)},
        {"masks": np.full((5, 2), ALL, np.uint32)},
        {"bound": np.full((2, 2), ALL, np.uint32)},
        {"once_places": np.array([2])},
        {"once_places": np.array([-1])},
        {"once": np.zeros(2, np.float32)},
        {"places": np.array([9])},
        {"columns": np.zeros((1, 2), np.float32)},
        {"sums": np.full(4, -1.0)},
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(changed: dict[str, object]) -> None:
    given = arguments(**changed)
    with pytest.raises(ValueError, match="do not belong together"):
        kernel.leaf_sums(*given)
    assert set(np.asarray(given[-1]).tolist()) == {-1.0}


def test_a_leaf_that_there_is_not_is_refused() -> None:
    with pytest.raises(IndexError, match="no leaf"):
        kernel.leaf_sums(*arguments(bound=np.zeros((3, 2), np.uint32)))
    no_such = {"masks": np.full((6, 2), ALL, np.uint32), "bound": np.array([[1, 1], [1, 4], [1, 1]], np.uint32)}
    with pytest.raises(IndexError, match="no leaf"):
        kernel.leaf_sums(*arguments(**no_such))
    for before in (np.array([-1, 3]), np.array([-3, 1]), np.array([-(2**63), 1]), np.array([-1, 2**63 - 1])):
        with pytest.raises(IndexError, match="no leaf"):
            kernel.leaf_sums(*arguments(before=before))


def test_what_is_no_such_list_of_arrays_is_refused() -> None:
    with pytest.raises(TypeError, match="takes 11 arrays, not 2"):
        kernel.leaf_sums(np.zeros(1), np.zeros(1))
    with pytest.raises(TypeError, match="bytes-like"):
        kernel.leaf_sums(*arguments(once=1.0))
    with pytest.raises(ValueError, match="contiguous"):
        kernel.leaf_sums(*arguments(columns=np.zeros((1, 6), np.float32)[:, ::2]))
    unwritable = np.zeros(3)
    unwritable.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        kernel.leaf_sums(*arguments(sums=unwritable))
