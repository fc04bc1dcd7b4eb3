import pytest

from contracts.errors import NotRunnableError
from contracts.slots import Filter, PerVisitor, Pool
from engine import capabilities
from engine.capabilities import CAPABILITIES, check_capabilities, fingerprint


def test_capabilities_come_from_the_tables() -> None:
    assert {
        "ir/2",
        "function/add_int64",
        "scorer/onnx",
        "policy/greedy",
        "policy/epsilon",
        "kind/value",
        "fold/last_n",
        "generator/per_visitor",
        "column/numbers",
    } <= CAPABILITIES
    assert {f"generator/{kind.__struct_config__.tag}" for kind in (Pool, Filter, PerVisitor)} <= CAPABILITIES


def test_everything_that_is_lacking_is_named() -> None:
    check_capabilities(("ir/2", "kind/choice"))
    with pytest.raises(NotRunnableError, match=r"lacks fold/rate, ir/9: install a newer edgewise"):
        check_capabilities(("ir/9", "kind/choice", "fold/rate"))


def test_the_fingerprint_names_engine_libraries_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(fingerprint()) == {"edgewise", "numpy", "onnxruntime", "python", "scorer", "machine", "cpu"}
    assert all(fingerprint().values())
    assert fingerprint() == fingerprint()
    monkeypatch.setattr(capabilities, "version", missing)
    assert fingerprint()["onnxruntime"] == "not installed"


def missing(package: str) -> str:
    raise capabilities.PackageNotFoundError(package)
