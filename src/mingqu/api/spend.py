"""Revolving accounts: open one, spend or draw, read its bills, pay, and pay in instalments."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.order import PaymentOrder
from mingqu.api.shape import FEN_MAX, shaped
from mingqu.api.spend_shape import (
    AgreedInstalments,
    AuthorizedPurchase,
    InstalmentOffer,
    InstalmentOffers,
    InstalmentPart,
    IssuedStatement,
    JointSource,
    NewCashDraw,
    NewInstalments,
    NewPurchase,
    NewSpendAccount,
    NewSpendPayment,
    OpenedSpendAccount,
    Purchase,
    Purchases,
    SpendAccount,
    SpendAccounts,
    SpendDraw,
    SpendDraws,
    SpendInstalment,
    SpendProduct,
    SpendProducts,
    SpendStatement,
    SpendStatements,
)
from mingqu.domain.cap import CapExceeded
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.instrument import CardNotSupported, InstrumentNotVerified
from mingqu.domain.limit import AssessmentExpired, RaisePauses
from mingqu.domain.ownership import NotFound
from mingqu.domain.spend import (
    ConversionRefused,
    ConversionWhileOverdue,
    InstalmentAlready,
    MinimumNotConvertible,
)
from mingqu.domain.spend.product import SpendProductNotOffered
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.limits.stand_in_band import BandLowered
from mingqu.services.loans.reserve_payout import FundingExhausted, LimitExceeded
from mingqu.services.offers.make_offers import NoLimit
from mingqu.services.offers.price_offer import CostAboveCap
from mingqu.services.orders.run_errand import PaymentChannelUnknown
from mingqu.services.repayment.repay import NothingDue
from mingqu.services.repayment.repay_spend import repay_spend
from mingqu.services.revolving.convert_spend import ConversionOffer, conversion_offers, convert_spend
from mingqu.services.revolving.draw_cash import NotForCash, draw_cash
from mingqu.services.revolving.open_spend import SpendAccountExists, TermsNotShown, open_spend, spend_offers
from mingqu.services.revolving.pay_merchant import NotForSpending, PurchaseExists, authorize_purchase
from mingqu.services.revolving.read_spend import (
    SpendView,
    spend_bills,
    spend_draws,
    spend_purchases,
    spend_view,
    spend_views,
)
from mingqu.services.revolving.record_spend import RepaymentUnderWay

TAG: Final = "Revolving accounts"
# What keeps a person from spending or drawing more.
CLOSED: Final = (
    DrawingFrozen,
    DrawingStopped,
    AssessmentExpired,
    BandLowered,
    CapExceeded,
    RaisePauses,
    LimitExceeded,
    FundingExhausted,
    RepaymentUnderWay,
)


@reads("/spend-products", tag=TAG)
def list_spend_products(house: HouseHere, caller: CallerHere) -> SpendProducts:
    """List the revolving products that the caller can open under their limit."""
    return SpendProducts(
        products=[
            SpendProduct(
                product_id=one.product.id,
                product_version=one.product.version,
                product_zh=one.product.name_zh,
                product_en=one.product.name_en,
                kind=one.product.kind,
                lender_zh=one.lender_zh,
                lender_en=one.lender_en,
                limit_fen=one.limit_fen,
                rate_year_ppm=one.product.terms.rate.yearly_ppm(rounding=one.product.terms.rounding),
                bill_day=one.product.terms.bill_day,
                due_day=one.product.terms.due_day,
                free_period=one.product.terms.free_period,
                unpaid_bill=one.product.terms.unpaid_bill.value,
                minimum_share_ppm=one.product.terms.minimum.share_ppm,
                penalty_multiple_ppm=one.product.terms.penalty_multiple_ppm,
                instalments=[
                    SpendInstalment(
                        count=count,
                        fee_ppm=one.product.terms.fee_ppm(count) or 0,
                        annual_simple_ppm=cost.simple_ppm,
                        annual_effective_ppm=cost.effective_ppm,
                    )
                    for count, cost in one.parts
                ],
                joint=[shaped(source, JointSource) for source in one.named],
                terms_hash=one.terms_hash,
            )
            for one in spend_offers(house, person_id=caller.person_id)
        ]
    )


@writes(
    "/spend-accounts",
    tag=TAG,
    refuses=(
        NoLimit,
        DrawingFrozen,
        DrawingStopped,
        AssessmentExpired,
        SpendProductNotOffered,
        SpendAccountExists,
        TermsNotShown,
    ),
)
def open_spend_account(
    data: JSONBody[NewSpendAccount], key: KeyHere, house: HouseHere, caller: CallerHere
) -> OpenedSpendAccount:
    """Open a revolving account under the caller's limit."""
    account_id = open_spend(
        house, person_id=caller.person_id, product_id=data.product_id, terms_hash=data.terms_hash, key=key
    )
    return OpenedSpendAccount(account_id=account_id)


@reads("/spend-accounts", tag=TAG)
def list_spend_accounts(house: HouseHere, caller: CallerHere) -> SpendAccounts:
    """List the caller's revolving accounts as they stand today."""
    return SpendAccounts(accounts=[_account(one) for one in spend_views(house, person_id=caller.person_id)])


