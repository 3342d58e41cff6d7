"""A bank behind clearing-style messages: real-time pay and collect, batches, entrusted credits, query, the day's lines.

It answers to the ports that the gateway bank and the wallets answer to, so no use case knows which protocol it speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final
from xml.etree.ElementTree import Element

from mingqu.channels.clearing import message as m
from mingqu.channels.clearing.speech import ClearingParty
from mingqu.channels.wire import FILE_BYTES_MAX
from mingqu.domain.moment import business_date_of
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.batch import Batch, BatchTaken, BatchTold, ItemWord
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.entrusted import EntrustedRequest
from mingqu.ports.payout import Direction, PayoutRequest, StatementLine
from mingqu.ports.silence import ChannelSilent

# The bulk system takes one payment up to 1,000,000 yuan, the one for large amounts takes what is more.
BULK_FEN_MAX: Final = 100_000_000
BATCH_BYTES_MAX: Final = 1024 * 1024  # of 500 items
UNKNOWN, TAKEN = "PR03", "PR09"  # of a batch; the status of a payment is read in `_word`

Told = Accepted | Paid | Failed | NotFound | NumberTaken


class ClearingBank:
    """Implements `PayoutChannel`, `EntrustedPaymentChannel`, `BatchChannel`; deducts under the bank's agreements."""

    def __init__(self, *, party: ClearingParty) -> None:
        self._party = party

    @property
    def resend_is_safe(self) -> bool:
        """A payment is known by its `EndToEndId`: said again it is not done again."""
        return True

    def send(self, request: PayoutRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a payout: real-time pay, or a large credit above the bulk system's limit. Errors: ChannelSilent."""
        _require_yuan(request.currency)
        is_large = request.amount_fen > BULK_FEN_MAX
        kind, answer = (m.LARGE_CREDIT, m.ACKNOWLEDGED) if is_large else (m.REALTIME_PAY, m.REALTIME_PAID)
        return self._send(kind, _payout(request), answer, request.order_number)

    def entrust(self, request: EntrustedRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a credit to the payee of a contract. Errors: ChannelSilent."""
        _require_yuan(request.currency)
        kind = m.LARGE_CREDIT if request.amount_fen > BULK_FEN_MAX else m.CREDIT
        return self._send(kind, _entrusted(request), m.ACKNOWLEDGED, request.order_number)

    def deduct(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a deduction: real-time collect. Errors: ChannelSilent."""
        _require_yuan(request.currency)
        return self._send(m.REALTIME_COLLECT, _deduction(request), m.REALTIME_COLLECTED, request.order_number)

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a payment of any kind: query, and its answer. Errors: ChannelSilent."""
        said = self._party.say(m.QUERY, m.element("Bdy", _end_to_end(order_number)), answer=m.QUERIED)
        word = _word(_status(said.body, order_number))
        if isinstance(word, Accepted):
            return InProgress()
        if isinstance(word, NumberTaken):
            raise ChannelSilent(reason="unreadable")
        return word

    def send_batch(self, batch: Batch) -> BatchTaken | NumberTaken:
        """Ask for a batch: of payouts, or of deductions. Errors: ChannelSilent."""
        is_pay = isinstance(batch.items[0], PayoutRequest)
        kind, answer = (m.BATCH_PAY, m.BATCH_PAID) if is_pay else (m.BATCH_COLLECT, m.BATCH_COLLECTED)
        items = []
        for item in batch.items:
            _require_yuan(item.currency)
            items.append(_payout(item) if isinstance(item, PayoutRequest) else _deduction(item))
        total = m.element("CtrlSum", text=m.yuan_of(sum(item.amount_fen for item in batch.items)), Ccy="CNY")
        count = m.element("NbOfTxs", text=str(len(items)))
        body = m.element("Bdy", m.element("BtchId", text=batch.batch_number), count, total, *items)
        said = self._party.say(kind, body, answer=answer, bytes_max=BATCH_BYTES_MAX)
        _require_batch(said.body, batch.batch_number)
        if m.text_of(said.body, "BtchSts") == TAKEN:
            return NumberTaken()
        asked = {item.order_number for item in batch.items}
        words: dict[str, ItemWord] = {}
        for number, word in _words(said.body).items():
            if number in asked and not isinstance(word, NotFound):
                words[number] = Refused(code=word.code) if isinstance(word, Failed) else word
        return BatchTaken(words=words)

    def ask_batch(self, batch_number: str) -> BatchTold | NotFound:
        """Tell what became of a batch: the same query, by the batch's number. Errors: ChannelSilent."""
        body = m.element("Bdy", m.element("BtchId", text=batch_number))
        said = self._party.say(m.QUERY, body, answer=m.QUERIED, bytes_max=BATCH_BYTES_MAX)
        _require_batch(said.body, batch_number)
        if m.text_of(said.body, "BtchSts") == UNKNOWN:
            return NotFound()
        words: dict[str, Paid | Failed | InProgress] = {}
        for number, word in _words(said.body).items():
            if isinstance(word, Paid | Failed):
                words[number] = word
            elif isinstance(word, Accepted):
                words[number] = InProgress()
        return BatchTold(words=words)

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return every movement that succeeded on a date in Asia/Shanghai, by time. Errors: ChannelSilent."""
        body = m.element("Bdy", m.element("ChckDt", text=business_date.isoformat()))
        said = self._party.say(m.DAY, body, answer=m.DAY_TOLD, bytes_max=FILE_BYTES_MAX)
        if m.text_of(said.body, "ChckDt") != business_date.isoformat():
            raise ChannelSilent(reason="unreadable")
        lines = [_line(each) for each in m.elements(said.body, "Tx")]
        is_whole = m.text_of(said.body, "NbOfTxs") == str(len(lines))
        if not is_whole or any(business_date_of(line.succeeded_at) != business_date for line in lines):
            raise ChannelSilent(reason="unreadable")
        return sorted(lines, key=lambda line: (line.succeeded_at, line.order_number))

    def _send(self, kind: str, item: Element, answer: str, number: str) -> Accepted | Paid | Refused | NumberTaken:
        said = self._party.say(kind, m.element("Bdy", item), answer=answer)
        match _word(_status(said.body, number)):
            case Failed(code=code):
                return Refused(code=code)
            case NotFound():
                raise ChannelSilent(reason="unreadable")
            case word:
                return word


def _payout(request: PayoutRequest) -> Element:
    return m.element(
        "Tx",
        _end_to_end(request.order_number),
        _amount(request.amount_fen),
        m.element("CdtrAcct", text=request.card_number.reveal()),
        m.element("CdtrNm", text=request.holder_name.reveal()),
    )


def _deduction(request: DeductionRequest) -> Element:
    return m.element(
        "Tx",
        _end_to_end(request.order_number),
        _amount(request.amount_fen),
        m.element("PrtclNb", text=request.agreement_token.reveal()),
    )


def _entrusted(request: EntrustedRequest) -> Element:
    return m.element(
        "Tx",
        _end_to_end(request.order_number),
        _amount(request.amount_fen),
        m.element("CdtrAcct", text=request.payee_account.reveal()),
        m.element("CdtrNm", text=request.payee_name.reveal()),
        m.element("CdtrAgt", text=request.payee_bank),
        m.element("CtrctNb", text=request.contract_number),
        m.element("Purp", text=request.purpose),
    )


def _end_to_end(number: str) -> Element:
    return m.element("EndToEndId", text=number)


def _amount(amount_fen: int) -> Element:
    return m.element("Amt", text=m.yuan_of(amount_fen), Ccy="CNY")


def _require_yuan(currency: str) -> None:
    if currency != "CNY":
        raise ChannelSilent(reason="rejected")  # the system knows no other currency


def _require_batch(body: Element, batch_number: str) -> None:
    if m.text_of(body, "BtchId") != batch_number:
        raise ChannelSilent(reason="unreadable")


def _status(body: Element, number: str) -> Element:
    """Return the status of a payment in an answer. Errors: ChannelSilent, when it is another's."""
    found = body.find("TxSts")
    if found is None or m.text_of(found, "EndToEndId") != number:
        raise ChannelSilent(reason="unreadable")
    return found


def _words(body: Element) -> dict[str, Told]:
    """Return a word for each item of a batch that is told in full; the others are asked for by themselves."""
    words: dict[str, Told] = {}
    for each in m.elements(body, "TxSts"):
        number = m.text_of(each, "EndToEndId")
        try:
            words[number] = _word(each)
        except ChannelSilent:
            continue
    return words


def _word(status: Element) -> Told:
    """Return the word of a status. `PR00` and `PR01` are final; a status we do not know is silence."""
    match m.text_of(status, "PrcSts"):
        case "PR00":
            line = _line(status)
            return Paid(
                at=line.succeeded_at, amount_fen=line.amount_fen, currency=line.currency, reference=line.reference
            )
        case "PR01" if code := m.text_of(status, "RjctCd"):
            return Failed(code=code)
        case "PR02":
            return Accepted(reference=m.text_of(status, "SysRef") or None)
        case "PR03":
            return NotFound()
        case "PR09":
            return NumberTaken()
        case _:
            raise ChannelSilent(reason="unreadable")


def _line(told: Element) -> StatementLine:
    """Return a movement that is told in full. Errors: ChannelSilent."""
    amount, reference = told.find("Amt"), m.text_of(told, "SysRef")
    try:
        at = datetime.fromisoformat(m.text_of(told, "CmpltnDtTm"))
        direction = Direction(m.text_of(told, "Drctn") or Direction.OUT.value)
    except ValueError:
        raise ChannelSilent(reason="unreadable") from None
    if amount is None or amount.get("Ccy") != "CNY" or at.tzinfo is None or not reference:
        raise ChannelSilent(reason="unreadable")
    return StatementLine(
        order_number=m.text_of(told, "EndToEndId"),
        direction=direction,
        amount_fen=m.fen_of(amount.text or ""),
        currency="CNY",
        succeeded_at=at.astimezone(UTC),
        reference=reference,
    )
