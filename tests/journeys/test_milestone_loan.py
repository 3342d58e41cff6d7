"""A loan by stages: the first with the signature, the next on papers that two people looked at, to one payee only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from mingqu.client import Client, Problem
from mingqu.demo.journey import READING, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.order import OrderKind
from mingqu.domain.proposal import Deed, MakerIsChecker, ProposalStale
from mingqu.domain.word import Failed
from mingqu.services.changes.correct_payee import PayeeNotCorrected
from mingqu.services.changes.release_stage import StageNotReady
from mingqu.services.changes.take_payout_back import NoPayoutReturned, VersionWaits
from mingqu.services.evidence.verify_book import verify_as_it_stands
from mingqu.services.house import ENTRUSTED
from mingqu.services.proposals.propose import approve, decline, propose
from mingqu.store.proof.purpose import purposes
from mingqu.store.server.database import Database
from tests.console import signed_in, visitor
from tests.journeys.api import Borrower, Site, be_assessed, introduce, open_site, say_yes
from tests.journeys.pages import Phone
from tests.journeys.reading import assert_coherent, facts_of, orders_of, rows_of
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world
from tests.journeys.test_disputed_orders import check, decide, hear
from tests.journeys.two_people import seat_of

OFFERED_FROM = date(2027, 6, 1)
AMOUNT = 2_000_000
PARTS = [600_000, 800_000, 600_000]
BUILDER = {"account": "6200000000009990002", "name": "河畔建筑有限公司", "bank": "QPBK", "purpose": "workshop"}
MOVED = "6200000000009990010"  # where the builder has its account by the time that a stage came back
WHY = "凭证齐全,现场已核对"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OFFERED_FROM) as world:
        fund_lenders(world)
        for account in (BUILDER["account"], MOVED):
            world.sandbox.control.bank.open_card(
                number=account, holder_name=BUILDER["name"], id_number="company", phone="0210001"
            )
        with open_site(world) as made:  # type: ignore[arg-type]  # it needs a house, a clock and codes
            yield made


def builder_fen(site: Site, account: str = BUILDER["account"]) -> int:
    """Return what the builder's bank says the builder has on an account."""
    world: SandboxWorld = site.world  # type: ignore[assignment]
    return world.sandbox.control.bank.balance_fen(number=account)


def sign(site: Site, who: Borrower) -> UUID:
    """Sign a loan by stages that names its payee; return the loan's id."""
    client = who.client
    (offer,) = client.ask_for_offers(amount_fen=AMOUNT, instalments=18, method="equal_instalment")
    table = client.show_costs(offer_id=offer.offer_id)
    site.world.go_to(site.world.house.clock.now() + READING)
    client.confirm_costs(disclosure_id=table.disclosure_id)
    say_yes(client, purpose="pass_to_lender", recipient=offer.lender_zh)
    client.send_signing_code(offer_id=offer.offer_id)
    code = site.world.read_code(who.newcomer.phone).reveal()
    before = rows_of(site.world.house)
    for wrong in ({}, {"instrument_id": who.instrument_id}, {"instrument_id": who.instrument_id, "payee": BUILDER}):
        with pytest.raises(Problem, match="payee_missing"):
            client.sign_contract(offer_id=offer.offer_id, code=code, **wrong)  # type: ignore[arg-type]
    with pytest.raises(Problem, match="disbursement_not_allowed"):
        client.sign_contract(offer_id=offer.offer_id, code=code, payee=BUILDER, payout_fen=AMOUNT)
    assert rows_of(site.world.house) == before
    signed = client.sign_contract(offer_id=offer.offer_id, code=code, payee=BUILDER)
    work_until_idle(site.world)
    return signed.loan_id


def states(client: Client, loan_id: UUID) -> list[str]:
    """Return where each stage stands."""
    return [one.state for one in client.stages(loan_id=loan_id).stages]


def release(site: Site, loan_id: UUID, stage: str, *, key: str) -> UUID:
    """Propose that a stage is paid, as one operator."""
    return propose(
        site.world.house,
        seat=seat_of(site.world.house, "operations", name="maker"),
        deed=Deed.RELEASE_STAGE,
        subject_id=loan_id,
        asked={"stage": stage},
        reason=WHY,
        key=key,
    )


