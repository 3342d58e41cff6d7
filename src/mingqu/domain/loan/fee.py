"""Fees as terms: when they fall due and how they are worked out (费用: 放款费, 每期费, 逾期费)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from mingqu.domain.money import Rounding, divide
from mingqu.domain.refusal import Refusal

PPM: Final = 1_000_000


class FeeImpossible(Refusal):
    """The rule of the fee contradicts itself."""

    code = "fee_impossible"


class FeeDue(Enum):
    """When a fee falls due."""

    DISBURSEMENT = "disbursement"  # with the money, each time; paid out of the borrower's pocket, never deducted
    OPENING = "opening"  # with the first disbursement only, of what it pays out
    INSTALMENT = "instalment"  # with every instalment; a share follows the instalment when that becomes another
    DATE = "date"  # on a day


class FeeBasis(Enum):
    """What a percentage is taken of."""

    FLAT = "flat"  # nothing: an amount
    PRINCIPAL = "principal"  # the principal lent, or the instalment's
    INTEREST = "interest"
    PRINCIPAL_AND_INTEREST = "principal_and_interest"
    DISBURSED = "disbursed"  # the amount of one disbursement
    BALANCE = "balance"  # the principal still owed while the instalment's period runs, like interest


class FeeTaker(Enum):
    """Whose a fee is. Partners are paid what borrowers have paid of it; the lender earns nothing by it."""

    __hash__ = object.__hash__

    LENDER = "lender"
    GUARANTOR = "guarantor"  # 担保费, of a financing guarantee company
    INSURER = "insurer"  # 保费, of credit insurance


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRule:
    """A fee: `amount_fen` if flat, else `share_ppm` of the basis, between `min_fen` and `cap_fen`.

    `penalty` says that it is owed for falling behind; it is then allocated as penalty, not as fee. A fee of another
    `taker` than the lender names the `partner`. A fee on the balance is for time: of a period that ends early only the
    days that ran are owed.
    """

    due: FeeDue
    basis: FeeBasis = FeeBasis.FLAT
    amount_fen: int = 0
    share_ppm: int = 0
    min_fen: int = 0
    cap_fen: int | None = None
    penalty: bool = False
    taker: FeeTaker = FeeTaker.LENDER
    partner: str = ""

    def __post_init__(self) -> None:
        if self.amount_fen < 0 or self.share_ppm < 0 or self.min_fen < 0:
            raise FeeImpossible("A fee is not negative.")
        if (self.basis is FeeBasis.FLAT) != (self.share_ppm == 0):
            raise FeeImpossible("A flat fee is an amount; any other is a share of something.")
        if self.cap_fen is not None and self.cap_fen < self.min_fen:
            raise FeeImpossible("A fee's cap is not below its least amount.")
        if (self.taker is FeeTaker.LENDER) != (self.partner == ""):
            raise FeeImpossible("A fee that is not the lender's names the partner whose it is.")
        for_time = self.basis is FeeBasis.BALANCE
        if (for_time or self.partner) and (self.due is not FeeDue.INSTALMENT or self.penalty):
            raise FeeImpossible(
                "A partner's fee, and one on the balance, falls due with instalments and is no penalty."
            )


def fee_fen(*, rule: FeeRule, principal_fen: int, interest_fen: int, rounding: Rounding) -> int:
    """Return the amount of a fee on a basis, in fen.

    Example: 1.5 % of 1,000.00, at least 20.00: 20.00; of 2,000.00: 30.00.
    """
    basis = rule.basis
    if basis is FeeBasis.FLAT:
        amount = rule.amount_fen
    else:
        of_fen = 0 if basis is FeeBasis.INTEREST else principal_fen  # lent, the instalment's, or still owed
        if basis is FeeBasis.INTEREST or basis is FeeBasis.PRINCIPAL_AND_INTEREST:
            of_fen += interest_fen
        amount = divide(of_fen * rule.share_ppm, PPM, rounding)
    amount = max(amount, rule.min_fen)
    return amount if rule.cap_fen is None else min(amount, rule.cap_fen)
