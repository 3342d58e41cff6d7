"""Keep the lists: one person enters a value, for a cause and until a day; two take it off before that day.

What is let pass by the white list is lent to, so two enter there as well. A proposal holds the keyed hash, not the
value: whoever checks it has the value from where its maker has it, and compares by its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.operator import Permission, check_reason
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import HOUSE, Proposal
from mingqu.domain.watch_list import (
    ListedKind,
    ListEntry,
    ListEntryMalformed,
    ListName,
    NotListed,
    WhiteListTakesTwo,
    read_listed,
    require_end,
)
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.once import Response, id_of_key, once
from mingqu.store import evidence
from mingqu.store.decisions import watch_list
from mingqu.store.server.database import Transaction


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

    Errors: OperatorForbidden, ReasonMissing, ListEntryMalformed, WhiteListTakesTwo, and those of the key.
    """
    seat.operator.require(Permission.SWITCH)
    said = check_reason(cause)
    on_list, of_kind, written = read_listed(list_name=list_name, kind=kind, value=value, on=house.clock.business_date())
    if on_list is ListName.WHITE:
        raise WhiteListTakesTwo("Who is on this list is let pass: propose it, and somebody else approves.")
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
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=tx.cell_of(HOUSE),
            person_id=HOUSE,
            kind=LeafKind.LISTED,
            subject_id=entry.entry_id,
            at=entry.entered_at,
            facts={
                "list": on_list.value,
                "kind": of_kind.value,
                "expires_on": expires_on.isoformat(),
                "operator": entry.owner_id.hex,
            },
        )
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


def asked_white(house: House, *, kind: str, value: Personal[str], expires_on: str) -> tuple[UUID, dict[str, Canonical]]:
    """Return subject and question of a proposal to let somebody pass: the keyed hash stands for the value.

    Errors: ListEntryMalformed.
    """
    _, of_kind, written = read_listed(
        list_name=ListName.WHITE.value, kind=kind, value=value, on=house.clock.business_date()
    )
    hashed = watch_list.hash_of(keyring=house.keyring, kind=of_kind, value=written)
    asked: dict[str, Canonical] = {"kind": of_kind.value, "hash": hashed.hex(), "expires_on": expires_on}
    return _subject(kind=of_kind.value, hashed=hashed.hex()), asked


def say_white(
    _: Transaction, house: House, subject_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return who is to be let pass until when; `asked` is as `asked_white` makes it. Errors: ListEntryMalformed."""
    kind, hashed = str(asked.get("kind", "")), str(asked.get("hash", ""))
    assert subject_id == _subject(kind=kind, hashed=hashed), "it is asked by `asked_white`"
    expires_on = _last_day(house, str(asked.get("expires_on", "")))
    return HOUSE, {"list": ListName.WHITE.value, "kind": kind, "hash": hashed, "expires_on": expires_on.isoformat()}


def basis_of_white(tx: Transaction, proposal: Proposal) -> str:
    """Return what it rests on: what stands of the value on any list."""
    hashed = bytes.fromhex(str(proposal.body["hash"]))
    return ",".join(sorted(watch_list.standing_of(tx, hashed=hashed)))


def list_white(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Let somebody pass. Errors: ListEntryMalformed, when the day has come meanwhile."""
    entry = ListEntry(
        entry_id=house.id_for(HOUSE),
        list=ListName.WHITE,
        kind=ListedKind(str(proposal.body["kind"])),
        hash=bytes.fromhex(str(proposal.body["hash"])),
        cause=proposal.reason,
        owner_id=proposal.maker_id,
        entered_at=house.clock.now(),
        expires_on=_last_day(house, str(proposal.body["expires_on"])),
        proposal_id=proposal.proposal_id,
    )
    watch_list.insert(tx, entry=entry)


def _subject(*, kind: str, hashed: str) -> UUID:
    return id_of_key(scope=HOUSE, command="list white", key=f"{kind}/{hashed}")


def _last_day(house: House, text: str) -> date:
    try:
        expires_on = date.fromisoformat(text)
    except ValueError:
        raise ListEntryMalformed("A day is written like 2026-10-01.") from None
    require_end(expires_on=expires_on, business_date=house.clock.business_date())
    return expires_on


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
