"""Operators: who they are, what their role lets them do, how long they stay signed in, what a password takes.

A role is a set of permissions and nothing else; a route names the one permission it needs. What is not granted
here is denied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

# Somebody who went for lunch comes back to a sign-in page; nobody's shift is longer than this.
IDLE_MAX: Final = timedelta(minutes=30)
LIFE_MAX: Final = timedelta(hours=10)
# Length is what makes a password hard to guess; rules about signs make it hard to keep (NIST SP 800-63B, 3.1.1.2).
PASSWORD_LENGTH_MIN: Final = 12
PASSWORD_LENGTH_MAX: Final = 128
PASSWORD_SIGNS_MIN: Final = 5  # "aaaaaaaaaaaa" is long and no password
# Unmasked data hides itself again: long enough for one call, shorter than a tea break.
UNMASKED_FOR: Final = timedelta(minutes=10)
REASON_LENGTH_MIN: Final = 6  # "." explains nothing to the auditor who reads it
REASON_LENGTH_MAX: Final = 200
# A code to set the first password is carried by hand from the administrator to the operator.
CODE_LASTS: Final = timedelta(hours=24)
# After so many wrong passwords in a row a name waits, twice as long each time; an address that tries many names
# has as many tries as a room of people who come back from a holiday.
TRIES_OF_NAME: Final = 5
TRIES_OF_ADDRESS: Final = 30
WAIT_FIRST: Final = timedelta(seconds=30)
# Longer would let anybody keep a colleague out; at this pace a guess a quarter of an hour takes centuries.
WAIT_MAX: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(hours=24)

_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{1,31}")
_ROLE: Final = re.compile(r"([a-z]+)(?::([a-z][a-z0-9-]*))?")


class OperatorNameMalformed(Refusal):
    """A name by which an operator signs in has 2 to 32 of a–z, 0–9, dot, hyphen and underscore."""

    code: ClassVar[str] = "operator_name_malformed"


class OperatorRoleUnknown(Refusal):
    """There is no such role, or no such lender."""

    code: ClassVar[str] = "operator_role_unknown"


class PasswordUnfit(Refusal):
    """A password of an operator is too short, too long, too plain, or holds their name."""

    code: ClassVar[str] = "password_unfit"


class OperatorForbidden(Refusal):
    """The operator's role does not include this."""

    code: ClassVar[str] = "operator_forbidden"
    status: ClassVar[int] = 403


class ReasonMissing(Refusal):
    """What is shown or done for a reason takes one that somebody else can understand later."""

    code: ClassVar[str] = "reason_missing"


class SignInThrottled(Refusal):
    """Too many wrong passwords for this name or from this address: wait."""

    code: ClassVar[str] = "sign_in_throttled"
    status: ClassVar[int] = 429


class Role(Enum):
    """What an operator is there for."""

    OPERATIONS = "operations"  # money on its way, and the people who ask about it
    RISK = "risk"  # decisions and what they rest on
    LENDER = "lender"  # a lender's own people: their loans and nobody else's
    AUDITOR = "auditor"  # reads everything, changes nothing
    ADMIN = "admin"  # operators and what they looked at


class Permission(Enum):
    """One thing a route can need."""

    OWN_ACCOUNT = "own_account"  # one's own password and sessions
    TODAY = "today"
    FIND = "find"
    CUSTOMER = "customer"
    UNMASK = "unmask"
    LOAN = "loan"
    FUNDS = "funds"  # who pays for loans and how near their limits are; a funder's people see its own
    DECISION = "decision"
    DECISION_INPUTS = "decision_inputs"  # what a decision read about the person
    QUEUE = "queue"
    REPORTS = "reports"  # what closed days come to; of a lender's people, their lender's part
    ASK_AGAIN = "ask_again"
    EVIDENCE = "evidence"
    VERIFY_BOOK = "verify_book"
    ACCESS_LOG = "access_log"
    PROPOSALS = "proposals"  # what one person proposed and another is to check
    CHECK = "check"  # approve or decline what somebody else proposed, of what one may propose oneself
    REVIEWS = "reviews"  # what borrowers asked a person for
    ANSWER = "answer"  # take such a request and answer it
    FREEZE = "freeze"  # stop a person's drawing, and propose that it goes on
    NOTE = "note"  # write down what a customer said
    MOVE_MONEY = "move_money"  # propose that money which no machine could place goes to a loan
    POLICIES = "policies"  # what decides about people, which versions of it, and what is switched off
    PUBLISH = "publish"  # draft a policy, propose that it is published, check what another proposed
    OVERRIDE = "override"  # propose that a refusal is set aside, check what another proposed
    COLLECTIONS = "collections"  # overdue loans by how late they are, and what was done about each
    COLLECT = "collect"  # do something about an overdue loan, and propose how to relieve its borrower
    SWITCH = "switch"  # switch a rule, product or lender off; put somebody on a list


