"""Seals decision records, and tells whether a sealed one is still what it was.

Two digests: one over everything that a replay reads, one over what was decided. So an input that was altered shows
even where it changes no answer. A digest finds accidents; who can write records can also seal them again.
"""

from msgspec.structs import replace

from contracts.codec import encode
from contracts.decision import Decisions
from contracts.record import DecisionRecord
from engine.hashing import content_digest


def sealed(record: DecisionRecord) -> DecisionRecord:
    """The record with its digests. Raises `ContractError` for a number that has no canonical form."""
    return replace(record, input_digest=input_digest(record), result_digest=content_digest(encode(record.result)))


def alteration(record: DecisionRecord) -> str:
    """What of a sealed record is not what it was, as a clause; empty when all of it is."""
    if input_digest(record) != record.input_digest:
        return "its inputs do not have their digest"
    if content_digest(encode(record.result)) != record.result_digest:
        return "its result does not have its digest"
    return ""


def input_digest(record: DecisionRecord) -> str:
    """SHA-256 over all that a replay reads: the record without its result, but with where time ran out."""
    script = Decisions(decisions=(), traces=(), timed_out_at=record.result.timed_out_at)
    bare = replace(record, result=script, result_digest="", input_digest="", dropped_before=0)
    return content_digest(encode(bare))
