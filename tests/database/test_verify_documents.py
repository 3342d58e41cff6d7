"""`verify` holds documents against their evidence, terms against contracts, limits against decisions, transfers
against their meaning, and orders against their words: whoever changes one alone, triggers off, is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import LiteralString
from uuid import UUID

import pytest

from mingqu.demo.journey import pay_by_hand
from mingqu.demo.people import ZHOU
from mingqu.demo.story import fund_lenders
from mingqu.domain.canonical import canonical
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.identifier import dated, derived
from mingqu.domain.loan import Intent
from mingqu.domain.order import OrderKind
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.evidence.verify_book import MEANING, Report, verify_book
from mingqu.services.loans.issue_certificate import issue_certificate
from mingqu.services.offers.disclose_cost import show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.keyring import Keyring
from mingqu.store.server.postgres import Server
from tests.conftest import OPENED_ON, database_named
from tests.journeys.reading import arrive, borrow, cell_of, live_until, orders_of
from tests.world import OpenWorld, open_world

pytestmark = pytest.mark.xdist_group("verify documents")  # the book is lived once in a run
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """What the tamperings aim at, by the names they have in SQL."""

    cell: int
    person_id: UUID
    facility_id: UUID
    decision_id: UUID
    loan_id: UUID  # one bill paid and bounced, then paid by hand
    order_id: UUID  # its payout
    paid_id: UUID  # the payment by hand
    bounced_id: UUID
    reversal_id: UUID
    contract_id: UUID
    offer_id: UUID
    lender_id: UUID
    group_id: UUID
    consent_id: UUID  # withdrawn
    certificate_id: UUID  # of another person's loan, settled early

    def names(self) -> dict[str, object]:
        """Return the values by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueBook:
    """A true book, closed and ready to be copied, with its keys and what to aim at in it."""

    name: str
    keyring: Keyring
    victim: Victim


@pytest.fixture(scope="module")
def lived_book(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrueBook]:
    """A book in which a payment bounced, another came, a loan was settled and a consent withdrawn."""
    with database_named(server, "lived_book", copy_of=template) as address:
        with (
            Database(address) as database,
            open_world(database=database, folder=tmp_path_factory.mktemp("house"), opened_on=OPENED_ON) as world,
        ):
            fund_lenders(world)
            book = TrueBook(name="lived_book", keyring=world.house.keyring, victim=_live(world))
        yield book


def _live(world: OpenWorld) -> Victim:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id, person_id = borrowed.signed.loan_id, known.person_id
    live_until(world, date(2026, 9, 15))
    (bounced,) = orders_of(house, loan_id, OrderKind.COLLECTION)
    live_until(world, date(2026, 9, 17))
    reversal_id = reverse_repayment(house, loan_id=loan_id, repayment_id=bounced.order_id, key="bounced")
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE)
    other = arrive(world, ZHOU)
    settled = borrow(world, other, amount_fen=500_000, instalments=6)
    pay_by_hand(world, other, loan_id=settled.signed.loan_id, intent=Intent.PAYOFF)
    # A cost table that was shown and led to nothing, for a contract to be given.
    (unsigned, *_) = make_offers(
        house, person_id=person_id, amount_fen=100_000, instalments=6, method="equal_instalment"
    )
    show_cost_table(house, person_id=person_id, offer_id=unsigned.offer.offer_id)
    certificate = issue_certificate(house, person_id=other.person_id, loan_id=settled.signed.loan_id)
    consent_id = give_consent(house, person_id=person_id, purpose=ConsentPurpose.AUTOMATED_DECISION, key="once more")
    withdraw_consent(house, person_id=person_id, consent_id=consent_id)
    live_until(world, date(2026, 9, 19))
    publish_evidence(house)
    paid = next(one for one in orders_of(house, loan_id, OrderKind.COLLECTION) if one.order_id != bounced.order_id)
    facility = borrowed.offered.offer.facility_id
    with house.database.transaction() as tx:
        row = tx.execute(
            "SELECT decision_id, group_id FROM facility JOIN loan USING (cell, facility_id) WHERE loan_id = %s",
            (loan_id,),
        ).fetchone()
    assert row is not None
    return Victim(
        cell=cell_of(house, loan_id),
        person_id=person_id,
        facility_id=facility,
        decision_id=row[0],
        loan_id=loan_id,
        order_id=borrowed.signed.payout_order_id,
        paid_id=paid.order_id,
        bounced_id=bounced.order_id,
        reversal_id=reversal_id,
        contract_id=borrowed.signed.contract_id,
        offer_id=borrowed.offered.offer.offer_id,
        lender_id=borrowed.offered.product.lender_id,
        group_id=row[1],
        consent_id=consent_id,
        certificate_id=certificate.certificate_id,
    )


