"""Every message about what the sources declare (E1xx), each worded as a named function; readers say where."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time

from compiler.diagnostics.problem import Problem, Where, listed, problem, suggestion
from contracts.features import INT64_MAX, Value


def no_bundle(folder: str, file: str) -> Problem:
    """There is no bundle here."""
    where = Where(file, 1, 1)
    return problem("E101", where, f"there is no {file} in {folder}", "name a bundle's folder, or run `edgewise init`")


def not_toml(where: Where, reason: str) -> Problem:
    """A file cannot be parsed."""
    return problem(
        "E102", where, f"this is not TOML: {reason[:1].lower()}{reason[1:]}", "see https://toml.io for its syntax"
    )


def not_utf8(where: Where) -> Problem:
    """A file is not text."""
    return problem("E103", where, "this file is not UTF-8 text", "save it in UTF-8")


def unknown_key(where: Where, what: str, key: str, known: Collection[str]) -> Problem:
    """A key that nobody reads."""
    return problem("E104", where, f"{what} has no key `{key}`", suggestion(key, known))


def missing_key(where: Where, what: str, key: str, path: str) -> Problem:
    """A key that must be there."""
    place = f" to `{path}`" if path else ""
    return problem("E105", where, f"{what} needs the key `{key}`", f"add `{key} = ...`{place}")


def wrong_type(where: Where, path: str, expected: str, raw: object) -> Problem:
    """A value of the wrong type."""
    message = f"`{path}` must be {expected}, not {_shown(raw)}"
    if isinstance(raw, str) and raw:
        return problem(
            "E106", where, message, "write it without quotes" if "number" in expected else f"write {expected}"
        )
    return problem("E106", where, message, "put it in quotes" if expected == "a string" else f"write {expected}")


def out_of_range(where: Where, path: str, raw: object, least: float, most: float) -> Problem:
    """A number outside its bounds."""
    bounds = f"from {least} to {most}" if most < INT64_MAX else f"of at least {least}"
    return problem("E107", where, f"`{path}` is {raw}", f"choose a number {bounds}")


def bad_duration(where: Where, path: str, raw: object) -> Problem:
    """A duration that cannot be read."""
    message = f"`{path}` must be a duration, not {_shown(raw)}"
    return problem(
        "E108", where, message, 'write whole seconds, minutes, hours, days or weeks: "30s", "15m", "2h", "8d", "3w"'
    )


def bad_instant(where: Where, path: str, raw: object) -> Problem:
    """An instant without its offset, or something else."""
    message = f"`{path}` must be an instant with its offset from UTC, not {_shown(raw)}"
    return problem("E109", where, message, "write it without quotes: 2017-11-27T05:00:00Z")


def bad_name(where: Where, what: str, name: str) -> Problem:
    """A name that would not be one word in paths and messages."""
    return problem(
        "E110", where, f"`{name}` cannot name a {what}", "use letters, digits, _ and -, and start with a letter"
    )


def bad_identifier(where: Where, what: str, name: str) -> Problem:
    """A name that CEL cannot write after a dot."""
    hint = "use letters, digits and _, start with a letter, and avoid CEL's own words"
    return problem("E110", where, f"`{name}` cannot name a {what}: expressions could not read it", hint)


def names_too_alike(where: Where, what: str, name: str, twin: str) -> Problem:
    """Two names that the type checker's messages cannot hold side by side."""
    return problem(
        "E111",
        where,
        f"{what} `{name}` is spelled almost like `{twin}`",
        "rename one: case and _ do not tell them apart",
    )


def unknown_name(where: Where, what: str, name: str, known: Collection[str]) -> Problem:
    """A name of something that does not exist."""
    return problem(
        "E112", where, f"unknown {what}: `{name}`", suggestion(name, known, f"no {what} is declared in this bundle")
    )


def named_twice(where: Where, path: str, name: str) -> Problem:
    """A list that repeats itself."""
    return problem("E113", where, f"`{path}` names `{name}` twice", "keep one of them")


def rule_named_twice(where: Where, name: str, first: Where) -> Problem:
    """Two rules of one name."""
    return problem(
        "E113", where, f"rule `{name}` is already written in {first.file}, line {first.line}", "rename one of them"
    )


def cap_named_twice(where: Where, name: str) -> Problem:
    """Two caps of one name."""
    return problem(
        "E113", where, f"more than one cap is named `{name}`: they would count together", "rename one of them"
    )


def bad_id_column(where: Where) -> Problem:
    """Column `id` bent."""
    return problem(
        "E114",
        where,
        "column `id` is the key of its table: always a string, never live, empty or by default",
        "leave it out: it need not be declared",
    )


