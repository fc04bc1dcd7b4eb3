"""Every message about what must hold of a whole bundle (E5xx), each worded as a named function."""

from collections.abc import Collection

from compiler.diagnostics.problem import Problem, Where, listed, nearest, problem, warning

_MAX_COMPARED = 5000


def unknown_item(where: Where, table: str, item: str, ids: Collection[str]) -> Problem:
    """A pool or pin that names no row."""
    meant = nearest(item, ids) if len(ids) <= _MAX_COMPARED else None
    hint = f"did you mean `{meant}`?" if meant is not None else "add it to the table, or correct the id"
    return problem("E501", where, f"table `{table}` has no item `{item}`", hint)


def no_candidates(where: Where, slot: str, why: str) -> Problem:
    """A slot that can never show an item."""
    hint = "add a generator that finds items, or remove the slot"
    return problem("E502", where, f"slot `{slot}` has no candidates: {why}", hint)


def too_many_buckets(where: Where, slot: str, rows: int, max_rows: int) -> Problem:
    """A fallback table that would be too large."""
    hint = "use fewer fallback_keys, or raise max_rows in [precompute]"
    return problem(
        "E503", where, f"the fallback table of slot `{slot}` needs {rows} rows, at most {max_rows} are allowed", hint
    )


def purpose_not_required(where: Where, slot: str, feature: str, purpose: str) -> Problem:
    """A slot that reads what its visitors need not have consented to."""
    message = f"slot `{slot}` reads `{feature}` (purpose `{purpose}`) without requiring that purpose"
    return problem(
        "E504", where, message, f'add "{purpose}" to `purposes` of the slot, or do not read `{feature}` here'
    )


def sensitive(where: Where, slot: str, feature: str) -> Problem:
    """A slot that reads a sensitive feature."""
    hint = 'decide without it, or declare why it may be used: allowed_because = "..."'
    return problem("E505", where, f"slot `{slot}` reads the sensitive feature `{feature}`", hint)


def allowed_without_reason(where: Where, feature: str) -> Problem:
    """A sensitive feature whose use is allowed without a word."""
    message = f"`{feature}` is sensitive, and its `allowed_because` gives no reason"
    return problem("E508", where, message, "say in a sentence why it may be used")


def allowed_not_sensitive(where: Where, feature: str) -> Problem:
    """A reason for what needs none."""
    message = f"`{feature}` says why it may be used, but is not marked as sensitive"
    return problem("E508", where, message, "add `sensitive = true`, or remove `allowed_because`")


def without_purpose(where: Where, feature: str) -> Problem:
    """A feature of a visitor that no consent covers."""
    message = f"`{feature}` is about one visitor and names no purpose: slots read it without consent"
    return warning("W510", where, message, "name its purpose, or declare it under [request] if it is about the page")


def no_plain(where: Where, slot: str) -> Problem:
    """A slot that has nothing for holdouts, opt-outs and kill switches."""
    message = f"slot `{slot}` has no plain content: holdouts, opt-outs and kill switches would leave it empty"
    return problem("E509", where, message, "add to [plain] what is true for everyone, at all times")


def plain_names_item(where: Where, slot: str, prop: str, item: str) -> Problem:
    """Static content that references an item."""
    message = f"plain content of slot `{slot}` names item `{item}` in `{prop}`"
    return problem("E506", where, message, "no guard would check it: say something that is true without an item")


def plain_names_offer(where: Where, slot: str, prop: str, offer: str) -> Problem:
    """Static content that references an offer."""
    message = f"plain content of slot `{slot}` names offer `{offer}` in `{prop}`"
    return problem("E506", where, message, "no guard would check it: say something that is true without an offer")


def plain_computed(where: Where, slot: str, prop: str, reads: Collection[str]) -> Problem:
    """Static content in place of what is told of an item."""
    message = f"plain content of slot `{slot}` has a fixed `{prop}`, which the payload computes from {listed(reads)}"
    return problem("E507", where, message, "no guard would check it: leave it out of [plain]")


def plain_amount(where: Where, slot: str, prop: str, amount: str) -> Problem:
    """Static content that names a price."""
    message = f"plain content of slot `{slot}` names the price {amount} in `{prop}`"
    return problem("E507", where, message, "prices change while plain content stays: leave it out of [plain]")
