"""Wallets on the pages: which accounts money can go to, and automatic repayment that is signed on a wallet's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.consents import ask_address
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form, own_path
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.instrument import PAID_OUT_TO, InstrumentKind
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.house import ALIPAY_ACCOUNT, ALIPAY_AGREEMENT, PAPAY, WECHAT
from mingqu.services.people.read_person import CardView
from mingqu.services.repayment.agree_at_wallet import ask_newest, begin_at_wallet, wallet_of
from mingqu.services.repayment.repay import ChannelUnavailable

PATH: Final = "/wallet-agreement/{wallet:str}"
# Whose wallet a channel deducts from, as the texts name it; a person chooses a wallet and not a protocol.
WALLETS: Final[Mapping[str, str]] = {WECHAT: "wechat", PAPAY: "wechat", ALIPAY_AGREEMENT: "alipay"}


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of the two steps."""
    return [door.page(PATH, come_back, acts=True), door.step(PATH, begin)]


def offered(visit: Visit) -> list[dict[str, str]]:
    """Return the wallets that can be deducted from here, each with the key of its form."""
    wallets = dict.fromkeys(WALLETS[channel] for channel in visit.house.wallets)
    return [{"wallet": wallet, "key": visit.form_key()} for wallet in wallets]


def deducting(visit: Visit, *, from_card: bool) -> str | None:
    """Return which wallet is deducted from; whoever has a card for it has no wallet as well."""
    channel = None if from_card else wallet_of(visit.house, person_id=visit.person_id)
    return None if channel is None else WALLETS[channel]


def begin(visit: Visit, form: Form) -> Response[Any]:
    """Make the wallet's page and show the way there; a form cannot lead off this site by itself."""
    there, wallet = form.back_to, _wallet(visit)
    back = f"{str(visit.request.base_url).rstrip('/')}/wallet-agreement/{wallet}?next={quote(there, safe='')}"
    channel = next((one for one in visit.house.wallets if WALLETS[one] == wallet), "")
    try:
        begun = begin_at_wallet(visit.house, person_id=visit.person_id, channel=channel, back=back, key=form.key)
    except ConsentMissing:
        here = f"/agreement?next={quote(there, safe='')}"
        return visit.go(ask_address(purpose=ConsentPurpose.AUTO_REPAYMENT, there=here))
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        problem = visit.words.refusal(refusal)
        return _page(visit, wallet=wallet, there=there, state="failed", status=refusal.status, problem=problem)
    address = begun.page.address
    sign_at = address if address.startswith("http") else None
    return _page(visit, wallet=wallet, there=there, state="begun", sign_at=sign_at)


def come_back(visit: Visit) -> Response[Any]:
    """Ask the wallet, and say what it said."""
    there, wallet = own_path(visit.query("next")), _wallet(visit)
    try:
        state = ask_newest(visit.house, person_id=visit.person_id)
    except ChannelUnavailable:
        state = "pending"
    except ConsentMissing:
        state = "ended"
    if state == "active":
        return visit.go(there)
    return _page(visit, wallet=wallet, there=there, state=state)


def _wallet(visit: Visit) -> str:
    """Return the wallet that stands in the path. Errors: NotFound."""
    wallet = str(visit.request.path_params["wallet"])
    if wallet not in WALLETS.values():
        raise NotFound
    return wallet


def _page(
    visit: Visit,
    *,
    wallet: str,
    there: str,
    state: str,
    status: int = 200,
    sign_at: str | None = None,
    problem: object = None,
) -> Response[str]:
    return visit.show(
        "agreement_wallet.html",
        status=status,
        wallet=wallet,
        there=there,
        state=state,
        sign_at=sign_at,
        problem=problem,
    )


def may_bind_wallet(visit: Visit, cards: Sequence[CardView]) -> bool:
    """Return whether a page offers to bind an account at Alipay: money can go there, and none is bound yet."""
    bound = any(one.kind == InstrumentKind.WALLET.value for one in cards)
    return visit.door.alipay is not None and InstrumentKind.WALLET in _payable_kinds(visit) and not bound


def payable(visit: Visit, cards: Sequence[CardView], *, besides: UUID | None = None) -> list[dict[str, Any]]:
    """Return the cards and accounts that money can be paid out to, as a page offers them; one may be left out."""
    return _verified(visit, [one for one in cards if one.instrument_id != besides], kinds=_payable_kinds(visit))


def deductible(visit: Visit, cards: Sequence[CardView]) -> list[dict[str, Any]]:
    """Return the cards that due amounts can be deducted from, as a page offers them; wallets are `offered`."""
    return _verified(visit, cards, kinds=(InstrumentKind.DEBIT_CARD,))


def _payable_kinds(visit: Visit) -> tuple[InstrumentKind, ...]:
    """Return the kinds of instruments that money can be paid out to here: wallets where Alipay pays them."""
    connected = visit.house.payout_of(ALIPAY_ACCOUNT) is not None
    return tuple(kind for kind in PAID_OUT_TO if kind is not InstrumentKind.WALLET or connected)


def _verified(visit: Visit, cards: Sequence[CardView], *, kinds: Sequence[InstrumentKind]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.instrument_id.hex,
            "bank": visit.words.pick(one.bank_zh, one.bank_en),
            "tail": one.tail,
            "deducts": one.agreement_id is not None,
            "wallet": one.kind == InstrumentKind.WALLET.value,
        }
        for one in cards
        if one.verified and one.kind in [kind.value for kind in kinds]
    ]
