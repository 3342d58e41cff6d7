"""Tell a person something by its template: inside WeChat where they allow it, else by SMS; never twice."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind
from mingqu.services.house import House
from mingqu.services.messages.message_in_app import told_in_app
from mingqu.services.messages.send_message import send_message
from mingqu.store.people import life, vault
from mingqu.store.people.vault import PersonErased


def tell_person(
    house: House, *, person_id: UUID, number: str, template: str, values: Mapping[str, Personal[str]]
) -> bool:
    """Tell a person; return whether that is over: also where nobody can be told. False is silence: tell again later.

    The same `number` again is delivered once. Whoever calls has passed the contact gate.
    """
    phone = _phone(house, person_id)
    if phone is None or told_in_app(house, person_id=person_id, template=template, values=values):
        return True
    message = Message(message_number=number, kind=MessageKind.NOTICE, phone=phone, template=template, values=values)
    try:
        send_message(house, message=message)
    except ChannelSilent:
        return False
    return True


def _phone(house: House, person_id: UUID) -> Personal[str] | None:
    """The phone of a person; None when they died, were erased, or came without one: nobody is told then."""
    with house.database.transaction() as tx:
        if life.is_deceased(tx, person_id=person_id):
            return None
        try:
            return vault.open_field(tx, keyring=house.keyring, person_id=person_id, field="phone")
        except (NotFound, PersonErased):
            return None
