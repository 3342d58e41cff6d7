"""A bank in memory to whose pages people are sent; what they do there is said by whoever plays them."""

from __future__ import annotations

from dataclasses import dataclass, field

from mingqu.domain.cash_advance import ReferralState, follows
from mingqu.ports.cash_advance import NotKnown, PageOpened, ReferralDeclined, ReferralRequest, Standing
from mingqu.ports.silence import ChannelSilent


@dataclass(slots=True)
class FakeCashAdvance:
    """Implements `CashAdvanceBank`. `declines` is a code for the next who comes, `silent` how often nothing is said."""

    declines: str | None = None
    silent: int = 0
    requests: dict[str, ReferralRequest] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)

    def refer(self, request: ReferralRequest) -> PageOpened | ReferralDeclined:
        """Announce a person who is about to come. Errors: ChannelSilent."""
        self._speak()
        known = self.requests.setdefault(request.number, request)
        if known != request:
            raise ChannelSilent(reason="rejected")
        if request.number not in self.standings:
            declined, self.declines = self.declines, None
            self.standings[request.number] = (
                Standing(state=ReferralState.REFERRED)
                if declined is None
                else Standing(state=ReferralState.REFUSED, code=declined)
            )
        code = self.standings[request.number].code
        if code is not None:
            return ReferralDeclined(code=code)
        return PageOpened(address=f"https://bank.example/cash/{request.number}")

    def say(self, *, number: str, standing: Standing) -> None:
        """Let the bank come to stand at something, if that follows."""
        if follows(before=self.standings[number].state, after=standing.state):
            self.standings[number] = standing

    def way_to(self, *, number: str, address: str) -> str:
        """Return the bank's page."""
        return f"{address}?token={number}"

    def ask(self, *, number: str) -> Standing | NotKnown:
        """Tell how far a referral has come. Errors: ChannelSilent."""
        self._speak()
        return self.standings.get(number, NotKnown())

    def read_return(self, *, result: str) -> tuple[str, Standing] | None:
        """Return what a browser brought back: here the number alone."""
        standing = self.standings.get(result)
        return None if standing is None else (result, standing)

    def _speak(self) -> None:
        if self.silent > 0:
            self.silent -= 1
            raise ChannelSilent(reason="timeout")
