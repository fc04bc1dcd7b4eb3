"""`edgewise dev` and saves: none is missed, be it before the watch began."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.cli import main
from deploy.commands import dev

Changes = set[tuple[int, str]]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    folder, state = tmp_path / "tea", tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    (folder / "edgewise.toml").write_text("name = 'tea'\n")
    (state / "bundle.digest").write_text(dev._digest(folder))
    return folder, state


def rebuilt(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, *changes: Changes) -> list[list[str]]:
    """The names of each rebuild while the watch tells these changes."""
    told: list[list[str]] = []

    def watch(*_: object, **__: object) -> Iterator[Changes]:
        return iter(changes)

    monkeypatch.setattr(dev.watchfiles, "watch", watch)
    monkeypatch.setattr(dev, "_rebuild", lambda folder, state, names: told.append(names))
    dev._rebuild_on_save(*folders, [])
    return told


def test_each_save_builds_again(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    saved = {(2, str(folders[0] / "rules/guards.toml")), (2, str(folders[0] / "slots/hero.toml"))}
    assert rebuilt(folders, monkeypatch, set(), set(), saved, set()) == [["guards.toml", "hero.toml"]]


def test_a_save_before_the_watch_began_is_not_missed(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders[0] / "edgewise.toml").write_text("name = 'tea two'\n")
    assert rebuilt(folders, monkeypatch, set(), set()) == [["a source"]]


@pytest.mark.parametrize(("is_fed", "told"), [(True, "feed      all in"), (False, "feed      still coming in: ")])
def test_the_address_is_printed_once_the_feed_was_waited_for(
    is_fed: bool, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def wait(origin: str, edge: str, *, check: Callable[[], None]) -> bool:
        assert capsys.readouterr().out == ""
        check()
        asked.append(f"{origin} {edge}")
        return is_fed

    monkeypatch.setattr(dev, "wait_for_feed", wait)
    monkeypatch.setattr(dev, "wait_until_ready", lambda children: None)
    for name in ("check_port", "ensure_secrets", "_release"):
        monkeypatch.setattr(dev, name, lambda *_, **__: None)
    monkeypatch.setattr(dev.signal, "signal", lambda *_: None)
    monkeypatch.setattr(dev, "_programs", lambda *_: [])
    monkeypatch.setattr(dev, "_rebuild_on_save", lambda *_: None)
    assert main(["dev", "tea", "--port", "8400"]) == 0
    assert asked == ["http://127.0.0.1:8401 http://127.0.0.1:8400"]
    assert told in capsys.readouterr().out