@reads("/spend-accounts/{account_id:uuid}", tag=TAG)
def read_spend_account(account_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> SpendAccount:
    """Read a revolving account as it stands today."""
    return _account(spend_view(house, person_id=caller.person_id, account_id=account_id))


@reads("/spend-accounts/{account_id:uuid}/statements", tag=TAG)
def list_spend_statements(account_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> SpendStatements:
    """List the bills of a revolving account."""
    found = spend_bills(house, person_id=caller.person_id, account_id=account_id)
    return SpendStatements(
        statements=[
            shaped(
                one.issued,
                IssuedStatement,
                corrected_total_fen=one.stands.total_fen if one.corrected else None,
                corrected_minimum_fen=one.stands.minimum_fen if one.corrected else None,
            )
            for one in found
        ]
    )


@reads("/spend-accounts/{account_id:uuid}/draws", tag=TAG)
def list_draws(account_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> SpendDraws:
    """List the last draws from a line of cash; one that the bank sent back says so."""
    found = spend_draws(house, person_id=caller.person_id, account_id=account_id)
    return SpendDraws(draws=[shaped(one, SpendDraw) for one in found])


@reads("/spend-accounts/{account_id:uuid}/purchases", tag=TAG)
def list_purchases(account_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Purchases:
    """List the last purchases from a revolving account."""
    found = spend_purchases(house, person_id=caller.person_id, account_id=account_id)
    return Purchases(purchases=[shaped(one, Purchase) for one in found])


@writes("/spend-accounts/{account_id:uuid}/purchases", tag=TAG, refuses=(*CLOSED, NotForSpending, PurchaseExists))
def authorize(
    account_id: FromPath[UUID], data: JSONBody[NewPurchase], key: KeyHere, house: HouseHere, caller: CallerHere
) -> AuthorizedPurchase:
    """Pay a seller: the amount is held, and owed once the seller captures it."""
    purchase_id = authorize_purchase(
        house,
        person_id=caller.person_id,
        account_id=account_id,
        merchant_id=data.merchant_id,
        merchant_name=data.merchant_name,
        number=data.number,
        amount_fen=data.amount_fen,
        key=key,
    )
    return AuthorizedPurchase(purchase_id=purchase_id)


@writes(
    "/spend-accounts/{account_id:uuid}/draws",
    tag=TAG,
    refuses=(*CLOSED, NotForCash, InstrumentNotVerified, CardNotSupported),
)
def draw_from_line(
    account_id: FromPath[UUID], data: JSONBody[NewCashDraw], key: KeyHere, house: HouseHere, caller: CallerHere
) -> PaymentOrder:
    """Draw cash from a line to the caller's own card, or by Alipay to their own account there."""
    order_id = draw_cash(
        house,
        person_id=caller.person_id,
        account_id=account_id,
        instrument_id=data.instrument_id,
        amount_fen=data.amount_fen,
        key=key,
    )
    return PaymentOrder(order_id=order_id, amount_fen=data.amount_fen)


@writes(
    "/spend-accounts/{account_id:uuid}/payments",
    tag=TAG,
    refuses=(NotFound, NothingDue, PaymentChannelUnknown, RepaymentUnderWay),
)
def pay_spend_account(
    account_id: FromPath[UUID], data: JSONBody[NewSpendPayment], key: KeyHere, house: HouseHere, caller: CallerHere
) -> PaymentOrder:
    """Make an order that pays a revolving account by hand; its page is opened as that of any payment."""
    page = repay_spend(
        house,
        person_id=caller.person_id,
        account_id=account_id,
        wish=data.wish,
        amount_fen=data.amount_fen,
        channel=data.channel,
        key=key,
    )
    return PaymentOrder(order_id=page.order_id, amount_fen=page.amount_fen)


@reads("/spend-accounts/{account_id:uuid}/instalment-offers", tag=TAG, refuses=(CostAboveCap,))
def list_instalment_offers(
    account_id: FromPath[UUID],
    house: HouseHere,
    caller: CallerHere,
    purchase_id: FromQuery[UUID | None] = None,
    amount_fen: Annotated[int | None, QueryParameter(ge=1, le=FEN_MAX, description="Part of it, in fen.")] = None,
) -> InstalmentOffers:
    """Read what paying the bill, or a purchase, in instalments would cost today."""
    found = conversion_offers(
        house, person_id=caller.person_id, account_id=account_id, purchase_id=purchase_id, amount_fen=amount_fen
    )
    return InstalmentOffers(convertible_fen=found.convertible_fen, offers=[_instalments(one) for one in found.offers])


@writes(
    "/spend-accounts/{account_id:uuid}/instalments",
    tag=TAG,
    refuses=(
        TermsNotShown,
        ConversionRefused,
        InstalmentAlready,
        MinimumNotConvertible,
        ConversionWhileOverdue,
        CostAboveCap,
        RepaymentUnderWay,
    ),
)
def agree_to_instalments(
    account_id: FromPath[UUID], data: JSONBody[NewInstalments], key: KeyHere, house: HouseHere, caller: CallerHere
) -> AgreedInstalments:
    """Agree to pay the bill, or a purchase that is not billed, in instalments."""
    plan_id = convert_spend(
        house,
        person_id=caller.person_id,
        account_id=account_id,
        purchase_id=data.purchase_id,
        amount_fen=data.amount_fen,
        count=data.count,
        table_hash=data.table_hash,
        key=key,
    )
    return AgreedInstalments(plan_id=plan_id)


def _account(view: SpendView) -> SpendAccount:
    return shaped(view, SpendAccount, bill=None if view.bill is None else shaped(view.bill, SpendStatement))


def _instalments(one: ConversionOffer) -> InstalmentOffer:
    return shaped(
        one,
        InstalmentOffer,
        annual_simple_ppm=one.cost.simple_ppm,
        annual_effective_ppm=one.cost.effective_ppm,
        parts=[shaped(part, InstalmentPart) for part in one.parts],
    )


HANDLERS: Final = (
    list_spend_products,
    open_spend_account,
    list_spend_accounts,
    read_spend_account,
    list_spend_statements,
    list_draws,
    list_purchases,
    authorize,
    draw_from_line,
    pay_spend_account,
    list_instalment_offers,
    agree_to_instalments,
)
