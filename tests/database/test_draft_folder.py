"""A folder made in one go is whole or is not there, whoever is killed in the middle, and is made by one at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from mingqu.store.server.draft_folder import FolderInTheMaking, FolderTaken, draft_of

# Begins a folder and says so; then waits to be killed, itself or with a child that goes on.
_BEGUN: Final = """
import subprocess, sys
from pathlib import Path
from mingqu.store.server.draft_folder import draft_of
with draft_of(Path(sys.argv[1]), mode=0o700) as draft:
    (draft.path / "half").write_text("half")
    if sys.argv[2] == "with a child":
        subprocess.Popen(["sleep", "60"], pass_fds=(draft.lock,), stdout=subprocess.DEVNULL)
    print(flush=True)
    sys.stdin.read()
"""


def begun(target: Path, how: str) -> subprocess.Popen[bytes]:
    """Begin a folder in another process, which stays in the middle of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _BEGUN, target, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(str(item.relative_to(folder)) for item in folder.rglob("*"))


def test_it_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()  # an empty folder may be in its place
    with draft_of(tmp_path / "copy", mode=0o700) as draft:
        (draft.path / "one").write_text("1")
        assert names(tmp_path / "copy") == []
        (draft.path / "two").write_text("2")
    assert names(tmp_path) == ["copy", "copy/one", "copy/two"]
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700


def test_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    def stopped() -> None:
        with draft_of(tmp_path / "copy", mode=0o700) as draft:
            (draft.path / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_not_in_the_place_and_is_cleared_by_the_next(tmp_path: Path) -> None:
    end(begun(tmp_path / "copy", "alone"))
    assert not (tmp_path / "copy").exists()
    with draft_of(tmp_path / "copy", mode=0o700) as draft:
        (draft.path / "whole").write_text("whole")
    assert names(tmp_path) == ["copy", "copy/whole"]


@pytest.mark.parametrize("killed", [False, True])
def test_one_at_a_time_makes_it_also_when_only_a_child_is_left(tmp_path: Path, killed: bool) -> None:
    other = begun(tmp_path / "copy", "with a child")
    if killed:
        end(other)
    with pytest.raises(FolderInTheMaking), draft_of(tmp_path / "copy", mode=0o700):
        raise AssertionError("two make the same folder")
    assert not (tmp_path / "copy").exists()
    subprocess.run(["kill", "--", f"-{other.pid}"], check=True)  # the whole session of the other
    if not killed:
        end(other)


def test_what_is_in_the_place_already_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("a file")
    with pytest.raises(FolderTaken), draft_of(tmp_path / "copy", mode=0o700):
        raise AssertionError("something is there")
    (tmp_path / "late").mkdir()
    with pytest.raises(FolderTaken), draft_of(tmp_path / "late", mode=0o700):
        (tmp_path / "late" / "mine").write_text("mine")  # while the draft was made
    assert names(tmp_path) == ["copy", "late", "late/mine"]
