"""Houses, wired: to counterparties in memory, or to channels that speak to somebody."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.bureau import FakeBureau
from mingqu.channels.fake.data_provider import FakeDataProvider
from mingqu.channels.fake.identity import FakeIdentity
from mingqu.channels.fake.sms import FakeSms
from mingqu.channels.gateway.merchant import SignedMerchantRequests
from mingqu.channels.webhook.sender import WebhookSender
from mingqu.channels.wechatpay.papay import THANKS
from mingqu.counterparties.channels import BANK_ACCOUNT, WECHATPAY, WECHATPAY_ACCOUNT, Counterparties, connect
from mingqu.counterparties.credentials import Chosen
from mingqu.domain.personal import Personal
from mingqu.ports.clock import Clock
from mingqu.ports.codes import Codes
from mingqu.ports.collection import AnnouncingChannel, HostedAgreementChannel
from mingqu.ports.identifiers import Identifiers
from mingqu.ports.login import LoginPage
from mingqu.ports.payout import PayoutChannel
from mingqu.services.house import (
    ALIPAY,
    ALIPAY_ACCOUNT,
    ALIPAY_AGREEMENT,
    BANK,
    CLEARING,
    COMBINED,
    ENTRUSTED,
    HOSTED,
    PAPAY,
    WECHAT,
    BillSource,
    CombinedPayments,
    House,
    NoticeSource,
    Settings,
)
from mingqu.services.people.sign_in_with_wechat import CameIn, sign_in_at_wechat_page
from mingqu.store.decisions import policy
from mingqu.store.decisions.current_policies import CurrentPolicies
from mingqu.store.funders import funding_folder, pool
from mingqu.store.lenders import institution
from mingqu.store.merchants import merchant_folder
from mingqu.store.orders import channel_calendar
from mingqu.store.parties import consent
from mingqu.store.people import instrument
from mingqu.store.server import keyring
from mingqu.store.server.database import Database

_THANKS: Final = {ALIPAY: "success", PAPAY: THANKS}
_AT_THE_BANK: Final = frozenset({BANK, ENTRUSTED, CLEARING})  # what the bank does, by whichever of its protocols
JOURNAL: Final = "bank.jsonl"  # what the fake bank did, beside the book it is compared with


def fake_house(
    database: Database, keys: keyring.Keyring, folder: Path, clock: Clock, codes: Codes, ids: Identifiers
) -> tuple[House, FakeBank, FakeSms, FakeIdentity, FakeBureau]:
    """Wire a house to counterparties in memory, whose bank keeps a journal beside the book."""
    sms, identity, bureau = FakeSms(), FakeIdentity(), FakeBureau(clock=clock)
    bank = FakeBank(clock=clock, sms=sms, journal=folder / JOURNAL)
    policies = policy.policy_folder()
    house = House(
        database=database,
        keyring=keys,
        clock=clock,
        identifiers=ids,
        codes=codes,
        policies=CurrentPolicies(policy.load_pack(folder=policies)),
        consent_texts=consent.load_texts(policies / "consents"),
        bins=instrument.load_bins(policies / "instruments" / "bins.toml"),
        payout=bank,
        collection=bank,
        hosted=bank,
        identity=identity,
        sms=sms,
        bureau=bureau,
        data_provider=FakeDataProvider(clock=clock),
        directory=institution.load_directory(policies),
        funding=funding_folder.load_funding(policies),
        pools=pool.load_pools(folder=policies),
        guidance=institution.load_guidance(policies),
        merchants=merchant_folder.load_merchants(policies),
        merchant_requests=SignedMerchantRequests(clock=clock),
        bills={BANK: BillSource(channel=bank, channels=frozenset({BANK, HOSTED}))},
        webhook=WebhookSender(to_loopback=_to_loopback()),
        settings=_settings(),
    )
    return house, bank, sms, identity, bureau


@contextlib.contextmanager
def wired_house(
    database: Database,
    keys: keyring.Keyring,
    *,
    chosen: Chosen,
    clock: Clock,
    codes: Codes,
    ids: Identifiers,
    tells_here: bool = False,
) -> Iterator[House]:
    """Wire a house to real counterparties, or to a sandbox that plays them; see `counterparties.credentials`.

    One that `tells_here` tells programs of this machine what happened, as the sandbox's shop.
    """
    policies = policy.policy_folder()
    there = connect(credentials=chosen.credentials, public_url=chosen.public_url, clock=clock)
    told_of = _told_of(there)
    with contextlib.closing(there):
        yield House(
            database=database,
            keyring=keys,
            clock=clock,
            identifiers=ids,
            codes=codes,
            policies=CurrentPolicies(policy.load_pack(folder=policies)),
            consent_texts=consent.load_texts(policies / "consents"),
            bins=instrument.load_bins(policies / "instruments" / "bins.toml"),
            payout=there.payout,
            collection=there.collection,
            hosted=there.hosted,
            identity=there.identity,
            sms=there.sms,
            bureau=there.bureau,
            pages={} if there.alipay is None else {ALIPAY: there.alipay.payments},
            wallets=_wallets(there),
            announcing=_announcing(there),
            payouts=_payouts(there),
            windows=channel_calendar.load_windows(policies / "channels" / "windows.toml"),
            entrusted=there.entrusted,
            batches={} if there.batch is None else {BANK: there.batch},
            refunds={} if there.alipay is None else {ALIPAY: there.alipay.refunds},
            data_provider=there.data_provider,
            combined=_combined(there),
            notices=_notices(there, told_of),
            bills=_bills(there, told_of),
            wechat_page=there.wechat_page,
            wechat_program=there.wechat_program,
            subscribed=there.subscribed,
            alipay_page=None if there.alipay is None else there.alipay.login,
            directory=institution.load_directory(policies),
            funding=funding_folder.load_funding(policies),
            pools=pool.load_pools(folder=policies),
            guidance=institution.load_guidance(policies),
            merchants=merchant_folder.load_merchants(policies),
            merchant_requests=SignedMerchantRequests(clock=clock),
            issuers=there.issuers,
            lenders=there.lenders,
            lender_notices=there.lender_notices,
            webhook=WebhookSender(to_loopback=tells_here or _to_loopback()),
            settings=_settings(tells_here=tells_here),
        )


def _told_of(there: Counterparties) -> dict[str, frozenset[str]]:
    """Return of which orders each counterparty may tell unasked, by its name."""
    # Without WeChat Pay the bank's own pages are paid on, and the bank tells of them.
    return {
        BANK: _AT_THE_BANK if WECHATPAY in there.notices else _AT_THE_BANK | {HOSTED},
        WECHATPAY: frozenset({HOSTED, WECHAT, COMBINED}),
        PAPAY: frozenset({PAPAY}),
        ALIPAY: frozenset({ALIPAY, ALIPAY_AGREEMENT}),
    }


def _wallets(there: Counterparties) -> dict[str, HostedAgreementChannel]:
    """Return whose wallets are deducted from, loan repayment before classic withholding, which is meant for less."""
    every: dict[str, HostedAgreementChannel | None] = {}
    if there.wechatpay is not None:
        every |= {WECHAT: there.wechatpay.repayments, PAPAY: there.wechatpay.papay}
    if there.alipay is not None:
        every[ALIPAY_AGREEMENT] = there.alipay.deductions
    return {name: channel for name, channel in every.items() if channel is not None}


def _announcing(there: Counterparties) -> dict[str, AnnouncingChannel]:
    """Return which of the wallets hear of deductions before they are made: loan repayment alone."""
    repayments = None if there.wechatpay is None else there.wechatpay.repayments
    return {} if repayments is None else {WECHAT: repayments}


def _notices(there: Counterparties, told_of: Mapping[str, frozenset[str]]) -> dict[str, NoticeSource]:
    """Return who tells of orders unasked, of which, and how each is thanked."""
    return {
        name: NoticeSource(reader=reader, channels=told_of[name], thanks=_THANKS.get(name, ""))
        for name, reader in there.notices.items()
    }


def _bills(there: Counterparties, told_of: Mapping[str, frozenset[str]]) -> dict[str, BillSource]:
    """Return whose bills there are, and which orders stand on each: classic withholding is on WeChat Pay's, too."""
    at_wechat = told_of[WECHATPAY] | {PAPAY}
    stands = {**told_of, BANK_ACCOUNT: told_of[BANK], WECHATPAY: at_wechat, WECHATPAY_ACCOUNT: at_wechat}
    accounts = (BANK_ACCOUNT, WECHATPAY_ACCOUNT)
    return {
        name: BillSource(channel=channel, channels=stands[name], settles=name not in accounts)
        for name, channel in there.bills.items()
    }


