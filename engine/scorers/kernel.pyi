"""What `kernel.c` offers; `engine.scorers.leaf_sums` says what it does."""

import numpy as np
from numpy.typing import NDArray

def leaf_sums(
    edges: NDArray[np.float32],
    firsts: NDArray[np.int64],
    masks: NDArray[np.uint32],
    leaves: NDArray[np.float32],
    before: NDArray[np.int64],
    bound: NDArray[np.uint32],
    once_places: NDArray[np.int64],
    once: NDArray[np.float32],
    places: NDArray[np.int64],
    columns: NDArray[np.float32],
    sums: NDArray[np.float64],
    /,
) -> bool: ...
