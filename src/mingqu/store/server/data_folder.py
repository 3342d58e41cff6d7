"""The data folder: a marker says that it is ours, and where its database cluster lives.

A server that root starts runs as an unprivileged account, which cannot enter a folder below, say, a
closed /root. The cluster then lives in a folder of its own under the state folder, and the marker in
the data folder says where.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mingqu.domain.refusal import Refusal

MARKER: Final = "mingqu.json"
FORMAT: Final = 1
_WHAT: Final = "mingqu data folder"
# The first account that exists runs the server for root. PostgreSQL itself refuses to run as root.
_ACCOUNTS: Final = ("postgres", "nobody")
_STATE_VARIABLE: Final = "MINGQU_STATE_DIR"
_STATE_DEFAULT: Final = Path("/var/lib/mingqu")


class DataFolderNotOurs(Refusal):
    """The folder holds something else; nothing in it was touched."""

    code = "data_folder_not_ours"


class DataFolderNewer(Refusal):
    """The folder was made by a newer version of this program."""

    code = "data_folder_newer"


class DataFolderUnusable(Refusal):
    """The folder cannot be made, read or written by this account."""

    code = "data_folder_unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the operating system."""

    name: str
    user: int
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFolder:
    """A folder that is ours. `home` holds the cluster, its log and its socket; `account` runs the server."""

    path: Path
    home: Path
    account: Account


def prepare(*, path: Path) -> DataFolder:
    """Return the data folder at `path`; an empty or absent one is made ours. Call under its lock.

    Errors: DataFolderNotOurs, DataFolderNewer, DataFolderUnusable; nothing is changed then.
    """
    path = path.resolve()
    try:
        marker = _read(path)
        if marker is None:
            marker = _mark(path)
        home = path / "postgres" if marker["home"] is None else Path(str(marker["home"]))
        account = _account_of(home)
        _make_home(home)
    except OSError as error:
        raise DataFolderUnusable(
            "The data folder cannot be used by this account: give another one with --data.", reason=error.strerror
        ) from error
    return DataFolder(path=path, home=home, account=account)


def is_empty(path: Path) -> bool:
    """Return whether there is nothing at `path` yet, or an empty folder. Errors: DataFolderUnusable."""
    try:
        return not path.exists() or (path.is_dir() and not any(path.iterdir()))
    except OSError as error:
        raise DataFolderUnusable(
            "The data folder cannot be used by this account: give another one with --data.", reason=error.strerror
        ) from error


def make(path: Path) -> None:
    """Create the folder if it is absent: others may pass through it, only its owner may look into it."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise DataFolderUnusable(
            "The data folder cannot be made: give another one with --data.", reason=error.strerror
        ) from error


def is_reachable(path: Path, *, account: Account) -> bool:
    """Whether an account may pass through every folder above `path` and read `path` itself."""
    return all(_permits(folder, account, stat.S_IXOTH) for folder in path.parents) and _permits(
        path, account, stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    )


def state_folder() -> Path:
    """Return the folder for what an unprivileged account must reach when root starts the server; made if absent.

    /var/lib/mingqu, or what MINGQU_STATE_DIR names.
    """
    folder = Path(os.environ.get(_STATE_VARIABLE) or _STATE_DEFAULT)
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder


def _read(path: Path) -> dict[str, object] | None:
    if not any(path.iterdir()):
        return None
    try:
        marker = json.loads((path / MARKER).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        marker = None
    if not isinstance(marker, dict) or marker.get("what") != _WHAT or not isinstance(marker.get("format"), int):
        raise DataFolderNotOurs("This folder is not empty and not ours: give an empty or a new one with --data.")
    if marker["format"] > FORMAT:
        raise DataFolderNewer("This data folder is newer than this program: update the program.")
    return marker


def _mark(path: Path) -> dict[str, object]:
    """Write the marker, whole or not at all. Where the cluster lives is decided here, once."""
    home = None
    if os.geteuid() == 0 and not _is_passable(path, account=_unprivileged()):
        home = str(state_folder() / f"cluster-{secrets.token_hex(8)}")
    marker: dict[str, object] = {"format": FORMAT, "what": _WHAT, "home": home}
    draft = path / f".{MARKER}"
    draft.write_text(json.dumps(marker, indent=2) + "\n", "utf-8")
    draft.rename(path / MARKER)
    return marker


def _make_home(home: Path) -> None:
    # The home stays with whoever starts the server: the server's account owns only the folders in it,
    # so that it cannot put a link in the way of a file that root writes.
    home.mkdir(exist_ok=True, mode=0o711)


def _account_of(home: Path) -> Account:
    """Return who runs the server: whoever owns the cluster; at first this account, or an unprivileged one for root."""
    own = os.geteuid()
    if own != 0:
        return Account(name="", user=own, group=os.getegid())
    cluster = home / "cluster"
    if cluster.exists():
        found = cluster.stat()
        return Account(name="", user=found.st_uid, group=found.st_gid)
    return _unprivileged()


def _unprivileged() -> Account:
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, user=entry.pw_uid, group=entry.pw_gid)
    raise DataFolderUnusable("PostgreSQL does not run as root: make an account named postgres, or do not be root.")


def _is_passable(path: Path, *, account: Account) -> bool:
    return all(_permits(folder, account, stat.S_IXOTH) for folder in (path, *path.parents))


def _permits(path: Path, account: Account, bits_of_others: int) -> bool:
    found = path.stat()
    if found.st_uid == account.user:
        return found.st_mode & (bits_of_others << 6) == bits_of_others << 6
    if found.st_gid == account.group:
        return found.st_mode & (bits_of_others << 3) == bits_of_others << 3
    return found.st_mode & bits_of_others == bits_of_others
