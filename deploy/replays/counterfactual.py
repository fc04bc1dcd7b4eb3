"""What another bundle would have decided on recorded requests: for whom it changes what, and at which stage.

Each request is decided again with everything it had then, by the other bundle. Draws use the recorded seeds, so chance
alone changes nothing. What the other bundle reads and the record does not hold reads as absent, and what it counts in
another way as it was counted; the report names both.
Requests with a QA token are left out: what they met is no shopper's.
"""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from contracts.decision import Decision, DecisionRequest, Decisions
from contracts.features import FeatureSpec, Root
from contracts.record import DecisionRecord, Recording
from contracts.slots import AnyCap, Cap
from deploy.replays.catalogs import Catalogs, MissingDeltaError
from deploy.replays.replayer import decide_again, obstacle
from deploy.replays.shifts import SHOWN_EXAMPLES, Example, Tally
from engine.compare import Made, is_same_answer, parting, shown
from engine.explain import why_not
from engine.folds import fold_digest
from engine.hashing import content_digest
from engine.loaded import LoadedBundle
from engine.snapshot import VISITOR

QA = "asked with a QA token, which counts for nobody"


class Counterfactual:
    """Decides a recording again by another bundle, part by part. `known` are the records' own bundles, if given."""

    def __init__(self, other: LoadedBundle, known: Mapping[str, LoadedBundle]) -> None:
        self.tally = Tally()
        self._other = other
        self._known = known
        self._catalogs = Catalogs({other.revision: other})
        self._closed = {spec.name for spec in other.schema.of(Root.REQUEST) if spec.values}
        self._seen_revisions: set[str] = set()

    def take(self, part: Recording, first_number: int) -> None:
        """Takes a part's deltas in and decides its records again; `first_number` is the first record's."""
        self._catalogs.add(part.epoch, part.deltas)
        for number, record in enumerate(part.records, first_number):
            if why := _unmeasured(record) or obstacle(record) or self._decide(number, record):
                self.tally.skipped[why] += 1

    def result(self) -> Tally:
        """What was counted."""
        return self.tally

    def _decide(self, number: int, record: DecisionRecord) -> str:
        """Counts what one record changes to. Returns why it could not, if so."""
        self._compare_bundles(record)
        request = self._asked(record.request)
        if not request.slots:
            return "the other bundle has none of its slots"
        try:
            catalog = self._catalogs.at(self._other.revision, record.cursor)
        except MissingDeltaError as error:
            return str(error)
        result = decide_again(replace(record, request=request), self._other, catalog)
        self._count(number, record, _by_slot(record.result), _by_slot(result))
        return ""

    def _asked(self, request: DecisionRequest) -> DecisionRequest:
        """The same request to the other bundle: its page as it is there, or of the slots asked for those it has."""
        slots = self._other.pages.get(request.page or "")
        if slots is None:
            slots = tuple(name for name in request.slots if name in self._other.slots)
        return replace(request, slots=slots)

    def _count(self, number: int, record: DecisionRecord, was: Mapping[str, Made], now: Mapping[str, Made]) -> None:
        self.tally.records += 1
        changed = False
        for slot in dict.fromkeys([*was, *now]):
            one, other = was.get(slot), now.get(slot)
            if one is None or other is None:
                changed = True
                self._absent(slot, is_new=one is None)
            else:
                changed |= self._compare(number, slot, one, other)
        self._groups(record, changed=changed)

    def _absent(self, slot: str, *, is_new: bool) -> None:
        tally = self.tally.slots[slot]
        tally.decided += 1
        tally.changed += 1
        tally.stages["page"] += 1
        tally.tiers["(no slot) -> slot" if is_new else "slot -> (no slot)"] += 1

    def _compare(self, number: int, slot: str, was: Made, now: Made) -> bool:
        tally = self.tally.slots[slot]
        tally.decided += 1
        if is_same_answer(was.decision, now.decision):
            tally.propensities += was.decision.propensity != now.decision.propensity
            return False
        found = parting(was, now)
        stage = found.stage if found else "render"
        tally.changed += 1
        tally.stages[stage] += 1
        tally.tiers[f"{_tier(was.decision)} -> {_tier(now.decision)}"] += 1
        tally.lost.update(set(was.decision.answer) - set(now.decision.answer))
        tally.gained.update(set(now.decision.answer) - set(was.decision.answer))
        examples = self.tally.examples.setdefault((slot, stage), [])
        if len(examples) < SHOWN_EXAMPLES:
            examples.append(_example(number, was, now, stage, found.detail if found else ""))
        return True

    def _groups(self, record: DecisionRecord, *, changed: bool) -> None:
        unit = record.request.units.get(VISITOR)
        if unit is not None:
            known = int(content_digest(unit.encode())[:16], 16)
            self.tally.visitors.add(known)
            if changed:
                self.tally.changed_visitors.add(known)
        for group in self._groups_of(record):
            self.tally.decided_in[group] += 1
            self.tally.changed_in[group] += changed

    def _groups_of(self, record: DecisionRecord) -> Iterator[str]:
        """To whom a request belongs, as far as few words say it."""
        request = record.request
        yield "with consent" if request.granted else "without consent"
        yield from (f"{name} {request.context[name]}" for name in sorted(self._closed & request.context.keys()))
        yield from (f"{name}: {arm}" for name, arm in sorted(record.result.assignments.items()))

    def _compare_bundles(self, record: DecisionRecord) -> None:
        """Once per revision: which tables differ, and what the other bundle reads that was not recorded."""
        if record.revision in self._seen_revisions:
            return
        self._seen_revisions.add(record.revision)
        there = self._other.catalog_digests
        self.tally.tables |= {name for name in there if record.catalog.get(name) != there[name]}
        own = self._known.get(record.revision)
        if own is not None:
            self.tally.unrecorded |= {name for name, _ in _counted(self._other).items() - _counted(own).items()}


