"""Switch a rule, a product or a lender off: at once, by one person, for a cause. What lends again takes two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.decision.strategy import Strategy
from mingqu.domain.decision.switch import (
    LendingSwitchedOff,
    NotSwitchedOff,
    Switch,
    SwitchForbidden,
    SwitchKind,
    SwitchUnknown,
    is_law,
    read_switch_name,
)
from mingqu.domain.evidence import LeafKind
from mingqu.domain.operator import Permission, check_reason
from mingqu.domain.product import Product
from mingqu.domain.proposal import HOUSE, Proposal
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.store import evidence
from mingqu.store.decisions import switch
from mingqu.store.decisions.current_policies import Current
from mingqu.store.server.database import Transaction

# A rule that is off refuses less, and one person did it: for longer two do (`switch_rule_off`).
RULE_OFF_DAYS_MAX: Final = 2


class SwitchEndMalformed(Refusal):
    """The day on which a switch ends by itself lies after today; a rule's must be given, and be near."""

    code: ClassVar[str] = "switch_end_malformed"


def switch_off(
    house: House, *, seat: Seat, kind: SwitchKind, name: str, cause: str, ends_on: date | None, key: str
) -> UUID:
    """Switch something off at once, until `ends_on` if a day is given, and return the switch's id.

    Errors: OperatorForbidden, ReasonMissing, SwitchUnknown, SwitchForbidden, SwitchedOffAlready, SwitchEndMalformed,
    and those of the key.
    """
    seat.operator.require(Permission.SWITCH)
    said, named = check_reason(cause), read_switch_name(name)

    def work(tx: Transaction) -> Response:
        today, now = house.clock.business_date(), house.clock.now()
        if ends_on is not None and ends_on <= today:
            raise SwitchEndMalformed("Name a day after today, or none.")
        if kind is SwitchKind.RULE and (ends_on is None or ends_on > today + timedelta(days=RULE_OFF_DAYS_MAX)):
            raise SwitchEndMalformed(
                f"A rule that is off refuses less: name a day within {RULE_OFF_DAYS_MAX} days, or let two people do it."
            )
        require_known(tx, house, kind=kind, name=named)
        made = Switch(
            switch_id=house.id_for(HOUSE),
            kind=kind,
            name=named,
            cause=said,
            owner_id=seat.operator.operator_id,
            off_at=now,
            ends_on=ends_on,
        )
        switch.insert(tx, switch=made, business_date=today)
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=tx.cell_of(HOUSE),
            person_id=HOUSE,
            kind=LeafKind.SWITCH,
            subject_id=made.switch_id,
            at=now,
            facts={"what": made.written, "cause": said, "operator": made.owner_id.hex},
        )
        return {"switch_id": made.switch_id.hex}

    request: dict[str, Canonical] = {
        "operator": seat.operator.operator_id.hex,
        "kind": kind.value,
        "name": named,
        "cause": said,
        "ends_on": None if ends_on is None else ends_on.isoformat(),
    }
    answer = once(house, person_id=HOUSE, command="switch_off", key=key, request=request, work=work)
    return UUID(str(answer["switch_id"]))


def restore_rule(house: House, *, seat: Seat, switch_id: UUID) -> None:
    """Let a rule hold again: that refuses more and not less, so one person does. Done again it is done.

    Errors: OperatorForbidden, NotFound, SwitchForbidden (a product or lender takes two people).
    """
    seat.operator.require(Permission.SWITCH)

    def work(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(HOUSE))
        known = switch.load(tx, switch_id=switch_id)
        if known.kind is not SwitchKind.RULE:
            raise SwitchForbidden("What lends again takes two people: propose it.")
        if known.on_at is None:
            switch.put_on(tx, switch_id=switch_id, by=seat.operator.operator_id, at=(now := house.clock.now()))
            evidence.append(
                tx,
                keyring=house.keyring,
                cell=tx.cell_of(HOUSE),
                person_id=HOUSE,
                kind=LeafKind.SWITCHED_ON,
                subject_id=switch_id,
                at=now,
                facts={"what": known.written, "operator": seat.operator.operator_id.hex},
            )

    house.database.run(work)


def require_known(tx: Transaction, house: House, *, kind: SwitchKind, name: str) -> None:
    """Return when something of this name is in force and may be off. Errors: SwitchUnknown, SwitchForbidden."""
    pack, today = house.policies.refresh(tx), house.clock.business_date()
    if kind is SwitchKind.RULE:
        offered = tuple(product.id for product in pack.offered(business_date=today))
        rows = _rules(pack.on(business_date=today, product_ids=offered)) if offered else {}
        if name not in rows:
            raise SwitchUnknown("No such rule decides today; it is named table/row.")
        if rows[name]:
            raise SwitchForbidden("This rule is law: it holds for as long as its version is in force.")
    elif kind is SwitchKind.PRODUCT:
        if name not in {product.id for product in pack.offered(business_date=today)}:
            raise SwitchUnknown("No such product is offered today.")
    elif name not in {lender.code for lender in pack.lenders} | {one.code for one in house.directory.on(today)}:
        raise SwitchUnknown("There is no such lender.")


def _rules(strategy: Strategy) -> dict[str, bool]:
    return {f"{strategy.policy.id}/{row.id}": is_law(row) for row in strategy.policy.rows}


def lending(current: Current, *, business_date: date) -> tuple[Product, ...]:
    """Return the products that take part in new decisions on a date: offered, and not off."""
    pack, switches = current.pack, current.switches(business_date=business_date)
    return tuple(
        product
        for product in pack.offered(business_date=business_date)
        if not switches.product_off(product_id=product.id, lender_code=pack.lender(lender_id=product.lender_id).code)
    )


def require_lending(current: Current, *, product_id: str, lender_id: UUID, business_date: date) -> None:
    """Return when a product may make new offers on a date. Errors: LendingSwitchedOff."""
    switches = current.switches(business_date=business_date)
    if switches.product_off(product_id=product_id, lender_code=current.pack.lender(lender_id=lender_id).code):
        raise LendingSwitchedOff("This product makes no new loans for now; your loans go on as agreed.")


def say_switch_on(
    tx: Transaction, _: House, switch_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return what is to lend again. Errors: NotFound, NotSwitchedOff."""
    assert not asked, "it says nothing but which switch"
    known = _standing(tx, switch_id)
    return HOUSE, {"what": known.written, "cause": known.cause}


def basis_of_switch_on(tx: Transaction, proposal: Proposal) -> str:
    """Return what it rests on: the switch that stands. Errors: NotFound, NotSwitchedOff."""
    return _standing(tx, proposal.subject_id).off_at.isoformat()


def switch_on(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Let something take part again. Errors: NotFound, NotSwitchedOff."""
    known = _standing(tx, proposal.subject_id)
    switch.put_on(tx, switch_id=known.switch_id, by=proposal.proposal_id, at=house.clock.now())


def _standing(tx: Transaction, switch_id: UUID) -> Switch:
    known = switch.load(tx, switch_id=switch_id)
    if known.on_at is not None:
        raise NotSwitchedOff("This is on again.")
    return known
