"""Cards and wallets in the book; numbers are sealed, and the same card is found by its keyed hash."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import SLOTS, cell_of_slot
from mingqu.domain.instrument import (
    CARD_TRIES_WINDOW,
    Bin,
    BinTableMalformed,
    Instrument,
    InstrumentKind,
    InstrumentState,
    InstrumentTransitionNotAllowed,
    read_bins,
    require_tries_left,
)
from mingqu.domain.ownership import NotFound, require_owner
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store.people import vault
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

_HASH_KIND: Final = "card"
# Stands in place of the hash of a card that was forgotten; no number hashes to it.
_FORGOTTEN: Final = bytes(32)
_OPENED: Final = """
    SELECT i.instrument_id, i.person_id, i.kind, i.issuer, i.number_hash, i.state, i.added_at, a.agreement_id,
        f.sealed, k.wrapping_id, k.wrapped_key
    FROM instrument i
    LEFT JOIN person_key k ON k.cell = i.cell AND k.person_id = i.person_id
    LEFT JOIN vault_field f ON f.cell = i.cell AND f.person_id = i.person_id
        AND f.field = 'card.' || replace(i.instrument_id::text, '-', '')
    LEFT JOIN repayment_agreement a ON a.cell = i.cell AND a.person_id = i.person_id
        AND a.instrument_id = i.instrument_id AND a.state = 'active'
    WHERE i.cell = $1::smallint AND i.person_id = $2::uuid AND i.state <> 'removed'
    ORDER BY i.added_at, i.instrument_id"""


class InstrumentExists(Refusal):
    """The person has bound this card already."""

    code = "instrument_exists"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCard:
    """A card with its number, and the active agreement to deduct from it, or None."""

    card: Instrument
    number: Personal[str]
    agreement_id: UUID | None


def slot_of_hash(subject_hash: bytes) -> int:
    """Return the slot, 0 … 1,023, of what is known by a hash only: its first ten bits."""
    return int.from_bytes(subject_hash[:2], "big") * SLOTS >> 16


def add(
    tx: Transaction,
    *,
    keyring: Keyring,
    instrument_id: UUID,
    person_id: UUID,
    kind: InstrumentKind,
    issuer: str,
    number: Personal[str],
    at: datetime,
) -> Instrument:
    """Add a card or wallet to a person, not yet verified. The caller holds the cell's lock.

    Errors: InstrumentExists, NotFound (no such person), PersonErased.
    """
    instrument = Instrument(
        instrument_id=instrument_id,
        person_id=person_id,
        kind=kind,
        issuer=issuer,
        number_hash=keyring.lookup_hash(kind=_HASH_KIND, value=number),
        state=InstrumentState.ADDED,
        added_at=at,
    )
    vault.seal(tx, keyring=keyring, person_id=person_id, field=number_field(instrument_id), value=number, at=at)
    added = tx.execute(
        """
        INSERT INTO instrument (cell, instrument_id, person_id, kind, issuer, number_hash, state, added_at, changed_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (cell, person_id, number_hash) WHERE state <> 'removed' DO NOTHING
        """,
        (
            tx.cell_of(person_id),
            instrument_id,
            person_id,
            kind.value,
            issuer,
            instrument.number_hash,
            instrument.state.value,
            at,
            at,
        ),
    )
    if added.rowcount == 0:
        raise InstrumentExists("This card is bound already.")
    return instrument


def load(tx: Transaction, *, person_id: UUID, instrument_id: UUID) -> Instrument:
    """Return a card of this person. Errors: NotFound, for an unknown id as for someone else's."""
    row = tx.execute(
        """
        SELECT instrument_id, person_id, kind, issuer, number_hash, state, added_at
        FROM instrument WHERE cell = %s AND instrument_id = %s
        """,
        (tx.cell_of(person_id), instrument_id),
    ).fetchone()
    if row is None:
        raise NotFound
    require_owner(owner_id=row[1], person_id=person_id)
    return _instrument(row)


def of_person(tx: Transaction, *, person_id: UUID) -> list[Instrument]:
    """Return the cards and wallets of a person that were not removed, the oldest first."""
    rows = tx.execute(
        """
        SELECT instrument_id, person_id, kind, issuer, number_hash, state, added_at
        FROM instrument WHERE cell = %s AND person_id = %s AND state <> 'removed' ORDER BY added_at, instrument_id
        """,
        (tx.cell_of(person_id), person_id),
    )
    return [_instrument(row) for row in rows]


def opened_of_person(tx: Transaction, *, keyring: Keyring, person_id: UUID) -> list[OpenedCard]:
    """Return the cards and wallets of `of_person` with their numbers, in one round trip.

    Errors: NotFound, KeyUnknown, SealBroken.
    """
    return opened_in(
        tx.together([asked(cell=tx.cell_of(person_id), person_id=person_id)])[0], keyring=keyring, person_id=person_id
    )


def asked(*, cell: int, person_id: UUID) -> Statement:
    """Return the statement of `opened_of_person`, whose answer `opened_in` reads."""
    return Statement(_OPENED, (column.smallint(cell), person_id.bytes))


def opened_in(answer: Answer, *, keyring: Keyring, person_id: UUID) -> list[OpenedCard]:
    """Return the cards of the answer to `asked`. Errors: NotFound, KeyUnknown, SealBroken."""
    opened = []
    for *columns, agreement_id, sealed, wrapping_id, wrapped in answer:
        card = _instrument(tuple(columns))
        field = number_field(card.instrument_id)
        number = vault.unlock(
            keyring=keyring, person_id=person_id, field=field, sealed=sealed, wrapping_id=wrapping_id, wrapped=wrapped
        )
        opened.append(OpenedCard(card=card, number=number, agreement_id=agreement_id))
    return opened


def set_state(tx: Transaction, *, instrument: Instrument, was: InstrumentState, at: datetime) -> None:
    """Store the instrument's new state, if it is still in the state it was in.

    Errors: InstrumentTransitionNotAllowed when somebody else moved it meanwhile.
    """
    moved = tx.execute(
        "UPDATE instrument SET state = %s, changed_at = %s WHERE cell = %s AND instrument_id = %s AND state = %s",
        (instrument.state.value, at, tx.cell_of(instrument.person_id), instrument.instrument_id, was.value),
    )
    if moved.rowcount == 0:
        raise InstrumentTransitionNotAllowed("The card changed meanwhile: look at it again.", state=was.value)


def open_number(tx: Transaction, *, keyring: Keyring, person_id: UUID, instrument_id: UUID) -> Personal[str]:
    """Return the number of a person's card. Errors: NotFound, PersonErased, SealBroken."""
    load(tx, person_id=person_id, instrument_id=instrument_id)
    return vault.open_field(tx, keyring=keyring, person_id=person_id, field=number_field(instrument_id))


def count_attempt(tx: Transaction, *, keyring: Keyring, number: Personal[str], at: datetime) -> None:
    """Count one four-element check of a card, whoever asks; commit it before the bank is asked.

    Take it after any cell's lock, so that two transactions never wait for each other.
    Errors: CardTriesExhausted, and nothing is counted.
    """
    number_hash = keyring.lookup_hash(kind=_HASH_KIND, value=number)
    cell = cell_of_slot(slot_of_hash(number_hash), cells=tx.cells)
    tx.execute(
        "INSERT INTO card_attempt (cell, number_hash, attempted_at) VALUES (%s, %s, '{}') ON CONFLICT DO NOTHING",
        (cell, number_hash),
    )
    row = tx.execute(
        "SELECT attempted_at FROM card_attempt WHERE cell = %s AND number_hash = %s FOR UPDATE", (cell, number_hash)
    ).fetchone()
    assert row is not None
    require_tries_left(attempts=row[0], at=at)
    recent = [moment for moment in row[0] if moment > at - CARD_TRIES_WINDOW]
    tx.execute(
        "UPDATE card_attempt SET attempted_at = %s WHERE cell = %s AND number_hash = %s",
        ([*recent, at], cell, number_hash),
    )


def forget(tx: Transaction, *, person_id: UUID, at: datetime) -> None:
    """Remove a person's cards and what they could be recognized by: part of an erasure."""
    tx.execute(
        "UPDATE instrument SET state = 'removed', number_hash = %s, changed_at = %s WHERE cell = %s AND person_id = %s",
        (_FORGOTTEN, at, tx.cell_of(person_id), person_id),
    )


def forget_attempts(tx: Transaction, *, keyring: Keyring, number: Personal[str]) -> None:
    """Forget how often a card was tried: part of an erasure."""
    number_hash = keyring.lookup_hash(kind=_HASH_KIND, value=number)
    cell = cell_of_slot(slot_of_hash(number_hash), cells=tx.cells)
    tx.execute("DELETE FROM card_attempt WHERE cell = %s AND number_hash = %s", (cell, number_hash))


def load_bins(path: Path) -> tuple[Bin, ...]:
    """Return the table of card prefixes in a TOML file with [[bin]] rows. Errors: BinTableMalformed."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["bin"]
    except (OSError, ValueError, KeyError):
        raise BinTableMalformed(f"{path.name} does not read as a table of card prefixes with [[bin]] rows.") from None
    return read_bins(rows)


def _instrument(row: tuple[object, ...]) -> Instrument:
    instrument_id, person_id, kind, issuer, number_hash, state, added_at = row
    assert isinstance(instrument_id, UUID)
    assert isinstance(person_id, UUID)
    assert isinstance(issuer, str)
    assert isinstance(number_hash, bytes)
    assert isinstance(added_at, datetime)
    return Instrument(
        instrument_id=instrument_id,
        person_id=person_id,
        kind=InstrumentKind(kind),
        issuer=issuer,
        number_hash=number_hash,
        state=InstrumentState(state),
        added_at=added_at,
    )


def number_field(instrument_id: UUID) -> str:
    """Return the name of the vault's field that holds a card's number."""
    return f"card.{instrument_id.hex}"
