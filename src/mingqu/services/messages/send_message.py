"""Every message goes out here: with a code in it by which its reader can ask whether it is ours, and without a link."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mingqu.domain.message_code import about_of, written
from mingqu.ports.sms import Message, MessageRefused, MessageTaken
from mingqu.services.house import House
from mingqu.store.messages import message_code

CHECK: Final = "check"  # the value's name in every template


def send_message(house: House, *, message: Message) -> MessageTaken | MessageRefused:
    """Send a message with its code, which is kept (as a keyed hash) and committed before.

    The code follows from the message's number: after a death in between it is sent again with the same one. No
    transaction may be open. Errors: ChannelSilent.
    """
    code = written(message_code.digest_of(keyring=house.keyring, number=message.message_number))
    house.database.run(
        lambda tx: message_code.keep(
            tx,
            keyring=house.keyring,
            code=code,
            about=about_of(message.template),
            phone=message.phone,
            at=house.clock.now(),
        )
    )
    return house.sms.send(replace(message, values={**message.values, CHECK: code}))
