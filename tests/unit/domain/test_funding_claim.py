"""What a loan's transfers move for its funders: money and losses, either way; bills and income move nothing."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from mingqu.domain.funding import Funding, Share, Totals, moved_by, share_moves
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer, TransferKind

C = AccountCode
EARLY, LATE = date(2026, 8, 20), date(2026, 8, 25)
FUNDING = Funding(shares=(Share(lender_id=UUID(int=1), ppm=300_000), Share(lender_id=UUID(int=2), ppm=700_000)))


def transfer(debit: AccountCode, credit: AccountCode, amount_fen: int, **more: object) -> Transfer:
    given: dict[str, object] = {"kind": TransferKind.POSTED, "value_date": LATE, "reason": Reason.CORRECT, **more}
    return Transfer(
        id=UUID(int=9), debit=Account(owner=UUID(int=3), code=debit), credit=Account(owner=UUID(int=4), code=credit),
        amount_fen=amount_fen, posted_on=LATE, reference=UUID(int=5), **given,  # type: ignore[arg-type]
    )  # fmt: skip


def test_money_and_losses_move_for_funders_and_bills_and_holds_do_not() -> None:
    moved = moved_by(
        [
            transfer(C.LOAN_PRINCIPAL, C.LENDER_CASH, 1_000, kind=TransferKind.POST),
            transfer(C.LOAN_PRINCIPAL, C.LENDER_CASH, 77, kind=TransferKind.PENDING),
            transfer(C.LOAN_PRINCIPAL_DUE, C.LOAN_PRINCIPAL, 90),
            transfer(C.COLLECTION_CLEARING, C.LOAN_PRINCIPAL_DUE, 50),
            transfer(C.LOAN_PRINCIPAL_DUE, C.COLLECTION_CLEARING, 20),  # of it bounced
            transfer(C.OVERPAYMENT, C.LOAN_INTEREST_DUE, 7),
            transfer(C.LOAN_INTEREST_DUE, C.ACCRUED_INTEREST, 8),
            transfer(C.CREDIT_LOSS, C.LOAN_PRINCIPAL_DUE, 5),
            transfer(C.CREDIT_LOSS, C.LOAN_INTEREST_DUE, 5),
            transfer(C.LOAN_PENALTY_DUE, C.COLLECTION_CLEARING, 3),
        ]
    )
    assert moved == {
        (LATE, Reason.SHARE_LEND): 1_000,
        (LATE, Reason.SHARE_REPAY): 30,
        (LATE, Reason.SHARE_INTEREST_PAID): 7,
        (LATE, Reason.SHARE_LOSE): 5,
        (LATE, Reason.SHARE_PENALTY_PAID): -3,
    }


def test_principal_that_was_lent_later_than_it_is_repaid_by_value_comes_first_all_the_same() -> None:
    moves, totals = share_moves(
        funding=FUNDING, before=Totals(), moved={(EARLY, Reason.SHARE_REPAY): 5, (LATE, Reason.SHARE_LEND): 9}
    )
    assert [(one.place, one.reason, one.amount_fen) for one in moves] == [
        (0, Reason.SHARE_LEND, 2),
        (1, Reason.SHARE_LEND, 7),
        (0, Reason.SHARE_REPAY, 1),
        (1, Reason.SHARE_REPAY, 4),
    ]
    assert (totals.lent_fen, totals.gone_fen) == (9, 5)


def test_what_a_revolving_account_moves_is_shared_and_what_it_is_charged_or_waits_as_credit_is_not() -> None:
    moved = moved_by(
        [
            transfer(C.SPEND_PRINCIPAL, C.LENDER_CASH, 900, kind=TransferKind.POST, reason=Reason.SPEND_PURCHASE),
            transfer(C.SPEND_PRINCIPAL, C.LENDER_CASH, 300, reason=Reason.SPEND_DRAW),
            transfer(C.SPEND_PRINCIPAL, C.LENDER_CASH, 77, kind=TransferKind.PENDING, reason=Reason.SPEND_PURCHASE),
            transfer(C.LENDER_CASH, C.SPEND_PRINCIPAL, 200, reason=Reason.SPEND_DRAW),  # came back: was never lent
            # A seller's refund comes back, and is not lent less.
            transfer(C.LENDER_CASH, C.SPEND_PRINCIPAL, 40, reason=Reason.SPEND_REFUND),
            transfer(C.LENDER_CASH, C.SPEND_CREDIT, 9),
            transfer(C.SPEND_CREDIT, C.SPEND_PRINCIPAL, 5),
            transfer(C.COLLECTION_CLEARING, C.SPEND_PRINCIPAL, 50),
            transfer(C.COLLECTION_CLEARING, C.SPEND_CREDIT, 6),
            transfer(C.SPEND_INTEREST_DUE, C.SPEND_INTEREST_INCOME, 8),
            transfer(C.COLLECTION_CLEARING, C.SPEND_INTEREST_DUE, 7),
            transfer(C.COLLECTION_CLEARING, C.SPEND_FEE_DUE, 3),
            transfer(C.COLLECTION_CLEARING, C.SPEND_PENALTY_DUE, 2),
        ]
    )
    assert moved == {
        (LATE, Reason.SHARE_LEND): 1_000,
        (LATE, Reason.SHARE_REPAY): 95,
        (LATE, Reason.SHARE_INTEREST_PAID): 7,
        (LATE, Reason.SHARE_FEE_PAID): 3,
        (LATE, Reason.SHARE_PENALTY_PAID): 2,
    }
