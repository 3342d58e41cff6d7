"""Lines that are alike: what a line says besides whose loan it is is read and told once, and remembered for a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from mingqu.domain.decision.pack import Pack
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.taking_over import (
    Fault,
    TakenOver,
    Totals,
    parse_content,
    reference_fault,
    references_sound,
    taken_over,
)
from mingqu.domain.taking_over.totals import bucket_of, expected, said
from mingqu.services.loans.record_event import deltas_of, transfers_of
from mingqu.store.ledgers import accrual
from mingqu.store.loans.loan import THIS_LOAN, Loan
from mingqu.store.loans.taking_over import Model

# What is remembered of a content takes some kilobytes here and in the database's models; then all is forgotten.
LIKES_MAX: Final = 8_192
# The mornings of a close bill onto these; the others are opened when something comes onto them.
_OPENED: Final = (AccountCode.LOAN_PRINCIPAL, AccountCode.LOAN_PRINCIPAL_DUE, AccountCode.LOAN_INTEREST_DUE)
_REFERENCES: Final = ("loan_reference", "person_reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """What is wrong with a line of a file."""

    line: int
    column: str
    code: str
    sentence: str

    def written(self) -> dict[str, int | str]:
        """Return it as programs read it."""
        return {"line": self.line, "column": self.column, "code": self.code, "sentence": self.sentence}


@dataclass(slots=True, kw_only=True)  # filled line by line
class Rows:
    """Sound lines, a list a column, for there are millions: whose each is, and the model it is like."""

    lines: list[int] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    person_references: list[str] = field(default_factory=list)
    model_ids: list[str] = field(default_factory=list)
    next_events: list[int] = field(default_factory=list)  # days as ordinals; that of date.max: nothing comes by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """What each loan of a content adds to the house's books and to the totals."""

    loan: Loan
    accounts: Mapping[Account, tuple[int, int]]  # of lender and group: debits and credits, in fen
    gains: tuple[tuple[str, int, int, int], ...]  # of the group: kind, slope, income, rounding, in micro-fen
    said: Totals
    expected: Totals
    said_accrued_fen: int
    expected_accrued_fen: int
    bucket: str
    next_event: date  # date.max: nothing comes by itself


@dataclass(slots=True, kw_only=True)  # filled line by line
class Chunk:
    """What some lines came to: rows, models that are new, faults; `forget` says that older models are gone."""

    lines: int = 0  # how many they were
    rows: Rows = field(default_factory=Rows)
    models: list[Model] = field(default_factory=list)
    faults: list[Faulty] = field(default_factory=list)
    forget: bool = False


class _Known(NamedTuple):
    """A content that was read: its model, and the day, as an ordinal, of what next comes by itself."""

    model_id: str
    next_event: int


