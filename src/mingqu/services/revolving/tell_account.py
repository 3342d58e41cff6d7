"""Tell the owner of a revolving account something once, at the next hour that the rules allow."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from mingqu.domain.contact import Denied
from mingqu.domain.identifier import beside
from mingqu.domain.money import format_fen
from mingqu.domain.personal import Personal
from mingqu.services.collection.pass_contact_gate import gate_message, keep_denial
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.loans.follow_up import awake
from mingqu.services.messages.tell_person import tell_person
from mingqu.store.revolving import spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

ACCOUNT_NOTICE: Final = "account_notice"
LEASE_SECONDS: Final = 60  # far longer than a send takes; a worker that died is followed after it
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)


def promise_notice(
    tx: Transaction,
    house: House,
    *,
    account: SpendAccount,
    template: str,
    amount_fen: int,
    on: date | None = None,
    mark: str = "",
) -> None:
    """Write the work of telling an account's owner something, once for each template and mark; the caller commits it.

    It names a day: today, or `on`.
    """
    work.enqueue(
        tx,
        cell=account.cell,
        work_id=beside(account.account_id, purpose=f"{template} {mark}".strip()),
        kind=ACCOUNT_NOTICE,
        subject_id=account.account_id,
        run_at=awake(house.clock.now()),
        payload={"template": template, "on": (on or house.clock.business_date()).isoformat(), "amount_fen": amount_fen},
    )


def tell_accounts(house: House, *, cell: int) -> int:
    """Take up what is to be said to owners of accounts in a cell, at most BATCH, and return how much it was.

    Each passes the contact gate when it would be sent; one that is denied waits for the moment that allows it.
    """
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[ACCOUNT_NOTICE], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: _tell(house, piece))


def _tell(house: House, piece: work.Work) -> None:
    with house.database.transaction() as tx:
        account = spend.get(tx, account_id=piece.subject_id)
    now = house.clock.now()
    answer = gate_message(house, lender_id=account.lender_id, product_id=account.product_id, at=now)
    denied = answer if isinstance(answer, Denied) else None
    if denied is not None:
        again_at = denied.next_at
    else:
        amount = Personal(format_fen(int(str(piece.payload["amount_fen"]))))
        told = tell_person(
            house,
            person_id=account.person_id,
            number=piece.work_id.hex,  # the same number again is delivered once
            template=str(piece.payload["template"]),
            values={"on": Personal(str(piece.payload["on"])), "amount": amount},
        )
        again_at = None if told.is_over else now + AGAIN_AFTER
    with house.database.transaction() as tx:
        if denied is not None:
            keep_denial(tx, work_id=piece.work_id, about=account, denied=denied, at=now)
        if again_at is None:
            work.complete(tx, work=piece, now=now)
        else:
            work.reschedule(tx, work=piece, run_at=again_at)
        tx.commit()
