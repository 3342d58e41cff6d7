"""A signed message to the clearing bank, and its signed answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mingqu.channels.clearing.message import DISCARDED, Message, opened, sealed, written
from mingqu.channels.wire import ANSWER_BYTES_MAX, Wire
from mingqu.ports.clock import Clock
from mingqu.ports.silence import ChannelSilent

BASE: Final = "/clearing/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingParty:
    """The bank, its keys and ours; `numbers` gives 32 fresh hex digits for each message."""

    wire: Wire
    key_id: str
    own: Ed25519PrivateKey
    their_id: str
    theirs: Mapping[str, Ed25519PublicKey]
    clock: Clock
    numbers: Callable[[], str]

    def say(self, kind: str, body: Element, *, answer: str, bytes_max: int = ANSWER_BYTES_MAX) -> Message:
        """Send a message of a kind and return the answer, which must be of the kind named.

        Errors: ChannelSilent; "rejected" for a message that the bank discarded unread, so that nothing was done.
        """
        message_id = self.numbers()
        content = written(
            kind=kind,
            message_id=message_id,
            made_at=self.clock.now(),
            sender=self.key_id,
            receiver=self.their_id,
            body=body,
        )
        heard = self.wire.exchange(
            method="POST",
            path=f"{BASE}/{kind}",
            headers={"Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml"},
            body=sealed(content, key_id=self.key_id, key=self.own),
            bytes_max=bytes_max,
        )
        said = opened(heard.body, keys=self.theirs, answers=message_id, at=self.clock.now())
        if said.kind == DISCARDED:
            raise ChannelSilent(reason="rejected")
        if said.kind != answer:
            raise ChannelSilent(reason="unreadable")
        return said
