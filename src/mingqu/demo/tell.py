"""The teller: prints the story so that a newcomer can follow each fen. Prose goes where it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mingqu.domain.decision import Decision
from mingqu.domain.ledger import AccountCode, Side
from mingqu.domain.loan import Quote
from mingqu.domain.money import format_fen
from mingqu.domain.rate import format_percent
from mingqu.services.issue_certificate import Certificate
from mingqu.services.make_offers import Offered
from mingqu.services.read_loan import Entry
from mingqu.services.verify_book import MEANING, Report

_LINES_SHOWN = 14  # of a loan's ledger: enough to follow one instalment in every account


class Teller:
    """Tells a demonstration to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @staticmethod
    def money(fen: int) -> str:
        """Return an amount as it is printed here."""
        return f"¥{format_fen(fen)}"

    def chapter(self, number: str, title: str) -> None:
        """Begin a chapter."""
        self._console.print()
        self._console.rule(f"[bold]{number}  {title}", align="left")

    def note(self, text: str) -> None:
        """Say a sentence."""
        self._console.print(f"  {text}", highlight=False, soft_wrap=True)

    def identity(self) -> None:
        """Say what was proved."""
        self.note("Signed in by SMS code; name, ID number, phone and card belong together (四要素一致).")

    def approved(self, decision: Decision) -> None:
        """Say what was decided for somebody who is approved."""
        self.note(
            f"Assessed once: [green]approved[/], score {decision.score}, band {decision.band}, "
            f"limit {self.money(decision.limit_fen)}."
        )

    def refused(self, decision: Decision) -> None:
        """Say why not, and what would help."""
        self.note(f"Assessed once: [red]refused[/], score {decision.score}, band {decision.band}. Every reason:")
        for reason in decision.reasons:
            self.note(f"· [bold]{reason.code}[/]  {reason.text_zh}")
            self.note(f"  {reason.text_en}")
            self.note(f"  [green]→[/] {reason.remedy_zh}")
            self.note(f"    {reason.remedy_en}")

    def offer(self, offered: Offered) -> None:
        """Show the offer that was taken, with its whole cost."""
        cost, rows = offered.cost, offered.schedule.rows
        self.note(
            f"Cheapest offer: {offered.lender_name_zh} {offered.lender_name_en}, "
            f"{len(rows)} × {self.money(rows[0].payment_fen)}, last {self.money(rows[-1].payment_fen)}."
        )
        self.note(
            f"All-in cost {self.money(cost.cost_fen)}: {format_percent(cost.annual.simple_ppm)} a year simple (单利), "
            f"[bold]{format_percent(cost.annual.effective_ppm)}[/] effective (复利). Cost table read, contract signed."
        )

    def disbursed(self, states: Sequence[str]) -> None:
        """Show what the payout went through."""
        self.note(f"Payout: {' → '.join(states)}.")

    def silence(self, states: Sequence[str], order_id: UUID) -> None:
        """Say that nobody knows, and what is done about it."""
        self.note(f"Payout: {' → '.join(states)}. The answer was lost: paid or not, nobody knows. Nothing is guessed.")
        self.note(f"The bank is asked again under the same number, …{order_id.hex[-12:]}:")

    def overdue(self, owed: Quote, *, since: date) -> None:
        """Say what being late has cost so far."""
        days = (owed.on - since).days
        due = owed.due
        self.note(
            f"{owed.on}: {days} days overdue. Due {self.money(owed.due_fen)} = "
            f"principal {self.money(due.principal_fen)} + "
            f"interest {self.money(due.interest_fen)} + penalty {self.money(due.penalty_fen)} (罚息)."
        )

    def payoff(self, owed: Quote) -> None:
        """Say what settling today costs."""
        self.note(
            f"{owed.on}: she settles early. {self.money(owed.payoff_fen)} = principal "
            f"{self.money(owed.principal_unbilled_fen + owed.due.principal_fen)} + interest to the day "
            f"{self.money(owed.early_interest_fen + owed.due.interest_fen)}; no fee."
        )

    def certificate(self, alias: str, certificate: Certificate) -> None:
        """Show a settlement certificate."""
        body = certificate.body
        self.chapter("✓", f"{alias}: settled on {body['settled_on']} · 结清证明")
        self.note(
            f"Borrowed {self.money(int(str(body['principal_fen'])))}, repaid "
            f"{self.money(int(str(body['repaid_fen'])))}, at most {body['late_days_max']} days late."
        )
        self.note(f"Certificate hash {certificate.body_hash.hex()[:32]}…, in the evidence log.")

    def ledger(self, alias: str, entries: Sequence[Entry], loan_id: UUID) -> None:
        """Show the end of a loan's ledger."""
        shown = entries[-_LINES_SHOWN:]
        table = Table(
            title=f"{alias}: the last {len(shown)} of {len(entries)} ledger entries of loan …{loan_id.hex[-8:]}"
        )
        for heading in ("value date", "why", "account", "other side"):
            table.add_column(heading)
        table.add_column("debit", justify="right")
        table.add_column("credit", justify="right")
        for entry in shown:
            debit = format_fen(entry.amount_fen) if entry.side is Side.DEBIT else ""
            credit = "" if entry.side is Side.DEBIT else format_fen(entry.amount_fen)
            table.add_row(
                entry.value_date.isoformat(),
                entry.reason.name.lower(),
                _account(entry.account.code),
                _account(entry.other.code),
                debit,
                credit,
            )
        self._console.print(table)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table; all columns but the first hold numbers."""
        table = Table()
        for place, heading in enumerate(headings):
            table.add_column(heading, justify="right" if place else "left")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def proofs(self, report: Report, *, evidence_root: str) -> None:
        """Show the eight invariants and the size of the book."""
        self.chapter("∎", "The book proves itself · 自证")
        for number, holds in report.holds.items():
            self.note(f"{'[green]✓[/]' if holds else '[red]✗[/]'} {number}  {MEANING[number]}")
            for sentence in report.findings[number]:
                self.note(f"    {sentence}")
        self.note(", ".join(f"{count:,} {what}" for what, count in report.counts.items()) + ".")
        self.note(f"Evidence root {evidence_root}")

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[str], None]]:
        """Show a bar while something long goes on; the yielded function moves it one on and names where it is."""
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda where: bar.update(task, advance=1, description=f"{what} {where}")


def _account(code: AccountCode) -> str:
    return f"{int(code)} {code.name.lower()}"
