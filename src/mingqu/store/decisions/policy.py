"""Policies on disk and in the book: a folder becomes a checked pack, a pack is published and never changes."""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from mingqu.domain.decision import Pack, parse_pack
from mingqu.domain.decision.publication import Publication, version_of
from mingqu.domain.policy_file import Document, PolicyFault, canonical, plain
from mingqu.domain.refusal import Refusal
from mingqu.store.decisions import publication
from mingqu.store.server.database import Transaction

_log: Final = logging.getLogger("mingqu.policy")
# What decides lies in these folders; others (texts of consents, templates) have readers of their own.
POLICY_FOLDERS: Final = (
    "lenders",
    "products",
    "rules",
    "decision",
    "cards",
    "mappings",
    "rebuilding",
    "purpose",
    "partners",
)
POLICY_FILES_MAX: Final = 2_000  # A folder with more was chosen by mistake.
POLICY_FILE_BYTES_MAX: Final = 4_000_000  # A file beyond this was not written by people.


class PolicyFolderMissing(Refusal):
    """There is no folder of policies where one was expected."""

    code: ClassVar[str] = "policy_folder_missing"


class PolicyAlreadyPublished(Refusal):
    """This version was published with another content; a published version never changes."""

    code: ClassVar[str] = "policy_already_published"
    status: ClassVar[int] = 409


def policy_folder() -> Path:
    """Return the folder that came with the package, or the one beside the sources. Errors: PolicyFolderMissing."""
    packaged = Path(__file__).resolve().parents[2] / "policies"
    beside_sources = Path(__file__).resolve().parents[4] / "policies"
    for folder in (packaged, beside_sources):
        if folder.is_dir():
            return folder
    raise PolicyFolderMissing("No folder of policies came with this installation; name one.")


def read_documents(*, folder: Path | None = None) -> tuple[Document, ...]:
    """Return every .toml and .json file below the folder's POLICY_FOLDERS as a document, in order of path.

    Errors: PolicyFolderMissing; PolicyFault for a file that cannot be read as text, TOML or JSON.
    """
    top = policy_folder() if folder is None else folder
    found = (path for name in POLICY_FOLDERS for path in (top / name).rglob("*"))
    paths = sorted(path for path in found if path.suffix in (".toml", ".json") and path.is_file())
    if not paths:
        raise PolicyFolderMissing("The folder of policies holds no .toml or .json file.")
    if len(paths) > POLICY_FILES_MAX:
        raise PolicyFolderMissing(f"The folder holds more than {POLICY_FILES_MAX} files: is it the right one?")
    return tuple(read_document(path, file=path.relative_to(top).as_posix()) for path in paths)


def read_document(path: Path, *, file: str) -> Document:
    """Return one file as a document. Errors: PolicyFault; OSError when it cannot be read."""
    if path.stat().st_size > POLICY_FILE_BYTES_MAX:
        raise _unreadable(file, "The file is too large.")
    return parse_document(path.read_bytes(), file=file)


def parse_document(content: bytes, *, file: str) -> Document:
    """Return the bytes of a .toml or .json file as a document. Errors: PolicyFault."""
    if len(content) > POLICY_FILE_BYTES_MAX:
        raise _unreadable(file, "The file is too large.")
    try:
        text = content.decode("utf-8")
        value: object = json.loads(text, object_pairs_hook=only_once) if file.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError) as fault:
        raise _unreadable(file, str(fault)) from None
    body = plain(value, file=file)
    if not isinstance(body, dict):
        raise _unreadable(file, "The file is not one table.")
    try:
        canonical(body)
    except UnicodeEncodeError:  # JSON can write half of a character (\ud800), which no text holds
        raise _unreadable(file, "It holds half a character, which is no text.") from None
    return Document(file=file, body=body)


def only_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return one object of a JSON file. Errors: ValueError where a column stands twice: JSON would take the second."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object.")
    return found


def _unreadable(file: str, problem: str) -> PolicyFault:
    return PolicyFault(file=file, row="", column="", problem=problem, remedy="Correct the file; nothing was loaded.")


def load_pack(*, folder: Path | None = None) -> Pack:
    """Return the checked pack of a folder, by default the one that came with the package.

    Errors: PolicyFolderMissing and whatever `parse_pack` refuses.
    """
    return parse_pack(documents=read_documents(folder=folder))


