"""Consents in the book, and the texts they were given to."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.consent import Consent, ConsentPurpose, ConsentText, ConsentTextMalformed, read_text
from mingqu.domain.evidence import LeafKind
from mingqu.domain.ownership import NotFound
from mingqu.store import evidence
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

# Which of our rows must have a leaf; `evidence.prove` asks.
EVIDENCED: Final[tuple[tuple[LeafKind, LiteralString], ...]] = (
    (LeafKind.CONSENT, "SELECT cell, consent_id FROM consent"),
    (LeafKind.CONSENT_WITHDRAWN, "SELECT cell, consent_id FROM consent WHERE withdrawn_at IS NOT NULL"),
)
_OF_PERSON: Final = """
    SELECT consent_id, text_id, version, text_hash, purpose, recipient, given_at, withdrawn_at
    FROM consent WHERE cell = $1::smallint AND person_id = $2::uuid ORDER BY given_at, consent_id"""


def give(tx: Transaction, *, keyring: Keyring, consent: Consent) -> Consent:
    """Store a consent and its leaf of evidence. The caller holds the cell's lock."""
    cell = tx.cell_of(consent.person_id)
    tx.execute(
        """
        INSERT INTO consent (cell, consent_id, person_id, text_id, version, text_hash, purpose, recipient, given_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            cell,
            consent.consent_id,
            consent.person_id,
            consent.text_id,
            consent.version,
            consent.text_hash,
            consent.purpose.value,
            consent.recipient,
            consent.given_at,
        ),
    )
    _bear_witness(tx, keyring=keyring, consent=consent, kind=LeafKind.CONSENT, at=consent.given_at)
    return consent


def withdraw(tx: Transaction, *, keyring: Keyring, consent: Consent) -> None:
    """Store that a consent is withdrawn, and its leaf. The caller holds the cell's lock and read it under it."""
    assert consent.withdrawn_at is not None, "domain.consent.withdraw comes first"
    tx.execute(
        "UPDATE consent SET withdrawn_at = %s WHERE cell = %s AND consent_id = %s",
        (consent.withdrawn_at, tx.cell_of(consent.person_id), consent.consent_id),
    )
    _bear_witness(tx, keyring=keyring, consent=consent, kind=LeafKind.CONSENT_WITHDRAWN, at=consent.withdrawn_at)


def load(tx: Transaction, *, person_id: UUID, consent_id: UUID) -> Consent:
    """Return a consent of this person. Errors: NotFound, for an unknown id as for someone else's."""
    found = [consent for consent in of_person(tx, person_id=person_id) if consent.consent_id == consent_id]
    if not found:
        raise NotFound
    return found[0]


def of_person(tx: Transaction, *, person_id: UUID) -> list[Consent]:
    """Return every consent of a person, withdrawn ones as well, the oldest first."""
    return given_in(tx.together([asked(cell=tx.cell_of(person_id), person_id=person_id)])[0], person_id=person_id)


def asked(*, cell: int, person_id: UUID) -> Statement:
    """Return the statement of `of_person`, whose answer `given_in` reads."""
    return Statement(_OF_PERSON, (column.smallint(cell), person_id.bytes))


def given_in(answer: Answer, *, person_id: UUID) -> list[Consent]:
    """Return the consents of the answer to `asked`."""
    return [
        Consent(
            consent_id=row[0],
            person_id=person_id,
            text_id=row[1],
            version=row[2],
            text_hash=bytes(row[3]),
            purpose=ConsentPurpose(row[4]),
            recipient=row[5],
            given_at=row[6],
            withdrawn_at=row[7],
        )
        for row in answer
    ]


def load_texts(folder: Path) -> dict[tuple[str, int], ConsentText]:
    """Return every consent text of a folder of TOML files by (text id, version). Errors: ConsentTextMalformed."""
    texts: dict[tuple[str, int], ConsentText] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise ConsentTextMalformed(f"{path.name} does not read as TOML.", file=path.name) from None
        text = read_text(file_name=path.name, fields=fields)
        if (text.text_id, text.version) in texts:
            raise ConsentTextMalformed(f"{path.name}: this text and version stands twice.", file=path.name)
        texts[text.text_id, text.version] = text
    if not texts:
        raise ConsentTextMalformed("There is no consent text in the folder.", file=folder.name)
    return texts


def latest(texts: Mapping[tuple[str, int], ConsentText], *, purpose: ConsentPurpose) -> ConsentText:
    """Return the newest version of the text of a purpose. Errors: ConsentTextMalformed when there is none."""
    found = [text for text in texts.values() if text.purpose is purpose]
    if not found:
        raise ConsentTextMalformed("There is no consent text for this purpose.", purpose=purpose.value)
    return max(found, key=lambda text: text.version)


def _bear_witness(tx: Transaction, *, keyring: Keyring, consent: Consent, kind: LeafKind, at: datetime) -> None:
    evidence.append(
        tx,
        keyring=keyring,
        cell=tx.cell_of(consent.person_id),
        person_id=consent.person_id,
        kind=kind,
        subject_id=consent.consent_id,
        at=at,
        facts={
            "purpose": consent.purpose.value,
            "recipient": consent.recipient,
            "text": consent.text_id,
            "text_hash": consent.text_hash.hex(),
            "version": consent.version,
        },
    )
