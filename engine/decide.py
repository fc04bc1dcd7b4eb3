"""The decision, read aloud: gate and assign once per page; then per slot, in page order, the seven stages.

A stage that fails raises a `DecisionError`. Here alone that becomes a cause and a lower tier: `model`, `rules`,
`fallback`, `plain`. A tier without an answer yields to the next. Anything else that is raised is a bug, and passes.
Held-out visitors go through all of it and are shown the plain content; what they missed stands in the trace.
"""

from collections.abc import Sequence

import numpy as np

from contracts.controls import Controls
from contracts.decision import REASONS, Cause, Decision, DecisionRequest, Decisions, Stage, Tier
from contracts.errors import DecisionError
from contracts.slots import SlotSpec
from engine.assign import assign
from engine.eligible import check_eligible
from engine.explore import Drawn, explore, seed_of, shadow, with_pins
from engine.fallback import look_up
from engine.gate import refusal, scope_of
from engine.guard import guard
from engine.loaded import LoadedBundle
from engine.page import Page
from engine.programs.arrays import quiet
from engine.programs.values import Batch
from engine.render import render
from engine.rerank import Ranked, rerank
from engine.retrieve import retrieve
from engine.score import score
from engine.snapshot import Snapshot
from engine.turn import OutOfTime, RefusedError, Score, Time, Turn

__all__ = ["OutOfTime", "Score", "decide"]


@quiet
def decide(
    loaded: LoadedBundle,
    request: DecisionRequest,
    snapshot: Snapshot,
    controls: Controls,
    out_of_time: OutOfTime,
    score: Score = score,
) -> Decisions:
    """What each slot asked for shows. Pure: the same arguments give the same decisions.

    A replay on another machine gives its own `score`: it starts from the scores that were recorded.
    """
    scope = scope_of(request, snapshot, loaded)
    assigned = assign(loaded, request)
    time = Time(request, out_of_time)
    page = Page()
    for name in request.slots:
        slot = loaded.slots[name]
        is_held_out = name in assigned.held_out
        policy = assigned.policies.get(name, slot.policy)
        turn = Turn(slot, policy, request, scope, snapshot, time, page.taken(slot, is_held_out), score)
        refused = refusal(slot, request, controls, scope.granted)
        if refused is not None:
            page.show(turn, plain(turn.request.request_id, turn.slot.spec, refused))
        elif is_held_out:
            page.withhold(turn, _decide_slot(turn), plain(turn.request.request_id, turn.slot.spec, Cause.HOLDOUT))
        else:
            page.show(turn, _decide_slot(turn))
    return page.decisions(dict(assigned.arms), time.timed_out_at)


def _decide_slot(turn: Turn) -> Decision:
    """The best tier that has an answer."""
    tier = turn.slot.best_tier
    while tier is not Tier.PLAIN:
        try:
            return _from_fallback(turn) if tier is Tier.FALLBACK else _from_candidates(turn, tier)
        except DecisionError as error:
            tier = turn.failed(tier, error)
    return plain(turn.request.request_id, turn.slot.spec, turn.notes.cause)


def _from_candidates(turn: Turn, tier: Tier) -> Decision:
    """The seven stages, for tiers `model` and `rules`."""
    check_eligible(turn)
    if tier is not turn.slot.best_tier:
        turn.check(Stage.RULES)
    candidates = _survivors(turn, tier)
    turn.check(Stage.SCORE)
    scored = turn.score(turn.slot, tier, candidates)
    turn.check(Stage.RERANK)
    ranked = turn.notes.reranked(tier, rerank(turn.slot, tier, scored))
    turn.check(Stage.EXPLORE)
    drawn = _drawn(turn, ranked)
    turn.check(Stage.RENDER)
    return _answer(turn, tier, drawn.rows, drawn.propensity)


def _survivors(turn: Turn, tier: Tier) -> Batch:
    """Retrieve and guard, once for all tiers."""
    if turn.notes.batch is None:
        turn.check(Stage.RETRIEVE)
        retrieved = retrieve(turn.slot, turn.scope, turn.snapshot)
        guarded = guard(turn.slot, Batch(turn.scope, turn.table, retrieved.rows), turn.request.exposures)
        turn.notes.candidates(retrieved, guarded)
    if tier is Tier.MODEL and turn.notes.expired is not None:
        raise turn.notes.expired
    if turn.notes.batch is None or not len(turn.notes.batch.rows):
        raise turn.notes.expired or RefusedError(Cause.NO_CANDIDATE)
    return turn.notes.batch


def _drawn(turn: Turn, ranked: Ranked) -> Drawn:
    """The answer as the slot's policy draws it, and what its shadow says to that."""
    seed = seed_of(turn.slot, turn.request)
    drawn = explore(turn.slot, turn.policy, ranked, seed, turn.taken)
    if not drawn.rows:
        raise RefusedError(Cause.NO_CANDIDATE)
    turn.notes.drawn(drawn.draws, drawn.problem, shadow(turn.slot, ranked, seed, turn.taken, drawn))
    return drawn


def _from_fallback(turn: Turn) -> Decision:
    """The precomputed answer, as far as guard and page let it through."""
    row_of = turn.table.row_of
    rows = [row_of[name] for name in look_up(turn.slot, turn.scope) if name in row_of and name not in turn.taken]
    batch = Batch(turn.scope, turn.table, np.unique(np.array(rows, dtype=np.int64)))
    guarded = guard(turn.slot, batch, turn.request.exposures)
    turn.notes.blockers.update(guarded.blockers)
    allowed = frozenset(guarded.batch.rows.tolist())
    shown = with_pins(turn.slot, turn.table, [row for row in rows if row in allowed])
    if not shown:
        raise RefusedError(Cause.NO_CANDIDATE)
    return _answer(turn, Tier.FALLBACK, shown, None)


def _answer(turn: Turn, tier: Tier, rows: Sequence[int], propensity: float | None) -> Decision:
    items, problem = render(turn.slot, turn.scope, turn.table, rows)
    turn.notes.rendered(problem)
    presented, spec, cause = turn.slot.kind.present(items), turn.slot.spec, turn.notes.cause
    return Decision(
        decision_id=f"{turn.request.request_id}.{spec.name}",
        slot=spec.name,
        tier=tier,
        cause=cause,
        reason=REASONS[tier, cause],
        answer=tuple([item.id for item in items]),
        propensity=propensity,
        component=spec.component,
        props=presented.props,
        items=presented.items,
        offer_id=presented.offer_id,
        why=presented.why,
    )


def plain(request_id: str, spec: SlotSpec, cause: Cause | None) -> Decision:
    """The plain variant of a slot: static content that needs neither features nor guards."""
    return Decision(
        decision_id=f"{request_id}.{spec.name}",
        slot=spec.name,
        tier=Tier.PLAIN,
        cause=cause,
        reason=REASONS[Tier.PLAIN, cause],
        answer=(),
        propensity=None,
        component=spec.component,
        props=dict(spec.plain),
    )
