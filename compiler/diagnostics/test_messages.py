"""Every message about the cases of `tests/*.toml` (E7xx), each worded as a named function."""

from collections.abc import Collection

from compiler.diagnostics.problem import Problem, Where, listed, nearest, problem


def case_named_twice(where: Where, name: str, first: Where) -> Problem:
    """Two cases of one name."""
    message = f"case `{name}` is already written in {first.file}, line {first.line}"
    return problem("E701", where, message, "rename one of them")


def no_subject(where: Where, name: str) -> Problem:
    """A case of nothing, or of two things at once."""
    hint = 'write slot = "..." to test a decision, or rule = "..." to test one expression'
    return problem("E702", where, f"case `{name}` must name either a slot or a rule", hint)


def unused_rule(where: Where, rule: str) -> Problem:
    """A rule that is not in the bundle."""
    message = f"no slot uses rule `{rule}`, so no bundle holds it"
    return problem("E703", where, message, "name it in a slot's `guards` or `boosts`, or remove the case")


def nothing_expected(where: Where, name: str, keys: Collection[str]) -> Problem:
    """A case that could not fail."""
    return problem("E704", where, f"case `{name}` expects nothing", f"expect one or more of {listed(keys)}")


def nothing_blocked(where: Where, name: str) -> Problem:
    """Blockers of no item at all."""
    message = f"case `{name}` names no item that `blockers` could be about"
    return problem("E704", where, message, "name items in `blockers`, or in `candidates` to expect that they pass")


def value_or_error(where: Where, name: str) -> Problem:
    """A rule that should give a value and fail."""
    message = f"case `{name}` expects both a value and an error"
    return problem("E704", where, message, "a rule gives one of the two: keep it")


def not_in_question(where: Where, item: str, candidates: Collection[str]) -> Problem:
    """An expectation of an item that can be neither shown nor blocked."""
    message = f"`{item}` is none of this case's `candidates`"
    meant = nearest(item, candidates)
    return problem("E705", where, message, f"did you mean `{meant}`?" if meant else "add it to `candidates`")


def made_up_without_candidates(where: Where, table: str, item: str) -> Problem:
    """A made-up item that no generator could find."""
    message = f"table `{table}` has no item `{item}`, and this case has no `candidates`"
    hint = "name it in `candidates` to make it up for this case, or name an item of the table to change it"
    return problem("E706", where, message, hint)


def made_up_in_part(where: Where, table: str, item: str, absent: Collection[str]) -> Problem:
    """A made-up item without the values that every row must have."""
    message = f"item `{item}` is not in table `{table}`, and lacks {listed(absent)}"
    hint = "give these columns too, or name an item of the table to change it"
    return problem("E706", where, message, hint)
