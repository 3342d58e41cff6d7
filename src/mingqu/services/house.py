"""What every use case works with: the book, the policies, and the world behind its ports. Wired by `main`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.abs_pool import PoolTerms
from mingqu.domain.cash_advance import Guidance
from mingqu.domain.checkout import Merchant
from mingqu.domain.consent import ConsentText
from mingqu.domain.decision.pack import Pack
from mingqu.domain.funding import NO_FUNDING, FundingBook
from mingqu.domain.identifier import slot_of
from mingqu.domain.institution import EMPTY, Directory
from mingqu.domain.instrument import Bin, Instrument, InstrumentKind
from mingqu.domain.personal import Personal
from mingqu.domain.working_window import WorkingWindows
from mingqu.ports.batch import BatchChannel
from mingqu.ports.bill import BillChannel
from mingqu.ports.bureau import BureauChannel
from mingqu.ports.cash_advance import CashAdvanceBank
from mingqu.ports.clock import Clock
from mingqu.ports.codes import Codes
from mingqu.ports.collection import (
    AnnouncingChannel,
    CollectionChannel,
    DeductionChannel,
    HostedAgreementChannel,
    HostedPaymentChannel,
)
from mingqu.ports.combined import CombinedPaymentChannel
from mingqu.ports.data_provider import DataProvider
from mingqu.ports.entrusted import EntrustedPaymentChannel
from mingqu.ports.identifiers import Identifiers
from mingqu.ports.identity import IdentityChannel
from mingqu.ports.lender import LenderChannel, LenderNoticeReader
from mingqu.ports.login import LoginChannel, LoginPage
from mingqu.ports.merchant import MerchantRequests
from mingqu.ports.notice import NoticeReader
from mingqu.ports.payout import PayoutChannel
from mingqu.ports.refund import RefundChannel
from mingqu.ports.sms import SmsChannel
from mingqu.ports.subscribed import SubscribedMessageChannel
from mingqu.ports.webhook import WebhookChannel
from mingqu.services.take_turns import Turns
from mingqu.store.books import book
from mingqu.store.decisions.current_policies import CurrentPolicies
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.keyring import Keyring

BANK: Final = "bank"  # pays out, and deducts by agreement
HOSTED: Final = "hosted"  # the page on which a person pays by hand unless they choose another
ALIPAY: Final = "alipay"  # a page of Alipay's, where the house has one
WECHAT: Final = "wechat"  # deducts from a WeChat wallet by WeChat's loan repayment
PAPAY: Final = "papay"  # the same by classic withholding
ALIPAY_AGREEMENT: Final = "alipay_agreement"  # deducts from an account at Alipay
DEDUCTING: Final = frozenset({BANK, WECHAT, PAPAY, ALIPAY_AGREEMENT})  # channels of orders that rest on an agreement
TAKING_LESS: Final = frozenset({WECHAT})  # of these: takes what is there, where that is not too little
ENTRUSTED: Final = "entrusted"  # pays a loan's money to the payee whom its contract names
COMBINED: Final = "combined"  # a part of one payment by hand for loans of several lenders
CLEARING: Final = "clearing"  # pays out by the bank's other protocol, where it is connected
ALIPAY_ACCOUNT: Final = "alipay_account"  # pays out to the borrower's own account at Alipay


def channel_to(instrument: Instrument) -> str:
    """Return the channel by which money reaches a card (the bank) or an account at Alipay."""
    return ALIPAY_ACCOUNT if instrument.kind is InstrumentKind.WALLET else BANK


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Choices of the operator that are no rules of law."""

    operator_name: str = "明渠平台"  # named in consents: who asks the bureau, who deducts what is due
    cost_table_reading: timedelta = timedelta(seconds=10)  # the rule of 2026-03-15 names no number
    offer_lasts: timedelta = timedelta(days=7)
    cap_pause: timedelta = timedelta(days=1)  # a night lies between the wish for a higher own cap and the money
    payout_waits_max: timedelta = timedelta(days=7)  # how far ahead a borrower may set the payout
    # Loans that a close brings up in one transaction under their cell's lock: some tens of milliseconds at this size.
    close_chunk_loans: int = 500
    batch_from: int = 20  # orders of one channel and direction that go out together; fewer end sooner one by one
    # A person's agreement with a wallet names the most that one deduction may take: ten instalments of a usual loan.
    wallet_deduction_fen_max: int = 5_000_000
    wallet_token: Personal[str] | None = None  # by which whoever runs the wallet is known; without it nobody is
    # SHA-256 of the token of the card issuer's network; without it nobody speaks for cards.
    card_network_hash: bytes | None = None
    webhooks_to_loopback: bool = False  # to programs on this machine, over plain http: for trying things out


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSource:
    """Somebody who tells us unasked of orders, and of which: a party speaks only of what was given to it."""

    reader: NoticeReader
    channels: frozenset[str]  # of the orders and agreements it may speak of: BANK, HOSTED, ALIPAY, WECHAT, PAPAY
    thanks: str = ""  # what its document wants to be answered by; nothing for most, whom the status tells enough


