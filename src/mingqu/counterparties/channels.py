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
from mingqu.channels.gateway.bank import GatewayBank
from mingqu.channels.gateway.bureau import GatewayBureau
from mingqu.channels.gateway.data_provider import GatewayDataProvider
from mingqu.channels.gateway.identity import GatewayIdentity
from mingqu.channels.gateway.notice import GatewayNotices
from mingqu.channels.gateway.signature import SigningKey, TheirKeys
from mingqu.channels.gateway.sms import GatewaySms
from mingqu.channels.gateway.speech import Party
from mingqu.channels.system.nonces import fresh_nonce
from mingqu.channels.wechat.login import WechatApplication, WechatPageLogin, WechatProgramLogin
from mingqu.channels.wechatpay.notice import WechatNotices
from mingqu.channels.wechatpay.payment import WechatPay
from mingqu.channels.wechatpay.platform import PlatformKeys
from mingqu.channels.wechatpay.refund import WechatRefunds
from mingqu.channels.wechatpay.speech import Merchant
from mingqu.channels.wire import Wire
from mingqu.counterparties.application import application_of
from mingqu.counterparties.credentials import (
    AlipayCredentials,
    ChannelCredentialsMalformed,
    Credentials,
    GatewayCredentials,
    WechatPayCredentials,
    WechatProgramCredentials,
)
from mingqu.domain.personal import Personal
from mingqu.ports.bill import BillChannel
from mingqu.ports.bureau import BureauChannel
from mingqu.ports.clock import Clock
from mingqu.ports.collection import CollectionChannel, HostedPaymentChannel
from mingqu.ports.data_provider import DataProvider
from mingqu.ports.identity import IdentityChannel
from mingqu.ports.login import LoginChannel, LoginPage
from mingqu.ports.notice import NoticeReader
from mingqu.ports.payout import PayoutChannel
from mingqu.ports.refund import RefundChannel
from mingqu.ports.sms import SmsChannel

BANK: Final = "bank"
WECHATPAY: Final = "wechatpay"
ALIPAY: Final = "alipay"
NOTICES_PATH: Final = "/notices"  # on our public address; the party's name follows


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
class Counterparties:
    """Every channel of a house, and who tells it of orders unasked, by name."""

    payout: PayoutChannel
    collection: CollectionChannel
    hosted: HostedPaymentChannel
    identity: IdentityChannel
    sms: SmsChannel
    bureau: BureauChannel
    data_provider: DataProvider | None
    notices: Mapping[str, NoticeReader]
    bills: Mapping[str, BillChannel]
    refunds: RefundChannel | None
    alipay: AlipayChannels | None
    wechat_page: LoginPage | None
    wechat_program: LoginChannel | None
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
    bills: dict[str, BillChannel] = {BANK: bank}
    hosted: HostedPaymentChannel = bank
    refunds: RefundChannel | None = None
    if credentials.wechatpay is not None:
        merchant = _merchant(credentials.wechatpay, wire(credentials.wechatpay.base_url), public_url, clock)
        hosted = bills[WECHATPAY] = WechatPay(merchant=merchant)
        refunds = WechatRefunds(merchant=merchant)
        notices[WECHATPAY] = WechatNotices(merchant=merchant)
    alipay = None
    if credentials.alipay is not None:
        alipay = _alipay(credentials.alipay, wire, public_url, clock)
        notices[ALIPAY], bills[ALIPAY] = alipay.notices, alipay.payments
    page, program = credentials.wechat, credentials.wechat_program
    return Counterparties(
        payout=bank,
        collection=bank,
        hosted=hosted,
        identity=GatewayIdentity(party=party("identity", credentials.identity)),
        sms=GatewaySms(party=party("sms", credentials.sms)),
        bureau=GatewayBureau(party=party("bureau", credentials.bureau)),
        data_provider=None if credentials.data is None else GatewayDataProvider(party=party("data", credentials.data)),
        notices=notices,
        bills=bills,
        refunds=refunds,
        alipay=alipay,
        wechat_page=None
        if page is None
        else WechatPageLogin(application=_application(page, wire(page.base_url)), authorize_url=page.authorize_url),
        wechat_program=None
        if program is None
        else WechatProgramLogin(application=_application(program, wire(program.base_url))),
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
