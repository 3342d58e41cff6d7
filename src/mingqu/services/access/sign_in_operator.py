"""Sign an operator in: throttled, in the same words and the same time whether the name or the password is wrong."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.operator import (
    TRIES_OF_ADDRESS,
    TRIES_OF_NAME,
    Operator,
    OperatorNameMalformed,
    OperatorSession,
    SignInThrottled,
    check_password,
    read_name,
    wait_after,
)
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.session import NotSignedIn, read_token, write_token
from mingqu.services.house import House
from mingqu.store.operators import operator, operator_session
from mingqu.store.server.database import Transaction

_SEEN_EVERY: Final = timedelta(minutes=1)  # a session is written at most so often
_NAME, _ADDRESS = "name", "address"
_TRIES: Final = {_NAME: TRIES_OF_NAME, _ADDRESS: TRIES_OF_ADDRESS}
_Fits = Callable[[Transaction, str], bool]
# One secret is looked at at a time, from the question whether it may be tried to the count of its failure: otherwise
# everybody who guesses at one moment passes the throttle together, and each holds a connection and 32 MB meanwhile.
_ONE_AT_A_TIME: Final = threading.Lock()


class SignInFailed(Refusal):
    """Name and password, or name and code, do not belong together."""

    code: ClassVar[str] = "sign_in_failed"
    status: ClassVar[int] = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Who a request of the console speaks for."""

    session_id: UUID
    operator: Operator


def sign_in_operator(
    house: House, *, name: str, password: Personal[str], address: str, instead_of: Personal[str] | None = None
) -> Personal[str]:
    """Return the token of a new session; the one it replaces ends. Errors: SignInFailed, SignInThrottled."""
    known = _prove(
        house,
        name=name,
        address=address,
        fits=lambda tx, written: operator.password_fits(tx, keyring=house.keyring, name=written, password=password),
    )
    return _open_session(house, known, instead_of)


def set_first_password(
    house: House, *, name: str, code: Personal[str], password: Personal[str], address: str
) -> Personal[str]:
    """Set a password by the code an administrator gave, and return the token of a session; all others end.

    Errors: SignInFailed, SignInThrottled, PasswordUnfit.
    """
    written = _written(name)
    check_password(password=password, name=written)
    typed = Personal(code.reveal().strip().lower())
    known = _prove(
        house,
        name=name,
        address=address,
        fits=lambda tx, own: operator.code_fits(tx, keyring=house.keyring, name=own, code=typed, at=house.clock.now()),
    )

    def work(tx: Transaction) -> None:
        operator.set_password(tx, keyring=house.keyring, operator_id=known.operator_id, password=password)
        operator_session.end_others(tx, operator_id=known.operator_id, kept=None, at=house.clock.now())

    house.database.run(work)
    return _open_session(house, known, None)


def change_password(house: House, *, seat: Seat, old: Personal[str], new: Personal[str], address: str) -> None:
    """Change an operator's own password; every other session of theirs ends.

    Errors: SignInFailed, SignInThrottled, PasswordUnfit.
    """
    check_password(password=new, name=seat.operator.name)
    _prove(
        house,
        name=seat.operator.name,
        address=address,
        fits=lambda tx, own: operator.password_fits(tx, keyring=house.keyring, name=own, password=old),
    )

    def work(tx: Transaction) -> None:
        operator_id = seat.operator.operator_id
        operator.set_password(tx, keyring=house.keyring, operator_id=operator_id, password=new)
        operator_session.end_others(tx, operator_id=operator_id, kept=seat.session_id, at=house.clock.now())

    house.database.run(work)


def recognize_operator(house: House, *, token: Personal[str]) -> Seat:
    """Return who a token speaks for. Errors: NotSignedIn."""
    session_id, secret = read_token(token)
    now = house.clock.now()
    with house.database.transaction() as tx:
        found = operator_session.find(tx, session_id=session_id)
        given = hashlib.sha256(secret.reveal()).digest()
        if found is None or not hmac.compare_digest(found.secret_hash, given) or not found.lives(at=now):
            raise NotSignedIn("Please sign in again.")
        known = operator.load(tx, operator_id=found.operator_id)
        if known.ended_at is not None:
            raise NotSignedIn("Please sign in again.")
        house.policies.refresh(tx)  # what was published or switched since shows on the next page
        if now - found.seen_at >= _SEEN_EVERY:
            operator_session.touch(tx, session_id=session_id, at=now)
            tx.commit()
    return Seat(session_id=session_id, operator=known)


def sign_out_operator(house: House, *, token: Personal[str]) -> None:
    """End the session of a token; one that is wrong or ended already changes nothing."""
    try:
        session_id, secret = read_token(token)
    except NotSignedIn:
        return
    with house.database.transaction() as tx:
        found = operator_session.find(tx, session_id=session_id)
        given = hashlib.sha256(secret.reveal()).digest()
        if found is not None and hmac.compare_digest(found.secret_hash, given):
            operator_session.end(tx, session_id=session_id, at=house.clock.now())
            tx.commit()


def _prove(house: House, *, name: str, address: str, fits: _Fits) -> Operator:
    """Return the operator whose secret fits; a wrong one is counted for its name and its address."""
    with _ONE_AT_A_TIME:
        return _prove_alone(house, name=name, address=address, fits=fits)


def _prove_alone(house: House, *, name: str, address: str, fits: _Fits) -> Operator:
    written, now = _written(name), house.clock.now()
    subjects = {_NAME: written, _ADDRESS: address}
    with house.database.transaction() as tx:
        for kind, subject in subjects.items():
            count, failed_at = operator.failures(tx, keyring=house.keyring, kind=kind, subject=subject, at=now)
            wait = wait_after(failures=count, tries=_TRIES[kind])
            if failed_at is not None and now < failed_at + wait:
                seconds = int((failed_at + wait - now).total_seconds()) + 1
                raise SignInThrottled("Too many wrong passwords: wait a while.", retry_after_seconds=seconds)
        known = operator.find(tx, name=written)
        right = fits(tx, written) and known is not None

    def count_it(tx: Transaction) -> None:
        for kind, subject in subjects.items():
            if not right:
                operator.count_failure(tx, keyring=house.keyring, kind=kind, subject=subject, at=now)
            elif kind == _NAME:  # one right password does not wash an address clean of the names it tried
                operator.forget_failures(tx, keyring=house.keyring, kind=kind, subject=subject)

    house.database.run(count_it)
    if not right or known is None:
        raise SignInFailed("Name and password do not belong together.")
    return known


def _written(name: str) -> str:
    """Return a name as it is kept; one that cannot be anybody's is simply nobody's."""
    try:
        return read_name(name)
    except OperatorNameMalformed:
        return "?"


def _open_session(house: House, known: Operator, instead_of: Personal[str] | None) -> Personal[str]:
    secret, now = house.codes.secret(), house.clock.now()
    opened = OperatorSession(
        session_id=house.identifiers.fresh(0),
        operator_id=known.operator_id,
        secret_hash=hashlib.sha256(secret.reveal()).digest(),
        opened_at=now,
        seen_at=now,
    )
    if instead_of is not None:
        sign_out_operator(house, token=instead_of)
    with house.database.transaction() as tx:
        operator_session.insert(tx, session=opened)
        tx.commit()
    return write_token(identity=opened.session_id, secret=secret)
