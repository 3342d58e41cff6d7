"""The revolving accounts that the prepared book has: bought from, drawn, billed, in instalments, one of them late.

Their products are those of the house, but for the days: bills and due days fall into the days that are played.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from mingqu.demo.journey import Known, work_until_idle
from mingqu.domain.decision import Pack, parse_pack
from mingqu.domain.moment import business_date_of
from mingqu.domain.policy_file import Document
from mingqu.domain.spend import DeductedPart
from mingqu.services.revolving.convert_spend import conversion_offers, convert_spend
from mingqu.services.revolving.open_spend import open_spend, spend_offers
from mingqu.simulation.notebook import Agreed, Bought, Cut, Moved, Notebook
from mingqu.simulation.playhouse import Playhouse
from mingqu.simulation.seller import HOLD_DAYS

SPEND: Final = "chengchuan-spend"
CASH: Final = "chengchuan-cash"
# Bill day and due day. The book opens on the 15th and the play begins on the 14th of the next month: a spend account's
# bill waits for its due day then, a line's is made and falls due within days, and who drew on the first day is late.
_DAYS: Final = {SPEND: (12, 15), CASH: (16, 17)}
_PARTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What somebody has of accounts when the play begins: bought, drawn, and what is deducted of their bills."""

    bought_fen: tuple[int, ...] = ()
    in_parts: bool = False  # the last purchase
    drawn_fen: int = 0
    spend_part: DeductedPart | None = None
    cash_part: DeductedPart | None = None


# By the number of the borrower.
STANDINGS: Final = {
    0: Standing(bought_fen=(90_000, 45_000), in_parts=True, spend_part=DeductedPart.MINIMUM),
    1: Standing(drawn_fen=100_000),
    2: Standing(bought_fen=(250_000, 30_000), spend_part=DeductedPart.BILL),
    3: Standing(bought_fen=(60_000,), spend_part=DeductedPart.BILL),
    4: Standing(bought_fen=(180_000,), drawn_fen=200_000, cash_part=DeductedPart.MINIMUM),
    6: Standing(bought_fen=(20_000,)),
}


def playing_days(documents: tuple[Document, ...]) -> Pack:
    """Return the pack of some documents, with the bill days and due days of the play."""
    return parse_pack(documents=[_played(one) for one in documents])


def open_accounts(play: Playhouse, known: Known, *, standing: Standing) -> Notebook:
    """Open somebody's accounts and use them; return what they and their sellers wrote down."""
    notebook = Notebook()
    offers = {one.product.id: one for one in spend_offers(play.house, person_id=known.person_id)}
    wanted = [SPEND] * bool(standing.bought_fen) + [CASH] * bool(standing.drawn_fen)
    for product_id in wanted:
        notebook.accounts[product_id] = open_spend(
            play.house,
            person_id=known.person_id,
            product_id=product_id,
            terms_hash=offers[product_id].terms_hash,
            key=f"open {product_id}",
        )
    for number, fen in enumerate(standing.bought_fen):
        notebook.purchases.append(_bought(play, known, notebook, number=f"before {number}", fen=fen))
    if standing.in_parts:
        _cut(play, known, notebook)
    if standing.drawn_fen:
        order_id = play.desk.draw(
            play.house,
            person_id=known.person_id,
            account_id=notebook.accounts[CASH],
            card_id=known.instrument_id,
            fen=standing.drawn_fen,
            key="draw before",
        )
        notebook.draws[order_id] = notebook.accounts[CASH]
        work_until_idle(play.world)
    for product_id, part in ((SPEND, standing.spend_part), (CASH, standing.cash_part)):
        if part is not None:
            _choose(play, known, notebook, product_id=product_id, part=part)
    return notebook


def _played(document: Document) -> Document:
    days = _DAYS.get(str(document.body.get("id"))) if document.body.get("kind") == "spend_product" else None
    if days is None:
        return document
    return replace(document, body={**document.body, "bill_day": days[0], "due_day": days[1]})


def _bought(play: Playhouse, known: Known, notebook: Notebook, *, number: str, fen: int) -> Bought:
    seller, today = "corner shop", business_date_of(play.clock.now())
    purchase_id = play.desk.authorize(
        play.house,
        person_id=known.person_id,
        account_id=notebook.accounts[SPEND],
        seller=seller,
        number=number,
        fen=fen,
        key=f"hold {number}",
    )
    play.desk.capture(play.house, purchase_id=purchase_id, fen=fen)
    return Bought(
        account_id=notebook.accounts[SPEND],
        purchase_id=purchase_id,
        seller=seller,
        number=number,
        held_fen=fen,
        lapses_on=today + timedelta(days=HOLD_DAYS),
        captured=Moved(fen=fen, first=today, last=today),
    )


def _cut(play: Playhouse, known: Known, notebook: Notebook) -> None:
    account_id, bought = notebook.accounts[SPEND], notebook.purchases[-1]
    found = conversion_offers(
        play.house, person_id=known.person_id, account_id=account_id, purchase_id=bought.purchase_id
    )
    offer = next(one for one in found.offers if one.count == _PARTS)
    plan_id = convert_spend(
        play.house,
        person_id=known.person_id,
        account_id=account_id,
        purchase_id=bought.purchase_id,
        amount_fen=offer.amount_fen,
        count=_PARTS,
        table_hash=offer.table_hash,
        key="cut before",
    )
    notebook.cuts[plan_id] = Cut(account_id=account_id, fen=offer.amount_fen, target=bought.purchase_id, count=_PARTS)


def _choose(play: Playhouse, known: Known, notebook: Notebook, *, product_id: str, part: DeductedPart) -> None:
    account_id, since = notebook.accounts[product_id], play.clock.now()
    play.desk.choose(
        play.house, person_id=known.person_id, account_id=account_id, part=part, key=f"deduct {product_id}"
    )
    notebook.agreed.append(Agreed(account_id=account_id, part=part, since=since))
