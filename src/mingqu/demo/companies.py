"""The companies of the story that are paid instead of a borrower: a bank must know them before they can be paid."""

from __future__ import annotations

from mingqu.demo.world import Newcomer
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.services.purpose.quote_car import car_products, dealers_of


def companies(house: House) -> list[Newcomer]:
    """Return dealers of today's car loans and merchants, each once, as a bank knows them: by account and name."""
    dealers = [company for one in car_products(house) for company in dealers_of(house, of=one).values()]
    known = {company.account: (company.merchant, company.name) for company in dealers}
    known |= {one.account: (one.code, one.name_zh) for one in house.merchants.values()}
    return [
        Newcomer(
            alias=alias,
            name=Personal(name),
            id_number=Personal(f"company-{number}"),
            phone=Personal(f"1990000{number:04}"),
            card_number=Personal(account),
            monthly_income_fen=0,
            features={},
        )
        for number, (account, (alias, name)) in enumerate(sorted(known.items()))
    ]
