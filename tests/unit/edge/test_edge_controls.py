from pathlib import Path

import pytest

from contracts.controls import Controls
from edge.controls import ControlsFile


def test_newer_controls_hold_at_once_and_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state" / "controls.msgpack"
    assert ControlsFile(path).current == Controls()
    killed = Controls(sequence=2, killed=("hero",))
    assert ControlsFile(path).accept(killed)
    assert ControlsFile(path).current == killed


def test_older_controls_change_nothing(tmp_path: Path) -> None:
    file = ControlsFile(tmp_path / "controls.msgpack")
    file.accept(Controls(sequence=2, killed=("*",)))
    assert not file.accept(Controls(sequence=1))
    assert not file.accept(Controls(sequence=2))
    assert file.current.killed == ("*",)


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "controls.msgpack"
    path.write_bytes(b"\xc1")
    assert ControlsFile(path).current == Controls()


def test_a_kill_holds_even_where_the_disk_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, no folder")
    file = ControlsFile(tmp_path / "taken" / "controls.msgpack")
    with pytest.raises(OSError, match="taken"):
        file.accept(Controls(sequence=1, killed=("*",)))
    assert file.current.killed == ("*",)
