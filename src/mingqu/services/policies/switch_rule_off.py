"""Switch a rule off for longer than an emergency lasts: that refuses less, so two people do it, until a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.decision.switch import Switch, SwitchKind, read_switch_name
from mingqu.domain.evidence import LeafKind
from mingqu.domain.ownership import NotFound
from mingqu.domain.proposal import HOUSE, Proposal
from mingqu.services.house import House
from mingqu.services.once import id_of_key
from mingqu.services.policies.switch_off import RULE_OFF_DAYS_MAX, SwitchEndMalformed, require_known
from mingqu.store import evidence
from mingqu.store.decisions import switch
from mingqu.store.server.database import Transaction

# A quarter: what is to hold for longer is a version without the rule, with its cases and its comparison.
RULE_OFF_DAYS_BY_TWO_MAX: Final = 92


def subject_of_rule(*, name: str) -> UUID:
    """Return the id under which a rule is proposed to go off: always the same, so that one proposal waits at a time."""
    return id_of_key(scope=HOUSE, command="switch off rule", key=name)


def takes_two(house: House, *, ends_on: date | None) -> bool:
    """Return whether a rule off until a day is more than one person may: later than an emergency lasts, or no day."""
    return ends_on is None or ends_on > house.clock.business_date() + timedelta(days=RULE_OFF_DAYS_MAX)


def say_switch_off(
    tx: Transaction, house: House, subject_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return which rule is to be off, and until when. `asked` has name (table/row) and ends_on.

    Errors: NotFound, SwitchUnknown, SwitchForbidden (it is law), SwitchEndMalformed.
    """
    name = read_switch_name(str(asked.get("name", "")))
    if subject_of_rule(name=name) != subject_id:
        raise NotFound
    require_known(tx, house, kind=SwitchKind.RULE, name=name)
    ends_on = _end(str(asked.get("ends_on", "")), today=house.clock.business_date())
    return HOUSE, {"what": f"{SwitchKind.RULE.value}/{name}", "ends_on": ends_on.isoformat()}


def basis_of_switch_off(tx: Transaction, proposal: Proposal) -> str:
    """Return what it rests on: whether the rule is off already, by one person for an emergency."""
    before = _standing(tx, _name(proposal))
    return "on" if before is None else before.switch_id.hex


def switch_rule_off(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Switch the rule off; what one person did for an emergency ends with it.

    Errors: SwitchUnknown and SwitchForbidden (what decides has changed since), SwitchEndMalformed (the day has come).
    """
    name, now, today = _name(proposal), house.clock.now(), house.clock.business_date()
    require_known(tx, house, kind=SwitchKind.RULE, name=name)
    ends_on = _end(str(proposal.body["ends_on"]), today=today)
    before = _standing(tx, name)
    if before is not None:
        assert proposal.checker_id is not None, "it is carried out by who checked it"
        switch.put_on(tx, switch_id=before.switch_id, by=proposal.checker_id, at=now)
    made = Switch(
        switch_id=house.id_for(HOUSE),
        kind=SwitchKind.RULE,
        name=name,
        cause=proposal.reason,
        owner_id=proposal.maker_id,
        off_at=now,
        ends_on=ends_on,
        proposal_id=proposal.proposal_id,
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
        facts={"what": made.written, "cause": made.cause, "operator": made.owner_id.hex},
    )


def _name(proposal: Proposal) -> str:
    return str(proposal.body["what"]).removeprefix(f"{SwitchKind.RULE.value}/")


def _standing(tx: Transaction, name: str) -> Switch | None:
    return next((one for one in switch.standing(tx) if (one.kind, one.name) == (SwitchKind.RULE, name)), None)


def _end(text: str, *, today: date) -> date:
    try:
        ends_on = date.fromisoformat(text)
    except ValueError:
        raise SwitchEndMalformed("A day is written like 2026-10-01.") from None
    if not today < ends_on <= today + timedelta(days=RULE_OFF_DAYS_BY_TWO_MAX):
        raise SwitchEndMalformed(
            f"Name a day after today and within {RULE_OFF_DAYS_BY_TWO_MAX} days, or publish a version without the rule."
        )
    return ends_on