def _unmeasured(record: DecisionRecord) -> str:
    return "" if record.request.qa is None else QA


def _example(number: int, was: Made, now: Made, stage: str, detail: str) -> Example:
    lost = [item for item in was.decision.answer if item not in now.decision.answer]
    gained = [item for item in now.decision.answer if item not in was.decision.answer]
    why = [f"{stage}: {detail}"]
    why += [f"now {why_not(lost[0], now.decision, now.trace)}"] if lost else []
    why += [f"then {why_not(gained[0], was.decision, was.trace)}"] if gained else []
    return Example(
        number=number,
        decision_id=was.decision.decision_id,
        slot=was.decision.slot,
        was=f"{shown(was.decision)} ({_tier(was.decision)})",
        now=f"{shown(now.decision)} ({_tier(now.decision)})",
        stage=stage,
        why=tuple(why),
    )


def _counted(loaded: LoadedBundle) -> dict[str, str]:
    """What a record holds values of, by name, with how they came about: features, their folds, counters of caps."""
    features = {f"{spec.root}.{spec.name}": _fold(spec) for spec in loaded.schema.features}
    return features | {
        f"exposures.{cap.name}": f"{slot.name} {sorted(slot.purposes)} {_counting(cap)}"
        for slot in (each.spec for each in loaded.slots.values())
        for cap in slot.caps
    }


def _fold(spec: FeatureSpec) -> str:
    return "" if spec.fold is None else fold_digest(spec.fold)


def _counting(cap: AnyCap) -> str:
    """What decides how a cap's counters move; its limit does not."""
    return str((cap.per, cap.window) if isinstance(cap, Cap) else (cap.per, cap.apart_s, cap.apart))


def _tier(decision: Decision) -> str:
    return f"{decision.tier}, {decision.cause}" if decision.cause else str(decision.tier)


def _by_slot(result: Decisions) -> dict[str, Made]:
    return {made.slot: Made(made, trace) for made, trace in zip(result.decisions, result.traces, strict=True)}
