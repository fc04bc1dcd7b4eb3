"""What becomes of a decision's id: why, in a shopper's words, and all about it for operators.

Only of this node's newest pages; `edgewise explain` tells of older ones, from a recording.
"""

import hmac

from starlette.types import Receive, Scope, Send

from contracts.codec import Contract
from contracts.decision import Decision, Trace
from contracts.explanation import Details
from contracts.record import DecisionRecord
from edge import wire
from edge.activation import Live
from edge.node import Node
from edge.recent import KeptPage
from engine.compare import Made
from engine.details import details
from engine.explain import explain, why_not
from engine.records import sealed


class WhyAnswer(Contract, frozen=True):
    """Why a visitor saw what they saw, for the visitor; a ranking has a reason for each item that has one."""

    why: str | None
    items: dict[str, str]


class TraceAnswer(Contract, frozen=True):
    """One decision with its trace and the record that replays it, for operators.

    `explanation` tells it in sentences; with `?item=`, `why_not` tells what became of that item. `details` are computed
    again on request; None once the node's bundle or catalog is another: `edgewise explain` has them then.
    """

    explanation: tuple[str, ...]
    why_not: str | None
    decision: Decision
    trace: Trace
    record: DecisionRecord
    details: Details | None


async def why(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Tells why a decision came about, in the words that a shopper may read."""
    _, decision, _ = _found(node, scope)
    reasons = {item.id: item.why for item in decision.items if item.why is not None}
    return await wire.answer(scope, send, WhyAnswer(why=decision.why, items=reasons))


async def trace(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Tells all about a decision, to operators."""
    token = wire.header(scope, b"authorization").removeprefix("Bearer ").encode()
    if not node.config.is_dev and not hmac.compare_digest(token, node.config.secrets.operator_token.encode()):
        raise wire.ForbiddenError("traces are for operators: send Authorization: Bearer and the operator's token")
    page, decision, steps = _found(node, scope)
    record = page.record()
    item = wire.query_values(scope).get("item")
    found = _details(node.in_use(), record, Made(decision, steps), item)
    absent = None if found is None or item is None else found.absent(item)
    told = TraceAnswer(
        explanation=explain(decision, steps),
        why_not=None if item is None else why_not(item, decision, steps, absent),
        decision=decision,
        trace=steps,
        record=sealed(record),
        details=found,
    )
    return await wire.answer(scope, send, told)


def _details(live: Live, record: DecisionRecord, made: Made, item: str | None) -> Details | None:
    if (live.loaded.revision, live.snapshot.cursor) != (record.revision, record.cursor):
        return None
    items = made.decision.answer if item is None else (item,)
    return details(live.loaded, record, live.snapshot, made, items[:1])


def _found(node: Node, scope: Scope) -> tuple[KeptPage, Decision, Trace]:
    decision_id = scope["path_params"]["decision_id"]
    found = node.recent.find(decision_id)
    if found is None:
        raise wire.UnknownNameError(_not_found(node, decision_id))
    return found


def _not_found(node: Node, decision_id: str) -> str:
    page = node.recent.page(decision_id)
    if page is None:
        return "this node does not remember that decision: ask soon after it was made"
    made = " or ".join(decision.decision_id for decision in page.bare.result.decisions)
    return f"that page has no decision of this id: ask for {made}"
