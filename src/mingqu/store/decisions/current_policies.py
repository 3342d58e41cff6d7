"""What decides now: the pack of the book and what is switched off, taken up without a restart.

Whoever decides asks the generation in its own transaction (`refresh`): one row of one table. When it counted on since,
publications and switches are read anew in that same transaction, so that two servers agree, each with the book as it
stands where the decision is recorded. Parsed packs are remembered by what they consist of: a process that opens several
books with the same policies parses them once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date
from typing import Final

from mingqu.domain.decision import Pack, parse_pack
from mingqu.domain.decision.publication import Publication
from mingqu.domain.decision.switch import Switch, Switches
from mingqu.domain.policy_file import Document
from mingqu.store.decisions import policy, publication, switch
from mingqu.store.server.database import Database, Transaction

_PACKS_MAX: Final = 8  # of one process: a book has one, a test run a few


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """What decides, as one transaction sees it: the pack and the switches of one generation, which belong together."""

    generation: int
    pack: Pack
    off: tuple[Switch, ...]

    def switches(self, *, business_date: date) -> Switches:
        """Return what is off on a date."""
        standing = (one for one in self.off if one.holds(business_date=business_date))
        return Switches(acts={one.written: one.switch_id.hex for one in standing})


class CurrentPolicies:
    """The pack and the switches last seen in the book; before anything was seen, the files the program came with."""

    def __init__(self, pack: Pack) -> None:
        self._seen = Current(generation=-1, pack=pack, off=())
        self._one_reads = threading.Lock()

    @property
    def pack(self) -> Pack:
        """The pack last seen."""
        return self._seen.pack

    @property
    def last_seen(self) -> Current:
        """What decided when it was last looked up, for what is only shown."""
        return self._seen

    def as_asked(self, database: Database, *, generation: int) -> Current:
        """Return what decides at a generation that was just asked for: what was last seen, or read in a transaction."""
        seen = self._seen
        if generation == seen.generation:
            return seen
        with database.transaction() as tx:
            return self.current(tx)

    def current(self, tx: Transaction, *, generation: int | None = None) -> Current:
        """Return what decides as this transaction sees it, reading anew what was published or switched since.

        `generation` is given by who asked for it in the same transaction.

        A transaction that began before a change (a page reads one snapshot) is answered by what it sees; what others
        were told since is never turned back by it.
        """
        if generation is None:
            generation = publication.generation(tx)
        seen = self._seen
        if generation == seen.generation:
            return seen
        if generation < seen.generation:
            return _read(tx, generation)
        with self._one_reads:  # the others wait for the parsed pack instead of parsing it as well
            seen = self._seen
            if generation == seen.generation:
                return seen
            read = _read(tx, generation)
            if generation > seen.generation:
                self._seen = read
            return read

    def refresh(self, tx: Transaction) -> Pack:
        """Return the pack as this transaction sees it, reading anew what was published or switched since."""
        return self.current(tx).pack

    def switches(self, *, business_date: date) -> Switches:
        """Return what is off on a date, as last seen."""
        return self._seen.switches(business_date=business_date)

    def switched_off(self) -> tuple[Switch, ...]:
        """Return what nobody has put on again, as last seen."""
        return self._seen.off


def _read(tx: Transaction, generation: int) -> Current:
    return Current(generation=generation, pack=_load(tx), off=switch.standing(tx))


def _load(tx: Transaction) -> Pack:
    said = publication.publications(tx)
    if not said:
        raise policy.PolicyFolderMissing("No policy was published in this book: `mingqu migrate` publishes them.")
    return _parsed(said, policy.published_documents(tx))


_parsed_packs: dict[tuple[object, ...], Pack] = {}


def _parsed(said: tuple[Publication, ...], documents: tuple[Document, ...]) -> Pack:
    """Return the pack of these documents, parsed once in this process."""
    key = (said, tuple((one.file, one.hash) for one in documents))
    found = _parsed_packs.get(key)
    if found is None:
        found = parse_pack(documents=documents, publications=said)
        if len(_parsed_packs) >= _PACKS_MAX:
            _parsed_packs.clear()
        _parsed_packs[key] = found
    return found
