"""A car whose dealer was signed with a wrong account, for tests of the version that corrects it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from mingqu.demo.journey import work_until_idle
from mingqu.domain.decision import parse_pack
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.domain.word import Failed
from mingqu.services.changes.answer_version import VersionView, versions_view
from mingqu.services.contracts.sign_contract import Signed
from mingqu.services.house import House
from mingqu.services.proposals.propose import approve, propose
from mingqu.store.decisions import policy
from tests.journeys.test_disputed_orders import check, decide, hear
from tests.journeys.test_story_s0 import Buyer
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld, the_pack

MERCHANT, NAME, RIGHT = "DLR-MINGHE-001", "明河汽车销售有限公司", "6200009900000000994"
SIGNED = "6200009900000000029"
PRICE_FEN = 5_000_000
WHY = "车商来函更正收款账号，已电话核实"


def publish_list(
    house: House, *, version: int = 2, account: str = RIGHT, name: str = NAME, struck: bool = False
) -> None:
    """Publish another version of the list of payees, in which the dealer has another account, or is not any more."""
    pack = the_pack()
    (known,) = (one for one in pack.documents if one.kind == "payees")
    rows = known.body["payee"]
    assert isinstance(rows, list)
    listed = [{**row, "account": account, "name": name} if row["merchant"] == MERCHANT else row for row in rows]  # type: ignore[call-overload,dict-item]
    listed = [row for row in listed if not struck or row["merchant"] != MERCHANT]  # type: ignore[call-overload,index]
    later = replace(known, body={**known.body, "version": version, "payee": listed})
    with house.database.transaction() as tx:
        policy.publish(tx, pack=parse_pack(documents=(*pack.documents, later)), at=house.clock.now())
        tx.commit()


def returned(buyer: Buyer) -> Signed:
    """Buy a car whose money the dealer's bank sent back, as two people said."""
    made = buyer.quote("direct", product_id="chengchuan-auto-dealer")
    signed = buyer.sign(made, agreed_hash=made.quoted.contract_hash)
    work_until_idle(buyer.world)
    send_back(buyer.world, signed.payout_order_id)
    return signed


def send_back(world: OpenWorld, order_id: UUID) -> None:
    """Let the payee's bank send a payout back, and two people say that it did."""
    assert world.bank.return_payout(order_number=order_id.hex)
    assert hear(world, order_id, Failed(code="returned")).disputed
    check(world, decide(world, order_id, "returned"))
    work_until_idle(world)


def propose_correction(house: House, loan_id: UUID, *, key: str = "correct") -> UUID:
    """Propose a version with the payee's right account."""
    return propose(
        house, seat=seat_of(house, "operations", name="maker"), deed=Deed.CORRECT_PAYEE, subject_id=loan_id, asked={},
        reason=WHY, key=key,
    )  # fmt: skip


def corrected(buyer: Buyer, loan_id: UUID, *, key: str = "correct") -> VersionView:
    """Let two people publish a version, and return it as its borrower sees it."""
    house = buyer.house
    approve(
        house,
        seat=seat_of(house, "operations", name="checker"),
        proposal_id=propose_correction(house, loan_id, key=key),
    )
    waits = versions_view(house, person_id=buyer.known.person_id, loan_id=loan_id).waiting
    assert waits is not None
    return waits


def open_account(world: OpenWorld, account: str = RIGHT) -> None:
    """Let the bank know the dealer's right account."""
    world.bank.open_card(
        card_number=Personal(account), holder_name=Personal(NAME), id_number=Personal("company"), phone=Personal("021")
    )