@pytest.fixture
def book(server: Server, lived_book: TrueBook) -> Iterator[Database]:
    """A copy of the lived book for one test."""
    with (
        database_named(server, f"forged_{next(_numbers)}", copy_of=lived_book.name) as address,
        Database(address) as database,
    ):
        yield database


@contextmanager
def behind_its_back(book: Database) -> Iterator[Transaction]:
    """Give the database as its owner has it: no trigger and no foreign key is in the way."""
    with book.transaction() as tx:
        tx.execute("SET LOCAL session_replication_role = replica")
        yield tx
        tx.commit()


def broken(report: Report) -> tuple[int, ...]:
    """Return the invariants that do not hold, in order."""
    return tuple(number for number, holds in report.holds.items() if not holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """One change: what it is, the SQL, which invariants it breaks, and what the report of the first must name."""

    what: str
    sql: LiteralString
    breaks: tuple[int, ...]
    named: str


DOCUMENTS = [
    Tampering(
        what="a recipient in a consent",
        sql="UPDATE consent SET recipient = 'somebody' WHERE consent_id = %(consent_id)s",
        breaks=(8,),
        named="consent {consent_id.hex} is not what leaf",
    ),
    Tampering(
        what="the text a consent was given to",
        sql="UPDATE consent SET text_hash = sha256(text_hash) WHERE consent_id = %(consent_id)s",
        breaks=(8,),
        named="consent {consent_id.hex} is not what leaf",
    ),
    Tampering(
        what="when a consent was given",
        sql="UPDATE consent SET given_at = given_at - interval '1 minute' WHERE consent_id = %(consent_id)s",
        breaks=(8,),
        named="consent {consent_id.hex} is not what leaf",
    ),
    Tampering(
        what="a withdrawal, undone",
        sql="UPDATE consent SET withdrawn_at = NULL WHERE consent_id = %(consent_id)s",
        breaks=(8,),
        named="speaks of consent_withdrawn {consent_id.hex}, which is not there",
    ),
    Tampering(
        what="how long a cost table was read",
        sql="UPDATE disclosure SET shown_at = shown_at - interval '1 minute' WHERE offer_id = %(offer_id)s",
        breaks=(8,),
        named="disclosure",
    ),
    Tampering(
        what="a certificate's text",
        sql="""UPDATE certificate SET body = replace(convert_from(body, 'UTF8'), '"late_days_max":0',
               '"late_days_max":9')::bytea WHERE certificate_id = %(certificate_id)s""",
        breaks=(8,),
        named="certificate {certificate_id.hex} is not what leaf",
    ),
    Tampering(
        what="what was prohibited in a contract",
        sql="""UPDATE contract SET body = (convert_from(body, 'UTF8')::jsonb || '{"prohibited_uses": []}')::text::bytea
               WHERE contract_id = %(contract_id)s""",
        breaks=(8,),
        named="contract {contract_id.hex} is not what leaf",
    ),
    Tampering(
        what="when a contract was signed",
        sql="UPDATE contract SET signed_at = signed_at + interval '1 day' WHERE contract_id = %(contract_id)s",
        breaks=(8,),
        named="contract {contract_id.hex} is not what leaf",
    ),
    Tampering(
        what="when a decision was made",
        sql="UPDATE decision SET decided_at = decided_at - interval '1 day' WHERE decision_id = %(decision_id)s",
        breaks=(8,),
        named="decision {decision_id.hex} is not what leaf",
    ),
    Tampering(
        what="what a leaf of a decision commits to, taken away",
        sql="""UPDATE vault_field SET sealed = sha256(sealed) WHERE person_id = %(person_id)s AND field =
               (SELECT 'evidence.' || sequence FROM evidence_leaf WHERE subject_id = %(decision_id)s)""",
        breaks=(8,),
        named="decision {decision_id.hex} is not what leaf",
    ),
    Tampering(
        what="a payment that was collected, gone with its event and its order",
        sql="""WITH event AS (DELETE FROM loan_event WHERE event_id = %(paid_id)s)
               DELETE FROM channel_order WHERE order_id = %(paid_id)s""",
        breaks=(8, 1, 4, 5),
        named="speaks of repayment {paid_id.hex}, which is not there",
    ),
]

TERMS = [
    Tampering(
        what="an offer behind a contract",
        sql="""UPDATE offer SET terms = jsonb_set(terms, '{penalty_multiple_ppm}', '1400000')
               WHERE offer_id = %(offer_id)s""",
        breaks=(4,),
        named="loan {loan_id} has other terms than were signed",
    ),
    Tampering(
        what="the terms of a loan and of its offer alike, in what nothing has come of yet",
        sql="""WITH other AS (UPDATE offer SET terms = jsonb_set(terms, '{grace_days}', '1')
                             WHERE offer_id = %(offer_id)s)
               UPDATE loan_snapshot SET terms = jsonb_set(terms::jsonb, '{grace_days}', '1')::json
               WHERE loan_id = %(loan_id)s""",
        breaks=(4,),
        named="loan {loan_id} has other terms than were signed",
    ),
    Tampering(
        what="the loan a contract is of",
        sql="UPDATE contract SET loan_id = offer_id WHERE contract_id = %(contract_id)s",
        breaks=(4, 8),
        named="loan {loan_id} and its contract, offer, cost table and line do not belong together",
    ),
    Tampering(
        what="the cost table a contract names",
        sql="""UPDATE contract SET disclosure_id = (SELECT disclosure_id FROM disclosure
                   WHERE cell = contract.cell AND offer_id <> contract.offer_id LIMIT 1)
               WHERE contract_id = %(contract_id)s""",
        breaks=(4,),
        named="loan {loan_id} and its contract, offer, cost table and line do not belong together",
    ),
    Tampering(
        what="a contract that is gone",
        sql="DELETE FROM contract WHERE contract_id = %(contract_id)s",
        breaks=(4, 8),
        named="loan {loan_id} and its contract, offer, cost table and line do not belong together",
    ),
]

LIMITS = [
    Tampering(
        what="the rate of a line",
        sql="UPDATE facility SET rate_year_ppm = rate_year_ppm - 1 WHERE facility_id = %(facility_id)s",
        breaks=(6, 4),
        named="decision {decision_id} granted other limits than the book holds",
    ),
    Tampering(
        what="a limit raised with its accounts and its transfer",
        sql="""WITH line AS (UPDATE facility SET granted_fen = granted_fen + 100 WHERE facility_id = %(facility_id)s),
               sides AS (UPDATE account SET debits_posted_fen = debits_posted_fen + 100 * (code = 9001)::int,
                                            credits_posted_fen = credits_posted_fen + 100 * (code = 9002)::int
                         WHERE owner IN (%(facility_id)s, %(person_id)s) AND code IN (9001, 9002))
               UPDATE transfer SET amount_fen = amount_fen + 100
               WHERE reason = 40 AND debit_owner IN (%(facility_id)s, %(person_id)s)""",
        breaks=(6, 1),
        named="decision {decision_id} granted other limits than the book holds",
    ),
    Tampering(
        what="the hash of a decision's record",
        sql="UPDATE decision SET record_hash = sha256(record_hash) WHERE decision_id = %(decision_id)s",
        breaks=(6, 8),
        named="decision {decision_id} is not what its record's hash says",
    ),
    Tampering(
        what="what was asked for",
        sql="""UPDATE application SET requested_amount_fen = requested_amount_fen + 1
               WHERE person_id = %(person_id)s""",
        breaks=(6,),
        named="decision {decision_id} is not what its record's hash says",
    ),
    Tampering(
        what="the policies a decision used",
        sql="""UPDATE decision SET record = replace(convert_from(record, 'UTF8'), '"format":2', '"format":1')::bytea
               WHERE decision_id = %(decision_id)s""",
        breaks=(6, 8),
        named="decision {decision_id} is not what its record's hash says",
    ),
    Tampering(
        what="the key of a person who was not erased",
        sql="DELETE FROM person_key WHERE person_id = %(person_id)s",
        breaks=(6,),
        named="decision {decision_id} is not what its record's hash says",
    ),
]

MEANINGS = [
    Tampering(
        what="a transfer of another meaning",
        sql="UPDATE transfer SET reason = 90 WHERE reference = %(reversal_id)s AND reason = 20",
        breaks=(1, 4),
        named="moves money in a way that there is none of",
    ),
    Tampering(
        what="a lender's cash that interest came out of",
        sql="""WITH moved AS (UPDATE transfer SET credit_code = 1001, credit_owner = %(lender_id)s
                             WHERE reference = %(paid_id)s AND reason = 21 RETURNING cell, amount_fen),
               less AS (UPDATE account a SET credits_posted_fen = credits_posted_fen - amount_fen
                        FROM moved WHERE a.cell = moved.cell AND owner = %(loan_id)s AND code = 1103)
               UPDATE account a SET credits_posted_fen = credits_posted_fen + amount_fen
               FROM moved WHERE a.cell = moved.cell AND owner = %(lender_id)s AND code = 1001""",
        breaks=(1, 4),
        named="moves money in a way that there is none of",
    ),
    Tampering(
        what="the cause of a limit's release",
        sql="UPDATE transfer SET reference = %(certificate_id)s WHERE reference = %(paid_id)s AND reason = 43",
        breaks=(1, 4),
        named="has no cause in the book",
    ),
    Tampering(
        what="the morning a bill was made on",
        sql="""UPDATE transfer SET posted_on = posted_on - 1
               WHERE cell = %(cell)s AND debit_owner = %(loan_id)s AND reason = 10""",
        breaks=(4, 1),
        named="of loan {loan_id} has not the cause, day or owners it should have",
    ),
    Tampering(
        what="the value date of a payment's transfers",
        sql="UPDATE transfer SET value_date = value_date - 1 WHERE reference = %(paid_id)s",
        breaks=(4,),
        named="loan {loan_id} has other transfers than its events make",
    ),
    Tampering(
        what="the day on which an event was booked",
        sql="UPDATE loan_event SET posted_on = posted_on + 1 WHERE event_id = %(paid_id)s",
        breaks=(4,),
        named="of loan {loan_id} has not the cause, day or owners it should have",
    ),
    Tampering(
        what="an event booked before it was known",
        sql="""WITH moved AS (UPDATE transfer SET posted_on = posted_on - 3 WHERE reference = %(paid_id)s)
               UPDATE loan_event SET posted_on = posted_on - 3 WHERE event_id = %(paid_id)s""",
        breaks=(4, 1),
        named="event {paid_id} of loan {loan_id} is dated on a day it cannot be of",
    ),
    Tampering(
        what="the day of an accrual",
        sql="""UPDATE transfer SET posted_on = posted_on - 1, value_date = value_date - 1
               WHERE cell = %(cell)s AND debit_owner = %(group_id)s AND reason = 30 AND posted_on =
                   (SELECT max(posted_on) FROM transfer WHERE cell = %(cell)s AND debit_owner = %(group_id)s)""",
        breaks=(4, 1),
        named="is not the accrual of its group on its day",
    ),
    Tampering(
        what="money that a reversal took, less than the payment had brought",
        sql="""WITH target AS (UPDATE transfer SET amount_fen = amount_fen - 1
                              WHERE reference = %(reversal_id)s AND credit_code = 1002 AND reason = 21)
               UPDATE account SET credits_posted_fen = credits_posted_fen - 1 * (code = 1002)::int,
                                  debits_posted_fen = debits_posted_fen - 1 * (code = 1103)::int
               WHERE cell = %(cell)s AND (owner, code) IN ((%(lender_id)s, 1002), (%(loan_id)s, 1103))""",
        breaks=(5, 2, 4, 1),  # interest that is owed falls below what was paid of it
        named="collection {reversal_id} and its postings do not agree",
    ),
    Tampering(
        what="an event and the intent it was paid with",
        sql="""UPDATE repayment SET intent = 'payoff' WHERE order_id = %(paid_id)s""",
        breaks=(5,),
        named="order {paid_id} and the event of its loan do not agree",
    ),
    Tampering(
        what="a reversal that names nothing",
        sql="UPDATE loan_event SET target = %(loan_id)s WHERE event_id = %(reversal_id)s",
        breaks=(5, 4, 8),  # and no order speaks for it, nor any evidence
        named="collection {reversal_id} and its postings do not agree",
    ),
]

WORDS = [
    Tampering(
        what="a word in the middle, dropped",
        sql="DELETE FROM channel_word WHERE order_id = %(order_id)s AND seq = 2",
        breaks=(5,),
        named="order {order_id.hex} is not what its words make of it",
    ),
    Tampering(
        what="a word said before the ones it follows",
        sql="""UPDATE channel_word SET at = at - interval '1 day' WHERE order_id = %(order_id)s
               AND seq = (SELECT max(seq) FROM channel_word WHERE order_id = %(order_id)s)""",
        breaks=(5,),
        named="order {order_id.hex} is not what its words make of it",
    ),
    Tampering(
        what="a state on the way",
        sql="UPDATE channel_word SET state = 'UNKNOWN' WHERE order_id = %(order_id)s AND word = 'send'",
        breaks=(5,),
        named="order {order_id.hex} is not what its words make of it",
    ),
    Tampering(
        what="how often an order was sent",
        sql="UPDATE channel_order SET attempts = attempts + 1 WHERE order_id = %(order_id)s",
        breaks=(5,),
        named="order {order_id.hex} is not what its words make of it",
    ),
    Tampering(
        what="when the channel paid",
        sql="UPDATE channel_order SET paid_at = paid_at - interval '1 day' WHERE order_id = %(order_id)s",
        breaks=(5,),
        named="order {order_id.hex} was paid at a time that its words do not bear out",
    ),
    Tampering(
        what="the value date of a payout with its event",
        sql="""WITH told AS (UPDATE loan_event SET value_date = value_date - 1 WHERE event_id = %(order_id)s)
               UPDATE channel_order SET value_date = value_date - 1 WHERE order_id = %(order_id)s""",
        breaks=(5, 4, 8),
        named="order {order_id.hex} was paid at a time that its words do not bear out",
    ),
]

TAMPERINGS = [*DOCUMENTS, *TERMS, *LIMITS, *MEANINGS, *WORDS]


def test_the_lived_book_is_true(book: Database, lived_book: TrueBook) -> None:
    report = verify_book(database=book, keyring=lived_book.keyring)
    assert report.findings == {number: [] for number in MEANING}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=[tampering.what for tampering in TAMPERINGS])
