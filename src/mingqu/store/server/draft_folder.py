"""A folder that is whole or is not there: made under another name beside its place, and moved there when it is done."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mingqu.domain.refusal import Refusal

_TRIES_MAX: Final = 100  # each meets another that has just ended


class FolderTaken(Refusal):
    """Something is in the folder already; it was not touched."""

    code = "folder_taken"
    status = 409


class FolderInTheMaking(Refusal):
    """Another process is making this very folder."""

    code = "folder_in_the_making"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The folder to fill. Give `lock` to each child process that fills it: what outlives us is then waited for."""

    path: Path
    lock: int


@contextmanager
def draft_of(target: Path, *, mode: int) -> Iterator[Draft]:
    """Give a folder that takes its place at `target` when the block ends well and is removed when it does not.

    What a killed process left of one is removed by the next that makes the same. Errors: FolderTaken,
    FolderInTheMaking; OSError when the place cannot be written.
    """
    target = target.resolve()
    _require_free(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.unfinished")
    lock = _locked(beside, mode=mode)
    try:
        content = beside / "content"
        if content.exists():
            shutil.rmtree(content)
        content.mkdir()
        content.chmod(mode)  # whatever the mask
        yield Draft(path=content, lock=lock)
        _make_durable(content)
        _require_free(target)
        content.rename(target)  # only ever in place of an empty folder
        _make_durable(target.parent)
    finally:
        shutil.rmtree(beside / "content", ignore_errors=True)  # before the lock's name, which lets another begin
        shutil.rmtree(beside, ignore_errors=True)
        os.close(lock)


def _locked(beside: Path, *, mode: int) -> int:
    for _ in range(_TRIES_MAX):
        beside.mkdir(exist_ok=True)
        beside.chmod(mode)
        file = beside / "lock"
        try:
            lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # another has just ended and took it away
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(file).st_ino == os.fstat(lock).st_ino:  # noqa: PTH116 (beside fstat, of the same kind)
                return lock
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(lock)
            raise FolderInTheMaking("Another process is making this folder: wait for it, or give another.") from None
        os.close(lock)
    raise FolderInTheMaking("Other processes are making this folder: give another.")


def _require_free(target: Path) -> None:
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FolderTaken("There is something there already: give a new or an empty folder.", folder=str(target))


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
