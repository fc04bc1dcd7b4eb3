"""At which stage two decisions of the same slot part, and how: for replays that differ and for counterfactuals. Pure.

Stages are compared in their order, and the first that differs is told: all that follows may differ because of it.
"""

from collections.abc import Iterator, Sized
from typing import NamedTuple

from contracts.decision import Cause, Decision, RankedItem, Trace
from engine.explain import drawn

PLAIN_CONTENT = "plain content"
_GATE = frozenset({Cause.KILLED, Cause.OPTED_OUT, Cause.NO_CONSENT, Cause.BOT})
_STAGE_OF_CAUSE: dict[Cause, str] = {
    **dict.fromkeys(_GATE, "gate"),
    Cause.HOLDOUT: "assign",
    Cause.INELIGIBLE: "eligible",
    Cause.STALE_FEED: "eligible",
    Cause.OVERLOAD: "time",
    Cause.LATE: "time",
}


class Made(NamedTuple):
    """One slot's decision and how it came about."""

    decision: Decision
    trace: Trace


class Parting(NamedTuple):
    """The first stage at which two decisions differ, and how, as a clause."""

    stage: str
    detail: str


def parting(was: Made, now: Made) -> Parting | None:
    """Where a decision first departs from another one; None when they are equal to the last bit."""
    return next(_differences(was, now), None)


def is_same_answer(was: Decision, now: Decision) -> bool:
    """Whether a visitor sees the same, of the same kind: the decisions' names and propensities aside."""
    shown = [(d.answer, d.tier, d.cause, d.component, d.props, d.items, d.offer_id, d.why) for d in (was, now)]
    return shown[0] == shown[1]


def _differences(was: Made, now: Made) -> Iterator[Parting]:
    yield from _admitted(was.decision, now.decision)
    yield from _retrieved(was.trace, now.trace)
    yield from _guarded(was.trace, now.trace)
    yield from _valued(was.trace, now.trace)
    yield from _drawn(was, now)
    if (was.decision.tier, was.decision.cause) != (now.decision.tier, now.decision.cause):
        yield Parting("tier", f"{_tier(was.decision)}, now {_tier(now.decision)}{_because(now.trace)}")
    if was != now:
        yield Parting("render", _rendered(was.decision, now.decision))


def _admitted(was: Decision, now: Decision) -> Iterator[Parting]:
    """What kept one of them from being decided, or cut it short."""
    if was.cause is now.cause:
        return
    causes = [cause for cause in Cause if cause in (was.cause, now.cause) and cause in _STAGE_OF_CAUSE]
    if causes:
        yield Parting(_STAGE_OF_CAUSE[causes[0]], f"{_tier(was)}, now {_tier(now)}")


def _retrieved(was: Trace, now: Trace) -> Iterator[Parting]:
    before, after = _candidates(was), _candidates(now)
    if gone := sorted(before - after):
        yield Parting("retrieve", f"{gone[0]} is no candidate any more{_more(gone)}")
    if come := sorted(after - before):
        yield Parting("retrieve", f"{come[0]} is a candidate now{_more(come)}")
    if was.generated != now.generated:
        yield Parting("retrieve", f"generators gave {_counts(was)}, now {_counts(now)}")


def _guarded(was: Trace, now: Trace) -> Iterator[Parting]:
    names = sorted(name for name in was.blockers.keys() | now.blockers.keys() if _other_blocker(name, was, now))
    if names:
        name = names[0]
        before, after = was.blockers.get(name, "nothing"), now.blockers.get(name, "nothing")
        yield Parting("guard", f"{name} was blocked by {before}, now by {after}{_more(names)}")


def _other_blocker(name: str, was: Trace, now: Trace) -> bool:
    return was.blockers.get(name) != now.blockers.get(name)


def _valued(was: Trace, now: Trace) -> Iterator[Parting]:
    if was.scored_tier is not now.scored_tier:
        yield Parting("score", f"scored by tier {was.scored_tier or 'none'}, now {now.scored_tier or 'none'}")
    for stage, verb, before, after in (
        ("score", "scored", was.scores, now.scores),
        ("rerank", "had value", was.values, now.values),
    ):
        pairs = zip(was.survivors, before, after, strict=False)
        others = [(name, one, other) for name, one, other in pairs if one != other]
        if others:
            name, one, other = max(others, key=lambda each: abs(each[1] - each[2]))
            yield Parting(stage, f"{name} {verb} {one:.6g}, now {other:.6g}{_more(others)}")
    if (was.other_scores, was.terms) != (now.other_scores, now.terms):
        yield Parting("rerank", "other models, terms of the objective or boosts gave something else")
    if was.boost_errors != now.boost_errors:
        yield Parting("rerank", f"{was.boost_errors} boosts failed, now {now.boost_errors}")


def _drawn(was: Made, now: Made) -> Iterator[Parting]:
    pairs = enumerate(zip(was.trace.draws, now.trace.draws, strict=False), 1)
    for position, (before, after) in pairs:
        if before != after:
            yield Parting("explore", f"position {position}: {drawn(before)}, now {drawn(after)}")
    if was.decision.answer != now.decision.answer and was.decision.tier is now.decision.tier:
        yield Parting("explore", f"answered {shown(was.decision)}, now {shown(now.decision)}")
    if was.trace.shadow != now.trace.shadow:
        yield Parting("explore", "the shadow policy says something else")
    if was.trace.held_out != now.trace.held_out:
        yield Parting("explore", "what a held-out visitor would have been answered is something else")


def _rendered(was: Decision, now: Decision) -> str:
    befores: list[Decision | RankedItem] = [was, *was.items]
    afters: list[Decision | RankedItem] = [now, *now.items]
    for before, after in zip(befores, afters, strict=False):
        for name in sorted(before.props.keys() | after.props.keys()):
            if before.props.get(name) != after.props.get(name):
                return f"{name} was {before.props.get(name)!r}, now {after.props.get(name)!r}"
        if (before.offer_id, before.why) != (after.offer_id, after.why):
            return f"offer id or why text was {before.offer_id} {before.why!r}, now {after.offer_id} {after.why!r}"
    return "payload, ids or problems told differ"


def shown(decision: Decision) -> str:
    """A decision's answer in words."""
    return ", ".join(decision.answer) or PLAIN_CONTENT


def _candidates(trace: Trace) -> frozenset[str]:
    return frozenset(trace.survivors) | trace.blockers.keys()


def _counts(trace: Trace) -> str:
    return ", ".join(f"{count} from {name}" for name, count in trace.generated.items()) or "nothing"


def _tier(decision: Decision) -> str:
    cause = f" ({decision.cause})" if decision.cause else ""
    return f"{decision.tier}{cause}"


def _because(trace: Trace) -> str:
    return f": {trace.problem}" if trace.problem else ""


def _more(found: Sized) -> str:
    return f", and {len(found) - 1} more" if len(found) > 1 else ""
