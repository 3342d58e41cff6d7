"""The vault: what is known about a person, sealed field by field under a key of that person's own.

Erasing a person destroys the key; the ciphertexts that a backup still holds are then noise.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain.evidence.leaf import SALT_BYTES
from mingqu.domain.moment import start_of
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import KEY_BYTES, Keyring, KeyUnknown, SealBroken, unseal
from mingqu.store.server.keyring import seal as sealed_with

# One transaction of a rotation holds its rows for some ten milliseconds.
REWRAP_ROWS_MAX: Final = 500
_KEY: Final = "SELECT wrapping_id, wrapped_key FROM person_key WHERE cell = $1::smallint AND person_id = $2::uuid"
_SEAL: Final = """
    INSERT INTO vault_field (cell, person_id, field, sealed, sealed_at)
    SELECT $1::smallint, $2::uuid, field, sealed, $3::timestamptz
    FROM unnest($4::text[], $5::bytea[]) AS given (field, sealed)
    ON CONFLICT (cell, person_id, field) DO UPDATE SET sealed = EXCLUDED.sealed, sealed_at = EXCLUDED.sealed_at"""
_FIELDS: Final = """
    SELECT f.person_id, f.field, f.sealed, k.wrapping_id, k.wrapped_key
    FROM unnest($2::uuid[], $3::text[]) AS wanted (person_id, field)
    JOIN vault_field f ON f.cell = $1::smallint AND f.person_id = wanted.person_id AND f.field = wanted.field
    JOIN person_key k ON k.cell = f.cell AND k.person_id = f.person_id"""


class PersonErased(Refusal):
    """The person's data was erased: the key is gone, and nobody can read it again."""

    code = "person_erased"
    status = 410


class ErasureHeld(Refusal):
    """A law keeps the person's data until a date."""

    code = "erasure_held"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A law that keeps a person's data, and until when."""

    reason: str
    held_until: date


def salt() -> bytes:
    """Return a fresh salt of a commitment, which nobody can guess."""
    return secrets.token_bytes(SALT_BYTES)


def create_key(tx: Transaction, *, keyring: Keyring, person_id: UUID, at: datetime) -> None:
    """Make the data key of a person, unless there is one."""
    wrapping_id, wrapped = keyring.wrap(key=secrets.token_bytes(KEY_BYTES), place=person_id.bytes)
    tx.execute(
        "INSERT INTO person_key (cell, person_id, wrapping_id, wrapped_key, created_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (cell, person_id) DO NOTHING",
        (tx.cell_of(person_id), person_id, wrapping_id, wrapped, at),
    )


def seal(tx: Transaction, *, keyring: Keyring, person_id: UUID, field: str, value: Personal[str], at: datetime) -> None:
    """Seal one field of a person; a value sealed earlier under this name is replaced.

    Errors: NotFound (no such person), PersonErased.
    """
    seal_all(tx, keyring=keyring, person_id=person_id, values={field: value}, at=at)


def seal_all(
    tx: Transaction, *, keyring: Keyring, person_id: UUID, values: Mapping[str, Personal[str]], at: datetime
) -> None:
    """Seal several fields of a person in one round trip. Errors: NotFound, PersonErased.

    A person who was taken over from another book without anything personal gets a key with the first field.
    """
    try:
        key = _data_key(tx, keyring=keyring, person_id=person_id)
    except NotFound:
        if not _is_known(tx, person_id=person_id):
            raise
        create_key(tx, keyring=keyring, person_id=person_id, at=at)
        key = _data_key(tx, keyring=keyring, person_id=person_id)
    tx.together([sealed(cell=tx.cell_of(person_id), person_id=person_id, key=key, values=values, at=at)])


def key_asked(*, cell: int, person_id: UUID) -> Statement:
    """Return the statement that asks for a person's data key; `key_in` reads its answer."""
    return Statement(_KEY, (column.smallint(cell), person_id.bytes))


def key_in(answer: Answer, *, keyring: Keyring, person_id: UUID) -> bytes | None:
    """Return the data key, or None where there is none. Errors: KeyUnknown, SealBroken."""
    row = answer.fetchone()
    return None if row is None else keyring.unwrap(key_id=row[0], wrapped=bytes(row[1]), place=person_id.bytes)


