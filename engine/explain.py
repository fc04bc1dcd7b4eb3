"""Why, and why not, in sentences for operators. All of it is read off a decision and its trace.

Why an item is not in an answer the trace alone does not always prove. `engine.absences` finds it; without it a sentence
says no more than is sure.
"""

from contracts.decision import TIER_OF_CAUSE, Cause, Decision, Draw, Shadow, Tier, Trace
from contracts.explanation import Absence, Absent

_SHOWN_CANDIDATES = 10
_MEANING: dict[Cause, str] = {
    Cause.KILLED: "a kill switch is on",
    Cause.OPTED_OUT: "the visitor opted out",
    Cause.NO_CONSENT: "the visitor has not granted a purpose that the slot needs",
    Cause.BOT: "the request comes from a bot",
    Cause.HOLDOUT: "the visitor is held out",
    Cause.INELIGIBLE: "the slot's condition does not hold",
    Cause.STALE_FEED: "the node has not heard from its feed for too long",
    Cause.OVERLOAD: "the node is overloaded",
    Cause.LATE: "time ran out",
    Cause.INTERNAL_ERROR: "the first attempt met a bug",
    Cause.NO_MODEL: "its model is not loaded",
    Cause.MISSING_FEATURE: "a value that it needs is missing",
    Cause.EXPIRED_FEATURE: "a value that it needs has expired",
    Cause.RULE_ERROR: "a rule could not be evaluated",
    Cause.SCORING_ERROR: "no usable score could be computed",
    Cause.NO_CANDIDATE: "no candidate was left",
}


def explain(decision: Decision, trace: Trace) -> tuple[str, ...]:
    """How one slot's decision came about, line by line."""
    generated = ", ".join(f"{count} from {name}" for name, count in trace.generated.items())
    lines = [
        f"{decision.slot}: {_shown(decision.answer) or 'plain content'} (tier {decision.tier})",
        f"because {_MEANING[decision.cause]}" if decision.cause else "",
        f"problem: {trace.problem}" if trace.problem else "",
        f"candidates: {generated}; {len(trace.blockers)} blocked, {len(trace.survivors)} left" if generated else "",
        f"{trace.boost_errors} boosts failed and counted as 0" if trace.boost_errors else "",
        *(drawn(draw) for draw in trace.draws),
        _shadowed(trace.shadow) if trace.shadow else "",
        *(f"{name} blocked by {rule}" for name, rule in list(trace.blockers.items())[:_SHOWN_CANDIDATES]),
        f"held out; would have been {_shown(trace.held_out) or 'plain content'}" if _is_held_out(decision) else "",
    ]
    return tuple(line for line in lines if line)


def why_not(item: str, decision: Decision, trace: Trace, absent: Absent | None = None) -> str:
    """Why one item is not in the answer, or that it is. `absent` is what `engine.absences` found."""
    if item in decision.answer:
        return f"{item} is in the answer, at position {decision.answer.index(item) + 1}"
    known = absent or proven(item, decision, trace)
    told = _unproven(item, decision, trace) if known is None else known.told
    is_besides = _is_held_out(decision) and item not in trace.held_out
    return f"{item} {told}{'; besides, the visitor is held out' if is_besides else ''}"


def proven(item: str, decision: Decision, trace: Trace) -> Absent | None:
    """Why an item is not in the answer, where the trace proves it."""
    if item in trace.blockers:
        return Absent(reason=Absence.BLOCKED, told=f"was blocked by {trace.blockers[item]}")
    if item in trace.held_out:
        place = trace.held_out.index(item) + 1
        told = f"would be in the answer, at position {place}, were the visitor not held out"
        return Absent(reason=Absence.HELD_OUT, told=told)
    if decision.tier is Tier.PLAIN and not trace.generated and not trace.held_out:
        return plain_content(decision, trace)
    return None


def plain_content(decision: Decision, trace: Trace) -> Absent:
    """Why nothing that is an item is shown."""
    cause = decision.cause
    if cause is Cause.HOLDOUT:
        told = "would not be shown otherwise, but plain content"
    elif cause is not None and TIER_OF_CAUSE[cause] is Tier.PLAIN and not trace.generated:
        told = f"was not considered: {_MEANING[cause]}"
    else:
        told = f"is not shown: plain content is{_because(cause)}"
    return Absent(reason=Absence.PLAIN, told=told)


def not_precomputed(decision: Decision) -> Absent:
    """An item that the precomputed answer of a request's bucket does not name."""
    cause = None if _is_held_out(decision) else decision.cause
    told = f"is not in the precomputed answer that stood in{_because(cause)}"
    return Absent(reason=Absence.PRECOMPUTED, told=told)


def drawn(draw: Draw) -> str:
    """How one position got its item."""
    if draw.is_pinned:
        return f"{draw.item} was pinned there"
    if draw.u is None:
        return f"took {draw.item}, the best that was free"
    return f"drew {draw.item} with propensity {draw.propensity:.6g} at u = {draw.u:.6f}"


def _unproven(item: str, decision: Decision, trace: Trace) -> str:
    """What is sure of an item of which the trace does not prove the reason."""
    if decision.tier is Tier.FALLBACK:
        return f"is not in the answer, which was precomputed{_because(decision.cause)}"
    if _is_held_out(decision) and not trace.generated:
        return "would not be shown otherwise"
    if item in trace.survivors:
        is_plain = decision.tier is Tier.PLAIN and not _is_held_out(decision)
        return plain_content(decision, trace).told if is_plain else _candidate(trace.survivors.index(item), trace)
    is_all = sum(trace.generated.values()) == len(trace.survivors) + len(trace.blockers)
    if is_all and decision.tier is not Tier.PLAIN:
        return "was retrieved by no generator"
    return "was no candidate: no generator retrieved it, or the slot's cap cut it"


def _candidate(at: int, trace: Trace) -> str:
    if not trace.values:
        return "was a candidate and got no position"
    value = trace.values[at]
    rank = 1 + sum(other > value or (other == value and place < at) for place, other in enumerate(trace.values))
    return f"was a candidate with value {value:.6g}, ranked {rank} of {len(trace.values)}, and got no position"


def _because(cause: Cause | None) -> str:
    return "" if cause is None else f", because {_MEANING[cause]}"


def _shadowed(shadow: Shadow) -> str:
    stated = "" if shadow.propensity is None else f" with propensity {shadow.propensity:.6g}"
    same = "" if shadow.of_served is None else f", and what is shown with {shadow.of_served:.6g}"
    return f"shadow {shadow.policy}: would have shown {_shown(shadow.answer)}{stated}{same}"


def _shown(answer: tuple[str, ...]) -> str:
    return ", ".join(answer)


def _is_held_out(decision: Decision) -> bool:
    return decision.cause is Cause.HOLDOUT
