"""Operators in the book, their passwords, and wrong ones counted.

A password is hashed twice: with a key that is not in the database, so that a dump alone cannot be tried at all, and
with scrypt, so that whoever has both still pays for each guess.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.operator import FORGOTTEN_AFTER, Operator, Role
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

# scrypt (RFC 7914): 2^15 blocks of 8 × 128 bytes are 32 MiB, thrice: some 0.2 s a guess on one core. OWASP's table of
# equal strengths has it beside 128 MiB once, which a small server would feel at the beginning of a shift.
COST_LOG2: Final = 15
BLOCK_SIZE: Final = 8
PASSES: Final = 3
_COST: Final = f"scrypt:{COST_LOG2}:{BLOCK_SIZE}:{PASSES}"
_MEMORY_MAX: Final = 64 * 1024 * 1024  # of OpenSSL, which counts a little more than the blocks
_HASH_BYTES: Final = 32
_NOBODYS_SALT: Final = bytes(32)  # what a password of nobody's is hashed with, for the same time
_COLUMNS: Final = "operator_id, name, role, lender_id, created_at, ended_at"


class OperatorExists(Refusal):
    """There is an operator of this name already; names are not used again."""

    code: ClassVar[str] = "operator_exists"
    status: ClassVar[int] = 409


class OperatorUnknown(Refusal):
    """There is no operator of this name, or their time here is over."""

    code: ClassVar[str] = "operator_unknown"
    status: ClassVar[int] = 404


def insert(tx: Transaction, *, operator: Operator) -> None:
    """Store a new operator, who cannot sign in until a password is set. Errors: OperatorExists."""
    added = tx.execute(
        """
        INSERT INTO operator (operator_id, name, role, lender_id, created_at) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (name) DO NOTHING
        """,
        (operator.operator_id, operator.name, operator.role.value, operator.lender_id, operator.created_at),
    )
    if added.rowcount == 0:
        raise OperatorExists("There is an operator of this name already.")


def find(tx: Transaction, *, name: str) -> Operator | None:
    """Return the operator of a name, ended or not, or None."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM operator WHERE name = %s", (name,)).fetchone()  # noqa: S608
    return None if row is None else _operator(row)


def load(tx: Transaction, *, operator_id: UUID) -> Operator:
    """Return an operator. Errors: OperatorUnknown."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM operator WHERE operator_id = %s", (operator_id,)).fetchone()  # noqa: S608
    if row is None:
        raise OperatorUnknown("There is no such operator.")
    return _operator(row)


def every(tx: Transaction) -> list[Operator]:
    """Return all operators, by name; there are as many as desks."""
    return [_operator(row) for row in tx.execute(f"SELECT {_COLUMNS} FROM operator ORDER BY name")]  # noqa: S608


def end(tx: Transaction, *, operator_id: UUID, at: datetime) -> None:
    """End an operator's time here: no password, no code, no session is of use any more."""
    tx.execute(
        """
        UPDATE operator SET ended_at = coalesce(ended_at, %s), password_cost = NULL, password_salt = NULL,
            password_hash = NULL, code_hash = NULL, code_expires_at = NULL WHERE operator_id = %s
        """,
        (at, operator_id),
    )


def set_code(tx: Transaction, *, keyring: Keyring, operator_id: UUID, code: Personal[str], until: datetime) -> None:
    """Store the code by which an operator may set a password, in place of one before."""
    tx.execute(
        "UPDATE operator SET code_hash = %s, code_expires_at = %s WHERE operator_id = %s",
        (_code_hash(keyring, code), until, operator_id),
    )


def code_fits(tx: Transaction, *, keyring: Keyring, name: str, code: Personal[str], at: datetime) -> bool:
    """Return whether a code is the one that an operator may set a password with now."""
    row = tx.execute(
        "SELECT code_hash FROM operator WHERE name = %s AND ended_at IS NULL AND code_expires_at > %s", (name, at)
    ).fetchone()
    stored = _NOBODYS_SALT if row is None else bytes(row[0])
    return hmac.compare_digest(stored, _code_hash(keyring, code))


