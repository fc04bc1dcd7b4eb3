"""Caps of slots, checked, with what reads the origin's counters. Part of `engine.load`."""

from contracts.errors import NotRunnableError
from contracts.features import FeatureSchema, Root
from contracts.rule_ir import Form, Place, Read, Rule
from contracts.slots import AnyCap, CapPer, RecencyCap, SlotSet, SlotSpec
from engine.caps import synced_feature
from engine.loaded import LoadedCap
from engine.programs.plan import plan_request
from engine.programs.values import RequestProgram

_STRINGS = "list(string)"


def load_caps(schema: FeatureSchema, slot: SlotSpec) -> tuple[LoadedCap, ...]:
    """The caps of a slot. Raises `NotRunnableError` for one that could not be kept."""
    for cap in slot.caps:
        _check_cap(cap)
    return tuple(LoadedCap(cap, _synced(schema, slot, cap) if cap.is_synced else None) for cap in slot.caps)


def check_cap_names(slots: SlotSet) -> None:
    """Raises `NotRunnableError` when two caps have one name: they would count together."""
    names = [cap.name for slot in slots.slots for cap in slot.caps]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise NotRunnableError(f"two caps are named {repeated[0]}")


def _check_cap(cap: AnyCap) -> None:
    if not isinstance(cap, RecencyCap):
        if cap.limit < 1:
            raise NotRunnableError(f"cap {cap.name}: its limit is at least 1")
        return
    given = [each for each in (cap.apart_s, cap.apart) if each is not None]
    if len(given) != 1 or given[0] < 1:
        raise NotRunnableError(f"cap {cap.name} needs a time apart or exposures apart, one of them, at least 1")
    if cap.apart is not None and (cap.is_synced or cap.per is CapPer.SLOT):
        raise NotRunnableError(f"cap {cap.name} counts exposures apart: per item, by the cookie alone")


def _synced(schema: FeatureSchema, slot: SlotSpec, cap: AnyCap) -> RequestProgram:
    """Reading the counters is a rule of one node, so consent and instants hold here as anywhere."""
    wanted = synced_feature(slot, cap)
    if wanted not in schema.of(Root.VISITOR):
        raise NotRunnableError(f"cap {cap.name} is synced, but the schema lacks its visitor feature {wanted.name}")
    node = Read(type=_STRINGS, root=Root.VISITOR, field=wanted.name)
    place = Place(file="slots", line=1, column=1)
    rule = Rule(name=wanted.name, form=Form.REQUEST, type=_STRINGS, place=place, nodes=(node,))
    return plan_request(rule, schema, None)
