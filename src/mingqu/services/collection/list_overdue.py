"""What may be reported of overdue loans and accounts to a credit register today, what is held back by which rule.

Whoever is reported was told before: the message about the overdue bill says so, and has gone out since it fell due.
What is disputed is marked for as long as it is. Source: 征信业管理条例 art. 15 and 25 (`domain.gate.at_report`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain.classification import AssetClass, provision_ppm
from mingqu.domain.collection import Bucket
from mingqu.domain.gate import Breach, Case, at_report
from mingqu.domain.moment import start_of
from mingqu.services.collection.class_of_debt import case_of_debt, class_of
from mingqu.services.house import House
from mingqu.services.loans.follow_up import NOTICE, UNTOLD
from mingqu.store.overdue import collection, grievance
from mingqu.store.overdue.collection import Overdue
from mingqu.store.revolving import late
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

TOLD_BY: Final = "loan.overdue"  # the message that says what an overdue bill leads to
PPM: Final = 1_000_000
NOTICES_MAX: Final = 200  # of a loan; two a month for years


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueRow:
    """An overdue loan or account: since when, how many days, what is payable in fen; its mark, what holds it back.

    `asset_class` is that of its days past due, `provision_fen` what is set aside of its principal for that class.
    """

    debt_id: UUID
    is_account: bool
    person_id: UUID
    lender_id: UUID
    overdue_since: date
    overdue_days: int
    payable_fen: int
    asset_class: AssetClass
    provision_fen: int
    told_at: datetime | None
    disputed: bool
    held_back: Breach | None


def list_overdue(house: House) -> list[OverdueRow]:
    """Return every overdue loan and revolving account of today, the longest first. Errors: RuleMissing."""
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        found = [
            one
            for bucket in (Bucket.M4, Bucket.M3, Bucket.M2, Bucket.M1)
            for one in (
                *collection.worklist(tx, bucket=bucket, on=today, soon=today, rows_max=None),
                *late.worklist(tx, bucket=bucket, on=today, rows_max=None),
            )
        ]
        return [_row(tx, house, one, today) for one in sorted(found, key=lambda one: one.overdue_since or today)]


def _row(tx: Transaction, house: House, one: Overdue, today: date) -> OverdueRow:
    assert one.overdue_since is not None
    sent = _told(tx, one, since=start_of(one.overdue_since))
    disputes = grievance.disputed(tx, person_id=one.person_id, debt_id=one.debt_id)
    days = (today - one.overdue_since).days
    case = case_of_debt(
        house,
        lender_id=one.lender_id,
        product_id=one.product_id,
        product_version=one.product_version,
        on=today,
    )
    asset_class, provision_fen = _set_aside(house, one, case, days)
    held_back = at_report(
        case=case,
        notices_before=len(sent),
        disputes_open=disputes,
        disputes_marked=disputes,  # the row below carries the mark
        ended_on=None,
        rules=house.pack.rules,
    )
    return OverdueRow(
        debt_id=one.debt_id,
        is_account=one.is_account,
        person_id=one.person_id,
        lender_id=one.lender_id,
        overdue_since=one.overdue_since,
        overdue_days=days,
        payable_fen=one.payable_fen,
        asset_class=asset_class,
        provision_fen=provision_fen,
        told_at=min(sent, default=None),
        disputed=disputes > 0,
        held_back=held_back,
    )


def _told(tx: Transaction, one: Overdue, *, since: datetime) -> list[datetime]:
    """Return when a debtor was told of what is late since it is."""
    if one.is_account:
        return late.told_since(tx, account_id=one.debt_id, since=since)
    notices = work.of_subjects(
        tx, cell=tx.cell_of(one.debt_id), kind=NOTICE, subject_ids=[one.debt_id], limit=NOTICES_MAX
    )
    return [
        done_at
        for _, _, done_at, payload in notices
        if done_at is not None and payload["template"] == TOLD_BY and done_at >= since and UNTOLD not in payload
    ]


def _set_aside(house: House, one: Overdue, case: Case, days: int) -> tuple[AssetClass, int]:
    """Return the class of a debt by its days past due, and what is set aside of its principal, rounded up to a fen.

    Source: 财金〔2012〕20号, standard rates. Example: of 10,000.00 special mention 300.00, substandard 3,000.00.
    """
    asset_class = class_of(house, case=case, days=days)
    rate_ppm = provision_ppm(
        asset_class=asset_class,
        rules=house.pack.rules,
        lender_type=case.lender_type,
        product_kind=case.product_kind,
        business_date=case.on,
    )
    return asset_class, -(-one.principal_fen * rate_ppm // PPM)  # up: no fen too little is set aside