class _Split:
    """Lines cut into their references and the rest, a list a column."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.references: list[str] = []
        self.person_references: list[str] = []
        self.contents: list[str] = []
        for text in lines:
            reference, _, rest = text.rstrip("\r\n").partition(",")
            person_reference, _, content = rest.partition(",")
            self.references.append(reference)
            self.person_references.append(person_reference)
            self.contents.append(content)

    def wrong(self) -> dict[int, list[Fault]]:
        """Return what is wrong with the references, by the place of their line."""
        columns = list(zip(_REFERENCES, (self.references, self.person_references), strict=True))
        if all(references_sound(column=column, texts=texts) for column, texts in columns):
            return {}
        found: dict[int, list[Fault]] = {}
        for column, texts in columns:
            for place, text in enumerate(texts):
                if (fault := reference_fault(column=column, text=text)) is not None:
                    found.setdefault(place, []).append(fault)
        return found


class Likes:
    """Reads lines in order, chunk by chunk; told by one thread at a time."""

    def __init__(self, *, pack: Pack, as_of: date) -> None:
        self._products = {(product.id, product.version): product for product in pack.products}
        self._lenders = pack.lenders
        self._as_of = as_of
        self._known: dict[str, _Known | list[Fault]] = {}
        self._likes: dict[str, Like] = {}
        self._forgotten: list[dict[str, Like]] = []
        self._line = 1  # the header's
        self._numbered = 0

    def chunk(self, lines: Iterable[str]) -> Chunk:
        """Return what the next lines say."""
        chunk = Chunk()
        if len(self._known) > LIKES_MAX:
            self._forgotten.append(self._likes)
            self._known, self._likes, chunk.forget = {}, {}, True
        split = _Split(lines)
        chunk.lines = len(split.contents)
        wrong, rows = split.wrong(), chunk.rows
        for place, content in enumerate(split.contents):
            self._line += 1
            known = self._known.get(content)
            if known is None:
                known = self._known[content] = self._read(content, chunk)
            if wrong or not isinstance(known, _Known):
                faults = [*wrong.get(place, ()), *(() if isinstance(known, _Known) else known)]
                chunk.faults += [self._faulty(fault) for fault in faults]
                if faults:
                    continue
            assert isinstance(known, _Known)
            rows.lines.append(self._line)
            rows.references.append(split.references[place])
            rows.person_references.append(split.person_references[place])
            rows.model_ids.append(known.model_id)
            rows.next_events.append(known.next_event)
        return chunk

    def forgotten(self) -> dict[str, Like]:
        """Return what was forgotten longest ago, once; whoever counted its loans adds them up now."""
        return self._forgotten.pop(0)

    def told(self) -> dict[str, Like]:
        """Return what is remembered."""
        return self._likes

    def _faulty(self, fault: Fault) -> Faulty:
        return Faulty(line=self._line, column=fault.column, code=fault.code, sentence=fault.sentence)

    def _read(self, text: str, chunk: Chunk) -> _Known | list[Fault]:
        content = parse_content(text)
        if isinstance(content, list):
            return content
        one = taken_over(
            content=content, products=self._products, lenders=self._lenders, as_of=self._as_of, event_id=THIS_LOAN
        )
        if isinstance(one, list):
            return one
        self._numbered += 1
        # A model's id leaves room for those of its transfers, as a loan's does.
        model_id = UUID(int=self._numbered << 8)
        loan = _loan(one, model_id)
        model, like = _told(one, loan, on=self._as_of + timedelta(days=1))
        chunk.models.append(model)
        self._likes[model_id.hex] = like
        return _Known(model_id.hex, like.next_event.toordinal())


def _loan(one: TakenOver, model_id: UUID) -> Loan:
    product, currency = one.product, one.terms.currency
    return Loan(
        cell=0,
        loan_id=model_id,
        person_id=THIS_LOAN,
        contract_id=model_id,
        facility_id=model_id,
        product_id=product.id,
        lender_id=product.lender_id,
        group_id=accrual.group_id(lender_id=product.lender_id, product_id=product.id, currency=currency),
        currency=currency,
        terms=one.terms,
        state=one.outcome.state,
    )


def _told(one: TakenOver, loan: Loan, *, on: date) -> tuple[Model, Like]:
    transfers = transfers_of(loan, one.outcome.postings, cause=loan.loan_id, on=on, pending={})
    sums: dict[Account, tuple[int, int]] = {}
    for transfer in transfers:
        for account, fen in ((transfer.debit, (transfer.amount_fen, 0)), (transfer.credit, (0, transfer.amount_fen))):
            if account.owner != loan.loan_id:
                before = sums.get(account, (0, 0))
                sums[account] = before[0] + fen[0], before[1] + fen[1]
    opened = tuple(Account(owner=loan.loan_id, code=code, currency=loan.currency) for code in _OPENED)
    deltas = deltas_of(loan, one.outcome, cause=loan.loan_id, on=on)
    like = Like(
        loan=loan,
        accounts=sums,
        gains=tuple((kind, gain.slope_micro, gain.income_micro, gain.rounding_micro) for _, _, kind, gain in deltas),
        said=said(one),
        expected=expected(one),
        said_accrued_fen=one.content.accrued_interest_fen,
        expected_accrued_fen=one.event.accrued_fen,
        bucket=bucket_of(overdue_since=one.event.overdue_since, on=on, grace_days=one.terms.grace_days),
        next_event=loan.state.next_event(loan.terms) or date.max,
    )
    return Model(loan=loan, event=one.event, accounts=opened, transfers=tuple(transfers)), like
