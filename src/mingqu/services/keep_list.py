"""Keep the lists: one person enters a value, for a cause and until a day; two take it off before that day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.operator import Permission, check_reason
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import HOUSE, Proposal
from mingqu.domain.watch_list import ListEntry, NotListed, read_listed, require_end
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.sign_in_operator import Seat
from mingqu.store import watch_list
from mingqu.store.database import Transaction


def enter_on_list(
    house: House,
    *,
    seat: Seat,
    list_name: str,
    kind: str,
    value: Personal[str],
    cause: str,
    expires_on: date,
    key: str,
) -> UUID:
    """Put a value on a list at once, until a day, and return the entry's id; only its keyed hash is kept.

    Errors: OperatorForbidden, ReasonMissing, ListEntryMalformed, and those of the key.
    """
    seat.operator.require(Permission.SWITCH)
    said = check_reason(cause)
    on_list, of_kind, written = read_listed(list_name=list_name, kind=kind, value=value, on=house.clock.business_date())
    hashed = watch_list.hash_of(keyring=house.keyring, kind=of_kind, value=written)

    def work(tx: Transaction) -> Response:
        require_end(expires_on=expires_on, business_date=house.clock.business_date())
        entry = ListEntry(
            entry_id=house.id_for(HOUSE),
            list=on_list,
            kind=of_kind,
            hash=hashed,
            cause=said,
            owner_id=seat.operator.operator_id,
            entered_at=house.clock.now(),
            expires_on=expires_on,
        )
        watch_list.insert(tx, entry=entry)
        return {"entry_id": entry.entry_id.hex}

    request: dict[str, Canonical] = {
        "operator": seat.operator.operator_id.hex,
        "list": on_list.value,
        "kind": of_kind.value,
        "hash": hashed.hex(),
        "cause": said,
        "expires_on": expires_on.isoformat(),
    }
    answer = once(house, person_id=HOUSE, command="enter_on_list", key=key, request=request, work=work)
    return UUID(str(answer["entry_id"]))


def say_unlisting(
    tx: Transaction, house: House, entry_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return what is to be taken off which list. Errors: NotFound, NotListed."""
    assert not asked, "it says nothing but which entry"
    known = _standing(tx, entry_id)
    if not known.holds(business_date=house.clock.business_date()):
        raise NotListed("This entry has ended by itself.")
    return HOUSE, {"list": known.list.value, "kind": known.kind.value, "why": known.cause}


def basis_of_unlisting(tx: Transaction, proposal: Proposal) -> str:
    """Return what it rests on: the entry that stands. Errors: NotFound, NotListed."""
    return _standing(tx, proposal.subject_id).entered_at.isoformat()


def unlist(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Take an entry off its list. Errors: NotFound, NotListed."""
    known = _standing(tx, proposal.subject_id)
    watch_list.remove(tx, entry_id=known.entry_id, proposal_id=proposal.proposal_id, at=house.clock.now())


def _standing(tx: Transaction, entry_id: UUID) -> ListEntry:
    known = watch_list.load(tx, entry_id=entry_id)
    if known.removed_at is not None:
        raise NotListed("This is on no list any more.")
    return known
