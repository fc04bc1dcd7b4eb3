"""The page decisions that this node remembers: for the why text, traces, exposures of rankings."""

from collections import OrderedDict
from dataclasses import dataclass

from msgspec.structs import replace

from contracts.decision import Decision, Trace
from contracts.record import DecisionRecord
from edge.visitor_features import PackedVisitor

MAX_RECENT_PAGES = 512


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page's record. `bare` lacks the visitor's values: they take much memory, so they stay packed here too."""

    bare: DecisionRecord
    names: tuple[str, ...]
    visitor: PackedVisitor

    def record(self) -> DecisionRecord:
        """The record as it was made."""
        values = self.visitor.values()
        return replace(self.bare, visitor={name: values[name] for name in self.names})


class Recent:
    """The newest page decisions of this node, by request id: for the why text, traces, exposures without items."""

    def __init__(self, most: int = MAX_RECENT_PAGES) -> None:
        self._most = most
        self._pages: OrderedDict[str, KeptPage] = OrderedDict()

    def add(self, record: DecisionRecord, visitor: PackedVisitor) -> None:
        """Takes a record in, and what its visitor's values come from; the oldest makes room."""
        self._pages[record.request.request_id] = KeptPage(replace(record, visitor={}), tuple(record.visitor), visitor)
        if len(self._pages) > self._most:
            self._pages.popitem(last=False)

    def find(self, decision_id: str) -> "tuple[KeptPage, Decision, Trace] | None":
        """The page that holds this decision, the decision, its trace; None when it is forgotten or was never made."""
        page = self.page(decision_id)
        if page is None:
            return None
        pairs = zip(page.bare.result.decisions, page.bare.result.traces, strict=True)
        return next(((page, made, trace) for made, trace in pairs if made.decision_id == decision_id), None)

    def page(self, decision_id: str) -> KeptPage | None:
        """The page that a decision's id names, be there such a slot or not."""
        return self._pages.get(decision_id.partition(".")[0])
