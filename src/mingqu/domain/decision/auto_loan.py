"""A car loan as data: its product, its price by band, down payment and papers, and whom its money may be sent to.

What such a loan buys is one thing, so its money never reaches the borrower's own hands: it lies on a card that a funds
contract binds, or goes to the dealer (受托支付). The more of the price the buyer pays, and the more of it is proved
before signing, the less the money costs. Sources: 《汽车贷款管理办法》(中国人民银行、银监会令 2017 年第 2 号); 个人贷款
管理办法 (国家金融监督管理总局令 2024 年第 3 号) on entrusted payment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from mingqu.domain.decision.field import Fields, Value, parse_own_fields
from mingqu.domain.decision.grid import Grid, parse_grid
from mingqu.domain.policy_file import Document, Reader
from mingqu.domain.product import PRODUCT_COLUMNS, Product, product_of
from mingqu.domain.rate import PPM
from mingqu.domain.refusal import Refusal

CARD: Final = "card"
DEALER: Final = "dealer"
WAYS: Final = (CARD, DEALER)
KIND: Final = "purpose_bound"
PAYEES_MAX: Final = 20_000
_OWN: Final = frozenset(
    {"way", "funds_contract", "funds_contract_version", "payees", "payees_version", "card_account"}
    | {"down_payment_ppm_min", "field", "price"}
)
_ACCOUNT: Final = re.compile(r"[0-9]{8,34}")


class DownPaymentTooSmall(Refusal):
    """The buyer pays less of the price than the product asks for, or nothing is left to lend."""

    code: ClassVar[str] = "down_payment_too_small"


class CarNotServed(Refusal):
    """This bank lends for no car at this band, down payment and papers. More of either may help."""

    code: ClassVar[str] = "car_not_served"


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoProduct:
    """A car loan's product: terms as of any loan, how its money is sent, its funds contract and its prices."""

    product: Product
    way: str
    funds_contract: tuple[str, int]
    payees: tuple[str, int]
    card_account: str  # the payee of the bank's own account, on which a card's money lies
    down_payment_ppm_min: int
    fields: Fields
    prices: Grid

    def require_under(self, cap_ppm: int, *, reader: Reader) -> None:
        """Return when no price is above a cap, in ppm a year. Errors: PolicyFault."""
        if any(rate is not None and rate > cap_ppm for rate in self.prices.cells):
            raise reader.fault("price", f"above the cap of {cap_ppm} ppm a year.", "Lower the rate.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CarPayee:
    """A company that a funds contract's money may be sent to, with its account."""

    merchant: str
    name: str
    account: str
    bank: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CarPrice:
    """What a car loan comes to: amounts in fen, the part paid down in ppm (rounded down), the yearly rate in ppm."""

    amount_fen: int
    down_payment_ppm: int
    rate_year_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CarRate:
    """One price of a band: from which part paid down (ppm) and how many papers it holds; None: not served."""

    down_payment_from_ppm: int
    papers_from: int
    rate_year_ppm: int | None


def parse_auto_product(*, document: Document) -> AutoProduct:
    """Return the product of a file. Errors: PolicyFault, GridCaseFailed."""
    reader = document.reader()
    reader.only((*(name for name in PRODUCT_COLUMNS if name not in ("product_kind", "price_grid")), *_OWN))
    fields = parse_own_fields(reader=reader)
    named = reader.name("id")
    grid = Document(
        file=document.file,
        body={"kind": "grid", "id": named, "version": 1, **dict(reader.table("price").data)},
    )
    return AutoProduct(
        product=product_of(reader, kind=KIND, price_grid=named),
        way=reader.choice("way", WAYS),
        funds_contract=(
            reader.name("funds_contract"),
            reader.integer("funds_contract_version", least=1, most=9_999),
        ),
        payees=(reader.name("payees"), reader.integer("payees_version", least=1, most=9_999)),
        card_account=reader.text("card_account"),
        down_payment_ppm_min=reader.integer("down_payment_ppm_min", least=0, most=PPM - 1),
        fields=fields,
        prices=parse_grid(document=grid, fields=fields),
    )


def parse_payees(*, document: Document) -> dict[str, CarPayee]:
    """Return the companies of a file by their merchant's code. Errors: PolicyFault."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "payee"))
    found: dict[str, CarPayee] = {}
    for row in reader.tables("payee", label="merchant"):
        row.only(("merchant", "name", "account", "bank", "category"))
        made = CarPayee(
            merchant=row.text("merchant"),
            name=row.text("name"),
            account=row.text("account"),
            bank=row.text("bank"),
            category=row.text("category"),
        )
        if not _ACCOUNT.fullmatch(made.account):
            raise row.fault("account", "not an account.", "Write 8 to 34 digits in quotes.")
        if made.merchant in found or len(found) >= PAYEES_MAX:
            raise row.fault("merchant", "there twice, or one too many.", "Write each merchant once.")
        found[made.merchant] = made
    return found


def price_car(*, of: AutoProduct, band: str, price_fen: int, down_payment_fen: int, papers: int) -> CarPrice:
    """Return what is lent for a car and at which rate.

    Example: of a car of 100,000.00 yuan 20,000.00 are paid down: 80,000.00 are lent, 200,000 ppm are paid down. The
    part is rounded down, so that nobody gets the price of a step that was not reached.
    Errors: DownPaymentTooSmall, CarNotServed, DecisionInputInvalid.
    """
    if price_fen <= 0 or not 0 <= down_payment_fen < price_fen:
        raise DownPaymentTooSmall("A part of the price is paid down, and a part is lent.")
    down_payment_ppm = down_payment_fen * PPM // price_fen  # down: a step counts once it is reached
    if down_payment_ppm < of.down_payment_ppm_min:
        # Up: the least amount that reaches the part.
        least_fen = -(-price_fen * of.down_payment_ppm_min // PPM)
        raise DownPaymentTooSmall("More of the price has to be paid down.", least_fen=least_fen)
    inputs: dict[str, Value] = {"band": band, "down_payment_ppm": down_payment_ppm, "papers": papers}
    rate = of.prices.value(vector=of.fields.read(inputs=inputs))
    if rate is None:
        raise CarNotServed("This bank lends for no car like this; paying more of the price may help.")
    return CarPrice(amount_fen=price_fen - down_payment_fen, down_payment_ppm=down_payment_ppm, rate_year_ppm=rate)


def rates_of(*, of: AutoProduct, band: str) -> tuple[CarRate, ...]:
    """Return all prices of a band, by the least down payment and papers of each: why a price is what it is.

    Example: a product with cuts at 30 % and 50 % paid down and at 1 and 3 papers has nine prices in each band.
    Errors: DecisionInputInvalid.
    """
    cuts = {axis.field: (0, *axis.cuts) for axis in of.prices.axes}
    found = []
    for down in cuts.get("down_payment_ppm", (0,)):
        for papers in cuts.get("papers", (0,)):
            inputs: dict[str, Value] = {"band": band, "down_payment_ppm": down, "papers": papers}
            rate = of.prices.value(vector=of.fields.read(inputs=inputs))
            found.append(CarRate(down_payment_from_ppm=down, papers_from=papers, rate_year_ppm=rate))
    return tuple(found)
