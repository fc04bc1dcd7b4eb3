"""Every answer's propensity is exact: all answers are enumerated by hand, for every policy, and compared.

The enumeration knows diversity, page-wide de-duplication and pins from their definitions, not from `engine.explore`;
of each step it takes the policy's own propensities (`tests/conformance/test_policies.py` tests those).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from contracts.decision import DecisionRequest
from contracts.features import ValueType
from contracts.slots import Diversity, Pin, PolicySpec, SlotSpec, Sticky, Weights
from engine import hashing
from engine.column import Column
from engine.explore import Drawn, explore, seed_of, shadow
from engine.kinds import KINDS
from engine.loaded import LoadedPolicy, LoadedSlot
from engine.policies import POLICIES, Field, LoadedWeights, Params, Policy, Step, picked
from engine.programs.values import Batch, Scope
from engine.rerank import Ranked
from engine.snapshot import Table

EACH = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
DRAWS = 100_000
ONE_IN_A_THOUSAND = 1e-3
MILD = {"epsilon": 0.6, "temperature": 1.5, "gamma": 2.0, "floor": 0.05}
CERTAIN = {"epsilon": 0.0, "temperature": 1e-6, "gamma": 1e9, "floor": 0.0}


@dataclass(frozen=True)
class Case:
    """A ranking of items a, b, c ... by given values; kind, weight and pins of each by place."""

    values: tuple[float, ...]
    size: int
    kinds: str = ""
    at_most: int = 0
    taken: frozenset[int] = frozenset()
    pins: tuple[tuple[int, int], ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def ids(self) -> str:
        return "abcdefgh"[: len(self.values)]

    def group(self, item: int) -> str:
        return self.kinds[item] if self.at_most else ""


PINNED = Case((3, 1, 4, 1.5, 5), 3, "xxyxy", 2, frozenset({0}), ((1, 1), (2, 4)), (0.1, 0.4, 0.0, 0.3, 0.2))
FEW = Case((3, 1, 4, 2), 5, "xxyy", 1, pins=((3, 3),), weights=(0.1, 0.4, 0.0, 0.0))
FREE = Case((0.1, 0.2, 0.4, 0.4), 3, weights=(0.5, 0.2, 0.0, 0.3))
LONG = Case((3, 1, 4, 1.5, 5, 2), 4, "xxyyyz", 2, frozenset({3}), ((2, 0),), (0.1, 0.4, 0.2, 0.0, 0.2, 0.3))


def loaded_policy(policy: Policy, numbers: dict[str, float]) -> LoadedPolicy:
    weights = LoadedWeights(Weights(column="chance")) if policy.is_by_column else None
    return LoadedPolicy(policy, {name: numbers[name] for name in policy.params}, weights)


def slot_of(case: Case, policy: LoadedPolicy, shadow_policy: LoadedPolicy | None = None) -> LoadedSlot:
    spec = SlotSpec(
        name="shelf",
        kind="ranking",
        table="items",
        component="shelf",
        retrieve=(),
        plain={},
        policy=PolicySpec(name=policy.policy.name),
        size=case.size,
        diversity=Diversity(column="kind", at_most=case.at_most) if case.at_most else None,
        pins=tuple(Pin(item=case.ids[item], position=position) for position, item in case.pins),
    )
    rules = dict.fromkeys(("eligible", "model", "score", "objective", "offer", "why", "fallback"))
    lists: dict[str, tuple[()]] = dict.fromkeys(
        ("generators", "guards", "guard_reads", "caps", "other_models", "terms", "boosts", "payload"), ()
    )
    return LoadedSlot(
        spec,
        KINDS["ranking"],
        policy,
        shadow_policy,
        reads_scores=False,
        shows_sensitive=frozenset(),
        scores_sensitive=frozenset(),
        **rules,
        **lists,
    )  # type: ignore[arg-type]


def ranked_of(case: Case) -> Ranked:
    count = len(case.values)
    texts = np.array([ord(kind) for kind in case.kinds or "x" * count], dtype=np.int32)
    columns = {
        "id": Column(ValueType.STRING, np.arange(count), dictionary=tuple(case.ids)),
        "kind": Column(ValueType.STRING, texts, dictionary=tuple(map(chr, range(128)))),
        "chance": Column(ValueType.DOUBLE, np.array(case.weights or [1 / count] * count)),
    }
    batch = Batch(Scope(0, frozenset(), {}, {}, {}), Table("items", columns), np.arange(count))
    return Ranked(batch, np.array(case.values, dtype=np.float64))


def drawn(case: Case, policy: LoadedPolicy, seed: str = "s") -> Drawn:
    return explore(slot_of(case, policy), policy, ranked_of(case), seed, [case.ids[item] for item in case.taken])


def answers(case: Case, policy: LoadedPolicy) -> dict[tuple[int, ...], float]:
    """Every answer that can be drawn, with its propensity."""
    given_field = Field(np.array(case.values), np.array(case.weights or [1 / len(case.values)] * len(case.values)))
    kept: dict[int, int] = {}
    for position, item in sorted(case.pins):
        groups = Counter(case.group(pinned) for pinned in kept.values())
        is_full = case.at_most and groups[case.group(item)] >= case.at_most
        if position < case.size and item not in case.taken and item not in kept.values() and not is_full:
            kept.setdefault(position, item)
    return dict(_continued(case, policy, given_field, kept, (), 1.0))


def _continued(
    case: Case,
    policy: LoadedPolicy,
    given_field: Field,
    pins: dict[int, int],
    prefix: tuple[int, ...],
    propensity: float,
) -> Iterator[tuple[tuple[int, ...], float]]:
    waiting = [pins[position] for position in sorted(pins) if pins[position] not in prefix]
    shown = Counter(case.group(item) for item in {*prefix, *pins.values()})
    feasible = [
        item
        for item in range(len(case.values))
        if item not in case.taken
        and item not in prefix
        and item not in pins.values()
        and (not case.at_most or shown[case.group(item)] < case.at_most)
    ]
    at_pin = pins.get(len(prefix))
    if len(prefix) == case.size or not (feasible or waiting):
        yield prefix, propensity
    elif at_pin is not None and at_pin not in prefix:
        yield from _continued(case, policy, given_field, pins, (*prefix, at_pin), propensity)
    elif not feasible:
        yield from _continued(case, policy, given_field, pins, (*prefix, waiting[0]), propensity)
    else:
        mask = np.isin(np.arange(len(case.values)), feasible)
        chances = policy.policy.over(given_field, policy.params)(mask)
        for item in np.flatnonzero(chances).tolist():
            further = (*prefix, item)
            yield from _continued(case, policy, given_field, pins, further, propensity * float(chances[item]))


cases = st.builds(
    Case,
    values=st.lists(st.integers(-4, 4).map(float), min_size=5, max_size=5).map(tuple),
    size=st.integers(1, 5),
    kinds=st.text("xyz", min_size=5, max_size=5),
    at_most=st.integers(0, 3),
    taken=st.frozensets(st.integers(0, 4), max_size=3),
    pins=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=3).map(tuple),
    weights=st.lists(st.just(0.0) | st.floats(0, 1), min_size=5, max_size=5).map(tuple),
)


@EACH
@settings(max_examples=40, deadline=None)
@given(case=cases)
def test_each_answer_has_the_propensity_of_its_enumeration(policy: Policy, case: Case) -> None:
    chosen = loaded_policy(policy, MILD)
    enumerated = answers(case, chosen)
    assert math.fsum(enumerated.values()) == pytest.approx(1.0, abs=1e-12)
    for seed in range(10):
        result = drawn(case, chosen, str(seed))
        assert enumerated[result.rows] > 0
        product = math.prod(draw.propensity for draw in result.draws)
        assert enumerated[result.rows] == pytest.approx(product, rel=1e-15, abs=0)
        is_drawn = not all(draw.is_pinned for draw in result.draws)
        assert result.propensity == (product if is_drawn and result.rows else None)


@cache
def numbers() -> np.ndarray:
    """The numbers u of so many requests, position by position, as the engine draws them."""
    most = max(case.size for case in (PINNED, FEW, FREE, LONG))
    return np.array([hashing.draws(f"request {n}", "shelf", most) for n in range(DRAWS)])


def tallied(case: Case, policy: LoadedPolicy) -> Counter[tuple[int, ...]]:
    """How many of the requests `explore` answers with what.

    It walks once for each answer there is, with the seed of one request, and the steps of that walk are kept. Requests
    that agree with it so far meet the same step, so their own numbers are `picked` from its propensities at once; those
    that go another way get a walk of their own.
    """
    met: list[np.ndarray] = []
    seen = replace(policy, policy=replace(policy.policy, over=_seen_by(met, policy.policy)))
    counts: Counter[tuple[int, ...]] = Counter()
    waiting = [np.arange(DRAWS)]
    while waiting:
        alike = waiting.pop()
        met.clear()
        walk = drawn(case, seen, f"request {alike[0]}")
        positions = [position for position, draw in enumerate(walk.draws) if not draw.is_pinned]
        for position, chances in zip(positions, met, strict=False):  # a certain policy is asked for no step
            places = picked(chances, numbers()[alike, position])
            assert places[0] == walk.rows[position]
            waiting += [alike[places == place] for place in np.unique(places) if place != places[0]]
            alike = alike[places == places[0]]
        counts[walk.rows] += len(alike)
    return counts


def _seen_by(met: list[np.ndarray], policy: Policy) -> Callable[[Field, Params], Step]:
    """The policy's steps; what they answer is kept too."""

    def over(field: Field, params: Params) -> Step:
        step = policy.over(field, params)

        def keeping(feasible: np.ndarray) -> np.ndarray:
            met.append(step(feasible))
            return met[-1]

        return keeping

    return over