def test_verify_finds(book: Database, lived_book: TrueBook, tampering: Tampering) -> None:
    victim = lived_book.victim
    with behind_its_back(book) as tx:
        assert tx.execute(tampering.sql, victim.names()).rowcount > 0
    report = verify_book(database=book, keyring=lived_book.keyring)
    assert broken(report) == tuple(sorted(tampering.breaks)), report.findings
    named = tampering.named.format(**victim.names())
    assert any(named in sentence for sentence in report.findings[tampering.breaks[0]]), report.findings


def test_verify_finds_a_limit_granted_twice_under_another_id(book: Database, lived_book: TrueBook) -> None:
    victim = lived_book.victim
    with behind_its_back(book) as tx:
        tx.execute(
            """INSERT INTO transfer (cell, id, debit_owner, credit_owner, amount_fen, value_date, posted_on, debit_code,
                   credit_code, kind, reason, currency, reference)
               SELECT cell, %s, debit_owner, credit_owner, amount_fen, value_date, posted_on, debit_code, credit_code,
                   kind, reason, currency, reference
               FROM transfer WHERE reason = 40 AND debit_owner = %s""",
            (derived(victim.decision_id, 9), victim.person_id),
        )
        tx.execute(
            """UPDATE account a SET debits_posted_fen = 2 * debits_posted_fen,
                   credits_posted_fen = credits_posted_fen + (code = 9002)::int * g.debits
               FROM (SELECT debits_posted_fen AS debits FROM account WHERE owner = %(owner)s AND code = 9001) g
               WHERE owner = %(owner)s AND code = 9001""",
            {"owner": victim.person_id},
        )
        tx.execute(
            """UPDATE account a SET credits_posted_fen = a.credits_posted_fen + g.amount_fen
               FROM (SELECT amount_fen FROM transfer WHERE id = %(id)s) g WHERE owner = %(owner)s AND code = 9002""",
            {"owner": victim.person_id, "id": derived(victim.decision_id, 9)},
        )
    report = verify_book(database=book, keyring=lived_book.keyring)
    assert broken(report) == (1, 6), report.findings
    assert f"decision {victim.decision_id} granted other limits than the book holds" in report.findings[6]


