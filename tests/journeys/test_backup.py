"""A running book is copied, comes back, proves itself and shows the checkpoint that was published; or says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, LiteralString

import pytest

from mingqu.main import Wiring
from mingqu.services.evidence.prove_copy import prove_copy
from mingqu.store.books import backup
from mingqu.store.books.backup import BackupDamaged, BackupKeysOther, BackupMissing
from mingqu.store.books.restore import RestoreNotThere
from mingqu.store.server import keyring
from mingqu.store.server.database import Database
from mingqu.store.server.draft_folder import FolderTaken
from mingqu.store.server.keyring import KeyringMissing
from tests.journeys.command import passing_folder
from tests.journeys.conftest import Story
from tests.world import OpenWorld

# The story is told once in a process; its tests therefore stay together in one.
pytestmark = pytest.mark.xdist_group("story")

WIRING: Final = Wiring()


@pytest.fixture(scope="module")
def backed_up(story: Story) -> Iterator[Path]:
    """One backup of the story's book, which somebody has open meanwhile."""
    with passing_folder() as folder, WIRING.reading(data=story.data):
        WIRING.backup(data=story.data, to=folder / "backup")
        yield folder / "backup"


def test_the_copy_of_a_running_book_comes_back_and_proves_itself(story: Story, backed_up: Path) -> None:
    with WIRING.copied(data=story.data, source=backed_up, keys=story.data / keyring.FILE_NAME) as copied:
        proved = prove_copy(copy=copied.copy, book=copied.book, keyring=copied.keys)
        assert (proved.report.findings, proved.is_same, proved.holds) == ({n: [] for n in range(1, 9)}, True, True)
        assert proved.checkpoint is not None
        assert proved.checkpoint.root.hex() == story.said.value["evidence_root"]
        assert (copied.manifest.checkpoint, copied.manifest.cells) == (proved.checkpoint.number, 4)
        _forge(copied.copy, "UPDATE checkpoint SET root = sha256(root)")
        assert not prove_copy(copy=copied.copy, book=copied.book, keyring=copied.keys).is_same


def test_a_backup_holds_no_key(story: Story, backed_up: Path) -> None:
    ring = keyring.load(folder=story.data, environment={})
    secrets = [*ring.wrapping.values(), *ring.signing.values(), ring.lookup]
    for file in (file for file in backed_up.rglob("*") if file.is_file()):
        content = file.read_bytes()
        assert not any(secret in content or secret.hex().encode() in content for secret in secrets), file
    assert not list(backed_up.rglob(keyring.FILE_NAME))


def test_keys_are_asked_for_and_must_be_those_of_the_book(
    backed_up: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.write(keyring.fresh(), folder=tmp_path)
    with pytest.raises(BackupKeysOther):
        WIRING.restore(source=backed_up, data=tmp_path / "new", keys=tmp_path / keyring.FILE_NAME)
    monkeypatch.delenv("MINGQU_KEYS", raising=False)
    with pytest.raises(KeyringMissing):
        WIRING.restore(source=backed_up, data=tmp_path / "new", keys=None)
    assert [item.name for item in tmp_path.iterdir()] == [keyring.FILE_NAME]


def test_a_changed_byte_is_found_before_anything_is_in_place(story: Story, backed_up: Path, tmp_path: Path) -> None:
    victim = max((backed_up / "cluster" / "base").rglob("*"), key=lambda file: (file.is_file(), file.stat().st_size))
    content = victim.read_bytes()
    victim.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    try:
        with pytest.raises(BackupDamaged, match=victim.name):
            WIRING.restore(source=backed_up, data=tmp_path / "new", keys=story.data / keyring.FILE_NAME)
    finally:
        victim.write_bytes(content)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_its_last_file_is_no_backup(story: Story, backed_up: Path, tmp_path: Path) -> None:
    (tmp_path / "cluster").symlink_to(backed_up / "cluster")
    with pytest.raises(BackupMissing):
        WIRING.restore(source=tmp_path, data=tmp_path / "new", keys=story.data / keyring.FILE_NAME)
    (tmp_path / backup.MANIFEST).write_text((backed_up / backup.MANIFEST).read_text()[:-10])
    with pytest.raises(BackupDamaged):
        WIRING.restore(source=tmp_path, data=tmp_path / "new", keys=story.data / keyring.FILE_NAME)
    other = json.loads((backed_up / backup.MANIFEST).read_text()) | {"format": backup.FORMAT + 1}
    (tmp_path / backup.MANIFEST).write_text(json.dumps(other))
    with pytest.raises(BackupDamaged, match="another version"):
        WIRING.restore(source=tmp_path, data=tmp_path / "new", keys=story.data / keyring.FILE_NAME)


def test_neither_a_book_nor_a_backup_is_overwritten(story: Story, backed_up: Path) -> None:
    with pytest.raises(FolderTaken):
        WIRING.restore(source=backed_up, data=story.data, keys=story.data / keyring.FILE_NAME)
    with pytest.raises(FolderTaken):
        WIRING.backup(data=story.data, to=backed_up)


def test_a_server_that_somebody_else_keeps_is_written_out_and_read_in(
    world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, keys = world.house, tmp_path / keyring.FILE_NAME
    with passing_folder() as folder:
        source, new = folder / "backup", folder / "new"
        at = house.clock.now()
        taken = backup.take(
            database=house.database, keyring=house.keyring, data=tmp_path, to=source, own=False, program="test", at=at
        )
        assert (taken.kind, taken.checkpoint) == (backup.DUMP, 0)
        monkeypatch.setenv("MINGQU_DATABASE_URL", house.database.url)
        with pytest.raises(RestoreNotThere, match="not empty"):
            WIRING.restore(source=source, data=new, keys=keys)
        monkeypatch.delenv("MINGQU_DATABASE_URL")
        assert [item.name for item in folder.iterdir()] == ["backup"]
        WIRING.restore(source=source, data=new, keys=keys)
        with WIRING.reading(data=new) as (copy, ring):
            proved = prove_copy(copy=copy, book=house.database, keyring=ring)
    assert proved.holds
    assert proved.report.counts["transfers"] > 0


def _forge(database: Database, statement: LiteralString) -> None:
    with database.transaction() as tx:
        tx.script("SET LOCAL session_replication_role = replica")
        tx.execute(statement)
        tx.commit()
