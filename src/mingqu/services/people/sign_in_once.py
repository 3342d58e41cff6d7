"""Sign in over a connection that may break: sent again with the same key, it is the same session.

A token is never kept. Its secret is a keyed hash of what was sent (key and proof) and of the session's id, so that
whoever sends just that again, and soon, gets the same token, and nobody else can make it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.identifier import fresh
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.party import read_phone
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.session import Door, Session, write_token
from mingqu.ports.login import LoginChannel
from mingqu.services.access.keep_session import end_session
from mingqu.services.house import House
from mingqu.services.once import Response, once_done
from mingqu.services.people.note_signals import NOWHERE, Origin
from mingqu.services.people.sign_in import note_sign_in, send_code, sign_in
from mingqu.services.people.sign_in_with_alipay import sign_in_with_alipay
from mingqu.services.people.sign_in_with_wechat import sign_in_with_wechat
from mingqu.store.people import session
from mingqu.store.people.instrument import slot_of_hash
from mingqu.store.server import idempotency
from mingqu.store.server.database import Transaction

# An answer that was lost is asked for again at once; later the key opens nothing.
AGAIN_WITHIN: Final = timedelta(minutes=2)


class SignInTooOld(Refusal):
    """This sign-in was answered a while ago, and its token is not said again: ask for a new code."""

    code: ClassVar[str] = "sign_in_too_old"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that was opened, with its token."""

    token: Personal[str]
    person_id: UUID


def send_code_once(
    house: House, *, phone: Personal[str], purpose: CodePurpose, key: str, origin: Origin = NOWHERE
) -> None:
    """Send a code to a phone; sent again with the same key, it is not sent again. Errors: those of `send_code`."""
    phone = read_phone(phone)

    def send() -> Response:
        send_code(house, phone=phone, purpose=purpose, origin=origin)
        return {}

    once_done(
        house,
        scope=_scope(house, "phone", phone),
        command="send_code",
        key=key,
        request={"purpose": purpose.value},
        act=send,
    )


def sign_in_by_phone(
    house: House,
    *,
    phone: Personal[str],
    digits: Personal[str],
    key: str,
    instead_of: Personal[str] | None = None,
    origin: Origin = NOWHERE,
) -> SignedIn:
    """Open a session at the API with a code sent to a phone.

    Errors: those of `sign_in`, SignInTooOld, IdempotencyKeyReused, IdempotencyKeyBusy.
    """
    phone = read_phone(phone)
    return sign_in_once(
        house,
        scope=_scope(house, "phone", phone),
        proof=Personal(f"{phone.reveal()}/{digits.reveal()}"),
        key=key,
        enter=lambda: sign_in(house, phone=phone, digits=digits, origin=origin),
        instead_of=instead_of,
    )


def sign_in_by_wechat(
    house: House,
    *,
    channel: LoginChannel,
    code: Personal[str],
    key: str,
    instead_of: Personal[str] | None = None,
    origin: Origin = NOWHERE,
) -> SignedIn:
    """Open a session at the API with the code that a mini-program got from WeChat.

    Errors: those of `sign_in_with_wechat`, SignInTooOld, IdempotencyKeyReused, IdempotencyKeyBusy.
    """

    def enter() -> UUID:
        person_id = sign_in_with_wechat(house, channel=channel, code=code)
        note_sign_in(house, person_id=person_id, origin=origin)
        return person_id

    return sign_in_once(
        house,
        scope=_scope(house, "wechat", code),  # a code is used once, so it is scope enough
        proof=code,
        key=key,
        enter=enter,
        instead_of=instead_of,
    )


