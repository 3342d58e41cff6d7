"""A card-issuing bank behind the lender gateway, to whose own pages people are sent for cash out of their card.

Source: docs/reference/lender-gateway.md, "Card cash advance".
"""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import quote

import msgspec

from mingqu.channels.gateway import token
from mingqu.channels.gateway.order import Code, Number
from mingqu.channels.gateway.speech import NotKnown as Unknown
from mingqu.channels.gateway.speech import Party, Taken
from mingqu.domain.cash_advance import ReferralState
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.ports.cash_advance import NotKnown, PageOpened, ReferralDeclined, ReferralRequest, Standing
from mingqu.ports.silence import ChannelSilent

PATH: Final = "/card/v1/cash-advances"
_Fen = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_FEN_MAX)]
_State = Literal["referred", "visited", "applied", "paid", "refused", "lapsed"]
_Address = Annotated[str, msgspec.Meta(pattern="^https?://[^\\s]+$", max_length=512)]


class _Opened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["open", "refused"]
    address: _Address | None = None
    code: Code | None = None


class _Standing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    referral_number: Number
    state: _State
    amount_fen: _Fen | None = None
    code: Code | None = None


class _Result(token.Token, frozen=True, kw_only=True):
    referral_number: Number
    state: _State
    amount_fen: _Fen | None = None
    code: Code | None = None


class GatewayCashAdvance:
    """Implements `CashAdvanceBank`. `back` is where the bank's pages send the browser in the end."""

    def __init__(self, *, party: Party, back: str) -> None:
        self._party, self._back = party, back

    def refer(self, request: ReferralRequest) -> PageOpened | ReferralDeclined:
        """Announce a person who is about to come. Errors: ChannelSilent."""
        body = {
            "referral_number": request.number,
            "bank": request.bank,
            "amount_fen": request.wish.amount_fen,
            "currency": "CNY",
            "repayment": request.wish.repayment.value,
            "months": request.wish.months,
            "consent_id": request.consent_id,
            "name": request.holder.name.reveal(),
            "id_number": request.holder.id_number.reveal(),
            "phone": request.holder.phone.reveal(),
            "debit_card": request.holder.debit_card.reveal(),
            "back": self._back,
        }
        try:
            said = self._party.say(PATH, body=body, answer=_Opened)
        except (Taken, Unknown):
            raise ChannelSilent(reason="rejected") from None
        if said.state == "refused" and said.code is not None:
            return ReferralDeclined(code=said.code)
        # People are sent nowhere but to the party that we speak to.
        if said.state != "open" or said.address is None or self._party.wire.inside(said.address) is None:
            raise ChannelSilent(reason="unreadable")
        return PageOpened(address=said.address)

    def way_to(self, *, number: str, address: str) -> str:
        """Return the bank's page with a token that says which referral comes, good for some minutes."""
        made = token.make(own=self._party.own, said={"referral_number": number}, at=self._party.clock.now())
        return f"{address}{'&' if '?' in address else '?'}token={quote(made)}"

    def ask(self, *, number: str) -> Standing | NotKnown:
        """Tell how far a referral has come. Errors: ChannelSilent."""
        try:
            said = self._party.ask(f"{PATH}/{number}", answer=_Standing)
        except Unknown:
            return NotKnown()
        except Taken:
            raise ChannelSilent(reason="rejected") from None
        found = _standing(said)
        if found is None or said.referral_number != number:
            raise ChannelSilent(reason="unreadable")
        return found

    def read_return(self, *, result: str) -> tuple[str, Standing] | None:
        """Return number and standing that a browser brought back, signed by the bank; None when it is not."""
        said = token.read(theirs=self._party.theirs, token=result, of=_Result, at=self._party.clock.now())
        found = None if said is None else _standing(said)
        return None if said is None or found is None else (said.referral_number, found)


def _standing(said: _Standing | _Result) -> Standing | None:
    """Return how far it has come, or None when what belongs to that state is not there, or is too much."""
    state = ReferralState(said.state)
    if (state is ReferralState.PAID) != (said.amount_fen is not None):
        return None
    if (state is ReferralState.REFUSED) != (said.code is not None):
        return None
    return Standing(state=state, amount_fen=said.amount_fen, code=said.code)