def sealed(*, cell: int, person_id: UUID, key: bytes, values: Mapping[str, Personal[str]], at: datetime) -> Statement:
    """Return the statement that seals fields of a person under the data key that stands in the book for them."""
    fields = list(values)
    ciphertexts = [
        sealed_with(key=key, text=values[field].reveal().encode(), place=_place(person_id, field)) for field in fields
    ]
    packed = (column.of_texts_or_nulls(fields).packed, column.of_bytes_or_nulls(ciphertexts).packed)
    return Statement(_SEAL, (column.smallint(cell), person_id.bytes, column.moment(at), *packed))


def open_field(tx: Transaction, *, keyring: Keyring, person_id: UUID, field: str) -> Personal[str]:
    """Return one field of a person. Errors: NotFound (no such person or field), PersonErased, SealBroken."""
    row = tx.execute(
        """
        SELECT k.wrapping_id, k.wrapped_key, f.sealed FROM person_key k
        LEFT JOIN vault_field f ON f.cell = k.cell AND f.person_id = k.person_id AND f.field = %s
        WHERE k.cell = %s AND k.person_id = %s
        """,
        (field, tx.cell_of(person_id), person_id),
    ).fetchone()
    if row is None:
        raise absent(tx, person_id=person_id)
    return unlock(keyring=keyring, person_id=person_id, field=field, sealed=row[2], wrapping_id=row[0], wrapped=row[1])


def unlock(
    *,
    keyring: Keyring,
    person_id: UUID,
    field: str,
    sealed: bytes | None,
    wrapping_id: str | None,
    wrapped: bytes | None,
) -> Personal[str]:
    """Return a field of a person from what stands in the rows of field and key; None where there is no row.

    Errors: NotFound, KeyUnknown, SealBroken.
    """
    if sealed is None or wrapping_id is None or wrapped is None:
        raise NotFound
    key = keyring.unwrap(key_id=wrapping_id, wrapped=bytes(wrapped), place=person_id.bytes)
    return Personal(unseal(key=key, sealed=bytes(sealed), place=_place(person_id, field)).decode())


def open_all(tx: Transaction, *, keyring: Keyring, person_id: UUID) -> dict[str, Personal[str]]:
    """Return every field of a person, for the copy of the data that PIPL art. 45 gives a right to.

    Errors: NotFound, PersonErased, SealBroken.
    """
    try:
        key = _data_key(tx, keyring=keyring, person_id=person_id)
    except NotFound:
        if not _is_known(tx, person_id=person_id):
            raise
        return {}  # nothing was ever sealed
    rows = tx.execute(
        "SELECT field, sealed FROM vault_field WHERE cell = %s AND person_id = %s ORDER BY field",
        (tx.cell_of(person_id), person_id),
    )
    return {
        field: Personal(unseal(key=key, sealed=bytes(ciphertext), place=_place(person_id, field)).decode())
        for field, ciphertext in rows
    }


def open_many(
    tx: Transaction, *, keyring: Keyring, cell: int, fields: Sequence[tuple[UUID, str]]
) -> dict[tuple[UUID, str], Personal[str] | None]:
    """Return fields of many persons of one cell in one round trip, for a check of the whole book.

    A field that is not there, or whose person was erased, is left out; one that does not open is None.
    """
    return opened_in(tx.together([fields_asked(cell=cell, fields=fields)])[0], keyring=keyring)


def fields_asked(*, cell: int, fields: Sequence[tuple[UUID, str]]) -> Statement:
    """Return the statement of `open_many`, whose answer `opened_in` reads."""
    people = column.of_uuids([person_id for person_id, _ in fields])
    names = column.of_texts_or_nulls([field for _, field in fields])
    return Statement(_FIELDS, (column.smallint(cell), people.packed, names.packed))


def opened_in(answer: Answer, *, keyring: Keyring) -> dict[tuple[UUID, str], Personal[str] | None]:
    """Return the fields of the answer to `fields_asked`, as `open_many` does."""
    opened: dict[tuple[UUID, str], Personal[str] | None] = {}
    for person_id, field, ciphertext, wrapping_id, wrapped in answer:
        try:
            key = keyring.unwrap(key_id=wrapping_id, wrapped=bytes(wrapped), place=person_id.bytes)
            text = unseal(key=key, sealed=bytes(ciphertext), place=_place(person_id, field)).decode()
        except (KeyUnknown, SealBroken):
            opened[person_id, field] = None
        else:
            opened[person_id, field] = Personal(text)
    return opened


