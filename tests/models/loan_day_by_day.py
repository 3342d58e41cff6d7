"""An independent model of a loan: it walks every day, keeps fractions, and shares no arithmetic with the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

YEAR = 360


def half_up(value: Fraction) -> int:
    return int((value * 2 + 1) // 2)


def same_day_next_month(start: date, months: int) -> date:
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=start.day - 1), following - timedelta(days=1))


@dataclass
class Row:
    due: date
    since: date  # the day from which the running interest counts
    whole: bool  # the period was not cut by an early repayment
    owed: dict[str, int]
    billed: bool = False
    penal_since: date | None = None

    def left(self) -> int:
        return sum(self.owed.values())


@dataclass
class DayByDay:
    """Equal instalments by the month on a 360 base, penalty at half as much again, allocation as banks print it."""

    principal: int
    rate: Fraction
    months: int
    rows: list[Row] = field(default_factory=list)
    today: date = date.min
    overpaid: int = 0
    released: int = 0
    settled: bool = False

    def disburse(self, on: date) -> None:
        self.today = on
        dues = [same_day_next_month(on, k) for k in range(1, self.months + 1)]
        self.rows = self._plan(self.principal, on, dues, cut=False)

    def _plan(self, principal: int, start: date, dues: list[date], *, cut: bool) -> list[Row]:
        factors = [self.rate / 12] * len(dues)
        if cut:
            factors[0] = self.rate * (dues[0] - start).days / YEAR
        growth, annuity = Fraction(1), Fraction(0)
        for factor in factors:
            growth *= 1 + factor
        discount = Fraction(1)
        for factor in factors:
            discount *= 1 + factor
            annuity += 1 / discount
        instalment = half_up(principal / annuity)
        rows, balance, since = [], principal, start
        for index, (due, factor) in enumerate(zip(dues, factors, strict=True)):
            interest = half_up(balance * factor)
            part = balance if index == len(dues) - 1 else min(max(instalment - interest, 0), balance)
            whole = not (cut and index == 0)
            rows.append(Row(due=due, since=since, whole=whole, owed={"interest": interest, "principal": part}))
            balance -= part
            since = due
        return rows

    def live_until(self, day: date) -> None:
        """Let mornings pass, `day`'s included."""
        while self.today < day:
            self.today += timedelta(days=1)
            for row in self.rows:
                if not row.billed and row.due == self.today:
                    row.billed = True
                elif row.billed and row.left() and row.penal_since is None and row.due < self.today:
                    row.penal_since = row.due

    def running(self) -> list[Row]:
        return [row for row in self.rows if not row.billed]

    def pay(self, amount: int, intent: str) -> None:
        if self.settled:
            self.overpaid += amount
            return
        for row in self.rows:
            principal = row.owed["principal"]
            if row.penal_since is not None and principal and row.billed:
                days = (self.today - row.penal_since).days
                penalty = half_up(principal * self.rate * Fraction(3, 2) * days / YEAR)
                row.owed["penalty"] = row.owed.get("penalty", 0) + penalty
                row.penal_since = self.today
        rest = self._pour(amount)
        ahead = self.running()
        if rest and intent != "due" and ahead:
            rest = self._early(rest, intent, ahead)
        self.overpaid += rest
        self.settled = not self.running() and not any(row.left() for row in self.rows)

    def give_back(self, amount: int) -> None:
        """Money went out; what was not overpaid (any more) is owed again, at once, on a row of its own."""
        owed = max(0, amount - self.overpaid)
        self.overpaid = max(0, self.overpaid - amount)
        if owed:
            row = Row(due=self.today, since=self.today, whole=True, owed={"principal": 0, "fee": owed}, billed=True)
            self.rows.append(row)
            self.settled = False

    def _pour(self, amount: int) -> int:
        billed = [row for row in self.rows if row.billed and row.left()]
        late = max(((self.today - row.due).days for row in billed), default=0) > 90
        names = ["principal", "interest", "fee", "penalty"] if late else ["fee", "penalty", "interest", "principal"]
        for row in sorted(billed, key=lambda row: row.due):
            for name in names:
                part = min(amount, row.owed.get(name, 0))
                if part:
                    row.owed[name] -= part
                    amount -= part
                    if name == "principal":
                        self.released += part
        return amount

    def _early(self, rest: int, intent: str, ahead: list[Row]) -> int:
        first, balance = ahead[0], sum(row.owed["principal"] for row in ahead)
        days = (self.today - first.since).days
        interest = min(half_up(balance * self.rate * days / YEAR), first.owed["interest"])
        whole = rest >= interest + balance
        principal = balance if whole else rest - interest
        if principal <= 0:
            return rest
        kept = [row for row in self.rows if row.billed]
        left = balance - principal
        cut = days > 0 or not first.whole
        again = [] if whole else self._plan(left, self.today, [row.due for row in ahead], cut=cut)
        self.rows = kept + again
        self.released += principal
        return rest - interest - principal

    def due_now(self) -> dict[str, int]:
        totals = {"principal": 0, "interest": 0, "penalty": 0, "fee": 0}
        for row in self.rows:
            if row.billed:
                for name, fen in row.owed.items():
                    totals[name] += fen
        return totals
