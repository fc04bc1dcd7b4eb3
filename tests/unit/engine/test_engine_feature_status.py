"""A feature's status is what the programs that decide make of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ExpiredError, RuleError
from contracts.features import FeatureSpec, FeatureValue, FoldSpec, OnExpired, Root, Status, ValueType
from engine.feature_status import is_readable, status_of
from engine.programs import reading
from engine.programs.values import Scope

NOW = 1_000_000_000_000_000
US = 1_000_000
FOLD = FoldSpec(fold="count", event="view")


def scope(root: Root, value: int | None, age_s: int, granted: bool) -> Scope:
    told = {} if value is None else {"f": value}
    entry = {name: FeatureValue(value=each, as_of=NOW - age_s * US) for name, each in told.items()}
    return Scope(
        NOW,
        frozenset({"p"} if granted else ()),
        told if root is Root.REQUEST else {},
        told if root is Root.VISITOR_STATE else {},
        entry if root is Root.VISITOR else {},
    )


specs = st.builds(
    FeatureSpec,
    name=st.just("f"),
    root=st.sampled_from([Root.REQUEST, Root.VISITOR, Root.VISITOR_STATE]),
    type=st.just(ValueType.INT),
    purpose=st.sampled_from([None, "p"]),
    max_age_s=st.sampled_from([None, 60]),
    on_expired=st.sampled_from(list(OnExpired)),
    default=st.sampled_from([None, -1]),
    fold=st.sampled_from([None, FOLD]),
)


@given(specs, st.sampled_from([None, 7]), st.sampled_from([-5, 0, 60, 61]), st.booleans())
def test_status_and_reading_agree(spec: FeatureSpec, value: int | None, age_s: int, granted: bool) -> None:
    given_scope = scope(spec.root, value, age_s, granted)
    status = status_of(spec, given_scope)
    try:
        read: object = reading.feature(spec)(given_scope)
    except ExpiredError:
        read = ExpiredError
    except RuleError:
        read = RuleError
    assert is_readable(spec, status) == (read not in (ExpiredError, RuleError))
    if read is ExpiredError:
        assert status is Status.EXPIRED
    if status is Status.PRESENT:
        assert read == (0 if value is None else 7)
    elif is_readable(spec, status):
        assert read == -1


@pytest.mark.parametrize(
    ("changes", "value", "age_s", "granted", "status"),
    [
        ({}, 7, 0, True, Status.PRESENT),
        ({}, None, 0, True, Status.MISSING),
        ({"default": 1}, None, 0, True, Status.DEFAULT),
        ({"default": 1}, 7, -1, True, Status.DEFAULT),
        ({}, 7, -1, True, Status.MISSING),
        ({"max_age_s": 60}, 7, 60, True, Status.PRESENT),
        ({"max_age_s": 60}, 7, 61, True, Status.EXPIRED),
        ({"purpose": "p", "default": 1}, 7, 0, False, Status.WITHHELD),
        ({"fold": FOLD}, None, 0, True, Status.PRESENT),
    ],
)
def test_each_status_has_its_case(
    changes: dict[str, object], value: int | None, age_s: int, granted: bool, status: Status
) -> None:
    given_spec: dict[str, object] = {"name": "f", "root": Root.VISITOR, "type": ValueType.INT, **changes}
    spec = FeatureSpec(**given_spec)  # type: ignore[arg-type]
    assert status_of(spec, scope(Root.VISITOR, value, age_s, granted)) is status