def test_each_stage_is_paid_to_the_payee_on_its_papers_by_two_people(site: Site) -> None:
    house, who = site.world.house, introduce(site)
    be_assessed(site, who, amount_fen=AMOUNT)
    loan_id, client = sign(site, who), who.client
    person_id = client.me().person_id
    view = client.stages(loan_id=loan_id)
    assert [one.amount_fen for one in view.stages] == PARTS
    assert (view.paid_fen, view.payee_tail, view.purpose) == (PARTS[0], "0002", "workshop")
    assert states(client, loan_id) == ["paid", "papers_due", "waits"]
    assert (builder_fen(site), client.loan(loan_id=loan_id).outstanding_fen) == (PARTS[0], PARTS[0])

    # Nothing is released before its papers are there, and no stage out of its turn.
    before = rows_of(house)
    for stage in ("half", "done", "start", "none"):
        with pytest.raises(StageNotReady):
            release(site, loan_id, stage, key=f"early {stage}")
    for stage, kind, code in (("half", "works_contract", "stage_unknown"), ("none", "invoice", "stage_unknown")):
        with pytest.raises(Problem, match=code):
            client.give_paper(loan_id=loan_id, stage=stage, kind=kind, number="FP-1")
    assert {name: rows for name, rows in rows_of(house).items() if "operator" not in name} == {
        name: rows for name, rows in before.items() if "operator" not in name
    }
    give_papers(site, who, loan_id)

    # Two people: the maker cannot approve, and what a proposal rests on must be as it was.
    proposal_id = release(site, loan_id, "half", key="half")
    with pytest.raises(MakerIsChecker):
        approve(house, seat=seat_of(house, "operations", name="maker"), proposal_id=proposal_id)
    checker = seat_of(house, "operations", name="checker")
    client.give_paper(loan_id=loan_id, stage="done", kind="acceptance_report", number="YS-1")
    with pytest.raises(ProposalStale):
        approve(house, seat=checker, proposal_id=proposal_id)
    decline(house, seat=checker, proposal_id=proposal_id, reason=WHY)
    approve(house, seat=checker, proposal_id=release(site, loan_id, "half", key="half again"))
    assert states(client, loan_id) == ["paid", "under_way", "waits"]
    work_until_idle(site.world)
    assert states(client, loan_id) == ["paid", "paid", "ready"]
    assert (builder_fen(site), client.loan(loan_id=loan_id).outstanding_fen) == (sum(PARTS[:2]), sum(PARTS[:2]))
    assert {one.channel for one in orders_of(house, loan_id, OrderKind.PAYOUT)} == {ENTRUSTED}
    assert [fact["kind"] for fact in facts_of(house, person_id, "purpose_evidence")] == [
        "invoice", "progress_report", "acceptance_report",
    ]  # fmt: skip

    come_back(site, client, loan_id)
    finish(site, who, loan_id)
    assert_coherent(house)


def come_back(site: Site, client: Client, loan_id: UUID) -> None:
    """Each stage comes back from the builder's bank: nothing follows it until two people pay it again."""
    house, checker = site.world.house, seat_of(site.world.house, "operations", name="checker")
    for place, then in ((1, ["paid", "ready", "waits"]), (0, ["ready", "waits", "waits"])):
        order_id = client.stages(loan_id=loan_id).stages[place].order_id
        assert order_id is not None
        hear(site.world, order_id, Failed(code="returned"))
        check(site.world, decide(site.world, order_id, "returned"))
        assert states(client, loan_id) == then
        with pytest.raises(StageNotReady):
            release(site, loan_id, "done", key=f"over {place}")
        assert client.loan(loan_id=loan_id).outstanding_fen == sum(PARTS[:place])
        assert_coherent(house)
    get_another_account(site, client, loan_id)
    for stage in ("start", "half"):
        approve(house, seat=checker, proposal_id=release(site, loan_id, stage, key=f"anew {stage}"))
        work_until_idle(site.world)
    assert states(client, loan_id) == ["paid", "paid", "ready"]
    assert builder_fen(site, MOVED) == sum(PARTS[:2]), "both went to the account that was agreed to"
    with pytest.raises(NoPayoutReturned):
        correct(site, loan_id, key="too late")


def correct(site: Site, loan_id: UUID, *, key: str) -> UUID:
    """Propose a version with the account that the borrower named, as one operator."""
    maker = seat_of(site.world.house, "operations", name="maker")
    return propose(
        site.world.house, seat=maker, deed=Deed.CORRECT_PAYEE, subject_id=loan_id, asked={}, reason=WHY, key=key
    )


