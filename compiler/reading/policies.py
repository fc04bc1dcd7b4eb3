"""`policy = { name = "epsilon", epsilon = 0.05 }` -> which policy draws, with its numbers in their ranges."""

from collections.abc import Iterable

from compiler.diagnostics import declaration_messages as misfit
from compiler.places import Value
from compiler.reading import fields
from compiler.reading.fields import Fields, Log, Reader
from contracts.slots import PolicySpec
from engine.policies import POLICIES

NO_POLICY = PolicySpec(name="")


def policy_for(kinds: Iterable[str]) -> Reader[PolicySpec]:
    """A policy that supports these slot kinds."""

    def read(value: Value, log: Log) -> PolicySpec:
        policy = Fields(value, "a policy", log)
        name = policy.need("name", fields.known(POLICIES, "policy"), "")
        if name not in POLICIES:
            return NO_POLICY
        ranges = POLICIES[name].params
        params = {key: policy.need(key, fields.number(*bounds), bounds[0]) for key, bounds in ranges.items()}
        policy.close()
        for kind in sorted(set(kinds) - POLICIES[name].kinds):
            log.append(misfit.policy_of_another_kind(policy.where("name"), name, kind, POLICIES[name].kinds))
        return PolicySpec(name=name, params=params)

    return read
