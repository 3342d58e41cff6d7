"""Instruments: the cards and wallets that money goes to and comes from, always the person's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

CARD_DIGITS_MIN: Final = 16  # UnionPay cards have 16 to 19 digits
CARD_DIGITS_MAX: Final = 19
# The four-element checks of banks and clearing houses take the same card this often in a day.
CARD_TRIES_MAX: Final = 4
CARD_TRIES_WINDOW: Final = timedelta(hours=24)
BINS_MAX: Final = 20_000  # an acquirer's whole file has a few thousand rows; more is another file

_CARD: Final = re.compile(rf"[0-9]{{{CARD_DIGITS_MIN},{CARD_DIGITS_MAX}}}")
_PREFIX: Final = re.compile(r"[0-9]{4,10}")


class CardNumberMalformed(Refusal):
    """The text is not a card number of 16 to 19 digits."""

    code = "card_number_malformed"


class CardCheckDigitWrong(Refusal):
    """The last digit of the card number does not fit the others."""

    code = "card_check_digit_wrong"


class CardTriesExhausted(Refusal):
    """The same card was tried four times in 24 hours."""

    code = "card_tries_exhausted"
    status = 429


class CardNotOwn(Refusal):
    """Name, identity number, phone and card do not belong together."""

    code = "card_not_own"


class CardNotSupported(Refusal):
    """The bank of this card cannot be asked, or the kind of card does not serve the purpose."""

    code = "card_not_supported"


class CardClosed(Refusal):
    """The bank says that the card is closed."""

    code = "card_closed"


class InstrumentTransitionNotAllowed(Refusal):
    """This does not follow from the state of the card or wallet."""

    code = "instrument_transition_not_allowed"
    status = 409


class InstrumentNotVerified(Refusal):
    """Money moves only over a card or wallet that was verified as the person's own and is still bound."""

    code = "instrument_not_verified"


class BinTableMalformed(Refusal):
    """A row of the table of card prefixes is not right; the message names the row."""

    code = "bin_table_malformed"


class InstrumentKind(Enum):
    """What an instrument is. A purpose card serves one purchase only and is never paid out to."""

    DEBIT_CARD = "debit_card"
    CREDIT_CARD = "credit_card"
    PURPOSE_CARD = "purpose_card"
    WALLET = "wallet"


PAID_OUT_TO: Final = (InstrumentKind.DEBIT_CARD, InstrumentKind.WALLET)


class InstrumentState(Enum):
    """The life of an instrument: added → verified → removed."""

    ADDED = "added"
    VERIFIED = "verified"
    REMOVED = "removed"


class InstrumentEvent(Enum):
    """What happens to an instrument."""

    VERIFY = "verify"
    REMOVE = "remove"


class ElementsAnswer(Enum):
    """What a bank or clearing house answers to name, identity number, phone and card (四要素).

    Only MATCH proves anything; the others say nothing about which element is wrong.
    """

    MATCH = "match"
    MISMATCH = "mismatch"
    NOT_SUPPORTED = "not_supported"  # the card's bank does not take part
    CARD_CLOSED = "card_closed"


