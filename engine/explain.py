"""Why, and why not, in sentences for operators. All of it is read off a decision and its trace."""

from contracts.decision import Cause, Decision, Draw, Shadow, Tier, Trace

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


def why_not(item: str, decision: Decision, trace: Trace) -> str:
    """Why one item is not in the answer, or that it is."""
    if item in decision.answer:
        return f"{item} is in the answer, at position {decision.answer.index(item) + 1}"
    if item in trace.blockers:
        return f"{item} was blocked by {trace.blockers[item]}"
    if decision.tier in (Tier.FALLBACK, Tier.PLAIN) and decision.cause is not None:
        return f"{item} was not considered: {_MEANING[decision.cause]}"
    if item not in trace.survivors:
        return f"{item} was retrieved by no generator"
    value = trace.values[trace.survivors.index(item)]
    better = sum(other > value for other in trace.values)
    return f"{item} was a candidate with value {value:.6g}, {better} had a higher one; it was not drawn"


def drawn(draw: Draw) -> str:
    """How one position got its item."""
    if draw.is_pinned:
        return f"{draw.item} was pinned there"
    if draw.u is None:
        return f"took {draw.item}, the best that was free"
    return f"drew {draw.item} with propensity {draw.propensity:.6g} at u = {draw.u:.6f}"


def _shadowed(shadow: Shadow) -> str:
    stated = "" if shadow.propensity is None else f" with propensity {shadow.propensity:.6g}"
    same = "" if shadow.of_served is None else f", and what is shown with {shadow.of_served:.6g}"
    return f"shadow {shadow.policy}: would have shown {_shown(shadow.answer)}{stated}{same}"


def _shown(answer: tuple[str, ...]) -> str:
    return ", ".join(answer)


def _is_held_out(decision: Decision) -> bool:
    return decision.cause is Cause.HOLDOUT