@EACH
@pytest.mark.parametrize("case", [PINNED, FEW, FREE, LONG], ids=["pinned", "few", "free", "long"])
def test_frequencies_of_answers_match_the_enumeration(policy: Policy, case: Case) -> None:
    chosen = loaded_policy(policy, MILD)
    enumerated = answers(case, chosen)
    counts = tallied(case, chosen)
    assert counts.total() == DRAWS
    assert counts.keys() <= enumerated.keys()
    assert unlikelihood(counts, enumerated) > ONE_IN_A_THOUSAND
    assert (len(counts) > 1) == (policy.name != "greedy")


def unlikelihood(counts: Counter[tuple[int, ...]], stated: dict[tuple[int, ...], float]) -> float:
    """The probability of counts at least as odd as these (chi-square); answers that are rare count together."""
    usual = {rows: chance for rows, chance in stated.items() if chance * DRAWS >= 5}
    rest = 1.0 - math.fsum(usual.values())
    cells = [(counts[rows], chance) for rows, chance in usual.items()]
    cells += [(DRAWS - sum(count for count, _ in cells), rest)] if rest * DRAWS >= 1 else []
    statistic = sum((count - DRAWS * chance) ** 2 / (DRAWS * chance) for count, chance in cells)
    return float(chi2.sf(statistic, max(len(cells) - 1, 1)))