def _combined(there: Counterparties) -> CombinedPayments | None:
    """Return who takes one payment for several lenders; None while no lender has an account of its own there."""
    if there.wechatpay is None or not there.wechatpay.receivers:
        return None
    return CombinedPayments(channel=there.wechatpay.combined, receivers=there.wechatpay.receivers)


def _payouts(there: Counterparties) -> dict[str, PayoutChannel]:
    """Return who pays out besides the bank, by orders' channel."""
    paying: dict[str, PayoutChannel] = {}
    if there.alipay is not None and there.alipay.transfers is not None:
        paying[ALIPAY_ACCOUNT] = there.alipay.transfers
    if there.clearing is not None:
        paying[CLEARING] = there.clearing
    return paying


@dataclass(frozen=True, slots=True, kw_only=True)
class WechatDoor:
    """Implements `borrower.SuperAppLogin` with the house's WeChat: where to send a browser, and who comes back."""

    house: House
    public_url: str

    def address(self, *, state: str) -> str:
        """Return where people are sent to sign in; they come back to this site."""
        assert self.house.wechat_page is not None
        return self.house.wechat_page.address(back=f"{self.public_url}/sign-in/wechat/back", state=state)

    def sign_in(self, *, code: Personal[str]) -> CameIn:
        """Return whom a code stands for. Errors: those of `sign_in_at_wechat_page`."""
        return sign_in_at_wechat_page(self.house, code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlipayDoor:
    """Implements `borrower.AccountPage` with the house's Alipay."""

    page: LoginPage
    public_url: str

    def address(self, *, path: str, state: str) -> str:
        """Return where people are sent; they come back to `path` of this site."""
        return self.page.address(back=f"{self.public_url}{path}", state=state)


def _to_loopback() -> bool:
    """Return whether programs on this machine may be told of what happens, over plain HTTP: for trying things out."""
    return os.environ.get("MINGQU_WEBHOOK_LOOPBACK") == "1"


def _settings(*, tells_here: bool = False) -> Settings:
    return Settings(
        webhooks_to_loopback=tells_here or _to_loopback(),
        wallet_token=_wallet_token(),
        card_network_hash=_card_network(),
    )


def _wallet_token() -> Personal[str] | None:
    """Return the secret by which whoever runs the wallet is known; None where there is no wallet."""
    token = os.environ.get("MINGQU_WALLET_TOKEN", "")
    return Personal(token) if token else None


def _card_network() -> bytes | None:
    """Return the hash of the token by which the card issuer's network is known, or None where there is no network."""
    token = os.environ.get("MINGQU_CARD_NETWORK_TOKEN")
    return hashlib.sha256(token.encode()).digest() if token else None
