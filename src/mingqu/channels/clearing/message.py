"""One message in the manner of a clearing system: a signature block, then XML with a head and a body.

Names of message types are those of the People's Bank's standard for the second generation of its payment system, as far
as its table of contents gives them (BEPS: small amounts in bulk, HVPS: large amounts, CCMS: common control); elements
are named in the manner of ISO 20022. That is where the likeness ends: nothing here claims to conform to that standard.

    {S:house-1:MEUCIQ…=}\\n<?xml version="1.0" encoding="UTF-8"?>\\n<Msg><Hdr>…</Hdr><Bdy>…</Bdy></Msg>

The block signs, with Ed25519, every byte behind its line feed. The head binds an answer to its question (`OrgnlMsgId`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from xml.etree import ElementTree

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.ports.silence import ChannelSilent

REALTIME_PAY: Final = "beps.386.001.01"
REALTIME_PAID: Final = "beps.387.001.01"
REALTIME_COLLECT: Final = "beps.384.001.01"
REALTIME_COLLECTED: Final = "beps.385.001.01"
BATCH_COLLECT: Final = "beps.380.001.01"
BATCH_COLLECTED: Final = "beps.381.001.01"
BATCH_PAY: Final = "beps.382.001.01"
BATCH_PAID: Final = "beps.383.001.01"
CREDIT: Final = "beps.121.001.01"  # a customer's credit to anybody: entrusted payments
LARGE_CREDIT: Final = "hvps.111.001.01"  # the same above the bulk system's limit
QUERY: Final = "ccms.314.001.01"
QUERIED: Final = "ccms.315.001.01"
ACKNOWLEDGED: Final = "ccms.900.001.01"
DISCARDED: Final = "ccms.911.001.01"
# No message of the standard's table of contents asks for a day's movements; this name is ours.
DAY: Final = "mingqu.101.001.01"
DAY_TOLD: Final = "mingqu.102.001.01"

AGE_MAX: Final = timedelta(seconds=300)
FEN_PER_YUAN: Final = 100
_BLOCK: Final = re.compile(rb"\{S:([A-Za-z0-9._-]{1,64}):([A-Za-z0-9+/=]{1,128})\}\n")
_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,17})\.([0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it came: its type, its number, the number it answers, when it was made, and its body."""

    kind: str
    message_id: str
    answers: str
    made_at: datetime
    body: ElementTree.Element


def written(
    *, kind: str, message_id: str, made_at: datetime, sender: str, receiver: str, body: ElementTree.Element
) -> bytes:
    """Return a message's XML, in UTF-8; these very bytes are signed and sent."""
    root = ElementTree.Element("Msg")
    head = ElementTree.SubElement(root, "Hdr")
    for name, value in (
        ("MsgTp", kind),
        ("MsgId", message_id),
        ("CreDtTm", rfc3339(made_at)),
        ("InstgPty", sender),
        ("InstdPty", receiver),
    ):
        ElementTree.SubElement(head, name).text = value
    root.append(body)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + content


def sealed(content: bytes, *, key_id: str, key: Ed25519PrivateKey) -> bytes:
    """Return a message with its signature block in front."""
    signature = base64.b64encode(key.sign(content)).decode()
    return f"{{S:{key_id}:{signature}}}\n".encode() + content


def opened(message: bytes, *, keys: Mapping[str, Ed25519PublicKey], answers: str, at: datetime) -> Message:
    """Return a message that one of `keys` signed, not older or newer than AGE_MAX, in answer to ours.

    Signature, then age and what it answers, then the content. Errors: ChannelSilent, "unsigned" or "unreadable".
    """
    block = _BLOCK.match(message)
    key = None if block is None else keys.get(block[1].decode())
    if block is None or key is None:
        raise ChannelSilent(reason="unsigned")
    content = message[block.end() :]
    try:
        key.verify(base64.b64decode(block[2], validate=True), content)
    except (InvalidSignature, ValueError):
        raise ChannelSilent(reason="unsigned") from None
    found = _parsed(content)
    if found.answers != answers or abs(found.made_at - at) > AGE_MAX:
        raise ChannelSilent(reason="unsigned")
    return found


def _parsed(content: bytes) -> Message:
    if b"<!" in content:  # a document type or entities: no message has any
        raise ChannelSilent(reason="unreadable")
    try:
        root = ElementTree.fromstring(content)  # noqa: S314  As above.
        body = root.find("Bdy")
        made_at = datetime.fromisoformat(text_of(root, "Hdr/CreDtTm"))
    except (ElementTree.ParseError, ValueError, UnicodeDecodeError):
        raise ChannelSilent(reason="unreadable") from None
    if root.tag != "Msg" or body is None or made_at.tzinfo is None:
        raise ChannelSilent(reason="unreadable")
    return Message(
        kind=text_of(root, "Hdr/MsgTp"),
        message_id=text_of(root, "Hdr/MsgId"),
        answers=text_of(root, "Hdr/OrgnlMsgId"),
        made_at=made_at.astimezone(UTC),
        body=body,
    )


def text_of(within: ElementTree.Element, path: str) -> str:
    """Return the text at a path, or an empty text."""
    return (within.findtext(path) or "").strip()


def element(tag: str, *children: ElementTree.Element, text: str = "", **attributes: str) -> ElementTree.Element:
    """Return an element with text, or with elements in it."""
    made = ElementTree.Element(tag, attributes)
    made.text = text or None
    made.extend(children)
    return made


def elements(within: ElementTree.Element, path: str) -> Sequence[ElementTree.Element]:
    """Return the elements at a path."""
    return within.findall(path)


def yuan_of(amount_fen: int) -> str:
    """Return an amount as messages write it. Example: 1,050 fen are "10.50"."""
    yuan, fen = divmod(amount_fen, FEN_PER_YUAN)  # exact: both parts are kept
    return f"{yuan}.{fen:02d}"


def fen_of(amount: str) -> int:
    """Return an amount in fen. Errors: ChannelSilent, for anything but yuan with two decimals within our bounds."""
    found = _AMOUNT.fullmatch(amount)
    fen = 0 if found is None else int(Decimal(amount) * FEN_PER_YUAN)  # exact: two decimals
    if not 0 < fen <= AMOUNT_FEN_MAX:
        raise ChannelSilent(reason="unreadable")
    return fen


def rfc3339(moment: datetime) -> str:
    """Return a moment in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
