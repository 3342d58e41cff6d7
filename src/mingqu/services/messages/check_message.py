"""Whether a message is ours, for anybody who has it: by its code, and surer by the phone it came to as well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mingqu.domain.message_code import MessageAbout, read_code
from mingqu.domain.party import read_phone
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.store.messages import message_code


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMessage:
    """A message of ours. `to_this_phone` is None where no phone was given; False is a copied code."""

    sent_at: datetime
    about: MessageAbout
    to_this_phone: bool | None


def check_message(house: House, *, code: str, phone: Personal[str] | None = None) -> CheckedMessage | None:
    """Return the message of ours that carries a code, or None: then it is not ours, or older than ninety days.

    Nothing is told of whom it went to but whether it was the phone that was given.
    Errors: MessageCodeMalformed, PhoneMalformed.
    """
    typed, given = read_code(code), None if phone is None else read_phone(phone)
    with house.database.transaction() as tx:
        found = message_code.find(tx, keyring=house.keyring, code=typed, at=house.clock.now())
    if found is None:
        return None
    to_this_phone = None if given is None else found.went_to(keyring=house.keyring, phone=given)
    return CheckedMessage(sent_at=found.sent_at, about=found.about, to_this_phone=to_this_phone)
