"""The companies of the story that money with a purpose is paid to: a bank must know them before they can be paid."""

from __future__ import annotations

from mingqu.demo.world import Newcomer
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.services.purpose.quote_car import car_products, dealers_of


def companies(house: House) -> list[Newcomer]:
    """Return the payees of today's car loans, each once, as a bank knows them: by account and name."""
    known = {company.account: company for one in car_products(house) for company in dealers_of(house, of=one).values()}
    return [
        Newcomer(
            alias=company.merchant,
            name=Personal(company.name),
            id_number=Personal(f"company-{number}"),
            phone=Personal(f"1990000{number:04}"),
            card_number=Personal(account),
            monthly_income_fen=0,
            features={},
        )
        for number, (account, company) in enumerate(sorted(known.items()))
    ]