def publish(tx: Transaction, *, pack: Pack, at: datetime) -> int:
    """Write every document of the pack that the book does not hold yet and return how many were new.

    Each is in force from the day it names, where nobody has published that policy otherwise. The same content again is
    no news. An upgrade never keeps a house from opening: a number under which people published something else is
    skipped, and what does not fit beside what decides here is kept for two people to publish, or left out; both are
    logged. Errors: PolicyAlreadyPublished when a version that came with the program came with another content before.
    """
    held = _held(tx, pack.documents)
    fresh = [one for one in pack.documents if not _taken_by_people(one, held=held) and not _known(one, held=held)]
    said = publication.publications(tx)
    decide = fresh
    if fresh and said:
        known = published_documents(tx)
        coming = publication.as_it_came(tx, documents=fresh)
        if not _fits(known=known, fresh=fresh, said=(*said, *coming)):
            decide = []
            fresh = fresh if _fits(known=known, fresh=fresh, said=said) else []
    for document in fresh:
        insert_version(tx, document=document, at=at)
    publication.publish_as_it_came(tx, documents=decide, at=at)
    return len(fresh)


def _fits(*, known: Sequence[Document], fresh: Sequence[Document], said: Sequence[Publication]) -> bool:
    """Return whether a pack can be made of what the book holds with what came, so published; why not is logged."""
    try:
        parse_pack(documents=[*known, *fresh], publications=said)
    except Refusal as refusal:
        _log.error("policy.upgrade_does_not_fit", extra={"code": refusal.code, "fault": refusal.message})
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the book holds under a version's number: the content, by its hash, and whether people published it."""

    hash: str
    by_people: bool


_Key = tuple[str, str, int]


def _key(document: Document) -> _Key:
    return str(document.body["kind"]), str(document.body["id"]), version_of(document)


def _held(tx: Transaction, documents: Sequence[Document]) -> dict[_Key, _Held]:
    """Return what the book holds under the numbers of some documents: one question, however many there are."""
    kinds, ids, versions = zip(*map(_key, documents), strict=True) if documents else ((), (), ())
    rows = tx.execute(
        """
        SELECT v.kind, v.id, v.version, v.hash, d.hash IS NOT NULL
        FROM policy_version v
        JOIN unnest(%s::text[], %s::text[], %s::bigint[]) AS asked (kind, id, version) USING (kind, id, version)
        LEFT JOIN policy_draft d USING (kind, id, version, hash)
        """,
        (list(kinds), list(ids), list(versions)),
    )
    return {(kind, id_, version): _Held(hash=hash_, by_people=people) for kind, id_, version, hash_, people in rows}


def _taken_by_people(document: Document, *, held: Mapping[_Key, _Held]) -> bool:
    """Return whether people published something else under a version's number; that it is skipped is logged."""
    kind, policy, version = _key(document)
    known = held.get((kind, policy, version))
    if known is None or not known.by_people or known.hash == document.hash:
        return False
    _log.error("policy.number_taken", extra={"kind": kind, "policy": policy, "version": version})
    return True


def insert_version(tx: Transaction, *, document: Document, at: datetime) -> bool:
    """Store a version for ever, and return whether it is new. Errors: PolicyAlreadyPublished."""
    if _known(document, held=_held(tx, [document])):
        return False
    tx.execute(
        """
        INSERT INTO policy_version (kind, id, version, hash, file, body, published_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (*_key(document), document.hash, document.file, canonical(document.body), at),
    )
    return True


def _known(document: Document, *, held: Mapping[_Key, _Held]) -> bool:
    """Return whether the book holds a version with just this content. Errors: PolicyAlreadyPublished."""
    kind, policy, version = _key(document)
    known = held.get((kind, policy, version))
    if known is not None and known.hash != document.hash:
        raise PolicyAlreadyPublished(
            f"{document.file}: version {version} was published with another content; give the file a new version.",
            kind=kind,
            id=policy,
            version=version,
        )
    return known is not None


def load_published(tx: Transaction) -> Pack:
    """Return every version ever published in this book as a pack: what a replay needs."""
    return parse_pack(documents=published_documents(tx), publications=publication.publications(tx))


def published_documents(tx: Transaction) -> tuple[Document, ...]:
    """Return every version that the book holds, by kind, id and version."""
    rows = tx.execute("SELECT file, body FROM policy_version ORDER BY kind, id, version").fetchall()
    documents = []
    for file, body in rows:
        value = plain(json.loads(bytes(body)), file=file)
        assert isinstance(value, dict), "only tables are published"
        documents.append(Document(file=file, body=value))
    return tuple(documents)
