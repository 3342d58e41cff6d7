"""One period of a course: what it should pay, what it was paid, and what it bears."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
from typing import Final


@dataclass(slots=True)  # not by keywords alone: copies are made of all its figures, in order
class Stretch:
    """A period `[start, due)` with its instalment and payments, in fen.

    `target_fen` is what the instalment should pay in all; its interest comes out of it first and principal is
    the rest. Interest that finds no room in it is carried to the next stretch. With `on_top` the target is what
    principal should be, and interest comes on top. `agreed_fen` is the target as it was last worked out for all
    alike, before tails and early payments changed it here.
    """

    start: date
    due: date
    target_fen: int = 0
    agreed_fen: int = 0
    principal_paid_fen: int = 0
    interest_paid_fen: int = 0
    principal_credited_fen: int = 0  # charged back: owed again, on top of the target
    interest_credited_fen: int = 0
    interest_ahead_fen: int = 0  # interest of later stretches that falls due here, because this is the last one unpaid
    interest_fixed_fen: int = 0  # cut into equal parts by a new agreement, not borne day by day
    silent: bool = False  # its own interest is counted elsewhere
    on_top: bool = False
    waits: bool = False  # its interest falls due with a later one
    interest_only: bool = False  # by agreement it asks for no principal, whatever instalments are worked out
    cut: bool = False  # it ends on the day of an agreement, before its due date
    closed: bool = False  # a new agreement took over what was unpaid here
    # Worked out from the above, and from the stretches before.
    interest_fen: int = 0
    interest_due_fen: int = 0
    principal_due_fen: int = 0
    balance_fen: int = 0  # what is owed at the end if this is paid

    @property
    def credited_fen(self) -> int:
        """What was charged back and is still to be paid here."""
        return 0 if self.closed else self.principal_credited_fen + self.interest_credited_fen

    @property
    def room_fen(self) -> int:
        """What is to be paid here in all."""
        credited = 0 if self.closed else self.principal_credited_fen
        if self.on_top:
            return self.target_fen + credited + self.interest_due_fen
        if not self.closed:
            credited += self.interest_credited_fen
        return self.target_fen + credited + self.interest_ahead_fen

    @property
    def paid_fen(self) -> int:
        """What was paid here in all."""
        return self.principal_paid_fen + self.interest_paid_fen

    @property
    def least_fen(self) -> int:
        """The target below which more would be paid here than is asked for."""
        if self.on_top:
            return self.principal_paid_fen - (0 if self.closed else self.principal_credited_fen)
        return self.paid_fen - self.credited_fen

    @property
    def is_paid(self) -> bool:
        """Whether nothing is left to pay."""
        return self.room_fen == self.principal_paid_fen + self.interest_paid_fen

    @property
    def principal_unpaid_fen(self) -> int:
        """What is left of its principal."""
        return max(0, self.principal_due_fen - self.principal_paid_fen)

    @property
    def interest_unpaid_fen(self) -> int:
        """What is left of its interest."""
        return max(0, self.interest_due_fen - self.interest_paid_fen)

    @property
    def unrecognized_fen(self) -> int:
        """Interest that found no room."""
        return max(0, self.interest_fen - self.interest_due_fen)

    def share_out(self, *, interest_fen: int) -> None:
        """Cut the instalment into interest and principal.

        Example: an instalment of 17.01 that bore 0.58: principal 16.43. Paid more principal than that: the
        principal is what was paid, and so is the interest.
        """
        self.interest_fen = interest_fen
        if self.on_top:
            self.interest_due_fen = self.interest_paid_fen if self.waits else max(interest_fen, self.interest_paid_fen)
            self.principal_due_fen = max(self.room_fen - self.interest_due_fen, self.principal_paid_fen)
            return
        room = self.room_fen
        if self.waits or self.principal_paid_fen > max(0, room - interest_fen):
            self.interest_due_fen = self.interest_paid_fen
        else:
            self.interest_due_fen = max(min(interest_fen, room), self.interest_paid_fen)
        self.principal_due_fen = max(room - self.interest_due_fen, 0, self.principal_paid_fen)


figures: Final = attrgetter(*(item.name for item in fields(Stretch)))
