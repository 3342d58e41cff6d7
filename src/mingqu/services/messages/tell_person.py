"""Tell a person something by its template: inside WeChat where they allow it, else by SMS; never twice."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from uuid import UUID

from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind, MessageRefused
from mingqu.services.house import House
from mingqu.services.messages.message_in_app import told_in_app
from mingqu.services.messages.send_message import send_message
from mingqu.store.people import life, vault
from mingqu.store.people.vault import PersonErased


class Told(Enum):
    """What became of telling somebody something."""

    YES = "yes"  # a channel took it
    NOBODY = "nobody"  # they died, were erased, have no phone, or no channel takes it: that is over, and nobody knows
    SILENT = "silent"  # no channel answered: tell again later

    @property
    def is_over(self) -> bool:
        """Whether telling again would change nothing."""
        return self is not Told.SILENT


def tell_person(
    house: House, *, person_id: UUID, number: str, template: str, values: Mapping[str, Personal[str]]
) -> Told:
    """Tell a person, and return what became of it.

    The same `number` again is delivered once. Whoever calls has passed the contact gate.
    """
    phone = _phone(house, person_id)
    if phone is None:
        return Told.NOBODY
    if told_in_app(house, person_id=person_id, template=template, values=values):
        return Told.YES
    message = Message(message_number=number, kind=MessageKind.NOTICE, phone=phone, template=template, values=values)
    try:
        answer = send_message(house, message=message)
    except ChannelSilent:
        return Told.SILENT
    return Told.NOBODY if isinstance(answer, MessageRefused) else Told.YES


def _phone(house: House, person_id: UUID) -> Personal[str] | None:
    """The phone of a person; None when they died, were erased, or came without one: nobody is told then."""
    with house.database.transaction() as tx:
        if life.is_deceased(tx, person_id=person_id):
            return None
        try:
            return vault.open_field(tx, keyring=house.keyring, person_id=person_id, field="phone")
        except (NotFound, PersonErased):
            return None
