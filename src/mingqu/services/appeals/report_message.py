"""Somebody reports a message, a call or a link as suspicious: kept sealed, witnessed, and looked at by a person.

It takes a session, which is a code away: the words can then be sealed under a key that goes with the person, the answer
finds its reader, and nobody floods the queue.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.evidence import LeafKind
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.review import SUSPICIOUS
from mingqu.services.appeals.ask_for_person import Asked
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.store import evidence
from mingqu.store.decisions import review
from mingqu.store.people import vault
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

REPORT_LENGTH_MIN: Final = 5
REPORT_LENGTH_MAX: Final = 1_000  # a long message with its link
OPEN_MAX: Final = 10  # of one person: who has more to report is called


class ReportMalformed(Refusal):
    """A report has 5 to 1,000 characters."""

    code: ClassVar[str] = "report_malformed"


class ReportsTooMany(Refusal):
    """Ten reports of this person wait to be looked at already."""

    code: ClassVar[str] = "reports_too_many"
    status: ClassVar[int] = 429


def report_message(house: House, *, person_id: UUID, text: Personal[str], key: str) -> Asked:
    """Put a report before people; sent again with the same key it is the same one.

    `text` is what was received, as it stood there, link and all; it is never opened or followed here.
    Errors: ReportMalformed, ReportsTooMany, PersonErased, and those of the idempotency key.
    """
    said = Personal(text.reveal().strip())
    if not REPORT_LENGTH_MIN <= len(said.reveal()) <= REPORT_LENGTH_MAX:
        raise ReportMalformed(f"A report has {REPORT_LENGTH_MIN} to {REPORT_LENGTH_MAX} characters.")

    def ask(tx: Transaction) -> Response:
        waiting = [
            one for one in review.about(tx, person_id=person_id, subject_id=person_id) if one.answered_at is None
        ]
        if len(waiting) >= OPEN_MAX:
            raise ReportsTooMany("We are looking at ten reports of yours already; please call us.")
        cell, request_id, now = tx.cell_of(person_id), house.id_for(person_id), house.clock.now()
        field = report_field(request_id)
        vault.seal(tx, keyring=house.keyring, person_id=person_id, field=field, value=said, at=now)
        work.enqueue(
            tx,
            cell=cell,
            work_id=request_id,
            kind=review.ASKED,
            subject_id=person_id,
            run_at=now,
            payload={"person_id": person_id.hex, "wish": SUSPICIOUS},
        )
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=cell,
            person_id=person_id,
            kind=LeafKind.REPORT,
            subject_id=request_id,
            at=now,
            facts={"wish": SUSPICIOUS},
            private={"text": said},
        )
        return {"request_id": request_id.hex, "asked_at": now.isoformat()}

    # Only the keyed hash of the words is kept with the key.
    request = {"text": house.keyring.lookup_hash(kind="report", value=said).hex()}
    answer = once(house, person_id=person_id, command="report_message", key=key, request=request, work=ask)
    return Asked(
        request_id=UUID(str(answer["request_id"])),
        wish=SUSPICIOUS,
        asked_at=datetime.fromisoformat(str(answer["asked_at"])),
    )


def report_field(request_id: UUID) -> str:
    """Return the name under which a report's words are sealed in the vault of who made it."""
    return f"report.{request_id.hex}"