_E, _S = InstrumentEvent, InstrumentState
INSTRUMENT_TRANSITIONS: Final = MappingProxyType(
    {
        (_S.ADDED, _E.VERIFY): _S.VERIFIED,
        (_S.ADDED, _E.REMOVE): _S.REMOVED,
        (_S.VERIFIED, _E.REMOVE): _S.REMOVED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A card or wallet of a person; its number is in the vault, its keyed hash finds it again."""

    instrument_id: UUID
    person_id: UUID
    kind: InstrumentKind
    issuer: str
    number_hash: bytes
    state: InstrumentState
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The issuer and kind behind a card prefix (bank identification number)."""

    prefix: str
    issuer: str
    name_zh: str
    name_en: str
    kind: InstrumentKind
    digits: int | None = None  # of a card number with this prefix; None for any length


def luhn_holds(digits: str) -> bool:
    """Return whether a text of digits carries the right last digit.

    From the right, every second digit is doubled, less 9 when above 9; the sum ends in 0. Example: 79927398713.
    Source: ISO/IEC 7812-1, annex B.
    """
    total = sum(map(int, digits[-1::-2])) + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0


def read_card_number(number: Personal[str]) -> Personal[str]:
    """Return a card number as digits only; spaces and hyphens may stand in it.

    Errors, in this order: CardNumberMalformed, CardCheckDigitWrong.
    """
    text = re.sub(r"[ -]", "", number.reveal().strip())
    if not (text.isascii() and _CARD.fullmatch(text)):
        raise CardNumberMalformed(f"A card number has {CARD_DIGITS_MIN} to {CARD_DIGITS_MAX} digits.")
    if not luhn_holds(text):
        raise CardCheckDigitWrong("The card number has a wrong check digit: compare it with the card.")
    return Personal(text)


def read_bins(rows: Sequence[Mapping[str, object]]) -> tuple[Bin, ...]:
    """Return the table of card prefixes out of parsed rows (prefix, issuer, name_zh, name_en, kind).

    Errors: BinTableMalformed names the row: a missing or wrong cell, the same prefix twice, too many rows.
    """
    if len(rows) > BINS_MAX:
        raise BinTableMalformed(f"The table of card prefixes has more than {BINS_MAX} rows.")
    seen: dict[str, Bin] = {}
    kinds = {kind.value: kind for kind in InstrumentKind}
    for number, row in enumerate(rows, start=1):
        cells = {name: row.get(name) for name in ("prefix", "issuer", "name_zh", "name_en", "kind")}
        texts = {name: cell for name, cell in cells.items() if isinstance(cell, str) and cell}
        if len(texts) < len(cells) or texts["kind"] not in kinds or not _PREFIX.fullmatch(texts["prefix"]):
            raise BinTableMalformed(
                f"Row {number} of the card prefixes takes prefix (4 to 10 digits), issuer, name_zh, name_en and kind.",
                row=number,
            )
        if texts["prefix"] in seen:
            raise BinTableMalformed(f"Row {number} of the card prefixes repeats an earlier prefix.", row=number)
        seen[texts["prefix"]] = Bin(
            prefix=texts["prefix"],
            issuer=texts["issuer"],
            name_zh=texts["name_zh"],
            name_en=texts["name_en"],
            kind=kinds[texts["kind"]],
        )
    return tuple(seen.values())


def find_bin(*, number: Personal[str], bins: Sequence[Bin]) -> Bin:
    """Return the row of the longest prefix of a card number. Errors: CardNotSupported when there is none.

    The kind of a card does not follow from its number by arithmetic; only a table of prefixes tells it.
    """
    text = number.reveal()
    matching = [row for row in bins if text.startswith(row.prefix) and row.digits in (None, len(text))]
    if not matching:
        raise CardNotSupported("Cards of this bank cannot be bound yet: take another bank's debit card.")
    return max(matching, key=lambda row: len(row.prefix))


def require_tries_left(*, attempts: Sequence[datetime], at: datetime) -> None:
    """Return when the same card may be tried at this moment: at most 4 tries in any 24 hours.

    Example: tries at 08:00, 08:01, 08:02 and 08:03 refuse a fifth until 08:00 of the next day.
    Errors: CardTriesExhausted (details: retry_after_seconds). Source: rule of the four-element services.
    """
    recent = sorted(moment for moment in attempts if moment > at - CARD_TRIES_WINDOW)
    if len(recent) >= CARD_TRIES_MAX:
        wait = recent[-CARD_TRIES_MAX] + CARD_TRIES_WINDOW - at
        raise CardTriesExhausted(
            f"This card was tried {CARD_TRIES_MAX} times in 24 hours: try again later or take another card.",
            retry_after_seconds=-(-wait // timedelta(seconds=1)),  # whole seconds, rounded up
        )


def after(*, instrument: Instrument, event: InstrumentEvent) -> Instrument:
    """Return the instrument after an event. Errors: InstrumentTransitionNotAllowed for a pair not in the table."""
    state = INSTRUMENT_TRANSITIONS.get((instrument.state, event))
    if state is None:
        raise InstrumentTransitionNotAllowed(
            "This cannot be done with the card as it stands.", state=instrument.state.value, event=event.value
        )
    return replace(instrument, state=state)


def verified(*, instrument: Instrument, answer: ElementsAnswer) -> Instrument:
    """Return the instrument verified as the person's own by the four-element check.

    Errors: those of `require_own`; InstrumentTransitionNotAllowed.
    """
    require_own(answer=answer)
    return after(instrument=instrument, event=InstrumentEvent.VERIFY)


def require_own(*, answer: ElementsAnswer) -> None:
    """Return when the four-element check makes a card the person's own, or bears out that it is.

    The own-name rule: only a match of name, identity number, phone and card does.
    Errors: CardNotOwn, CardNotSupported, CardClosed by the answer.
    """
    if answer is ElementsAnswer.MISMATCH:
        raise CardNotOwn("Name, identity number, phone and card do not belong together: take a card of your own.")
    if answer is ElementsAnswer.NOT_SUPPORTED:
        raise CardNotSupported("The bank of this card cannot be asked: take another bank's debit card.")
    if answer is ElementsAnswer.CARD_CLOSED:
        raise CardClosed("The bank says that this card is closed: take another card.")
    assert answer is ElementsAnswer.MATCH


def require_payout(*, instrument: Instrument) -> None:
    """Return when a loan may be paid out to the instrument: a verified own debit card, or an own wallet.

    Never to a credit card or a purpose card: the money of a loan goes to the borrower's own settlement account, or to
    the account that is theirs by real name at a payment institution. Source: 银保监规〔2022〕13号.
    Errors: InstrumentNotVerified, CardNotSupported.
    """
    require_verified(instrument=instrument)
    if instrument.kind not in PAID_OUT_TO:
        raise CardNotSupported("A loan is paid out to a debit card or an own account.", kind=instrument.kind.value)


def require_verified(*, instrument: Instrument) -> None:
    """Return when money may be collected over the instrument. Errors: InstrumentNotVerified."""
    if instrument.state is not InstrumentState.VERIFIED:
        raise InstrumentNotVerified("The card must be verified first, and still bound.", state=instrument.state.value)
