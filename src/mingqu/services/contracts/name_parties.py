"""Name the parties of a contract as they are known when it is signed: who lends which share, who pays for the lender,
which pool the loan is made for, who guarantees and who insures it, each with its licence.

Sources: 商业银行互联网贷款管理暂行办法 2020 and 银保监办发〔2021〕24号 (a joint loan's contract names each lender and
its share); 金规〔2025〕9号 (who else is paid, and as what, is told).
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.funding import Source, SourceKind
from mingqu.domain.partner import LISTED_AS
from mingqu.domain.rate import PPM
from mingqu.services.house import House
from mingqu.services.offers.price_offer import Offered
from mingqu.store.loans import loan_funding
from mingqu.store.loans.loan import Loan
from mingqu.store.server.database import Transaction

LENDER: Final = "lender"  # in whose name the contract stands, and whom the borrower pays
JOINT_LENDER: Final = "joint_lender"  # has the other share of the claim
FUNDING_BANK: Final = "funding_bank"  # lends to the lender by a line; has no claim on the borrower
POOL: Final = "pool"  # the trust that the claim may be sold to
TRUST: Final = "trust"  # a pool's licence


def parties_of(tx: Transaction, house: House, *, of: Loan, offered: Offered) -> list[Canonical]:
    """Return who stands behind a loan that was routed, the lender first; `share_ppm` is the part of the claim.

    Example: of a joint loan of 30 % and 70 % the lender with 300 000 and the bank with 700 000.
    """
    routed = loan_funding.of_loan(tx, loan_id=of.loan_id)
    newest = {one.id: one for one in sorted(house.funding.funders, key=lambda each: each.version)}
    funders = newest | house.funding.funders_on(house.clock.business_date())
    shares: dict[UUID, int] = {of.lender_id: PPM}
    source: Source | None = None
    if routed is not None:
        plan = house.funding.plan_version(product_id=routed.product_id, version=routed.plan_version)
        source = plan.source(source_id=routed.source_id)
        shares = {one.lender_id: one.ppm for one in source.funding.shares}
    licence = house.pack.lender(lender_id=of.lender_id).licence.value
    found: list[Canonical] = [_party(LENDER, offered.lender_name_zh, licence, shares.pop(of.lender_id))]
    for funder_id, ppm in shares.items():
        other = funders[funder_id]
        found.append(_party(JOINT_LENDER, other.name_zh, other.licence.value, ppm))
    if source is not None and source.kind is SourceKind.BANK:
        bank = funders[source.funder_id]
        found.append(_party(FUNDING_BANK, bank.name_zh, bank.licence.value, 0))
    if source is not None and source.kind is SourceKind.ABS_POOL:
        found.append(_party(POOL, source.name_zh, TRUST, 0))
    for fee in of.terms.fees:
        if fee.partner:
            partner = house.pack.partner(code=fee.partner)
            found.append(_party(partner.role.value, partner.name_zh, LISTED_AS[partner.role], 0))
    return found


def _party(role: str, name: str, licence: str, share_ppm: int) -> dict[str, Canonical]:
    return {"role": role, "name": name, "licence": licence, "share_ppm": share_ppm}
