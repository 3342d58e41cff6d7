"""Prove a copy of a book: the eight invariants over the copy, and its evidence against what the book published."""

from __future__ import annotations

from dataclasses import dataclass

from mingqu.domain.evidence import Checkpoint
from mingqu.services.evidence.verify_book import Report, verify_book
from mingqu.services.evidence.verify_loans import Progress
from mingqu.store import evidence
from mingqu.store.books.backup import Manifest as Manifest
from mingqu.store.server.database import Database
from mingqu.store.server.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyProved:
    """What the copy proves. `published` is the book's checkpoint of the same number as the copy's newest one."""

    report: Report
    checkpoint: Checkpoint | None
    published: Checkpoint | None

    @property
    def is_same(self) -> bool:
        """Whether the copy's newest checkpoint is the one that the book published under that number."""
        if self.checkpoint is None or self.published is None:
            return self.checkpoint is self.published
        return self.checkpoint.hash() == self.published.hash() and self.checkpoint.root == self.published.root

    @property
    def holds(self) -> bool:
        """Whether the copy could take the book's place."""
        return self.is_same and self.report.all_hold


def prove_copy(*, copy: Database, book: Database, keyring: Keyring, progress: Progress | None = None) -> CopyProved:
    """Verify the whole copy and find its newest checkpoint in the book; reading only.

    A copy without any checkpoint is the same only as a book that has none either.
    """
    report = verify_book(database=copy, keyring=keyring, progress=progress)
    with copy.transaction() as tx:
        newest = evidence.last_checkpoint(tx)
    with book.transaction() as tx:
        published = (
            evidence.last_checkpoint(tx) if newest is None else evidence.load_checkpoint(tx, number=newest.number)
        )
    return CopyProved(report=report, checkpoint=newest, published=published)
