"""Watch what a card's money does: rules over the stream of its words, each with what is done when it is hit.

The contract decides each spend by itself; what only a few of them together show, it cannot see: one amount cut into
parts below a limit, a card tried at one forbidden seller after the other, money sent back to another card, papers that
never came. Sources: 个人贷款管理办法 (国家金融监督管理总局令 2024 年第 3 号) on following the use of a loan, and on
ending it early where it was used for something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final

from mingqu.domain.policy_file import Document
from mingqu.domain.purpose.contract import FundsContract

MINUTES_MAX: Final = 60 * 24 * 31
COUNT_MAX: Final = 1_000


class Deed(Enum):
    """What is done, from least to most; each includes what stands before it."""

    WATCH = "watch"  # somebody looks
    FREEZE = "freeze"  # no further spend
    ACCELERATE = "accelerate"  # the whole loan falls due


class Rule(Enum):
    """What is looked for. Words are stored: never changed, never used again."""

    SPLIT_AMOUNTS = "split_amounts"
    CASH_LIKE = "cash_like"
    REFUND_ELSEWHERE = "refund_elsewhere"
    UNUSUAL_USE = "unusual_use"
    PAID_WITHOUT_ASKING = "paid_without_asking"
    EVIDENCE_OVERDUE = "evidence_overdue"
    MIXED_MONEY = "mixed_money"  # more came onto the card than was spent from it: other money lies beside the loan's
    UNSPENT_AT_END = "unspent_at_end"  # the contract is over, and money of it lies on the card


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRow:
    """One row: hit by `count` such words within `minutes`, or by a paper that is `days` late; and what is done then."""

    rule: Rule
    deed: Deed
    count: int = 1
    minutes: int = MINUTES_MAX
    days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A word of the network as the rules read it: `outcome`, `reason` and `clause` were answered, amounts in fen.

    `reference` is the word's own, `of` that of the authorisation which it follows.
    """

    word: str
    kind: str
    at: datetime
    amount_fen: int
    merchant: str
    outcome: str
    reason: str
    clause: str = ""
    reference: str = ""
    of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A row that was hit: `mark` is the same whenever the same thing is found again."""

    rule: Rule
    deed: Deed
    mark: str
    facts: dict[str, str | int]


def parse_watch(*, document: Document) -> tuple[WatchRow, ...]:
    """Return the rows of a file. Errors: PolicyFault."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "valid_from", "row"))
    rows = []
    for row in reader.tables("row", label="rule"):
        row.only(("rule", "deed", "count", "minutes", "days"))
        rule = Rule(row.choice("rule", [each.value for each in Rule]))
        if (rule is Rule.EVIDENCE_OVERDUE) != row.has("days"):
            raise row.fault("days", "it goes with papers only.", "Write count and minutes for words.")
        rows.append(
            WatchRow(
                rule=rule,
                deed=Deed(row.choice("deed", [each.value for each in Deed])),
                count=row.integer("count", least=1, most=COUNT_MAX) if row.has("count") else 1,
                minutes=row.integer("minutes", least=1, most=MINUTES_MAX) if row.has("minutes") else MINUTES_MAX,
                days=row.integer("days", least=0, most=3_650) if row.has("days") else 0,
            )
        )
    return tuple(rows)


def watch(
    *,
    rows: Sequence[WatchRow],
    contract: FundsContract,
    heard: Sequence[Heard],
    late: Sequence[tuple[str, date]],
    on: date,
    unspent_fen: int = 0,
) -> list[Finding]:
    """Return what the rows find in the words of a card, the oldest first, and in its papers with their last days.

    Example: of a most of 150,000.00 a spend, 90,000.00 and 80,000.00 held at one dealer within an hour are one amount
    in two parts; with two weeks between them they are not.
    """
    found: list[Finding] = []
    for row in rows:
        if row.rule is Rule.EVIDENCE_OVERDUE:
            found += [
                _finding(row, f"{kind} {due.isoformat()}", paper=kind, days_late=(on - due).days)
                for kind, due in late
                if (on - due).days > row.days
            ]
        elif row.rule is Rule.UNSPENT_AT_END:
            if unspent_fen and on >= contract.ends_on:
                found.append(_finding(row, contract.ends_on.isoformat(), amount_fen=unspent_fen))
        elif row.rule is Rule.SPLIT_AMOUNTS:
            found += _split(row, contract, heard)
        else:
            hits = [one for one in heard if _is_hit(row.rule, one)]
            found += _often(row, hits)
    return found


def _is_hit(rule: Rule, one: Heard) -> bool:
    if rule is Rule.CASH_LIKE:
        return one.reason == "cash_like_merchant"
    if rule is Rule.REFUND_ELSEWHERE:
        return one.reason == "refund_elsewhere"
    if rule is Rule.MIXED_MONEY:
        came_in = one.kind == "refund" and one.outcome == "refused"
        return came_in and one.reason in ("refund_above_captured", "authorisation_unknown", "nothing_captured")
    if rule is Rule.PAID_WITHOUT_ASKING:
        return one.kind == "advise" and one.outcome == "declined"
    return one.outcome in ("declined", "refused")  # unusual use: a card that is tried and tried


def _often(row: WatchRow, hits: Sequence[Heard]) -> list[Finding]:
    """Return a finding where so many words lie within the time, once for each full count."""
    found, window = [], timedelta(minutes=row.minutes)
    taken = 0
    for at in range(row.count - 1, len(hits)):
        first, last = hits[at - row.count + 1], hits[at]
        if at - row.count + 1 >= taken and last.at - first.at <= window:
            found.append(_finding(row, last.word, count=row.count, merchant=last.merchant, amount_fen=last.amount_fen))
            taken = at + 1
    return found


def _split(row: WatchRow, contract: FundsContract, heard: Sequence[Heard]) -> list[Finding]:
    """Return where approved spends at one merchant, each within the most of a spend, pass it together in the time.

    What a clause allows up to an amount of its own has that as its most. What was given back whole is no part of
    anything: a terminal that lost the answer takes its spend back and asks again.
    """
    undone = {one.of for one in heard if one.outcome in ("released", "reversed")}
    approved = [one for one in heard if one.outcome == "approved" and one.reference not in undone]
    most_of = {one.id: one.amount_max_fen for one in contract.clauses if one.amount_max_fen is not None}
    found = []
    for merchant in sorted({one.merchant for one in approved}):
        there = [one for one in approved if one.merchant == merchant]
        found += _together(row, there, most_fen=contract.per_spend_fen)
        for clause in sorted({one.clause for one in there} & most_of.keys()):
            found += _together(row, [one for one in there if one.clause == clause], most_fen=most_of[clause])
    return found


def _together(row: WatchRow, there: Sequence[Heard], *, most_fen: int) -> list[Finding]:
    """Return where spends at one merchant come to more than the most of a spend within the time."""
    found, window = [], timedelta(minutes=row.minutes)
    open_: list[Heard] = []
    for one in there:
        open_ = [*(each for each in open_ if one.at - each.at <= window), one]
        sum_fen = sum(each.amount_fen for each in open_)
        if len(open_) >= row.count and sum_fen > most_fen:
            found.append(_finding(row, one.word, merchant=one.merchant, count=len(open_), amount_fen=sum_fen))
            open_ = []
    return found


def _finding(row: WatchRow, mark: str, **facts: str | int) -> Finding:
    return Finding(rule=row.rule, deed=row.deed, mark=f"{row.rule.value} {row.deed.value} {mark}", facts=facts)