def get_another_account(site: Site, client: Client, loan_id: UUID) -> None:
    """Name the builder's right account on the page, have two people publish it, agree to it by its hash."""
    house, checker = site.world.house, seat_of(site.world.house, "operations", name="checker")
    with pytest.raises(PayeeNotCorrected):
        correct(site, loan_id, key="nobody named one")
    before = rows_of(house)
    for account, code in ((BUILDER["account"], "payee_not_corrected"), ("62000000-9990002", "malformed")):
        with pytest.raises(Problem, match=code):
            client.name_payee_account(loan_id=loan_id, account=account, bank=BUILDER["bank"])
    assert rows_of(house) == before
    seen_before = release(site, loan_id, "start", key="before it moved")
    named = {"account": MOVED, "bank": BUILDER["bank"], "key": "named"}
    assert client.name_payee_account(loan_id=loan_id, **named) == client.name_payee_account(loan_id=loan_id, **named)
    site.world.go_to(house.clock.now() + timedelta(minutes=2))
    phone = Phone(site.world)
    phone.sign_in(XIA)
    address = f"/loans/{loan_id.hex}/payee-account"
    assert address in phone.get(f"/loans/{loan_id.hex}/stages").links
    page = phone.get(address)
    assert phone.send(page.main_form, account="12", bank="QPBK").status == 422
    assert phone.send(phone.get(address).main_form, account=MOVED, bank="QPBK").path.endswith("/stages")
    assert client.stages(loan_id=loan_id).payee_tail == "0002", "nothing changed by that"
    approve(house, seat=checker, proposal_id=correct(site, loan_id, key="correct"))
    with pytest.raises(ProposalStale):
        approve(house, seat=checker, proposal_id=seen_before)
    decline(house, seat=checker, proposal_id=seen_before, reason=WHY)
    waiting = release(site, loan_id, "start", key="while it waits")
    with pytest.raises(VersionWaits):
        approve(house, seat=checker, proposal_id=waiting)
    decline(house, seat=checker, proposal_id=waiting, reason=WHY)
    page = phone.get(f"/loans/{loan_id.hex}/version")
    assert ("0010" in page.text, "以后的阶段也付到这个账户" in page.text) == (True, True)
    (version,) = client.contract_versions(loan_id=loan_id).versions
    said = {"loan_id": loan_id, "version_id": version.version_id, "agreed_hash": version.hash, "key": "agree"}
    assert (client.agree_contract_version(**said), client.agree_contract_version(**said)) == (None, None)
    assert (client.stages(loan_id=loan_id).payee_tail, builder_fen(site, MOVED)) == ("0010", 0)
    assert_coherent(house)
    for forged in ("payee_wish SET account_hash = 'x'", "payee_wish SET wished_at = wished_at + interval '1 day'"):
        with house.database.transaction() as tx:
            tx.script(f"ALTER TABLE payee_wish DISABLE TRIGGER USER; UPDATE {forged}")
            assert any("was not let be paid" in one for one in purposes(tx)), forged


def give_papers(site: Site, who: Borrower, loan_id: UUID) -> None:
    """Give one paper over the API and one on the page; the console shows both with their numbers."""
    client, house = who.client, site.world.house
    invoice = {"stage": "half", "kind": "invoice", "number": "FP-20270601", "file_hash": "ab" * 32, "key": "paper"}
    first = client.give_paper(loan_id=loan_id, **invoice)
    assert first == client.give_paper(loan_id=loan_id, **invoice), "sent twice it is one"
    with pytest.raises(Problem, match="stage_paper_there"):
        client.give_paper(loan_id=loan_id, stage="half", kind="invoice", number="FP-2")
    site.world.go_to(house.clock.now() + timedelta(minutes=2))
    phone = Phone(site.world)
    phone.sign_in(XIA)
    assert f"/loans/{loan_id.hex}/stages" in phone.get(f"/loans/{loan_id.hex}").links
    page = phone.get(f"/loans/{loan_id.hex}/stages")
    form = page.main_form
    assert form.choices["kind"] == ["progress_report"]
    page = phone.send(form, kind="progress_report", number="JD-7")
    assert "凭证已齐" in page.text
    assert phone.get(f"/contracts/{client.loan(loan_id=loan_id).contract_id.hex}").status == 200
    desk = signed_in(house, "operations")
    seen = desk.get(f"/console/loans/{loan_id.hex}/stages").text
    assert all(number in seen for number in ("FP-20270601", "JD-7", "…0002"))


def finish(site: Site, who: Borrower, loan_id: UUID) -> None:
    """Release the last stage from the console; the table keeps what was given, and nothing more can be drawn."""
    house, client = site.world.house, who.client
    desk = visitor(house)
    assert desk.sign_in("operations").status_code == 303
    there = f"/console/loans/{loan_id.hex}/stages"
    answer = desk.post(there, seen_on=there, key=house.id_for(loan_id).hex, stage="done", reason=WHY)
    assert answer.status_code == 303, answer.text
    proposal_id = UUID(answer.headers["location"].rpartition("/")[2])
    approve(house, seat=seat_of(house, "operations", name="checker"), proposal_id=proposal_id)
    work_until_idle(site.world)
    assert states(client, loan_id) == ["paid"] * 3
    # What came back was said by us alone; the builder's bank here never gave it up.
    assert (builder_fen(site), builder_fen(site, MOVED)) == (sum(PARTS[:2]), AMOUNT)
    assert client.loan(loan_id=loan_id).outstanding_fen == AMOUNT
    with pytest.raises(Problem, match="disbursement_not_allowed"):
        client.draw(loan_id=loan_id, instrument_id=who.instrument_id, amount_fen=100)
    with house.database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
        tx.script("UPDATE milestone_paper SET kind = 'photographs'")
    for forged in ("UPDATE milestone_release SET stage = 'start'", "DELETE FROM milestone_release"):
        with house.database.transaction() as tx:
            tx.script(f"ALTER TABLE milestone_release DISABLE TRIGGER USER; {forged}")
            assert verify_as_it_stands(tx, keyring=house.keyring).holds[7] is False, "nobody released that"
