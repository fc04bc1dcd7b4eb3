"""Every message about what rules can never say and what sources never use (E6xx, warnings W6xx), each worded here."""

from collections.abc import Collection

from compiler.diagnostics.problem import Problem, Where, listed, nearest, problem, warning

_MEANT_NEVER = "mend the condition, or write `false` if nothing is meant to pass"
_MOST_COMPARED = 5_000


def never_true(where: Where, why: str, written: str, choices: Collection[str]) -> Problem:
    """A condition that nothing meets. `written` is a string that it asks for in vain, `choices` what there is."""
    meant = nearest(written, choices)
    hint = f'did you mean "{meant}"?' if meant is not None else _MEANT_NEVER
    return problem("E601", where, f"this can never be true because {why}", hint)


def guard_always_true(where: Where, rule: str, why: str) -> Problem:
    """A guardrail that protects nothing. One that cannot be evaluated blocks: of that nothing is said."""
    message = f"guardrail `{rule}` decides nothing: wherever it can be evaluated it is true because {why}"
    return problem("E602", where, message, "mend the condition, or write `true` if it is meant to block nothing")


def always_true(where: Where, why: str) -> Problem:
    """A condition that everything meets."""
    return warning("W603", where, f"this is always true because {why}", "leave the condition out, or mend it")


def guard_reads_nullable(where: Where, rule: str, read: str) -> Problem:
    """A guardrail that fails where a value is absent."""
    message = f"guardrail `{rule}` reads `{read}`, which may have no value: the item is blocked then"
    return problem("E604", where, message, f"guard with has({read}) or declare a default")


def guard_reads_entry(where: Where, rule: str, whole: str, key: str, *, is_map: bool) -> Problem:
    """A guardrail that fails where a map lacks a key, or a list a place."""
    message = f"guardrail `{rule}` reads `{whole}[{key}]`, which may be absent: the item is blocked then"
    asking = f"ask first: {key} in {whole} && ..., or read get({whole}, {key}, <default>)"
    return warning("W617", where, message, asking if is_map else f"ask first: size({whole}) > {key} && ...")


def reads_nullable(where: Where, rule: str, read: str, consequence: str) -> Problem:
    """A rule that fails where a value is absent."""
    message = f"`{rule}` reads `{read}`, which may have no value: {consequence}"
    return warning("W605", where, message, f"guard with has({read}) or declare a default")


def reads_score_of_model(where: Where, rule: str, read: str, consequence: str) -> Problem:
    """A rule that reads a model's score, in a slot that is also decided without models."""
    message = f"`{rule}` reads `{read}`, and in tier `rules` no model scores: {consequence}"
    return warning("W615", where, message, f"say what holds without it: has({read}) ? ... : ...")


def model_of_another_slot(where: Where, slot: str, model: str, models: Collection[str]) -> Problem:
    """A rule that reads the score of a model which a slot that uses it does not have."""
    own = f"its models are {listed(models)}" if models else "it has no model"
    hint = f"{own}: name `{model}` in its `other_models`, or give the slot a rule of its own"
    return problem("E616", where, f"slot `{slot}` has no model `{model}`", hint)


def unused_rule(where: Where, rule: str) -> Problem:
    """A rule that nothing runs."""
    hint = "name it in `guards` or `boosts` of a slot, or remove it"
    return warning("W606", where, f"no slot uses rule `{rule}`", hint)


def unused_feature(where: Where, feature: str) -> Problem:
    """A feature that nothing reads."""
    hint = "read it, or remove it: what is not needed should not be collected"
    return warning("W607", where, f"nothing reads `{feature}`", hint)


def no_item_has(where: Where, table: str, column: str, value: str, known: Collection[str]) -> Problem:
    """A value that no item of the catalog has."""
    meant = nearest(value, known) if len(known) <= _MOST_COMPARED else None
    hint = f"did you mean `{meant}`?" if meant else "it is right if items with it are still to come"
    return warning("W612", where, f'no item of `{table}` has "{value}" in `{column}`', hint)


def blocks_all(where: Where, rule: str, table: str, items: int) -> Problem:
    """A guardrail that no item of the catalog passes."""
    message = f"guardrail `{rule}` blocks all {items} items that `{table}` has now"
    return warning("W613", where, message, "prices are minor units: 20 dollars are 2000; or is a value misspelt?")


def long_macros(where: Where, steps: int, most: int) -> Problem:
    """Macros inside macros that long lists may bring to their limit."""
    message = f"its macros may take {steps} rounds for one candidate; above {most} it fails"
    return warning("W614", where, message, "ask with `in` instead of a macro inside a macro")


def always_fails(where: Where, why: str) -> Problem:
    """A call that fails whatever is read."""
    return problem("E611", where, f"this always fails: {why}", "mend the literal in it")


def bands_overlap(where: Where, first: str, second: str, start: int, end: int) -> Problem:
    """Two bands that share prices."""
    message = f"price bands `{first}` and `{second}` overlap from {start} to {end - 1}"
    hint = "let one band end where the next begins: the second number is not in the band"
    return problem("E608", where, message, hint)


def band_empty(where: Where, band: str, start: int, end: int) -> Problem:
    """A band without prices."""
    message = f"price band `{band}` is empty: it goes from {start} up to, not including, {end}"
    return problem("E609", where, message, "write the lower price first")


def band_malformed(where: Where, band: str) -> Problem:
    """A band that is not two numbers."""
    return problem("E609", where, f"price band `{band}` is not two prices", 'write it as {"name": [from, below]}')


def bands_gap(where: Where, first: str, second: str, start: int, end: int) -> Problem:
    """Prices without a band."""
    message = f"prices from {start} to {end - 1} are in no band: `{first}` ends before `{second}` begins"
    return warning("W610", where, message, "let one band end where the next begins, if they are meant to touch")
