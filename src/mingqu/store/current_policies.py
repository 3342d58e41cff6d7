"""What decides now: the pack of the book and what is switched off, taken up without a restart.

Whoever decides asks the generation in its own transaction (`refresh`): one row of one table. When it counted on since,
publications and switches are read anew in that same transaction, so that two servers agree, each with the book as it
stands where the decision is recorded. Parsed packs are remembered by what they consist of: a process that opens several
books with the same policies parses them once.
"""

from __future__ import annotations

import threading
from datetime import date
from typing import Final

from mingqu.domain.decision import Pack, parse_pack
from mingqu.domain.decision.publication import Publication
from mingqu.domain.decision.switch import Switch, Switches
from mingqu.domain.policy_file import Document
from mingqu.store import policy, publication, switch
from mingqu.store.database import Transaction

_PACKS_MAX: Final = 8  # of one process: a book has one, a test run a few


class CurrentPolicies:
    """The pack and the switches last seen in the book; before anything was seen, the files the program came with."""

    def __init__(self, pack: Pack) -> None:
        self._seen: tuple[int, Pack, tuple[Switch, ...]] = (-1, pack, ())
        self._one_reads = threading.Lock()

    @property
    def pack(self) -> Pack:
        """The pack last seen."""
        return self._seen[1]

    def refresh(self, tx: Transaction) -> Pack:
        """Return the pack as this transaction sees it, reading anew what was published or switched since."""
        generation = publication.generation(tx)
        if generation != self._seen[0]:
            with self._one_reads:  # the others wait for the parsed pack instead of parsing it as well
                if generation != self._seen[0]:
                    self._seen = (generation, _load(tx), switch.standing(tx))
        return self._seen[1]

    def switches(self, *, business_date: date) -> Switches:
        """Return what is off on a date, as last seen."""
        standing = (one for one in self._seen[2] if one.holds(business_date=business_date))
        return Switches(acts={one.written: one.switch_id.hex for one in standing})

    def switched_off(self) -> tuple[Switch, ...]:
        """Return what nobody has put on again, as last seen."""
        return self._seen[2]


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
