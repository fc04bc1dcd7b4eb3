"""Every message about files, keys, values and names (E101 to E113), each worded as a named function."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time

from compiler.diagnostics.problem import Problem, Where, problem, suggestion
from contracts.features import INT64_MAX


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
    message = f"`{path}` must be {expected}, not {shown(raw)}"
    if isinstance(raw, str) and raw.lstrip("-").replace(".", "", 1).isdigit() and "number" in expected:
        return problem("E106", where, message, "write it without quotes")
    return problem("E106", where, message, "put it in quotes" if expected == "a string" else f"write {expected}")


def out_of_range(where: Where, path: str, raw: object, least: float, most: float) -> Problem:
    """A number outside its bounds."""
    bounds = f"from {least} to {most}" if most < INT64_MAX else f"of at least {least}"
    return problem("E107", where, f"`{path}` is {raw}", f"choose a number {bounds}")


def bad_duration(where: Where, path: str, raw: object) -> Problem:
    """A duration that cannot be read."""
    message = f"`{path}` must be a duration, not {shown(raw)}"
    return problem(
        "E108", where, message, 'write whole seconds, minutes, hours, days or weeks: "30s", "15m", "2h", "8d", "3w"'
    )


def bad_instant(where: Where, path: str, raw: object) -> Problem:
    """An instant without its offset, or something else."""
    message = f"`{path}` must be an instant with its offset from UTC, not {shown(raw)}"
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


def shown(raw: object) -> str:
    """A value in TOML's spelling, or what it is: for messages."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str):
        return f'"{raw}"'
    if isinstance(raw, int | float):
        return str(raw)
    if isinstance(raw, datetime | date | time):
        return "a date or time"
    return "a table" if isinstance(raw, Mapping) else "an array"
