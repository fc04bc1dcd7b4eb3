"""A release: which revision is the one to run. Written by `deploy`, read by `edge.registry`."""

from contracts.codec import Contract


class Release(Contract, frozen=True):
    """One step in a registry's history. `created_at` is microseconds; a rollback is a new release."""

    sequence: int
    revision: str
    created_at: int
    note: str = ""
