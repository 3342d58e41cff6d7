"""Keep operators: add one, give a code to set a password with, end one. No password is ever set for anybody."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mingqu.domain.operator import (
    CODE_LASTS,
    Operator,
    OperatorRoleUnknown,
    Role,
    check_password,
    read_name,
    read_role,
)
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.store.operators import operator, operator_session
from mingqu.store.operators.operator import OperatorUnknown
from mingqu.store.server.database import Transaction

_GROUP = 4  # characters of a code that are read out together


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An operator and the code by which they set their password, once and within a day."""

    operator: Operator
    code: Personal[str]


def add_operator(house: House, *, name: str, role: str) -> Invited:
    """Add an operator, e.g. of role "risk" or "lender:tinglan", with a code to set a password with.

    Errors: OperatorNameMalformed, OperatorRoleUnknown, OperatorExists.
    """
    kind, lender_code = read_role(role)
    added = Operator(
        operator_id=house.identifiers.fresh(0),
        name=read_name(name),
        role=kind,
        lender_id=None if lender_code is None else _lender(house, lender_code),
        created_at=house.clock.now(),
    )
    code = _code(house)

    def work(tx: Transaction) -> None:
        operator.insert(tx, operator=added)
        _invite(tx, house, added, code)

    house.database.run(work)
    return Invited(operator=added, code=code)


def invite_again(house: House, *, name: str) -> Invited:
    """Give a new code to an operator who forgot their password; the old one holds until it is used.

    Errors: OperatorNameMalformed, OperatorUnknown.
    """
    code = _code(house)

    def work(tx: Transaction) -> Operator:
        known = _living(tx, name=name)
        _invite(tx, house, known, code)
        return known

    return Invited(operator=house.database.run(work), code=code)


def set_password_at_once(house: House, *, name: str, password: Personal[str]) -> None:
    """Set the password that whoever sits at the server typed in. Errors: OperatorUnknown, PasswordUnfit."""
    check_password(password=password, name=read_name(name))

    def work(tx: Transaction) -> None:
        known = _living(tx, name=name)
        operator.set_password(tx, keyring=house.keyring, operator_id=known.operator_id, password=password)
        operator_session.end_others(tx, operator_id=known.operator_id, kept=None, at=house.clock.now())

    house.database.run(work)


def operators(house: House) -> list[Operator]:
    """Return all operators, by name, those who left as well."""
    with house.database.transaction() as tx:
        return operator.every(tx)


def end_operator(house: House, *, name: str) -> Operator:
    """End an operator's time here, and every session of theirs. Errors: OperatorNameMalformed, OperatorUnknown."""

    def work(tx: Transaction) -> Operator:
        known, now = _living(tx, name=name), house.clock.now()
        operator.end(tx, operator_id=known.operator_id, at=now)
        operator_session.end_others(tx, operator_id=known.operator_id, kept=None, at=now)
        return operator.load(tx, operator_id=known.operator_id)

    return house.database.run(work)


def role_name(house: House, *, of: Operator) -> str:
    """Return a role as it is written: "risk", "lender:tinglan"."""
    if of.role is not Role.LENDER:
        return str(of.role.value)
    code = next((lender.code for lender in house.pack.lenders if lender.id == of.lender_id), "?")
    return f"lender:{code}"


def _living(tx: Transaction, *, name: str) -> Operator:
    known = operator.find(tx, name=read_name(name))
    if known is None or known.ended_at is not None:
        raise OperatorUnknown("There is no operator of this name, or their time here is over.")
    return known


def _invite(tx: Transaction, house: House, known: Operator, code: Personal[str]) -> None:
    until = house.clock.now() + CODE_LASTS
    operator.set_code(tx, keyring=house.keyring, operator_id=known.operator_id, code=code, until=until)


def _code(house: House) -> Personal[str]:
    """Return 24 hexadecimal digits that nobody can guess, in groups."""
    digits = house.codes.secret().reveal().hex()[: 6 * _GROUP]
    return Personal("-".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP)))


def _lender(house: House, code: str) -> UUID:
    """Return the id of a lender, or of a funder that lends nothing under its own name. Errors: OperatorRoleUnknown."""
    known = {lender.code: lender.id for lender in house.pack.lenders}
    known = {one.code: one.id for one in house.funding.funders_on(house.clock.business_date()).values()} | known
    if code not in known:
        names = ", ".join(sorted(known))
        raise OperatorRoleUnknown(f"There is no lender of this code; the lenders are {names}.")
    return known[code]
