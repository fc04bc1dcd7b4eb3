"""A list of ids that a feature holds: batch features of the feed, or what the cookie remembers."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import cast

import numpy as np

from contracts.errors import MissingError, NotRunnableError
from contracts.features import Root, ValueType
from contracts.rule_ir import Form, Place, Read, Rule
from contracts.slots import PerVisitor
from engine.load_parts import Parts
from engine.loaded import Rows
from engine.programs.plan import plan_request
from engine.programs.values import RequestProgram, Scope
from engine.snapshot import Table

STRINGS = "list(string)"
_ROOTS = (Root.VISITOR, Root.VISITOR_STATE)


@dataclass(frozen=True, slots=True)
class LoadedPerVisitor:
    """Rows named by a feature, at most `limit`."""

    name: str
    quota: int
    read: RequestProgram
    limit: int

    def rows(self, scope: Scope, table: Table) -> Rows:
        """In the feature's own order, each once; ids that the table lacks do not count."""
        names = listed(self.read, scope)
        known = known_rows(names[: self.limit], table)
        if len(known) < self.limit < len(names):
            known = known_rows(names, table)[: self.limit]
        return np.array(known, dtype=np.int64)


def load(generator: PerVisitor, name: str, table: str, parts: Parts) -> LoadedPerVisitor:
    """Reading a feature is a rule of one node, so ages, consent and defaults hold here as anywhere."""
    root, feature = generator.root, generator.feature
    known = {spec.name for spec in parts.schema.of(root) if spec.type is ValueType.STRINGS}
    if root not in _ROOTS or feature not in known:
        raise NotRunnableError(f"retrieves by {root}.{feature}, which is no feature of type strings")
    node = Read(type=STRINGS, root=root, field=feature)
    place = Place(file="slots", line=1, column=1)
    rule = Rule(name=f"{root}.{feature}", form=Form.REQUEST, type=STRINGS, place=place, nodes=(node,))
    return LoadedPerVisitor(name, generator.quota, plan_request(rule, parts.schema, None), generator.limit)


def listed(read: RequestProgram, scope: Scope) -> tuple[str, ...]:
    """The ids that a program lists, none where it reads what is missing. `engine.load` saw to its type."""
    try:
        return cast(tuple[str, ...], read(scope))
    except MissingError:
        return ()


def known_rows(names: tuple[str, ...], table: Table) -> Sequence[int]:
    """The rows of those ids that the table has, each once, in the order of the ids."""
    row_of = table.row_of
    with suppress(KeyError):
        rows = _looked_up(names, row_of)
        if len(set(rows)) == len(names):
            return rows
    return [row_of[name] for name in dict.fromkeys(names) if name in row_of]


def _looked_up(names: tuple[str, ...], row_of: Mapping[str, int]) -> tuple[int, ...]:
    """In one call, whose look-ups wait for memory together: a quarter less time. Raises `KeyError`."""
    if len(names) < 2:  # then an `itemgetter` gives no tuple
        return tuple([row_of[name] for name in names])
    rows: tuple[int, ...] = itemgetter(*names)(row_of)
    return rows
