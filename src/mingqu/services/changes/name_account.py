"""Name another account for the payee of one's loan by stages, after a stage came back.

No list names such a payee: its borrower did, with the contract of works. So its borrower says what its right account
is, of the same company; nothing changes by that. Two people look at it and publish a version (`correct_payee`), its
borrower agrees to that version, and two people release the stage that came back to the new account (`release_stage`).
The bank pays an account only under the name that goes along.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.personal import Personal
from mingqu.services.changes.correct_payee import PayeeNotBound, PayeeNotCorrected
from mingqu.services.changes.read_stages import returned_stage
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.orders.entrust_payment import require_payee
from mingqu.store import evidence
from mingqu.store.loans import loan
from mingqu.store.purposes import payee as payees
from mingqu.store.purposes import payee_wish
from mingqu.store.server.database import Transaction


def name_account(house: House, *, person_id: UUID, loan_id: UUID, account: Personal[str], bank: str, key: str) -> UUID:
    """Keep which account of the payee a borrower names anew, with its leaf; return the wish's id.

    Errors: NotFound, PayeeNotBound (not a loan by stages), NoPayoutReturned, PayoutWaiting, PayeeMalformed,
    PayeeNotCorrected (it is the account that is in force), PersonErased, and those of the idempotency key.
    """
    said = Personal("".join(account.reveal().split()))

    def name(tx: Transaction) -> Response:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        known = payees.load(tx, keyring=house.keyring, loan_id=loan_id, person_id=person_id)
        if known is None or of.terms.disbursements_max == 1:
            raise PayeeNotBound("Only the payee of a loan by stages gets an account that its borrower names.")
        returned_stage(tx, house, of=of)
        wished = replace(known, account=said, bank=bank.strip())
        require_payee(wished)
        if wished == known:
            raise PayeeNotCorrected("This is the account that your contract names already.")
        wish_id, now = house.id_for(person_id), house.clock.now()
        payee_wish.insert(
            tx, keyring=house.keyring, wish_id=wish_id, loan_id=loan_id, person_id=person_id, payee=wished, at=now
        )
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=of.cell,
            person_id=person_id,
            kind=LeafKind.PAYEE_WISH,
            subject_id=wish_id,
            at=now,
            facts={
                "loan_id": loan_id.hex,
                "payee": payees.hash_of(house.keyring, payee=wished).hex(),
                "bank": wished.bank,
            },
        )
        return {"wish_id": wish_id.hex}

    request: dict[str, Canonical] = {
        "loan_id": loan_id.hex,
        "account": house.keyring.lookup_hash(kind="payee_wish", value=said).hex(),
        "bank": bank,
    }
    answer = once(house, person_id=person_id, command="name_account", key=key, request=request, work=name)
    return UUID(str(answer["wish_id"]))
