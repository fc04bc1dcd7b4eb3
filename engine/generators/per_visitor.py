"""A list of ids that a feature holds: batch features of the feed, or what the cookie remembers."""

from dataclasses import dataclass
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
        row_of = table.row_of.get
        known: dict[int, None] = {}
        for name in listed(self.read, scope):
            row = row_of(name)
            if row is not None:
                known[row] = None
                if len(known) == self.limit:
                    break
        return np.fromiter(known, dtype=np.int64)


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