def sign_in_by_alipay(
    house: House, *, code: Personal[str], key: str, instead_of: Personal[str] | None = None, origin: Origin = NOWHERE
) -> SignedIn:
    """Open a session at the API with the code that Alipay gave.

    Errors: those of `sign_in_with_alipay`, SignInTooOld, IdempotencyKeyReused, IdempotencyKeyBusy.
    """

    def enter() -> UUID:
        person_id = sign_in_with_alipay(house, code=code)
        note_sign_in(house, person_id=person_id, origin=origin)
        return person_id

    scope = _scope(house, "alipay", code)  # a code is used once, so it is scope enough
    return sign_in_once(house, scope=scope, proof=code, key=key, enter=enter, instead_of=instead_of)


def sign_in_once(
    house: House,
    *,
    scope: UUID,
    proof: Personal[str],
    key: str,
    enter: Callable[[], UUID],
    instead_of: Personal[str] | None = None,
) -> SignedIn:
    """Open a session for the person that `enter` finds, or answer the session this key opened moments ago.

    `scope` is whose key it is and `proof` what was sent to prove it. The session it replaces ends.
    Errors: those of `enter`, SignInTooOld, IdempotencyKeyReused, IdempotencyKeyBusy.
    """
    written = canonical({"key": key, "proof": proof.reveal()}).decode()
    attempt = _Attempt(house=house, scope=scope, key=key, written=Personal(written))
    with house.database.transaction() as tx:
        before = attempt.replay(tx)
    if before is not None:
        return attempt.answered(before)
    person_id = enter()
    kept = house.database.run(lambda tx: attempt.keep(tx, person_id=person_id))
    if instead_of is not None:
        end_session(house, token=instead_of)
    return attempt.answered(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One sign-in, however often it is sent. `written` is the key and the proof, which nobody but its sender knows."""

    house: House
    scope: UUID
    key: str
    written: Personal[str]

    def replay(self, tx: Transaction) -> Response | None:
        """Claim the key, or return what was kept under it."""
        body_hash = self.house.keyring.lookup_hash(kind="sign_in", value=self.written)
        cell, caller = tx.cell_of(self.scope), self.scope.hex
        found = idempotency.begin(tx, cell=cell, caller=caller, key=self.key, body_hash=body_hash)
        return None if found is None else found.response

    def keep(self, tx: Transaction, *, person_id: UUID) -> Response:
        """Open the session and keep its id under the key, or return what somebody kept there meanwhile."""
        house, now = self.house, self.house.clock.now()
        again = self.replay(tx)
        if again is not None:
            return again
        session_id = house.id_for(person_id)
        opened = Session(
            session_id=session_id,
            person_id=person_id,
            secret_hash=hashlib.sha256(self._secret_of(session_id).reveal()).digest(),
            door=Door.API,
            opened_at=now,
            seen_at=now,
        )
        session.insert(tx, session=opened)
        response: Response = {"session_id": session_id.hex, "person_id": person_id.hex, "at": now.isoformat()}
        idempotency.finish(tx, cell=tx.cell_of(self.scope), caller=self.scope.hex, key=self.key, response=response)
        return response

    def answered(self, kept: Response) -> SignedIn:
        """Return the session that was kept, with its token made again. Errors: SignInTooOld."""
        if self.house.clock.now() > datetime.fromisoformat(str(kept["at"])) + AGAIN_WITHIN:
            raise SignInTooOld("This sign-in was answered a while ago: ask for a new code.")
        session_id = UUID(str(kept["session_id"]))
        token = write_token(identity=session_id, secret=self._secret_of(session_id))
        return SignedIn(token=token, person_id=UUID(str(kept["person_id"])))

    def _secret_of(self, session_id: UUID) -> Personal[bytes]:
        value = Personal(f"{session_id.hex}/{self.written.reveal()}")
        return Personal(self.house.keyring.lookup_hash(kind="session_secret", value=value))


def _scope(house: House, kind: str, value: Personal[str]) -> UUID:
    """Return whose key it is before anybody is known: made of a keyed hash, in the slot of that hash."""
    digest = house.keyring.lookup_hash(kind=f"key_scope/{kind}", value=value)
    return fresh(milliseconds=0, slot=slot_of_hash(digest), entropy=int.from_bytes(digest[2:10], "big"))
