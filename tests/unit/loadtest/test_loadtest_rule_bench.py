from collections.abc import Callable, Sequence

import pytest

from loadtest.rule_bench import GUARDRAILS, Contest, entered, table, timed
from loadtest.rule_sides import ByHand, Ours, answers, sides
from loadtest.rule_workload import GUARDRAIL, REQUEST_RULES, Visitor, draw_candidates, draw_visitors, many_rules


class Wrong(ByHand):
    name = "wrong"

    def requests(self, texts: Sequence[str]) -> Callable[[Visitor], list[bool | None]]:
        return lambda visitor: [True] * len(texts)


def test_all_that_are_installed_give_the_same_answers() -> None:
    found, _ = sides()
    assert {side.name for side in found} >= {Ours.name, ByHand.name, "cel-expr-python (C++)"}
    contests, differing = entered(found, visitors=5, sets=1)
    assert differing == []
    assert [contest.name for contest in contests][1:-1] == [name for name, *_ in GUARDRAILS]
    assert all(program() is not None for contest in contests[:-1] for program in contest.programs.values())


def test_a_side_that_answers_otherwise_is_told_and_not_timed() -> None:
    contests, differing = entered([Ours(), Wrong()], visitors=5, sets=1)
    assert differing == ["20 request rules: wrong answers otherwise for 5 of 5 inputs; not timed"]
    assert list(contests[0].programs) == ["edgewise"]


def test_the_rules_tell_visitors_and_candidates_apart() -> None:
    program = Ours().requests(REQUEST_RULES)
    columns = list(zip(*[program(visitor) for visitor in draw_visitors(200, seed=3)], strict=True))
    same = [text for text, column in zip(REQUEST_RULES, columns, strict=True) if len(set(column)) == 1]
    assert len(same) <= 2, same  # the hour is one for all
    guardrail = Ours().guardrail(GUARDRAIL)
    (drawn,) = draw_candidates(1, 400, seed=3, is_nullable=True, is_gathered=False)
    assert set(answers(guardrail(drawn))) == {True, False, None}


def test_no_two_of_many_rules_are_alike() -> None:
    assert len(set(many_rules(200))) == 200


def test_the_table_shows_ratios_and_whether_the_target_is_met() -> None:
    contest = Contest("rules", {}, 10.0, {"ours": [8.0, 9.0, 10.0], "theirs": [18.0, 18.0, 18.0]})
    assert [line.split()[-1] for line in table(contest).splitlines()] == ["rules", "met", "2.00x"]
    contest.target_us = 9.0
    assert "under 9: MISSED" in table(contest)


@pytest.mark.parametrize("seconds", [0.0, 0.01])
def test_timing_counts_each_call(seconds: float) -> None:
    calls: list[int] = []
    times = timed(lambda: calls.append(1), seconds)
    assert len(calls) == len(times) + 1
    assert len(times) >= 3