def hold(tx: Transaction, *, person_id: UUID, reason: str, held_until: date) -> None:
    """Keep a person's data until a date, for a named law; a hold for the same reason is only ever lengthened.

    Example: reason "aml", ten years after the last transaction. Source: 反洗钱法 (2024) art. 34.
    """
    tx.execute(
        """
        INSERT INTO retention_hold (cell, person_id, reason, held_until) VALUES (%s, %s, %s, %s)
        ON CONFLICT (cell, person_id, reason)
        DO UPDATE SET held_until = greatest(retention_hold.held_until, EXCLUDED.held_until)
        """,
        (tx.cell_of(person_id), person_id, reason, held_until),
    )


def holds(tx: Transaction, *, person_id: UUID, on: date) -> list[Hold]:
    """Return the holds that stand on a date, the longest first."""
    rows = tx.execute(
        """
        SELECT reason, held_until FROM retention_hold
        WHERE cell = %(cell)s AND person_id = %(person)s AND held_until > %(on)s
        UNION
        SELECT law, held_until FROM person_reference
        WHERE cell = %(cell)s AND person_id = %(person)s AND held_until > %(on)s
        ORDER BY held_until DESC, reason
        """,
        {"cell": tx.cell_of(person_id), "person": person_id, "on": on},
    )
    return [Hold(reason=reason, held_until=held_until) for reason, held_until in rows]


def erase(tx: Transaction, *, person_id: UUID, on: date) -> None:
    """Destroy a person's key and everything sealed under it. `party.erase` forgets the rest as well.

    Errors: ErasureHeld (details: reason, held_until), NotFound, PersonErased (it was done before).
    Source: PIPL art. 47; law that keeps data goes before it.
    """
    standing = holds(tx, person_id=person_id, on=on)
    if standing:
        raise ErasureHeld(
            "A law keeps this data: it can be erased from the date given.",
            reason=standing[0].reason,
            held_until=standing[0].held_until.isoformat(),
        )
    cell = tx.cell_of(person_id)
    if not _is_known(tx, person_id=person_id):
        raise absent(tx, person_id=person_id)
    tx.execute("DELETE FROM person_key WHERE cell = %s AND person_id = %s", (cell, person_id))
    tx.execute("DELETE FROM vault_field WHERE cell = %s AND person_id = %s", (cell, person_id))
    tx.execute("UPDATE person SET erased_at = %s WHERE cell = %s AND person_id = %s", (start_of(on), cell, person_id))


def rewrap(tx: Transaction, *, keyring: Keyring, cell: int) -> int:
    """Seal up to 500 data keys of a cell anew with the current wrapping key; return how many, 0 when all are done.

    The data itself is untouched. When every cell is done, the older wrapping key can leave the keyring.
    Errors: KeyUnknown, SealBroken.
    """
    rows = tx.execute(
        """
        SELECT person_id, wrapping_id, wrapped_key FROM person_key WHERE cell = %s AND wrapping_id <> %s
        ORDER BY person_id LIMIT %s FOR UPDATE
        """,
        (cell, keyring.wrapping_id, REWRAP_ROWS_MAX),
    ).fetchall()
    anew = []
    for person_id, wrapping_id, wrapped in rows:
        key = keyring.unwrap(key_id=wrapping_id, wrapped=bytes(wrapped), place=person_id.bytes)
        anew.append((*keyring.wrap(key=key, place=person_id.bytes), cell, person_id))
    tx.executemany("UPDATE person_key SET wrapping_id = %s, wrapped_key = %s WHERE cell = %s AND person_id = %s", anew)
    return len(anew)


def _data_key(tx: Transaction, *, keyring: Keyring, person_id: UUID) -> bytes:
    (answer,) = tx.together([key_asked(cell=tx.cell_of(person_id), person_id=person_id)])
    key = key_in(answer, keyring=keyring, person_id=person_id)
    if key is None:
        raise absent(tx, person_id=person_id)
    return key


def _is_known(tx: Transaction, *, person_id: UUID) -> bool:
    """Whether there is such a person, who was not erased; of some nothing was ever sealed."""
    return (
        tx.execute(
            "SELECT FROM person WHERE cell = %s AND person_id = %s AND erased_at IS NULL",
            (tx.cell_of(person_id), person_id),
        ).fetchone()
        is not None
    )


def absent(tx: Transaction, *, person_id: UUID) -> Refusal:
    """Return what to raise of somebody who has no key: PersonErased, or NotFound."""
    row = tx.execute(
        "SELECT erased_at FROM person WHERE cell = %s AND person_id = %s", (tx.cell_of(person_id), person_id)
    ).fetchone()
    if row is None or row[0] is None:
        return NotFound()
    return PersonErased("This person's data was erased; nobody can read it again.")


def _place(person_id: UUID, field: str) -> bytes:
    return person_id.bytes + field.encode()