def state_without_fold(where: Where, feature: str) -> Problem:
    """A feature of the cookie that nothing fills."""
    hint = 'add fold = { fold = "last_n", event = "view", key = "item" }, or declare it under [visitor]'
    return problem("E116", where, f"`visitor_state.{feature}` has no fold that would fill it", hint)


def values_of_another_type(where: Where, feature: str, kind: str) -> Problem:
    """Closed values of something that is not a string."""
    return problem(
        "E117", where, f"`{feature}` is of type {kind}: only strings have closed `values`", "remove `values`"
    )


def default_outside_values(where: Where, default: Value, values: Collection[str]) -> Problem:
    """A default that the feature may not have."""
    return problem("E117", where, f"the default {_shown(default)} is none of its `values`", f"choose {listed(values)}")


def fold_of_another_type(where: Where, fold: str, kind: str, kinds: Collection[str]) -> Problem:
    """A fold whose result has another type."""
    return problem("E118", where, f"fold `{fold}` does not give {kind}", f"declare the feature as {listed(kinds)}")


def fold_without_key(where: Where, fold: str) -> Problem:
    """A fold by key without a key."""
    return problem(
        "E118", where, f"fold `{fold}` needs a `key`", 'add key = "item", "item.<column>", "slot" or "data.<name>"'
    )


def bad_selector(where: Where, name: str) -> Problem:
    """Something that no event has."""
    return problem(
        "E118",
        where,
        f"a fold cannot read `{name}` of its event",
        'write "item", "item.<column>", "slot" or "data.<name>"',
    )


def policy_of_another_kind(where: Where, policy: str, kind: str, kinds: Collection[str]) -> Problem:
    """A policy that cannot draw for this kind."""
    return problem(
        "E119",
        where,
        f"policy `{policy}` does not draw for slots of kind `{kind}`",
        f"it supports {listed(sorted(kinds))}",
    )


def endless_fallback_key(where: Where, name: str) -> Problem:
    """A fallback key without finitely many values."""
    return problem(
        "E120", where, f"`request.{name}` has no closed list of values", f"add `values = [...]` to [request.{name}]"
    )


def size_of_one_answer(where: Where, kind: str, size: int) -> Problem:
    """A size that the kind of slot does not have."""
    return problem(
        "E121", where, f"a slot of kind `{kind}` has one answer, not {size}", 'remove `size`, or use kind = "ranking"'
    )


def pins_do_not_fit(where: Where, positions: int) -> Problem:
    """Pins outside the slot, or on each other."""
    return problem(
        "E122",
        where,
        f"two pins share a position, or one is outside the slot's {positions}",
        f"use each of the positions 0 to {positions - 1} once at most",
    )


def guard_and_boost(where: Where, rule: str, slot: str) -> Problem:
    """One rule for two purposes."""
    return problem(
        "E123",
        where,
        f"rule `{rule}` is a guard of slot `{slot}`: it cannot be a boost too",
        "guards are true or false, boosts are numbers: write two rules",
    )


def model_without_inputs(where: Where, model: str) -> Problem:
    """A model that reads nothing."""
    return problem(
        "E124",
        where,
        f"model `{model}` has no inputs",
        "add each as name = 'expression', in the order of its training matrix",
    )


def bad_lock_line(where: Where) -> Problem:
    """A line of the lock file that is none."""
    return problem(
        "E125",
        where,
        "a line is a SHA-256 in hex, two spaces, a file",
        "run the bundle's train.py again: it writes this file",
    )


def shares_do_not_sum(where: Where, experiment: str, total: float) -> Problem:
    """Arms that leave units out or count them twice."""
    return problem(
        "E126", where, f"the arms of experiment `{experiment}` have shares that sum to {total:g}", "let them sum to 1"
    )


def empty_experiment(where: Where, experiment: str) -> Problem:
    """An experiment without units."""
    return problem(
        "E126", where, f"experiment `{experiment}` ends where it starts, or before", "choose start < end within 0 and 1"
    )


def experiments_overlap(where: Where, first: str, second: str, layer: str) -> Problem:
    """Two experiments over the same units."""
    return problem(
        "E126",
        where,
        f"`{first}` and `{second}` overlap in layer `{layer}`",
        "move start or end, or put one into a layer of its own",
    )


def _shown(raw: object) -> str:
    """A value in TOML's spelling, or what it is."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str):
        return f'"{raw}"'
    if isinstance(raw, int | float):
        return str(raw)
    if isinstance(raw, datetime | date | time):
        return "a date or time"
    return "a table" if isinstance(raw, Mapping) else "an array"
