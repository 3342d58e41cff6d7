"""Certificates of settlement, and proofs that what was written stands in the evidence log."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Hash
from mingqu.services.customers.read_papers import EvidencePending, certificate_view, party_of, proof_of
from mingqu.services.loans.issue_certificate import NotSettled, issue_certificate
from mingqu.services.once import once_done
from mingqu.services.repayment.read_loans import loan_view
from mingqu.web.print_paper import certificate_pdf

TAG: Final = "Evidence"


class Certificate(Answer, frozen=True, kw_only=True):
    """A certificate of settlement (结清证明); its hash is the one in its leaf of the evidence log."""

    certificate_id: UUID
    body: Annotated[dict[str, object], msgspec.Meta(examples=[{"settled_on": "2027-05-25"}])]
    body_hash: Hash


class Proof(Answer, frozen=True, kw_only=True):
    """A proof that is checked offline: leaf, path, checkpoint and its signature."""

    proof: Annotated[dict[str, object], msgspec.Meta(examples=[{"leaf": {}, "path": [], "checkpoint": {}}])]


@writes("/loans/{loan_id:uuid}/certificate", tag=TAG, body=False, refuses=(NotSettled,))
def certify(loan_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> Certificate:
    """Get the certificate that a loan is settled; asked again, the same one."""

    def act() -> dict[str, object]:
        issued = issue_certificate(house, person_id=caller.person_id, loan_id=loan_id)
        return {"certificate_id": issued.certificate_id.hex}

    request = {"loan_id": loan_id.hex}
    answer = once_done(house, scope=caller.person_id, command="certify", key=key, request=request, act=act)
    return _certificate(house, caller, UUID(str(answer["certificate_id"])))


@reads("/certificates/{certificate_id:uuid}", tag=TAG)
def read_certificate(certificate_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Certificate:
    """Read a certificate."""
    return _certificate(house, caller, certificate_id)


@reads("/certificates/{certificate_id:uuid}/pdf", tag=TAG, media_type="application/pdf")
def print_certificate(certificate_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Response[bytes]:
    """Read a certificate as PDF; the same bytes each time."""
    paper = certificate_view(house, person_id=caller.person_id, certificate_id=certificate_id)
    loan_id = UUID(str(paper.body["loan_id"]))
    lender = loan_view(house, person_id=caller.person_id, loan_id=loan_id).lender_zh
    printed = certificate_pdf(paper, party=party_of(house, person_id=caller.person_id), lender=lender)
    return Response(printed, media_type="application/pdf")


@reads("/evidence/{subject_id:uuid}", tag=TAG, refuses=(EvidencePending,))
def read_proof(subject_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Proof:
    """Read the proof of what was written about a decision, consent, cost table, contract, order or certificate."""
    return Proof(proof=dict(proof_of(house, person_id=caller.person_id, subject_id=subject_id)))


def _certificate(house: HouseHere, caller: CallerHere, certificate_id: UUID) -> Certificate:
    paper = certificate_view(house, person_id=caller.person_id, certificate_id=certificate_id)
    return Certificate(certificate_id=paper.paper_id, body=dict(paper.body), body_hash=paper.body_hash.hex())


HANDLERS: Final = (certify, read_certificate, print_certificate, read_proof)