def set_password(tx: Transaction, *, keyring: Keyring, operator_id: UUID, password: Personal[str]) -> None:
    """Store a password; the code by which it was set is used up."""
    salt = vault.salt()
    tx.execute(
        """
        UPDATE operator SET password_cost = %s, password_salt = %s, password_hash = %s,
            code_hash = NULL, code_expires_at = NULL WHERE operator_id = %s
        """,
        (_COST, salt, _hash(keyring, password, salt=salt, cost=_COST), operator_id),
    )


def password_fits(tx: Transaction, *, keyring: Keyring, name: str, password: Personal[str]) -> bool:
    """Return whether a password is that of a name. A name that is nobody's takes as long as a wrong password."""
    row = tx.execute(
        """
        SELECT password_salt, password_hash, password_cost FROM operator
        WHERE name = %s AND ended_at IS NULL AND password_hash IS NOT NULL
        """,
        (name,),
    ).fetchone()
    salt, stored, cost = (_NOBODYS_SALT, b"", _COST) if row is None else (bytes(row[0]), bytes(row[1]), str(row[2]))
    return hmac.compare_digest(stored, _hash(keyring, password, salt=salt, cost=cost))


def failures(
    tx: Transaction, *, keyring: Keyring, kind: str, subject: str, at: datetime
) -> tuple[int, datetime | None]:
    """Return how many wrong passwords in a row a name or an address had, and when the last one was."""
    row = tx.execute(
        "SELECT failures, failed_at FROM operator_attempt WHERE subject_hash = %s AND failed_at > %s",
        (_subject(keyring, kind, subject), at - FORGOTTEN_AFTER),
    ).fetchone()
    return (0, None) if row is None else (row[0], row[1])


def count_failure(tx: Transaction, *, keyring: Keyring, kind: str, subject: str, at: datetime) -> None:
    """Count a wrong password; what is older than a day is forgotten first."""
    tx.execute(
        """
        INSERT INTO operator_attempt AS known (subject_hash, failures, failed_at) VALUES (%s, 1, %s)
        ON CONFLICT (subject_hash) DO UPDATE SET failed_at = EXCLUDED.failed_at,
            failures = CASE WHEN known.failed_at > %s THEN known.failures + 1 ELSE 1 END
        """,
        (_subject(keyring, kind, subject), at, at - FORGOTTEN_AFTER),
    )
    tx.execute("DELETE FROM operator_attempt WHERE failed_at < %s", (at - 2 * FORGOTTEN_AFTER,))


def forget_failures(tx: Transaction, *, keyring: Keyring, kind: str, subject: str) -> None:
    """Begin to count anew: the right password came."""
    tx.execute("DELETE FROM operator_attempt WHERE subject_hash = %s", (_subject(keyring, kind, subject),))


def _hash(keyring: Keyring, password: Personal[str], *, salt: bytes, cost: str) -> bytes:
    kind, log2, block_size, passes = cost.split(":")
    assert kind == "scrypt"
    keyed = keyring.lookup_hash(kind="operator_password", value=password)
    return hashlib.scrypt(
        keyed, salt=salt, n=1 << int(log2), r=int(block_size), p=int(passes), maxmem=_MEMORY_MAX, dklen=_HASH_BYTES
    )


def _code_hash(keyring: Keyring, code: Personal[str]) -> bytes:
    return keyring.lookup_hash(kind="operator_code", value=code)


def _subject(keyring: Keyring, kind: str, subject: str) -> bytes:
    return keyring.lookup_hash(kind=f"operator_{kind}", value=Personal(subject))


def _operator(row: TupleRow) -> Operator:
    return Operator(
        operator_id=row[0],
        name=row[1],
        role=Role(row[2]),
        lender_id=row[3],
        created_at=row[4],
        ended_at=row[5],
    )
