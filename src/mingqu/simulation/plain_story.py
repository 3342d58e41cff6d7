"""A plain account's whole story: of draws that came back it knows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from mingqu.domain.spend import SpendEvent, SpendKind, SpendTerms
from mingqu.simulation.plain_account import PlainAccount, PlainBill


def plain_story(
    *, terms: SpendTerms, opened_on: date, limit_fen: int, events: Sequence[SpendEvent], to: date
) -> PlainAccount:
    """Return the account on the morning of a day; with each draw that comes back another is told everything else."""

    def begun(said: Mapping[date, PlainBill]) -> PlainAccount:
        return PlainAccount(terms=terms, opened_on=opened_on, day=opened_on, limit_fen=limit_fen, said=said)

    account, gone = begun({}), set[UUID | None]()
    for place, event in enumerate(events):
        if event.kind is not SpendKind.DRAW_RETURNED:
            account.tell(event)
            continue
        account.pass_to(event.on)
        gone.add(event.target)
        sent, account = account.sent, begun({bill.billed_on: bill for bill in account.bills})
        for one in events[:place]:
            if one.kind is not SpendKind.DRAW_RETURNED and one.event_id not in gone:
                account.tell_what_is_left(one, events[:place])
        account.pass_to(event.on)
        account.said, account.sent = {}, sent
    account.pass_to(to)
    return account
