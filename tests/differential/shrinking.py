"""Terms made smaller while something stays true of them: how a difference becomes an example that people can read.

A smaller term is one of a term's own parts, or the term with a part replaced by a part of its own or by a literal, or
without an item. Variables that lose their macro do not compile, and what does not compile keeps nothing true.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from .literals import LITERALS
from .spelling import Term, leaf

MAX_TRIES = 400
MAX_ROUNDS = 60


def shrunk(term: Term, holding: Callable[[Sequence[Term]], Sequence[bool]], confirmed: Callable[[Term], bool]) -> Term:
    """The smallest term found for which it holds; `holding` tells of many at once, `confirmed` makes sure of one."""
    for _ in range(MAX_ROUNDS):
        tries = sorted(islice(_smaller(term), MAX_TRIES), key=_weight)
        candidates = [each for each, holds in zip(tries, holding(tries), strict=True) if holds]
        found = next(filter(confirmed, candidates), None)
        if found is None:
            return term
        term = found
    return term


def _smaller(term: Term) -> Iterator[Term]:
    seen = {term.text}
    for each in (*term.below(), *_rewritten(term)):
        if each.text not in seen and _weight(each) < _weight(term):
            seen.add(each.text)
            yield each


def _weight(term: Term) -> tuple[int, int]:
    return (term.size, len(term.text))


def _rewritten(term: Term) -> Iterator[Term]:
    """The term with one change somewhere inside."""
    if term.spelling[0] in ("[", "{") and len(term.parts) > 1:
        yield from (_without(term, place) for place in range(len(term.parts)))
    for place, part in enumerate(term.parts):
        for other in _replacements(part):
            yield replace(term, parts=(*term.parts[:place], other, *term.parts[place + 1 :]))


def _replacements(part: Term) -> Iterator[Term]:
    if ": " not in part.spelling:
        yield from (inner for inner in part.below() if inner.type == part.type and ": " not in inner.spelling)
        yield from (leaf(part.type, text) for text in LITERALS.get(part.type.name, ()))
    if part.parts and part.type.name in ("list", "map") and part.spelling[0] not in ("[", "{", ""):
        yield Term(part.type, ("[]" if part.type.name == "list" else "{}",))
    yield from _rewritten(part)


def _without(term: Term, place: int) -> Term:
    parts = (*term.parts[:place], *term.parts[place + 1 :])
    return replace(term, parts=parts, spelling=(term.spelling[0], *term.spelling[2:]))
