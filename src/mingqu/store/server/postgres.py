"""The embedded PostgreSQL: started with the program, shared by all that use a data folder, stopped by the last.

Files in the home of a data folder: `cluster` is PostgreSQL's own, `server.log` its words, `socket` the
door to it, `owners.lock` is held shared by each process that uses the server. The data folder itself
is locked while a server is looked for, started or stopped, so that two starts at once take turns.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypedDict
from urllib.parse import urlencode

import psycopg

from mingqu.domain.refusal import Refusal
from mingqu.store.server import binaries, data_folder
from mingqu.store.server.data_folder import DataFolder
from mingqu.store.server.durability import assert_durable

DATABASE: Final = "mingqu"
# Recovery after a crash reads at most max_wal_size again; five minutes is far above what that takes.
_START_SECONDS_MAX: Final = 300
# A fast shutdown ends sessions and writes a checkpoint.
_STOP_SECONDS_MAX: Final = 120
_POLL_SECONDS: Final = 0.02
# A socket's whole path fits 107 bytes on Linux and 103 on macOS, ".s.PGSQL.5432" included.
_SOCKET_PATH_BYTES_MAX: Final = 103
_LOG_BYTES_MAX: Final = 16 << 20

_SETTINGS: Final = {
    "listen_addresses": "",  # the socket only
    "synchronous_commit": "on",  # what was answered is on disk
    "fsync": "on",
    "jit": "off",  # compiling costs more than these statements take
    "wal_compression": "off",  # pglz cost twelve times the CPU
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # Tables of a new book grow from nothing in seconds; until they are looked at, plans are guesses.
    "autovacuum_naptime": "5s",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # Without DETAIL, which quotes the rows an error is about; rows may be about people.
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}

# The postmasters this process started. Kept, so that they are reaped here when they end.
_children: Final[dict[int, subprocess.Popen[bytes]]] = {}


class PostgresqlStartFailed(Refusal):
    """PostgreSQL did not start; its log says why."""

    code = "postgresql_start_failed"
    status = 503


class Server:
    """A running server that holds the book of one data folder; a context manager."""

    def __init__(self, *, url: str, folder: DataFolder | None, programs: Path | None, owners: int | None) -> None:
        self.url = url
        self._folder = folder
        self._programs = programs
        self._owners = owners

    def ensure(self) -> None:
        """Bring the server back if it was killed; return at once if it runs. Errors: PostgresqlStartFailed."""
        if self._folder is None or self._programs is None:
            return  # a server that somebody else keeps
        with _turn(self._folder.path):
            _ensure(self._folder, self._programs)

    def close(self) -> None:
        """Let go of the server; the last that does stops it."""
        if self._folder is None or self._owners is None:
            return
        with _turn(self._folder.path):
            try:
                # A stronger lock is granted only when nobody else holds the weaker one.
                fcntl.flock(self._owners, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _stop(self._folder)
            except BlockingIOError:
                pass  # others still use it
            finally:
                os.close(self._owners)
                self._owners = None

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_server(*, data: Path, own: bool = False) -> Server:
    """Return the running server of a data folder: attach to it, or start it, or create it.

    MINGQU_DATABASE_URL in the environment names a server to use instead of an embedded one, unless it is to be `own`.

    Errors: data_folder_not_ours, data_folder_newer, data_folder_unusable, postgresql_unavailable,
    postgresql_start_failed, database_not_durable.
    """
    data_folder.make(data)
    elsewhere = None if own else os.environ.get("MINGQU_DATABASE_URL")
    with _turn(data):
        folder = data_folder.prepare(path=data)
        if elsewhere:
            assert_durable(elsewhere)
            return Server(url=elsewhere, folder=None, programs=None, owners=None)
        programs = binaries.find(
            account=folder.account, wheel=binaries.of_wheel(), search_path=os.environ.get("PATH", "")
        )
        owners = os.open(folder.home / "owners.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(owners, fcntl.LOCK_SH)
            url = _durable_url(folder, programs)
        except BaseException:
            os.close(owners)
            raise
    return Server(url=url, folder=folder, programs=programs, owners=owners)


def _durable_url(folder: DataFolder, programs: Path) -> str:
    """Bring our server up, see that it is durable, and return its address; one that was just killed is brought back."""
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        _ensure(folder, programs)
        url = _url(_running_socket(folder), DATABASE)
        try:
            assert_durable(url)
        except binaries.PostgresqlUnavailable:  # it was still dying when it was taken for running
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return url


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Hold the data folder's exclusive lock; it ends with the process, however that ends."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise data_folder.DataFolderUnusable(
            "The data folder cannot be used by this account: give another one with --data.", reason=error.strerror
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _ensure(folder: DataFolder, programs: Path) -> None:
    """Make a server run on the cluster; under the folder's lock."""
    cluster = folder.home / "cluster"
    if not cluster.exists():
        _create(folder, programs)
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        if not _is_running(cluster):
            _start(folder, programs)
        try:
            with psycopg.connect(_url(_running_socket(folder), "postgres"), autocommit=True) as connection:
                if connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                    connection.execute("CREATE DATABASE mingqu")
            return
        except psycopg.OperationalError:  # killed a moment ago, and still dying when it was looked at
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)


