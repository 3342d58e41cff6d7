"""Loans that are paid out stage by stage: where each stage stands, and the papers that the next one is due."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body, Fen
from mingqu.domain.milestone import PAPERS
from mingqu.domain.personal import Personal
from mingqu.services.changes.read_stages import NotByStages, StagesView, stages_view
from mingqu.services.changes.release_stage import (
    NUMBER_LENGTH_MAX,
    PaperMalformed,
    PaperThere,
    StageUnknown,
    give_paper,
)

TAG: Final = "Loans"
StageName = Annotated[str, msgspec.Meta(examples=["half"])]
Kind = Annotated[str, msgspec.Meta(examples=["invoice"], description=f"One of {', '.join(PAPERS)}.")]


class StageNow(Answer, frozen=True, kw_only=True):
    """One stage: `state` is paid, under_way, ready (two people may release it), papers_due, or waits."""

    id: StageName
    name_zh: str
    name_en: str
    amount_fen: Fen
    state: Annotated[str, msgspec.Meta(examples=["papers_due"])]
    papers: list[Kind]
    lacking: list[Kind]
    order_id: UUID | None


class Stages(Answer, frozen=True, kw_only=True):
    """A loan's stages in order, and where the money goes: the payee's bank, the account's last digits, what for."""

    loan_id: UUID
    principal_fen: Fen
    paid_fen: Fen
    payee_bank: Annotated[str, msgspec.Meta(examples=["QPBK"])]
    payee_tail: Annotated[str, msgspec.Meta(examples=["0001"])]
    purpose: Annotated[str, msgspec.Meta(examples=["workshop"])]
    stages: list[StageNow]
    as_of: datetime


class NewPaper(Body, frozen=True, kw_only=True):
    """A paper for a stage: its kind, its number, and the SHA-256 of its file in hexadecimal, if there is a file."""

    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=PLAIN, examples=["invoice"])]
    number: Annotated[str, msgspec.Meta(min_length=3, max_length=NUMBER_LENGTH_MAX, pattern=PLAIN, examples=["No. 7"])]
    file_hash: Annotated[str, msgspec.Meta(max_length=64, pattern="^([0-9a-f]{64})?$")] = ""


class GivenPaper(Answer, frozen=True, kw_only=True):
    """The id under which a paper is kept."""

    paper_id: UUID


@reads("/loans/{loan_id:uuid}/stages", tag=TAG, refuses=(NotByStages,))
def read_stages(loan_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Stages:
    """Read the stages of a loan that is paid out stage by stage."""
    return _stages(stages_view(house, person_id=caller.person_id, loan_id=loan_id))


@writes(
    "/loans/{loan_id:uuid}/stages/{stage:str}/papers",
    tag=TAG,
    refuses=(NotByStages, StageUnknown, PaperMalformed, PaperThere),
)
def give_stage_paper(
    loan_id: FromPath[UUID],
    stage: FromPath[str],
    data: JSONBody[NewPaper],
    key: KeyHere,
    house: HouseHere,
    caller: CallerHere,
) -> GivenPaper:
    """Give a paper that a stage is due. Two people of the house look at all of a stage's before its payee is paid."""
    paper_id = give_paper(
        house,
        person_id=caller.person_id,
        loan_id=loan_id,
        stage=stage,
        kind=data.kind,
        number=Personal(data.number),
        file_hash=data.file_hash,
        key=key,
    )
    return GivenPaper(paper_id=paper_id)


def _stages(view: StagesView) -> Stages:
    return Stages(
        loan_id=view.loan_id,
        principal_fen=view.principal_fen,
        paid_fen=view.paid_fen,
        payee_bank=view.payee_bank,
        payee_tail=view.payee_tail,
        purpose=view.purpose,
        stages=[
            StageNow(
                id=one.stage.id,
                name_zh=one.stage.name_zh,
                name_en=one.stage.name_en,
                amount_fen=one.amount_fen,
                state=one.state.value,
                papers=list(one.stage.papers),
                lacking=list(one.lacking),
                order_id=None if one.order is None else one.order.order_id,
            )
            for one in view.stages
        ],
        as_of=view.as_of,
    )


HANDLERS: Final = (read_stages, give_stage_paper)
