import shutil
from pathlib import Path

import pytest

from compiler.build import build, without_models
from contracts.bundle import Bundle, check_section, digest
from contracts.catalog import CatalogSchema
from contracts.codec import encode
from contracts.rule_ir import Call, RuleIR
from engine.capabilities import CAPABILITIES


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tea_folder, tmp_path / "tea"))


def test_every_section_is_what_the_manifest_says(tea_bundle: Bundle) -> None:
    assert set(tea_bundle.manifest.sections) == set(tea_bundle.sections)
    for name, ref in tea_bundle.manifest.sections.items():
        check_section(name, ref, tea_bundle.sections[name])
    assert tea_bundle.revision == digest(encode(tea_bundle.manifest))


def test_there_is_one_section_per_column_and_model(tea_bundle: Bundle) -> None:
    tables = tea_bundle.read("catalog", CatalogSchema).tables
    columns = {f"column/{table.name}/{column.name}" for table in tables for column in table.columns}
    assert {name for name in tea_bundle.sections if name.startswith("column/")} == columns
    assert {name for name in tea_bundle.sections if name.startswith("model/")} == {"model/likes", "model/story"}


def test_capabilities_are_what_the_parts_take(tea_bundle: Bundle) -> None:
    needed = set(tea_bundle.manifest.capabilities)
    assert needed <= CAPABILITIES
    assert list(tea_bundle.manifest.capabilities) == sorted(needed)
    kinds = {name for name in needed if not name.startswith(("function/", "column/"))}
    assert kinds == {
        "ir/2",
        "scorer/onnx",
        "kind/choice",
        "kind/ranking",
        "kind/value",
        "policy/epsilon",
        "policy/greedy",
        "generator/filter",
        "generator/per_visitor",
        "generator/pool",
        "fold/count_by_key",
        "fold/last_n",
        "root/item",
        "root/request",
        "root/score",
        "root/visitor",
        "root/visitor_state",
    }
    rules = tea_bundle.read("rules", RuleIR).rules.values()
    functions = {node.function for rule in rules for node in rule.nodes if isinstance(node, Call)}
    assert {name.removeprefix("function/") for name in needed if name.startswith("function/")} == functions


def test_a_changed_price_changes_one_section_and_the_revision(tea_bundle: Bundle, tea: Path) -> None:
    text = (tea / "data/teas.csv").read_text(encoding="utf-8")
    (tea / "data/teas.csv").write_text(text.replace("green,1690,", "green,1691,"), encoding="utf-8")
    changed = build(tea).bundle
    assert changed.revision != tea_bundle.revision
    refs = tea_bundle.manifest.sections
    assert {name for name, ref in changed.manifest.sections.items() if refs[name] != ref} == {"column/teas/price"}


def test_the_order_of_rows_in_a_file_does_not_matter(tea_bundle: Bundle, tea: Path) -> None:
    header, *rows = (tea / "data/teas.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tea / "data/teas.csv").write_text("".join([header, *reversed(rows)]), encoding="utf-8")
    assert build(tea).bundle.revision == tea_bundle.revision


def test_a_draft_lacks_only_what_training_brings(tea_bundle: Bundle, tea: Path) -> None:
    draft = without_models(tea)
    missing = set(tea_bundle.sections) - set(draft.sections)
    assert missing == {"model/likes", "model/story", "fallbacks"}
    shared = {name for name in draft.sections if draft.sections[name] == tea_bundle.sections[name]}
    assert set(draft.sections) - shared == {"certificates"}