def _create(folder: DataFolder, programs: Path) -> None:
    """Make the cluster beside its place and move it there when it is whole."""
    draft = folder.home / "cluster.draft"
    if draft.exists():
        shutil.rmtree(draft)  # an interrupted creation
    draft.mkdir(mode=0o700)
    os.chown(draft, folder.account.user, folder.account.group)
    # Trust is enough for the door: it is a socket in a folder with mode 0700, so that the operating
    # system lets in nobody but the account that runs the server, and root, who can read the files anyway.
    # The built-in locale sorts by code point and never changes with the machine.
    command: list[str | Path] = [programs / "initdb", "--pgdata", draft, "--username", DATABASE, "--auth", "trust"]
    command += ["--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]
    ended = subprocess.run(  # noqa: S603 (our own program and words)
        command,
        capture_output=True,
        text=True,
        check=False,
        **_run_as(folder),
    )
    if ended.returncode != 0:
        with (folder.home / "server.log").open("a") as log:
            log.write(ended.stdout + ended.stderr)
        raise PostgresqlStartFailed("The database cluster could not be made.", log=str(folder.home / "server.log"))
    draft.rename(folder.home / "cluster")


def _start(folder: DataFolder, programs: Path) -> None:
    cluster = folder.home / "cluster"
    door = _socket_folder(folder)
    _clear_after_a_kill(cluster, door)
    settings = _SETTINGS | {"unix_socket_directories": str(door), "shared_buffers": f"{_shared_buffers_mb()}MB"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log_file = folder.home / "server.log"
    if log_file.exists() and log_file.stat().st_size > _LOG_BYTES_MAX:
        log_file.rename(log_file.with_suffix(".log.1"))
    with log_file.open("ab") as log:
        # A session of its own, so that Ctrl-C at the terminal reaches this program and not the server.
        process = subprocess.Popen(  # noqa: S603 (our own program and words)
            [programs / "postgres", "-D", cluster, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **_run_as(folder),
        )
    _children[process.pid] = process
    deadline = time.monotonic() + _START_SECONDS_MAX
    while not _is_ready(cluster, process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise PostgresqlStartFailed("PostgreSQL did not start; its log says why.", log=str(log_file))
        time.sleep(_POLL_SECONDS)


def _stop(folder: DataFolder) -> None:
    cluster = folder.home / "cluster"
    lines = _postmaster(cluster)
    if lines is None or not _is_alive(cluster, int(lines[0])):
        return
    postmaster = int(lines[0])
    os.kill(postmaster, signal.SIGINT)  # a fast shutdown: sessions end, everything is written
    deadline = time.monotonic() + _STOP_SECONDS_MAX
    while _is_alive(cluster, postmaster):
        if time.monotonic() > deadline:
            os.kill(postmaster, signal.SIGQUIT)  # at once; the next start recovers
            break
        time.sleep(_POLL_SECONDS)
    door = Path(lines[4])
    if door.parent != folder.home and door.is_dir() and not any(door.iterdir()):
        door.rmdir()


def _clear_after_a_kill(cluster: Path, door: Path) -> None:
    """Wait for what a killed postmaster left, then remove its lock files, which no process stands behind.

    PostgreSQL sees to stale lock files itself, but is misled when the number in them is taken by another
    process, or by one that ended and that nobody waited for, as happens in a container.
    """
    if not (cluster / "postmaster.pid").exists() or not Path("/proc/self/cwd").exists():
        return
    deadline = time.monotonic() + _START_SECONDS_MAX
    while _processes_in(cluster):
        if time.monotonic() > deadline:
            raise PostgresqlStartFailed("Processes of a killed server are still there.", log=str(cluster))
        time.sleep(_POLL_SECONDS)
    # The door is this cluster's alone, so that its socket and lock are as stale as the cluster's.
    for stale in (cluster / "postmaster.pid", door / ".s.PGSQL.5432.lock", door / ".s.PGSQL.5432"):
        stale.unlink(missing_ok=True)


def _is_running(cluster: Path) -> bool:
    """Whether a server runs on the cluster; one that is still starting is waited for."""
    deadline = time.monotonic() + _START_SECONDS_MAX
    while (lines := _postmaster(cluster)) is not None and _is_alive(cluster, int(lines[0])):
        if _is_ready(cluster, int(lines[0])):
            return True
        if time.monotonic() > deadline:
            raise PostgresqlStartFailed("PostgreSQL takes too long to start.", log=str(cluster.parent / "server.log"))
        time.sleep(_POLL_SECONDS)
    return False


def _is_ready(cluster: Path, postmaster: int) -> bool:
    lines = _postmaster(cluster)
    return lines is not None and int(lines[0]) == postmaster and len(lines) >= 8 and lines[7].strip() == "ready"


def _postmaster(cluster: Path) -> list[str] | None:
    """Return the lines of the server's lock file: its number first, its socket folder fifth, its state eighth."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    return lines if lines and lines[0].strip().isdigit() else None


def _is_alive(cluster: Path, process: int) -> bool:
    """Whether the number is a living process that works in the cluster."""
    child = _children.get(process)
    if child is not None and child.poll() is not None:
        del _children[process]
        return False
    if Path("/proc/self/cwd").exists():
        return _works_in(process, cluster)
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _processes_in(cluster: Path) -> list[int]:
    for child in _children.values():
        child.poll()  # one that ended must not look alive
    return [int(item.name) for item in Path("/proc").iterdir() if item.name.isdigit() and _works_in(item.name, cluster)]


def _works_in(process: int | str, cluster: Path) -> bool:
    try:
        return Path(f"/proc/{process}/cwd").readlink() == cluster
    except OSError:  # gone, ended and not waited for, or not ours
        return False


def _running_socket(folder: DataFolder) -> Path:
    lines = _postmaster(folder.home / "cluster")
    assert lines is not None
    return Path(lines[4])


def _socket_folder(folder: DataFolder) -> Path:
    """Return a folder for the socket that only the server's account can enter; the same at each start.

    It lies in the home, or under /tmp with a name that cannot be guessed when the home's path is too
    long for a socket. The name is remembered, so that a server that comes back has the same address.
    """
    near, remembered = folder.home / "socket", folder.home / "socket.far"
    if len(os.fsencode(near / ".s.PGSQL.5432")) <= _SOCKET_PATH_BYTES_MAX:
        return _private(near, folder)
    if remembered.exists():
        try:
            return _private(Path(remembered.read_text("utf-8")), folder)
        except PermissionError:
            pass  # somebody took the name while no server ran
    far = Path("/tmp", f"mingqu-{secrets.token_hex(8)}")  # noqa: S108 (private: made with mode 0700, then checked)
    remembered.write_text(str(far), "utf-8")
    return _private(far, folder)


def _private(door: Path, folder: DataFolder) -> Path:
    try:
        door.mkdir(mode=0o700)
        os.chown(door, folder.account.user, folder.account.group)
    except FileExistsError:
        found = door.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != folder.account.user or found.st_mode & 0o077:
            raise PermissionError("the folder for the socket is not private") from None
    return door


class _RunAs(TypedDict):
    cwd: str
    env: dict[str, str]
    umask: int
    user: int | None
    group: int | None
    extra_groups: list[int] | None


def _run_as(folder: DataFolder) -> _RunAs:
    """Return how a program is run: with little environment, from a folder that anyone can be in, unprivileged."""
    root = os.geteuid() == 0
    return {
        "cwd": "/",
        "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        "umask": 0o077,
        "user": folder.account.user if root else None,
        "group": folder.account.group if root else None,
        "extra_groups": [] if root else None,
    }


def _shared_buffers_mb() -> int:
    """A sixteenth of the memory, between 128 MB and 2 GB: enough for the hot rows, the rest is the system's cache."""
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    return max(128, min(memory_mb // 16, 2_048))


def _url(door: Path, database: str) -> str:
    return f"postgresql:///{database}?{urlencode({'host': str(door), 'port': 5432, 'user': DATABASE})}"