@dataclass(frozen=True, slots=True, kw_only=True)
class BillSource:
    """Somebody whose bill of a day is compared with ours, and which orders stand on it, by their channel."""

    channel: BillChannel
    channels: frozenset[str]
    settles: bool = True  # an account's movements bear out no fees, so that nothing is settled by them


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedPayments:
    """Who takes one payment for several lenders, and each lender's own account there, by the lender's code."""

    channel: CombinedPaymentChannel
    receivers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything wired together. Frozen; the state is in the database."""

    database: Database
    keyring: Keyring
    clock: Clock
    identifiers: Identifiers
    codes: Codes
    policies: CurrentPolicies
    consent_texts: Mapping[tuple[str, int], ConsentText]
    bins: Sequence[Bin]
    payout: PayoutChannel
    collection: CollectionChannel
    hosted: HostedPaymentChannel
    identity: IdentityChannel
    sms: SmsChannel
    bureau: BureauChannel
    pages: Mapping[str, HostedPaymentChannel] = field(default_factory=dict)  # besides `hosted`, by orders' channel
    wallets: Mapping[str, HostedAgreementChannel] = field(default_factory=dict)  # by channel; the first is offered
    announcing: Mapping[str, AnnouncingChannel] = field(default_factory=dict)  # wallets that hear of deductions ahead
    payouts: Mapping[str, PayoutChannel] = field(default_factory=dict)  # besides `payout`, by orders' channel
    windows: Mapping[str, WorkingWindows] = field(default_factory=dict)  # of channels that do not always work
    entrusted: EntrustedPaymentChannel | None = None  # without it no money is paid to merchants
    batches: Mapping[str, BatchChannel] = field(default_factory=dict)  # by orders' channel: many in one message
    refunds: Mapping[str, RefundChannel] = field(default_factory=dict)  # by the channel of the payment given back
    data_provider: DataProvider | None = None  # without it no behavior data is asked for
    combined: CombinedPayments | None = None  # without it each loan is paid by itself
    notices: Mapping[str, NoticeSource] = field(default_factory=dict)  # by the name in their address
    bills: Mapping[str, BillSource] = field(default_factory=dict)  # whose bills are fetched each morning, by name
    wechat_page: LoginPage | None = None  # signs in whoever opens our page inside WeChat
    wechat_program: LoginChannel | None = None  # and whoever opens our mini-program
    subscribed: SubscribedMessageChannel | None = None  # tells people inside WeChat, as often as they agreed
    alipay_page: LoginPage | None = None  # signs in with Alipay, and says whose account is bound
    directory: Directory = EMPTY  # of institutions that lend or issue cards
    funding: FundingBook = NO_FUNDING  # who pays for loans; of a product without a plan its lender alone does
    pools: tuple[PoolTerms, ...] = ()  # of securities; what is not among them is not opened
    guidance: Guidance | None = None  # read before somebody is sent to a bank; without it nobody is
    issuers: Mapping[str, CashAdvanceBank] = field(default_factory=dict)  # card-issuing banks, by code in the directory
    lenders: Mapping[str, LenderChannel] = field(default_factory=dict)  # that decide by themselves, by their code
    lender_notices: Mapping[str, LenderNoticeReader] = field(default_factory=dict)  # what they tell unasked
    merchants: Mapping[str, Merchant] = field(default_factory=dict)  # that sell by instalments, by their code
    merchant_requests: MerchantRequests | None = None  # tells whose a request is; without it no merchant speaks
    webhook: WebhookChannel | None = None  # tells programs of others; without it nothing is told
    settings: Settings = Settings()
    turns: Turns = field(default_factory=Turns, compare=False)  # of this program's callers who come at the same moment

    @property
    def pack(self) -> Pack:
        """The policies as they were last seen in the book; who records what they say asks `policies.refresh` first."""
        return self.policies.pack

    @contextmanager
    def reading(self) -> Iterator[House]:
        """Give the house as it stands at one moment: use cases that read agree with each other, none can write."""
        with self.database.snapshot() as database:
            with database.transaction() as tx:
                self.policies.refresh(tx)
            yield replace(self, database=database)

    def page_of(self, channel: str) -> HostedPaymentChannel | None:
        """Return whose page an order of a channel is paid on, or None when it is paid on none, or on none any more."""
        return self.hosted if channel == HOSTED else self.pages.get(channel)

    def deducts_over(self, channel: str) -> DeductionChannel | None:
        """Return who deducts the orders of a channel, or None when nobody does, or nobody any more."""
        return self.collection if channel == BANK else self.wallets.get(channel)

    def payout_of(self, channel: str) -> PayoutChannel | None:
        """Return who pays out orders of a channel, or None when nobody does, or does any more."""
        return self.payout if channel == BANK else self.payouts.get(channel)

    def opens_at(self, channel: str, at: datetime) -> datetime:
        """Return `at`, or the next moment at which a channel works. Errors: WorkingWindowsMalformed."""
        windows = self.windows.get(channel)
        return at if windows is None else windows.opens_at(at)

    def id_for(self, person_id: UUID) -> UUID:
        """Return a fresh id in a person's slot."""
        return self.identifiers.fresh(slot_of(person_id))

    def booking_date(self, tx: Transaction, *, cell: int) -> date:
        """Return the business date to book on: today, or the day after the cell's last closed one if that is later.

        The caller holds the cell's lock, so the day cannot be closed meanwhile.
        """
        return self.booking_day(book.last_closed_on(tx, cell=cell))

    def booking_day(self, last_closed_on: date) -> date:
        """Return the business date to book on in a cell whose last closed day the caller has read under its lock."""
        return max(self.clock.business_date(), last_closed_on + timedelta(days=1))
