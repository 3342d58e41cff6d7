"""A book of many loans in the middle of their lives, taken over as any other system's book is: `mingqu generate`.

Most people agree to have what falls due deducted, which the close then has to prepare: their cards and agreements are
written here, without a person having asked for them. Everything else is what a take-over leaves.
"""

from __future__ import annotations

from datetime import timedelta

from mingqu.demo.made_book import made_book
from mingqu.services.books.take_over_book import Source, take_over_book
from mingqu.services.house import House

# So many of ten people let us deduct what falls due.
AGREED_OF_TEN = 8
_AGREED = """
    CREATE TEMP TABLE agreeing ON COMMIT DROP AS
    SELECT cell, person_id, gen_random_uuid() AS instrument_id, gen_random_uuid() AS agreement_id
    FROM person WHERE get_byte(uuid_send(person_id), 15) % 10 < {of_ten}
                   OR get_byte(uuid_send(person_id), 14) % 10 < {of_ten};
    INSERT INTO instrument (cell, instrument_id, person_id, kind, issuer, number_hash, state, added_at, changed_at)
    SELECT cell, instrument_id, person_id, 'debit_card', 'bank', sha256(uuid_send(person_id)), 'verified', now(), now()
    FROM agreeing;
    INSERT INTO repayment_agreement (cell, agreement_id, person_id, instrument_id, state, changed_at)
    SELECT cell, agreement_id, person_id, instrument_id, 'active', now() FROM agreeing"""


def fill(house: House, *, loans: int, seed: int = 1) -> None:
    """Take `loans` loans over into an empty book, on the first day that is open."""
    as_of = house.clock.business_date() - timedelta(days=1)
    lines = made_book(pack=house.pack, as_of=as_of, loans=loans, seed=seed)
    take_over_book(house, source=Source(lines=lines))
    with house.database.transaction() as tx:
        tx.script(_AGREED.format(of_ten=AGREED_OF_TEN))
        tx.commit()
    with house.database.transaction() as tx:
        tx.script("ANALYZE")
        tx.commit()
