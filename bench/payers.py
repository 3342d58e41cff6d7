"""People who pay: what falls due on a day is paid on that day, as in a book in which people live.

Who has agreed is deducted from, by the order that the morning has prepared; the others pay by hand. Of a thousand
bills `UNPAID_OF_THOUSAND` stay unpaid, by loan id, and so do those of everybody who was late before: that keeps some
three loans in a hundred overdue. Deductions that find no money end as failed, as the bank would say.

Orders are given to the bank and answered by one statement each; what the answers do to loans is the platform's own
way, `hear_order.hear_all`, for `TOGETHER` words at a time.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.domain.order import Order
from mingqu.domain.word import Paid
from mingqu.services.house import House
from mingqu.services.orders.hear_order import Said, hear_all
from mingqu.services.take_turns import Not
from mingqu.store.orders import order
from mingqu.store.server.database import Transaction

# As many loans of a thousand as are late by one instalment (`OVERDUE_OF_THOUSAND` of `demo/made_book.py`).
UNPAID_OF_THOUSAND: Final = 15
TOGETHER: Final = 100  # words of one transaction: fewer would measure commits that are not ours to measure
_UNPAID: Final = "(get_byte(uuid_send(loan_id), 14) * 256 + get_byte(uuid_send(loan_id), 15)) %% 1000 < %(unpaid)s"
# What can be paid today by hand is owed by whoever is not late and is not deducted from.
_BY_HAND: Final = """
    WITH made AS (
        INSERT INTO channel_order (cell, order_id, kind, person_id, loan_id, amount_fen, currency, channel, run_at,
                                   next_at, state, attempts, asks, missing, version)
        SELECT cell, overlay(loan_id::text PLACING %(moment)s FROM 1 FOR 13)::uuid, 'collection', person_id, loan_id,
               payable_principal_fen + payable_interest_fen + payable_penalty_fen + payable_fee_fen, currency, 'bank',
               %(at)s, %(at)s, 'RESERVED', 0, 0, false, 0
        FROM loan l WHERE as_of = %(on)s AND overdue_since IS NULL AND payable_principal_fen + payable_interest_fen > 0
          AND NOT EXISTS (SELECT FROM channel_order o WHERE o.cell = l.cell AND o.loan_id = l.loan_id
                          AND o.kind = 'collection' AND o.state NOT IN ('PAID', 'FAILED'))
        RETURNING cell, order_id, loan_id
    )
    INSERT INTO repayment (cell, order_id, loan_id, intent) SELECT cell, order_id, loan_id, 'due' FROM made"""
_FAILED: Final = f"""
    UPDATE channel_order o SET state = 'FAILED', refusal_code = 'balance', version = 1
    WHERE state = 'RESERVED' AND kind = 'collection' AND ({_UNPAID} OR EXISTS (
        SELECT FROM loan l WHERE l.cell = o.cell AND l.loan_id = o.loan_id AND l.overdue_since IS NOT NULL))"""
_SENT: Final = """UPDATE channel_order SET state = 'SENT', sent_at = %(at)s, attempts = 1, version = 1
                  WHERE state = 'RESERVED' AND kind = 'collection'"""


def pay(house: House, *, on: date) -> int:
    """Let everybody pay what fell due on a day, after its morning and before it ends; return how many did."""
    at = house.clock.now()
    milliseconds = f"{int(at.timestamp() * 1_000):012x}"
    # An id of this moment that routes itself to where its loan is.
    moment = f"{milliseconds[:8]}-{milliseconds[8:]}"
    told = {"at": at, "on": on, "unpaid": UNPAID_OF_THOUSAND, "moment": moment}
    with house.database.transaction() as tx:
        for statement in (_BY_HAND, _FAILED, _SENT):
            tx.execute(statement, told)
        tx.commit()
    paid = 0
    with house.database.transaction() as tx:
        waiting = [order.open_orders(tx, cell=cell) for cell in range(tx.cells)]
    for cell, orders in enumerate(waiting):
        said = [
            Said(
                order_id=each.order_id,
                word=Paid(at=at, amount_fen=each.amount_fen, currency=each.currency, reference=each.order_id.hex),
                at=at,
            )
            for each in orders
        ]
        while said:
            said = _hear(house, cell=cell, said=said)
        paid += len(orders)
    return paid


def _hear(house: House, *, cell: int, said: list[Said]) -> list[Said]:
    """Hear words together, and return those whose turn comes later: a person's second loan."""
    left: list[Said] = []
    for start in range(0, len(said), TOGETHER):
        listed = said[start : start + TOGETHER]

        def turn(tx: Transaction, listed: list[Said] = listed) -> list[Order | Not]:
            return hear_all(tx, house, cell=cell, said=listed)

        answers = house.database.run(turn, planned=True)
        left += [each for each, answer in zip(listed, answers, strict=True) if answer is Not.YET]
        assert all(answer is not Not.ALONE for answer in answers), "a payment was not heard with the others"
    return left
