"""Channels made from credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from mingqu.channels.alipay.agreement import AlipayDeductions
from mingqu.channels.alipay.login import AlipayLogin
from mingqu.channels.alipay.notice import AlipayNotices
from mingqu.channels.alipay.payment import AlipayPayments
from mingqu.channels.alipay.refund import AlipayRefunds
from mingqu.channels.alipay.transfer import AlipayTransfers
from mingqu.channels.clearing.bank import ClearingBank
from mingqu.channels.clearing.speech import ClearingParty
from mingqu.channels.gateway.bank import GatewayBank
from mingqu.channels.gateway.bureau import GatewayBureau
from mingqu.channels.gateway.cash_advance import GatewayCashAdvance
from mingqu.channels.gateway.data_provider import GatewayDataProvider
from mingqu.channels.gateway.identity import GatewayIdentity
from mingqu.channels.gateway.lender import GatewayLender
from mingqu.channels.gateway.lender_notice import GatewayLenderNotices
from mingqu.channels.gateway.notice import GatewayNotices
from mingqu.channels.gateway.signature import SigningKey, TheirKeys
from mingqu.channels.gateway.sms import GatewaySms
from mingqu.channels.gateway.speech import Party
from mingqu.channels.system.nonces import fresh_nonce
from mingqu.channels.wechat.login import WechatApplication, WechatPageLogin, WechatProgramLogin
from mingqu.channels.wechat.message import WechatMessages
from mingqu.channels.wechatpay.combined import WechatCombinedPay
from mingqu.channels.wechatpay.notice import WechatNotices
from mingqu.channels.wechatpay.papay import PapayNotices, WechatPapay
from mingqu.channels.wechatpay.payment import WechatPay
from mingqu.channels.wechatpay.platform import PlatformKeys
from mingqu.channels.wechatpay.refund import WechatRefunds
from mingqu.channels.wechatpay.repayment import WechatRepayments
from mingqu.channels.wechatpay.speech import Merchant
from mingqu.channels.wechatpay.v2 import Speaker
from mingqu.channels.wire import Wire
from mingqu.counterparties.account_bill import AccountBill, FundFlowBill
from mingqu.counterparties.application import application_of
from mingqu.counterparties.credentials import (
    AlipayCredentials,
    ChannelCredentialsMalformed,
    Credentials,
    GatewayCredentials,
    WechatPageCredentials,
    WechatPayCredentials,
    WechatProgramCredentials,
)
from mingqu.domain.personal import Personal
from mingqu.ports.bank_statement import BankStatementSource
from mingqu.ports.batch import BatchChannel
from mingqu.ports.bill import BillChannel
from mingqu.ports.bureau import BureauChannel
from mingqu.ports.cash_advance import CashAdvanceBank
from mingqu.ports.clock import Clock
from mingqu.ports.collection import CollectionChannel, HostedPaymentChannel
from mingqu.ports.data_provider import DataProvider
from mingqu.ports.entrusted import EntrustedPaymentChannel
from mingqu.ports.identity import IdentityChannel
from mingqu.ports.lender import LenderChannel, LenderNoticeReader
from mingqu.ports.login import LoginChannel, LoginPage
from mingqu.ports.notice import NoticeReader
from mingqu.ports.payout import PayoutChannel
from mingqu.ports.refund import RefundChannel
from mingqu.ports.sms import SmsChannel
from mingqu.ports.subscribed import SubscribedMessageChannel

BANK: Final = "bank"
BANK_ACCOUNT: Final = "bank_account"  # our account there, beside the orders that the bank did
WECHATPAY: Final = "wechatpay"
WECHATPAY_ACCOUNT: Final = "wechatpay_account"
PAPAY: Final = "papay"  # the same merchant's V2, whose notices are of another kind
ALIPAY: Final = "alipay"
NOTICES_PATH: Final = "/notices"  # on our public address; the party's name follows
BACK_PATH: Final = "/cash-advance/back"  # where a bank's pages send people in the end


@dataclass(frozen=True, slots=True, kw_only=True)
class AlipayChannels:
    """What one application at Alipay does; transfers take certificate mode."""

    payments: AlipayPayments
    refunds: AlipayRefunds
    deductions: AlipayDeductions
    transfers: AlipayTransfers | None
    login: AlipayLogin
    notices: AlipayNotices


@dataclass(frozen=True, slots=True, kw_only=True)
class WechatPayChannels:
    """What one merchant does at WeChat Pay besides payments by hand and refunds."""

    combined: WechatCombinedPay
    receivers: Mapping[str, str]  # each lender's sub-merchant, by its code
    repayments: WechatRepayments | None  # takes a template
    papay: WechatPapay | None  # takes a template and the key of V2


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterparties:
    """Every channel of a house, and who tells it of orders unasked, by name."""

    payout: PayoutChannel
    collection: CollectionChannel
    hosted: HostedPaymentChannel
    entrusted: EntrustedPaymentChannel | None
    batch: BatchChannel | None
    statements: BankStatementSource | None
    clearing: ClearingBank | None
    identity: IdentityChannel
    sms: SmsChannel
    bureau: BureauChannel
    data_provider: DataProvider | None
    notices: Mapping[str, NoticeReader]
    bills: Mapping[str, BillChannel]
    refunds: RefundChannel | None
    alipay: AlipayChannels | None
    wechatpay: WechatPayChannels | None
    wechat_page: LoginPage | None
    wechat_program: LoginChannel | None
    subscribed: SubscribedMessageChannel | None
    issuers: Mapping[str, CashAdvanceBank]
    lenders: Mapping[str, LenderChannel]
    lender_notices: Mapping[str, LenderNoticeReader]
    wires: tuple[Wire, ...]

    def close(self) -> None:
        """Close the connections that are kept."""
        for each in self.wires:
            each.close()


def connect(*, credentials: Credentials, public_url: str, clock: Clock) -> Counterparties:
    """Return the channels. Nothing is said to anybody yet.

    `public_url` is where the counterparties reach us, without a slash at the end; WeChat Pay is told with every order
    to bring its notices to `{public_url}/notices/wechatpay`, Alipay to `…/notices/alipay`, the bank when the account is
    opened to `…/notices/bank`.
    Errors: ChannelCredentialsMalformed, when a key cannot be read.
    """
    wires: list[Wire] = []

    def wire(base_url: str) -> Wire:
        wires.append(Wire(base_url=base_url))
        return wires[-1]

    def party(name: str, given: GatewayCredentials) -> Party:
        return _party(name, given, wire(given.base_url), clock)

    bank_party = party(BANK, credentials.bank)
    bank = GatewayBank(party=bank_party)
    notices: dict[str, NoticeReader] = {BANK: GatewayNotices(theirs=bank_party.theirs, clock=clock)}
    bills: dict[str, BillChannel] = {BANK: bank, BANK_ACCOUNT: AccountBill(source=bank)}
    hosted: HostedPaymentChannel = bank
    refunds: RefundChannel | None = None
    wechatpay = None
    if credentials.wechatpay is not None:
        merchant = _merchant(credentials.wechatpay, wire(credentials.wechatpay.base_url), public_url, clock)
        hosted = bills[WECHATPAY] = WechatPay(merchant=merchant)
        bills[WECHATPAY_ACCOUNT] = FundFlowBill(merchant=merchant)
        refunds = WechatRefunds(merchant=merchant)
        notices[WECHATPAY] = WechatNotices(merchant=merchant)
        speaker = _speaker(credentials.wechatpay, merchant)
        if speaker is not None:
            notices[PAPAY] = PapayNotices(speaker=speaker)
        wechatpay = _wechatpay(credentials.wechatpay, merchant, speaker, public_url)
    alipay = None if credentials.alipay is None else _alipay(credentials.alipay, wire, public_url, clock)
    if alipay is not None:
        notices[ALIPAY], bills[ALIPAY] = alipay.notices, alipay.payments
    lenders = {code: party(code, one) for code, one in credentials.lenders.items()}
    program = credentials.wechat_program
    return Counterparties(
        payout=bank,
        collection=bank,
        hosted=hosted,
        entrusted=bank,
        batch=bank,
        statements=bank,
        clearing=_clearing(credentials.clearing, wire, clock),
        identity=GatewayIdentity(party=party("identity", credentials.identity)),
        sms=GatewaySms(party=party("sms", credentials.sms)),
        bureau=GatewayBureau(party=party("bureau", credentials.bureau)),
        data_provider=None if credentials.data is None else GatewayDataProvider(party=party("data", credentials.data)),
        notices=notices,
        bills=bills,
        refunds=refunds,
        alipay=alipay,
        wechatpay=wechatpay,
        wechat_page=_page_login(credentials.wechat, wire),
        wechat_program=_program_login(program, wire),
        subscribed=_subscribed(program, wire, clock),
        issuers={
            code: GatewayCashAdvance(party=party(code, one), back=f"{public_url}{BACK_PATH}")
            for code, one in credentials.issuers.items()
        },
        lenders={code: GatewayLender(party=one) for code, one in lenders.items()},
        lender_notices={code: GatewayLenderNotices(theirs=one.theirs, clock=clock) for code, one in lenders.items()},
        wires=tuple(wires),
    )


def _party(name: str, given: GatewayCredentials, wire: Wire, clock: Clock) -> Party:
    own = _private(given.private_key, f"{name}.private_key")
    if not isinstance(own, Ed25519PrivateKey):
        raise _unreadable(f"{name}.private_key")
    told = {given.their_key_id: given.their_public_key, **given.next_keys}
    theirs: dict[str, Ed25519PublicKey] = {}
    for key_id, text in told.items():
        key = _public(text, f"{name}.their_public_key")
        if not isinstance(key, Ed25519PublicKey):
            raise _unreadable(f"{name}.their_public_key")
        theirs[key_id] = key
    return Party(
        wire=wire,
        own=SigningKey(key_id=given.key_id, key=own),
        theirs=TheirKeys(keys=theirs),
        clock=clock,
        nonces=fresh_nonce,
    )


def _page_login(given: WechatPageCredentials | None, wire: Callable[[str], Wire]) -> WechatPageLogin | None:
    if given is None:
        return None
    return WechatPageLogin(application=_application(given, wire(given.base_url)), authorize_url=given.authorize_url)


def _program_login(given: WechatProgramCredentials | None, wire: Callable[[str], Wire]) -> WechatProgramLogin | None:
    return None if given is None else WechatProgramLogin(application=_application(given, wire(given.base_url)))


def _subscribed(
    given: WechatProgramCredentials | None, wire: Callable[[str], Wire], clock: Clock
) -> WechatMessages | None:
    if given is None or not given.message_templates:
        return None
    application = _application(given, wire(given.base_url))
    return WechatMessages(application=application, clock=clock, templates=given.message_templates)


def _clearing(given: GatewayCredentials | None, wire: Callable[[str], Wire], clock: Clock) -> ClearingBank | None:
    if given is None:
        return None
    there = wire(given.base_url)
    told = _party("clearing", given, there, clock)
    party = ClearingParty(
        wire=there,
        key_id=given.key_id,
        own=told.own.key,
        their_id=given.their_key_id,
        theirs=told.theirs.keys,
        clock=clock,
        numbers=fresh_nonce,
    )
    return ClearingBank(party=party)


def _merchant(given: WechatPayCredentials, wire: Wire, public_url: str, clock: Clock) -> Merchant:
    own = _private(given.merchant_private_key, f"{WECHATPAY}.merchant_private_key")
    if not isinstance(own, RSAPrivateKey):
        raise _unreadable(f"{WECHATPAY}.merchant_private_key")
    told = dict(given.next_keys)
    if given.platform_key_id is not None and given.platform_public_key is not None:
        told[given.platform_key_id] = given.platform_public_key
    platform: dict[str, RSAPublicKey] = {}
    for key_id, text in told.items():
        key = _public(text, f"{WECHATPAY}.platform_public_key")
        if not isinstance(key, RSAPublicKey):
            raise _unreadable(f"{WECHATPAY}.platform_public_key")
        platform[key_id] = key
    if given.mode == "public_key" and not platform:
        raise ChannelCredentialsMalformed("WeChat Pay in public-key mode needs the platform's key and its id.")
    return Merchant(
        wire=wire,
        appid=given.appid,
        mchid=given.mchid,
        serial=given.merchant_serial,
        key=own,
        api_v3_key=given.api_v3_key.encode(),
        platform=PlatformKeys(given=platform, has_certificates=given.mode == "certificate"),
        notify_url=f"{public_url}{NOTICES_PATH}/{WECHATPAY}",
        clock=clock,
        nonces=fresh_nonce,
    )


def _speaker(given: WechatPayCredentials, merchant: Merchant) -> Speaker | None:
    if given.api_v2_key is None:
        return None
    return Speaker(
        wire=merchant.wire,
        appid=given.appid,
        mchid=given.mchid,
        key=Personal(given.api_v2_key),
        nonces=fresh_nonce,
    )


def _wechatpay(
    given: WechatPayCredentials, merchant: Merchant, speaker: Speaker | None, public_url: str
) -> WechatPayChannels:
    plan_id, papay_plan_id = given.repayment_plan_id, given.papay_plan_id
    papay = None
    if papay_plan_id is not None:
        if speaker is None:
            raise ChannelCredentialsMalformed("Classic withholding needs the key of V2.", field="api_v2_key")
        notify_url = f"{public_url}{NOTICES_PATH}/{PAPAY}"
        papay = WechatPapay(speaker=speaker, merchant=merchant, plan_id=papay_plan_id, notify_url=notify_url)
    return WechatPayChannels(
        combined=WechatCombinedPay(merchant=merchant),
        receivers=given.sub_merchants,
        repayments=None if plan_id is None else WechatRepayments(merchant=merchant, plan_id=plan_id),
        papay=papay,
    )


def _alipay(given: AlipayCredentials, wire: Callable[[str], Wire], public_url: str, clock: Clock) -> AlipayChannels:
    application = application_of(
        given=given,
        wire=wire(given.base_url),
        bills=wire(given.bill_url),
        notify_url=f"{public_url}{NOTICES_PATH}/{ALIPAY}",
        clock=clock,
    )
    return AlipayChannels(
        payments=AlipayPayments(application=application),
        refunds=AlipayRefunds(application=application),
        deductions=AlipayDeductions(application=application),
        transfers=AlipayTransfers(application=application) if application.platform.has_certificates else None,
        login=AlipayLogin(application=application, authorize_url=given.authorize_url),
        notices=AlipayNotices(application=application),
    )


def _application(given: WechatProgramCredentials, wire: Wire) -> WechatApplication:
    return WechatApplication(wire=wire, appid=given.appid, secret=Personal(given.secret))


def _private(text: str, field: str) -> object:
    try:
        return serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unreadable(field) from None


def _public(text: str, field: str) -> object:
    try:
        return serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable(field) from None


def _unreadable(field: str) -> ChannelCredentialsMalformed:
    return ChannelCredentialsMalformed("A key cannot be read: it takes PEM, of the right kind.", field=field)
