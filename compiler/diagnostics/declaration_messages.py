"""Every message about declarations that are well formed but do not fit together (E113 to E127)."""

from collections.abc import Collection

from compiler.diagnostics.problem import Problem, Where, listed, problem
from compiler.diagnostics.source_messages import shown
from contracts.features import Value


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


def computed_column(where: Where, column: str) -> Problem:
    """A column of neighbours that is declared as something else, too."""
    hint = 'declare type = "numbers" and nothing else; let the feed bring a column of its own'
    return problem("E115", where, f"column `{column}` is computed from what goes together, once per build", hint)


def quotas_over_cap(where: Where, total: int, cap: int) -> Problem:
    """Generators that are promised more rows than the slot takes."""
    return problem(
        "E130",
        where,
        f"the quotas of the generators sum up to {total}, over the cap of {cap}",
        "lower them, or raise `cap_candidates`",
    )


def other_models_alone(where: Where) -> Problem:
    """Further models, but no first one, or the same one again."""
    return problem(
        "E131",
        where,
        "other models stand beside `model`, and each is another one",
        "name the model of the slot's score as `model`, and the rest, each once, as `other_models`",
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
    return problem("E117", where, f"the default {shown(default)} is none of its `values`", f"choose {listed(values)}")


def fold_of_another_type(where: Where, fold: str, kind: str, kinds: Collection[str]) -> Problem:
    """A fold whose result has another type."""
    return problem("E118", where, f"fold `{fold}` does not give {kind}", f"declare the feature as {listed(kinds)}")


def fold_without_key(where: Where, fold: str) -> Problem:
    """A fold by key without a key."""
    return problem(
        "E118", where, f"fold `{fold}` needs a `key`", 'add key = "item", "item.<column>", "slot" or "data.<name>"'
    )


def fold_not_undone(where: Where, fold: str, folds: Collection[str]) -> Problem:
    """A fold that forgets single events, and so cannot take one back."""
    return problem("E118", where, f"fold `{fold}` cannot be undone", f"{listed(folds)} can; or use `emptied_by`")


def fold_moved_twice(where: Where, fold: str, event: str) -> Problem:
    """An event that would do two things to one fold."""
    return problem("E118", where, f"event `{event}` stands twice in fold `{fold}`", "name each event once")


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


def weights_of_another_type(where: Where, column: str, kind: str, needed: str) -> Problem:
    """A policy that draws by a column which holds something else."""
    hint = "a column of type double is read without `by`, one of type numbers by the request feature that `by` names"
    return problem("E119", where, f"column `{column}` is of type {kind}, this policy draws by {needed}", hint)


def weights_that_never_age(where: Where, column: str) -> Problem:
    """An age limit on what changes only with the bundle."""
    hint = "mark the column `live = true`, or remove `max_age`"
    return problem("E119", where, f"column `{column}` does not come by feed: its values do not age", hint)


def floor_beyond_pool(where: Where, floor: float, count: int) -> Problem:
    """A floor that the slot's candidates cannot all have."""
    message = f"{count} candidates cannot each have a propensity of at least {floor:g}"
    return problem("E119", where, message, f"choose a floor below {1 / count:.3g}, a draw as even as can be")


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


def salt_of_two(where: Where, salt: str) -> Problem:
    """Two splits by one hash."""
    message = f"two splits are named `{salt}`: they would divide visitors alike"
    return problem("E126", where, message, "give each holdout a salt and each experiment a name of its own")


def salt_of_experiments(where: Where, salt: str) -> Problem:
    """A holdout whose hash could be that of a layer."""
    message = f"the salt `{salt}` begins as those of layers and experiments do"
    return problem("E126", where, message, "begin it with another word than layer/ or experiment/")


def policy_of_two_layers(where: Where, first: str, second: str, slot: str) -> Problem:
    """Two experiments that undo each other."""
    message = f"`{first}` and `{second}` both set the policy of slot `{slot}`, in two layers"
    return problem("E126", where, message, "put both into one layer, so that no visitor is in both")


def unsteady_unit(where: Where, feature: str) -> Problem:
    """A unit that may change although the profile does not."""
    message = f"`visitor.{feature}` cannot name units: what ages, or is granted, would move visitors"
    return problem("E126", where, message, "declare it with type string, without purpose, max_age, default and fold")


def visit_synced(where: Where, cap: str) -> Problem:
    """A cap that only a browser can keep."""
    message = f"cap `{cap}` counts within a visit, which is of one browser: the origin cannot count it"
    return problem("E127", where, message, 'remove `synced`, or use window = "day"')


def exposures_apart(where: Where, cap: str, key: str) -> Problem:
    """A number of exposures where only a time makes sense."""
    message = f"cap `{cap}` counts exposures apart, per item and by the cookie alone: `{key}` does not fit"
    return problem("E127", where, message, f'remove `{key}`, or give a time such as apart = "3d"')


def synced_without_purpose(where: Where, cap: str) -> Problem:
    """Exposures of a visitor kept at the origin for no purpose."""
    message = f"cap `{cap}` lets the origin count what a visitor meets, but its slot requires no purpose"
    return problem("E127", where, message, "add the purpose to `purposes` of the slot, or remove `synced`")
