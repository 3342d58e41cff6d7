"""The certificate of a settled loan, with the proof that anyone can check, in the page or without us."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit, file_of
from mingqu.borrower.form import Form
from mingqu.borrower.loans import loan_values
from mingqu.domain.canonical import canonical
from mingqu.domain.identifier import parse
from mingqu.services.customers.read_papers import certificate_view, is_proven, party_of, proof_of
from mingqu.services.loans.issue_certificate import NotSettled, issue_certificate
from mingqu.services.people.read_person import names_of
from mingqu.services.repayment.read_loans import loan_view
from mingqu.web.print_paper import certificate_pdf


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of certificates and proofs."""
    return [
        door.page("/loans/{loan_id:str}/certificate", show_offer),
        door.step("/loans/{loan_id:str}/certificate", issue),
        door.page("/certificates/{certificate_id:str}", show),
        door.page("/certificates/{certificate_id:str}/pdf", print_certificate),
        door.page("/proofs/{subject_id:str}", give_proof),
    ]


def show_offer(visit: Visit) -> Response[Any]:
    """Offer to issue the certificate, or say what is left until then."""
    loan = loan_view(visit.house, person_id=visit.person_id, loan_id=visit.identifier("loan_id"), with_payout=False)
    return visit.show("certificate_offer.html", loan=loan_values(visit, loan))


def issue(visit: Visit, _: Form) -> Response[Any]:
    """Issue the certificate; asked again it is the same one."""
    loan_id = visit.identifier("loan_id")
    try:
        made = issue_certificate(visit.house, person_id=visit.person_id, loan_id=loan_id)
    except NotSettled:
        return visit.go(f"/loans/{loan_id.hex}/certificate")
    return visit.go(f"/certificates/{made.certificate_id.hex}")


def show(visit: Visit) -> Response[Any]:
    """Show the certificate and the proof of its record."""
    certificate_id = visit.identifier("certificate_id")
    paper = certificate_view(visit.house, person_id=visit.person_id, certificate_id=certificate_id)
    body: dict[str, Any] = dict(paper.body)
    loan = loan_view(visit.house, person_id=visit.person_id, loan_id=parse(str(body["loan_id"])), with_payout=False)
    named = names_of(visit.house, person_id=visit.person_id)
    return visit.show(
        "certificate.html",
        id=certificate_id.hex,
        body=body,
        text=canonical(paper.body).decode(),
        hash=paper.body_hash.hex(),
        loan=loan_values(visit, loan),
        name=named.name,
        id_number=named.id_number,
        principal_fen=body["principal_fen"],
        repaid_fen=body["repaid_fen"],
        proven=is_proven(visit.house, person_id=visit.person_id, subject_id=certificate_id),
    )


def give_proof(visit: Visit) -> Response[Any]:
    """Give the proof of a record as a file of JSON."""
    proof = proof_of(visit.house, person_id=visit.person_id, subject_id=visit.identifier("subject_id"))
    return file_of(canonical(proof), name="proof.json", kind="application/json")


def print_certificate(visit: Visit) -> Response[Any]:
    """Give a certificate as PDF."""
    certificate_id = visit.identifier("certificate_id")
    paper = certificate_view(visit.house, person_id=visit.person_id, certificate_id=certificate_id)
    loan = loan_view(
        visit.house, person_id=visit.person_id, loan_id=parse(str(paper.body["loan_id"])), with_payout=False
    )
    party = party_of(visit.house, person_id=visit.person_id)
    visit.moment.close()  # printing takes a while, and needs nothing more of the book
    printed = certificate_pdf(paper, party=party, lender=loan.lender_zh)
    return file_of(printed, name=f"certificate-{certificate_id.hex[:8]}.pdf", kind="application/pdf")