def test_an_answer_that_comes_a_little_too_often_is_found_out() -> None:
    chosen = loaded_policy(POLICIES["softmax"], MILD)
    enumerated, counts = answers(FREE, chosen), tallied(FREE, chosen)
    often, rare = max(enumerated, key=enumerated.__getitem__), min(enumerated, key=enumerated.__getitem__)
    shifted = {**enumerated, often: enumerated[often] - 0.01, rare: enumerated[rare] + 0.01}
    assert unlikelihood(counts, shifted) < ONE_IN_A_THOUSAND


@EACH
@pytest.mark.parametrize("case", [PINNED, FEW, FREE, LONG], ids=["pinned", "few", "free", "long"])
def test_the_tally_is_that_of_walks_one_by_one(policy: Policy, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = loaded_policy(policy, MILD)
    first = numbers()[:200]
    monkeypatch.setitem(globals(), "DRAWS", len(first))
    monkeypatch.setitem(globals(), "numbers", lambda: first)
    assert tallied(case, chosen) == Counter(drawn(case, chosen, f"request {n}").rows for n in range(len(first)))


@EACH
@given(case=cases)
@settings(max_examples=40, deadline=None)
def test_the_seed_alone_decides(policy: Policy, case: Case) -> None:
    chosen = loaded_policy(policy, MILD)
    result = drawn(case, chosen)
    assert drawn(case, chosen) == result
    assert drawn(replace(case, pins=tuple(reversed(case.pins))), chosen) == result
    if not case.pins:  # a longer list begins as a shorter one does
        assert result.draws[:1] == drawn(replace(case, size=1), chosen).draws


@EACH
def test_seeds_matter_unless_the_policy_is_certain(policy: Policy) -> None:
    free = loaded_policy(policy, MILD)
    assert (len({drawn(FREE, free, str(n)).rows for n in range(60)}) > 5) == (policy.name != "greedy")
    sure, apart = loaded_policy(policy, CERTAIN), replace(FREE, values=(0.1, 0.2, 0.4, 0.3))
    if not policy.is_by_column:
        assert {drawn(apart, sure, str(n)).rows for n in range(60)} == {(2, 3, 1)}


@EACH
def test_no_policy_drew_where_pins_alone_stand(policy: Policy) -> None:
    case = Case((1, 2, 3), 2, pins=((0, 2), (1, 0)))
    result = drawn(case, loaded_policy(policy, MILD))
    assert (result.rows, result.propensity) == ((2, 0), None)
    assert [(draw.is_pinned, draw.propensity) for draw in result.draws] == [(True, 1.0), (True, 1.0)]
    assert drawn(replace(case, taken=frozenset({0, 1, 2})), loaded_policy(policy, MILD)) == Drawn((), (), None)


@EACH
@given(case=cases)
@settings(max_examples=40, deadline=None)
def test_a_shadow_says_what_it_would_have_drawn_and_how_likely_it_was_to_draw_what_was_served(
    policy: Policy, case: Case
) -> None:
    served_by, chosen = loaded_policy(POLICIES["epsilon"], MILD), loaded_policy(policy, MILD)
    slot, ranked, taken = slot_of(case, served_by, chosen), ranked_of(case), [case.ids[item] for item in case.taken]
    served = explore(slot, served_by, ranked, "s", taken)
    if not served.rows:
        return
    told, alone = shadow(slot, ranked, "s", taken, served), explore(slot, chosen, ranked, "s", taken)
    assert told is not None
    assert told.policy == policy.name
    assert told.answer == tuple(case.ids[row] for row in alone.rows)
    assert (told.draws, told.propensity) == (alone.draws, alone.propensity)
    if served.propensity is None:
        assert told.of_served is None
    else:
        assert told.of_served == pytest.approx(answers(case, chosen).get(served.rows, 0.0), rel=1e-12, abs=0)


UNITS = [{}, {"session": "s"}, {"visitor": "v", "session": "s"}]
SEEDS = {Sticky.REQUEST: ["r", "r", "r"], Sticky.SESSION: ["r", "s", "s"], Sticky.VISITOR: ["r", "s", "v"]}


@pytest.mark.parametrize("sticky", list(Sticky))
def test_a_scope_without_a_pseudonym_takes_the_next_narrower(sticky: Sticky) -> None:
    slot = slot_of(FREE, loaded_policy(POLICIES["greedy"], MILD))
    slot = replace(slot, spec=msgspec.structs.replace(slot.spec, sticky=sticky))
    asked = [DecisionRequest(request_id="r", now=0, slots=("shelf",), units=units) for units in UNITS]
    assert [seed_of(slot, request) for request in asked] == SEEDS[sticky]
