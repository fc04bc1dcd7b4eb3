"""What the shelf's objective costs in relevance and brings in profit, on the test weeks.

The values are those of the engine: the slot's own objective, over rows that hold the columns it reads. Boosts are left
out: they follow answers, and no real basket has any. Costs are made up, as in the catalog; prices paid and discounts
are those of real baskets.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from fitting import Fitted
from numpy.typing import NDArray
from report import TOP, Ranking, judge
from training_rows import DISCOUNT, MONEY, WeekRows, trained_slot

from contracts.decision import Tier
from contracts.features import ValueType
from engine.column import Column
from engine.loaded import LoadedBundle
from engine.programs.arrays import quiet
from engine.programs.values import NOTHING, Batch
from engine.rerank import rerank
from engine.score import Scored
from engine.snapshot import Table

PROFIT = "profit"


@quiet
def compare(rows: WeekRows, purchase: Fitted, discount: Fitted, loaded: LoadedBundle) -> tuple[Ranking, Ranking]:
    """Sorted by likelihood alone, and as the slot sorts."""
    slot = replace(trained_slot(loaded)[0], boosts=())
    likely = purchase.chances(rows.inputs)
    batch = Batch(NOTHING, _table(rows), np.arange(len(likely)), likely)
    ranked = rerank(slot, Tier.MODEL, Scored(batch, {DISCOUNT: discount.chances(rows.discount_inputs)}))
    weight = next(term.weight for term in slot.terms if term.name == PROFIT)
    margins = ranked.terms[PROFIT] / (weight * likely)
    return (
        _ranking("likelihood alone", likely, margins, rows),
        _ranking("likelihood and profit", ranked.values, margins, rows),
    )


def _ranking(name: str, values: NDArray[np.float64], margins: NDArray[np.float64], rows: WeekRows) -> Ranking:
    quality = judge(name, values, rows.labels, rows.starts)
    costs = rows.money[:, MONEY.index("cost")]
    earned = np.where(rows.labels, rows.paid - costs, 0.0) / 100.0
    tops = [start + np.argsort(-values[start:end], kind="stable")[:TOP] for start, end in pairwise(rows.starts)]
    return Ranking(
        name=name,
        ndcg=quality.ndcg,
        hits=quality.hits,
        margin=float(np.mean([margins[top].mean() for top in tops])),
        earned=float(np.mean([earned[top].sum() for top in tops])),
    )


def _table(rows: WeekRows) -> Table:
    """The rows as a table that has the columns of the objective."""
    columns = {name: rows.money[:, place] for place, name in enumerate(MONEY)}
    cents = {name: Column(ValueType.INT, columns.pop(name).astype(np.int64)) for name in ("shelf_price", "cost")}
    shares = {name: Column(ValueType.DOUBLE, values) for name, values in columns.items()}
    return Table("products", {**cents, **shares})