_P = Permission
# What changes something, or shows what is masked: nothing for whoever is there to look.
ACTING: Final = frozenset({_P.UNMASK, _P.ASK_AGAIN, _P.CHECK, _P.MOVE_MONEY, _P.ANSWER, _P.FREEZE, _P.NOTE}) | {
    _P.PUBLISH,
    _P.OVERRIDE,
    _P.SWITCH,
    _P.COLLECT,
}
_EVERYBODY: Final = frozenset({_P.OWN_ACCOUNT})
GRANTED: Final = MappingProxyType(
    {
        Role.OPERATIONS: _EVERYBODY
        | {_P.TODAY, _P.FIND, _P.CUSTOMER, _P.UNMASK, _P.LOAN, _P.DECISION, _P.QUEUE, _P.ASK_AGAIN, _P.EVIDENCE}
        | {_P.PROPOSALS, _P.CHECK, _P.MOVE_MONEY, _P.REVIEWS, _P.ANSWER, _P.NOTE, _P.REPORTS}
        | {_P.COLLECTIONS, _P.COLLECT, _P.FUNDS},
        Role.RISK: _EVERYBODY
        | {_P.TODAY, _P.FIND, _P.CUSTOMER, _P.UNMASK, _P.LOAN, _P.DECISION, _P.DECISION_INPUTS, _P.EVIDENCE}
        | {_P.PROPOSALS, _P.CHECK, _P.REVIEWS, _P.ANSWER, _P.FREEZE, _P.NOTE, _P.POLICIES, _P.PUBLISH, _P.SWITCH}
        | {_P.OVERRIDE, _P.REPORTS}
        | {_P.COLLECTIONS, _P.FUNDS},
        Role.LENDER: _EVERYBODY | {_P.TODAY, _P.FIND, _P.CUSTOMER, _P.LOAN, _P.REPORTS, _P.FUNDS},
        Role.AUDITOR: frozenset(_P) - ACTING,
        # Whoever makes operators sees what they looked at, and no customer: the two together would be one key too many.
        Role.ADMIN: _EVERYBODY | {_P.TODAY, _P.EVIDENCE, _P.VERIFY_BOOK, _P.ACCESS_LOG},
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person who works here. `lender_id` is set for a lender's own people, and limits what they see."""

    operator_id: UUID
    name: str
    role: Role
    lender_id: UUID | None
    created_at: datetime
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        assert (self.role is Role.LENDER) == (self.lender_id is not None), "a lender's people belong to a lender"

    def may(self, permission: Permission) -> bool:
        """Return whether the operator's role includes a permission."""
        return self.ended_at is None and permission in GRANTED[self.role]

    def require(self, permission: Permission) -> None:
        """Return when the role includes a permission. Errors: OperatorForbidden."""
        if not self.may(permission):
            raise OperatorForbidden("Your role does not include this.", permission=permission.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSession:
    """An operator's stay at the console. `secret_hash` is SHA-256 of the token's secret."""

    session_id: UUID
    operator_id: UUID
    secret_hash: bytes
    opened_at: datetime
    seen_at: datetime
    ended_at: datetime | None = None

    def lives(self, *, at: datetime) -> bool:
        """Return whether the session still holds at a moment."""
        return self.ended_at is None and at < self.seen_at + IDLE_MAX and at < self.opened_at + LIFE_MAX


def read_name(text: str) -> str:
    """Return the name of an operator in small letters. Errors: OperatorNameMalformed."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise OperatorNameMalformed("A name has 2 to 32 of a-z, 0-9, dot, hyphen, underscore, a letter first.")
    return name


def read_role(text: str) -> tuple[Role, str | None]:
    """Return role and lender's code of a text. Example: "lender:tinglan" → LENDER, "tinglan".

    Errors: OperatorRoleUnknown.
    """
    found = _ROLE.fullmatch(text.strip())
    if found is None or found[1] not in {role.value for role in Role}:
        known = ", ".join(role.value for role in Role if role is not Role.LENDER)
        raise OperatorRoleUnknown(f"A role is one of {known}, lender:CODE.")
    role = Role(found[1])
    if (role is Role.LENDER) != (found[2] is not None):
        raise OperatorRoleUnknown("Only the role lender names a lender, as lender:CODE, and it must.")
    return role, found[2]


def check_password(*, password: Personal[str], name: str) -> None:
    """Return when a password may be used. Errors: PasswordUnfit."""
    text = password.reveal()
    if not PASSWORD_LENGTH_MIN <= len(text) <= PASSWORD_LENGTH_MAX:
        raise PasswordUnfit(f"A password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters.")
    if len(set(text)) < PASSWORD_SIGNS_MIN:
        raise PasswordUnfit(f"A password has at least {PASSWORD_SIGNS_MIN} different characters.")
    if name in text.lower():
        raise PasswordUnfit("A password does not hold the name it belongs to.")


def check_reason(reason: str) -> str:
    """Return the reason for which something is shown or done. Errors: ReasonMissing."""
    text = " ".join(reason.split())
    if not REASON_LENGTH_MIN <= len(text) <= REASON_LENGTH_MAX:
        raise ReasonMissing(f"Say why in {REASON_LENGTH_MIN} to {REASON_LENGTH_MAX} characters.")
    return text


def wait_after(*, failures: int, tries: int) -> timedelta:
    """Return how long to wait after so many wrong passwords in a row.

    Example, of 5 tries: after 4 nothing, after 5 half a minute, after 6 a minute, … at most a quarter of an hour.
    """
    if failures < tries:
        return timedelta(0)
    doublings = min(failures - tries, 16)  # more would only be cut again
    return min(WAIT_FIRST * (1 << doublings), WAIT_MAX)