def test_verify_finds_money_a_lender_never_put_in(book: Database, lived_book: TrueBook) -> None:
    victim = lived_book.victim
    cause = dated(victim.lender_id, on=OPENED_ON + timedelta(days=1), purpose="forged")
    with behind_its_back(book) as tx:
        tx.execute(
            """INSERT INTO transfer (cell, id, debit_owner, credit_owner, amount_fen, value_date, posted_on, debit_code,
                   credit_code, kind, reason, currency, reference)
               VALUES (%s, %s, %s, %s, 100, '2026-08-16', '2026-08-16', 1001, 3001, 1, 1, 'CNY', %s)""",
            (victim.cell, derived(cause, 1), victim.lender_id, victim.lender_id, cause),
        )
        tx.execute(
            """UPDATE account SET debits_posted_fen = debits_posted_fen + 100 * (code = 1001)::int,
                                  credits_posted_fen = credits_posted_fen + 100 * (code = 3001)::int
               WHERE cell = %s AND owner = %s AND code IN (1001, 3001)""",
            (victim.cell, victim.lender_id),
        )
    report = verify_book(database=book, keyring=lived_book.keyring)
    assert broken(report) == (1,), report.findings
    assert report.findings[1] == [
        f"transfer {victim.cell}/{derived(cause, 1)} is not what a lender was asked to put in",
        "the balances of 2026-08-16 are not what was booked on it",
    ]


