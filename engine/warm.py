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

_NOBODY = Scope(0, frozenset(), {}, {}, {})


@quiet
def warm(slot: LoadedSlot, tables: Mapping[str, Table]) -> None:
    """Filters, guardrails and model inputs of a slot that read the item alone."""
    table = tables[slot.spec.table]
    for generator in slot.generators:
        if isinstance(generator, LoadedFilter):
            generator.ordered(_NOBODY, table)
    rows = np.arange(len(table.ids), dtype=np.int64)
    item_guards(slot, _NOBODY, table, rows)
    for model in (slot.model, *slot.other_models):
        if model is not None:
            item_inputs(model, _NOBODY, table, rows)
