"""Warm: what is kept for whole tables is made while a bundle is loaded, so that no request waits for it."""

from collections.abc import Mapping

import numpy as np

from engine.generators.filter import LoadedFilter
from engine.guard import item_guards
from engine.loaded import LoadedSlot
from engine.programs.arrays import quiet
from engine.programs.values import Scope
from engine.score import item_inputs
from engine.snapshot import Table


@quiet
def warm(slot: LoadedSlot, tables: Mapping[str, Table]) -> None:
    """Filters, guardrails and model inputs of a slot that read the item alone. Forests bind items as they come up."""
    table, nobody = tables[slot.spec.table], Scope(0, frozenset(), {}, {}, {})
    for generator in slot.generators:
        if isinstance(generator, LoadedFilter):
            generator.ordered(nobody, table)
    rows = np.arange(len(table.ids), dtype=np.int64)
    item_guards(slot, nobody, table, rows)
    for model in (slot.model, *slot.other_models):
        if model is not None and model.prebound is None:
            item_inputs(model, nobody, table, rows)