def test_verify_finds_terms_forged_down_to_the_contract(book: Database, lived_book: TrueBook) -> None:
    """Loan, offer and contract changed alike still differ from the contract's evidence."""
    victim = lived_book.victim
    with behind_its_back(book) as tx:
        for forged in (
            """WITH row AS (UPDATE loan SET plain = false WHERE loan_id = %(loan_id)s)
               UPDATE loan_snapshot SET terms = jsonb_set(terms::jsonb, '{grace_days}', '1')::json, plan = NULL
               WHERE loan_id = %(loan_id)s""",
            "UPDATE offer SET terms = jsonb_set(terms, '{grace_days}', '1') WHERE offer_id = %(offer_id)s",
        ):
            tx.execute(forged, victim.names())
        row = tx.execute(
            """SELECT s.terms::text, c.body FROM loan l JOIN loan_snapshot s USING (loan_id)
               JOIN contract c ON c.contract_id = l.contract_id
               WHERE l.loan_id = %s""",
            (victim.loan_id,),
        ).fetchone()
        assert row is not None
        body = json.loads(bytes(row[1]))
        body["terms_hash"] = hashlib.sha256(canonical(json.loads(row[0]))).hexdigest()
        tx.execute("UPDATE contract SET body = %s WHERE contract_id = %s", (canonical(body), victim.contract_id))
    report = verify_book(database=book, keyring=lived_book.keyring)
    assert broken(report) == (8,), report.findings
