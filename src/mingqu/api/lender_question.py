"""Wishes put to lenders that decide by themselves: who was asked, what each answered, and why somebody was not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.offer import NewOffers
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Fen, Ppm, shaped
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.lender_answer import LenderQuestion, QuestionState
from mingqu.domain.limit import AssessmentExpired
from mingqu.services.lenders.ask_lenders import ask_lenders
from mingqu.services.lenders.read_lender_answers import answers_of
from mingqu.services.limits.check_drawing import DrawingFrozen

TAG: Final = "Offers"


class LenderReason(Answer, frozen=True, kw_only=True):
    """Why a lender does not lend, and what would help, in its own words."""

    code: str
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str


class LenderAnswer(Answer, frozen=True, kw_only=True):
    """One lender's answer as it stands. An offer of it is made by POST /v1/offers while `valid_until` lies ahead.

    One for an order at a checkout names it: its offer is made by POST /v1/checkouts/{checkout_id}/offers, and it is
    over when the order is.

    What was not answered by `open_until` in a way that may be shown is `expired`: the person is told, nothing is kept
    for it, and the lender may be asked anew.
    """

    question_id: UUID
    checkout_id: UUID | None
    lender: Annotated[str, msgspec.Meta(examples=["chengchuan"])]
    product_id: str
    amount_fen: Fen
    instalments: int
    method: str
    state: QuestionState
    asked_at: datetime
    open_until: datetime
    heard_at: datetime
    rate_year_ppm: Ppm | None
    valid_until: datetime | None
    reasons: list[LenderReason]


class LeftOut(Answer, frozen=True, kw_only=True):
    """A lender that was not asked, and the code of why not."""

    lender: str
    code: Annotated[str, msgspec.Meta(examples=["consent_missing"])]


class LenderAnswers(Answer, frozen=True, kw_only=True):
    """Every lender that was asked, and who was left out."""

    answers: list[LenderAnswer]
    left_out: list[LeftOut]


def _shaped(one: LenderQuestion) -> LenderAnswer:
    offered = one.offer if one.state is QuestionState.OFFERED else None
    return shaped(
        one,
        LenderAnswer,
        rate_year_ppm=None if offered is None else offered.rate_year_ppm,
        valid_until=None if offered is None else offered.valid_until,
        reasons=[shaped(reason, LenderReason) for reason in one.reasons],
    )


@writes("/lender-questions", tag=TAG, refuses=(DrawingFrozen, DrawingStopped, AssessmentExpired))
def ask_lenders_for_offers(
    data: JSONBody[NewOffers], key: KeyHere, house: HouseHere, caller: CallerHere
) -> LenderAnswers:
    """Put a wish to every lender that decides by itself and to which the caller agreed by name.

    A lender that is slow is asked again; its offer joins the others when it comes. Those of the house's own policies
    need no question.
    """
    asked = ask_lenders(
        house,
        person_id=caller.person_id,
        amount_fen=data.amount_fen,
        instalments=data.instalments,
        method=data.method,
        key=key,
    )
    return LenderAnswers(
        answers=[_shaped(one) for one in asked.questions], left_out=[shaped(one, LeftOut) for one in asked.left_out]
    )


@reads("/lender-questions", tag=TAG)
def list_lender_answers(house: HouseHere, caller: CallerHere) -> LenderAnswers:
    """List what lenders answered, the latest question first."""
    found = answers_of(house, person_id=caller.person_id)
    return LenderAnswers(answers=[_shaped(one) for one in found], left_out=[])


HANDLERS: Final = (ask_lenders_for_offers, list_lender_answers)
