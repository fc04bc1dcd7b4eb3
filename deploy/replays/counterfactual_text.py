"""A counterfactual for people: what would have changed, slot by slot, for whom, with examples."""

from collections.abc import Iterator, Mapping

from deploy.replays.shifts import CounterfactualReport, Example, Shift, SlotShift

_SHORT = 19  # `sha256:` and 12 digits


def counterfactual_text(told: CounterfactualReport) -> str:
    """The report as lines."""
    return "\n".join(_lines(told))


def _lines(told: CounterfactualReport) -> Iterator[str]:
    yield f"{told.records} page decisions again by {told.revision[:_SHORT]}"
    yield from (f"{count} skipped: {why}" for why, count in told.skipped.items())
    if told.visitors.decided:
        yield f"visitors who would have seen something else: {_share(told.visitors)}"
    yield from (line for name, slot in told.slots.items() for line in _slot(name, slot))
    if any(slot.changed for slot in told.slots.values()):
        yield "pages changed, for"
        yield from (f"  {name}: {_share(shift)}" for name, shift in told.groups.items())
    yield from (line for example in told.examples for line in _example(example))
    if told.tables:
        yield f"the catalog differs too: {', '.join(told.tables)}"
    if told.unrecorded:
        yield f"not recorded as the other bundle reads it: {', '.join(told.unrecorded)}"


def _slot(name: str, slot: SlotShift) -> Iterator[str]:
    yield f"{name}: {_share(Shift(decided=slot.decided, changed=slot.changed))} changed"
    if slot.propensities:
        yield f"  same answer with another propensity: {slot.propensities}"
    for what, counts in (
        ("tier", slot.tiers),
        ("first differing stage", slot.stages),
        ("shown less", slot.lost),
        ("shown more", slot.gained),
    ):
        if counts:
            yield f"  {what}: {_counts(counts)}"


def _example(example: Example) -> Iterator[str]:
    yield f"for example {example.decision_id}: {example.was}, now {example.now}"
    yield from (f"  {line}" for line in example.why)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _share(shift: Shift) -> str:
    return f"{shift.changed} of {shift.decided}"
