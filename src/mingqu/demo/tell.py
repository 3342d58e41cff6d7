"""The teller: prints the story so that a newcomer can follow each fen. Prose goes where it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from uuid import UUID

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mingqu.client.answers import Decision, Offer
from mingqu.client.loan_answers import Certificate, Entry, Owed
from mingqu.domain.money import format_fen
from mingqu.domain.rate import format_percent
from mingqu.services.evidence.verify_book import MEANING, Report

_ONE = {"people": "person", "loans": "loan", "transfers": "transfer", "leaves": "leaf"}
_LINES_SHOWN = 10  # of a loan's ledger: enough to follow the end in every account


def counted(count: int, what: str) -> str:
    """Return how many there are of something. Example: 1 person, 2 people."""
    return f"{count:,} {_ONE.get(what, what) if count == 1 else what}"


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

    def offer(self, offer: Offer) -> None:
        """Show the offer that was taken, with its whole cost."""
        rows = offer.payments
        self.note(
            f"Cheapest offer: {offer.lender_zh} {offer.lender_en}, "
            f"{len(rows)} × {self.money(rows[0].payment_fen)}, last {self.money(rows[-1].payment_fen)}."
        )
        simple, effective = format_percent(offer.annual_simple_ppm), format_percent(offer.annual_effective_ppm)
        self.note(
            f"All-in cost {self.money(offer.cost_fen)}: {simple} a year simple (单利), "
            f"[bold]{effective}[/] effective (复利). Cost table read, contract signed."
        )

    def disbursed(self, states: Sequence[str]) -> None:
        """Show what the payout went through."""
        self.note(f"Payout: {' → '.join(states)}.")

    def silence(self, states: Sequence[str], order_id: UUID) -> None:
        """Say that nobody knows, and what is done about it."""
        self.note(f"Payout: {' → '.join(states)}. The answer was lost: paid or not, nobody knows. Nothing is guessed.")
        self.note(f"The bank is asked again under the same number, …{order_id.hex[-12:]}:")

    def overdue(self, owed: Owed, *, since: date) -> None:
        """Say what being late has cost so far."""
        days = (owed.on - since).days
        self.note(
            f"{owed.on}: {days} days overdue. Due {self.money(owed.due_fen)} = "
            f"principal {self.money(owed.due_principal_fen)} + "
            f"interest {self.money(owed.due_interest_fen)} + penalty {self.money(owed.due_penalty_fen)} (罚息)."
        )

    def payoff(self, owed: Owed) -> None:
        """Say what settling today costs."""
        interest_fen = owed.early_interest_fen + owed.due_interest_fen
        self.note(
            f"{owed.on}: she settles early. {self.money(owed.payoff_fen)} = principal "
            f"{self.money(owed.payoff_fen - interest_fen)} + interest to the day {self.money(interest_fen)}; no fee."
        )

    def certificate(self, alias: str, certificate: Certificate) -> None:
        """Show a settlement certificate."""
        body = certificate.body
        self.chapter("✓", f"{alias}: settled on {body['settled_on']} · 结清证明")
        self.note(
            f"Borrowed {self.money(int(body['principal_fen']))}, repaid "
            f"{self.money(int(body['repaid_fen']))}, at most {body['late_days_max']} days late."
        )
        self.note(f"Certificate hash {certificate.body_hash[:32]}…, in the evidence log.")

    def ledger(self, alias: str, entries: Sequence[Entry], loan_id: UUID) -> None:
        """Show the end of a loan's ledger: one line a transfer, what it moved from where to where."""
        transfers = list({entry.transfer_id: entry for entry in entries}.values())
        shown = transfers[-_LINES_SHOWN:]
        self.note(f"The last {len(shown)} of {len(transfers)} ledger transfers of {alias}'s loan …{loan_id.hex[-8:]}:")
        rows = []
        for entry in shown:
            is_debit = entry.side == "debit"
            debit, credit = (entry.account, entry.other_account) if is_debit else (entry.other_account, entry.account)
            rows.append(
                (
                    entry.value_date.isoformat(),
                    entry.reason.replace("_", " "),
                    _account(debit),
                    _account(credit),
                    format_fen(entry.amount_fen),
                )
            )
        self.table(("value date", "why", "debit", "credit", "amount"), rows, numbers=1)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> None:
        """Show a table; the last `numbers` columns hold numbers."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for place, heading in enumerate(headings):
            is_number = place >= len(headings) - numbers
            table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self._console.print(Padding(table, (0, 0, 0, 2)))

    def proofs(self, report: Report, *, evidence_root: str | None = None) -> None:
        """Show the eight invariants and the size of the book."""
        self.chapter("∎", "The book proves itself · 自证")
        for number, holds in report.holds.items():
            self.note(f"{'[green]✓[/]' if holds else '[red]✗[/]'} {number}  {MEANING[number]}")
            for sentence in report.findings[number]:
                self.note(f"    {sentence}")
        self.note(", ".join(counted(count, what) for what, count in report.counts.items()) + ".")
        if evidence_root is not None:
            self.note(f"Evidence root {evidence_root}")

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[str], None]]:
        """Show a bar while something long goes on; the yielded function moves it one on and names where it is."""
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # Nobody watches a bar that goes into a file.
        with Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda where: bar.update(task, advance=1, description=f"{what} {where}")


def _account(name: str) -> str:
    """The account's name, without whose it is: `loan_principal_due` is principal due."""
    return name.removeprefix("loan_").removeprefix("collection_").replace("_", " ")
