"""G13: consent that is provable. No cookie, no personal feature read, no id logged, in every cell that grants nothing.

The cells are observed (`consent_cells`), compared with what was promised, and with docs/reference/consent.md, which is
their table. After a change on purpose: `python tests/conformance/test_consent_matrix.py` writes the page.
"""

import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "simulation"))

from consent_cells import ALL, PAGE, SIGNALS, STATES, Cell, bundle_of, live_through, page
from simulator import SimulatedEdge, play

from contracts.bundle import Bundle

TEA = Path(__file__).parents[2] / "deploy/template"
FEATURES = {"personalisation": {"affinity", "orders"}, "statistics": {"segment", "income"}}
STATE = {"personalisation": {"cart_items", "viewed_kinds"}, "statistics": {"searched"}}
MASKED = "request.zip, visitor.income, visitor_state.searched"
GRANTED: dict[str, tuple[str, ...]] = {
    "granted all before": ALL,
    "granted all": ALL,
    "granted statistics": ("statistics",),
    "granted personalisation": ("personalisation",),
}
SILENT = ("no choice yet", "granted all before")


def cells_of(folder: Path, tea: Bundle) -> list[Cell]:
    """The whole matrix, on one edge as in production: https, no `?as=`."""
    edge = SimulatedEdge(folder, is_dev=False)
    edge.publishes(bundle_of(tea))
    found: list[Cell] = []

    async def story() -> None:
        async with edge.run() as node:
            found.extend(await live_through(edge, node))

    play(story)
    return found


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory, tea_bundle: Bundle) -> list[Cell]:
    return cells_of(tmp_path_factory.mktemp("consent"), tea_bundle)


def granted(cell: Cell) -> tuple[str, ...]:
    """What counts: nothing as soon as the browser or the visitor says no, or nobody is there."""
    return GRANTED.get(cell.choice, ()) if cell.signals == "none" else ()


def names(*sets: set[str]) -> str:
    return ", ".join(sorted(set().union(*sets))) or "-"


def test_the_matrix_is_whole(cells: list[Cell]) -> None:
    assert [(cell.choice, cell.signals) for cell in cells] == [(one, other) for one in STATES for other in SIGNALS]


def test_nothing_is_read_beyond_the_grant(cells: list[Cell]) -> None:
    for cell in cells:
        purposes = granted(cell)
        assert cell.features_read == names(*(FEATURES[each] for each in purposes)), cell
        assert cell.state_read == names(*(STATE[each] for each in purposes)), cell
        assert cell.context_read == ("zip" if "statistics" in purposes else "-"), cell
        assert cell.caps_read == ("for-you-daily" if set(ALL) <= set(purposes) else "-"), cell


def test_without_a_grant_the_cookie_holds_the_choice_alone(cells: list[Cell]) -> None:
    for cell in cells:
        expected = "visitor" if granted(cell) else "-" if cell.choice in SILENT else "choice alone"
        assert cell.cookie_set == expected, cell


def test_without_a_grant_no_id_is_written_down(cells: list[Cell]) -> None:
    for cell in cells:
        is_somebody = bool(granted(cell))
        assert cell.ids_in_records == ("pseudonyms" if is_somebody else "-"), cell
        assert cell.ids_in_events == ("pseudonym" if is_somebody else "-"), cell
        assert cell.assigned == ("yes" if is_somebody else "no"), cell


def test_records_hold_what_was_granted_but_nothing_sensitive(cells: list[Cell]) -> None:
    for cell in cells:
        assert cell.values_in_records == names(*(FEATURES[each] - {"income"} for each in granted(cell))), cell
        assert cell.masked == ("-" if "statistics" not in granted(cell) else MASKED), cell


def test_what_a_slot_needs_and_lacks_makes_it_plain(cells: list[Cell]) -> None:
    for cell in cells:
        hero, shelf, delivery = cell.causes.split(", ")
        if cell.choice == "opted out":
            assert {hero, shelf, delivery} == {"plain opted_out"}, cell
        elif "bot" in cell.signals:
            assert (hero, shelf, delivery) == ("plain no_consent", "plain no_consent", "plain bot"), cell
        else:
            assert hero == ("model" if "personalisation" in granted(cell) else "plain no_consent"), cell
            assert shelf == ("model" if set(granted(cell)) == set(ALL) else "plain no_consent"), cell
            assert delivery == "rules", cell
        assert (cell.propensities == "yes") is (hero == "model"), cell


def test_the_page_shows_what_was_observed(cells: list[Cell]) -> None:
    assert PAGE.read_text() == page(cells), f"run `python {Path(__file__).relative_to(TEA.parents[1])}`"


if __name__ == "__main__":
    from compiler.build import build

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "tea"
        shutil.copytree(TEA, folder)
        runpy.run_path(str(folder / "train.py"))["train"](folder)
        PAGE.write_text(page(cells_of(Path(scratch), build(folder).bundle)))
