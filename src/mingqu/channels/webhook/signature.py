"""The headers by which a receiver knows that a message is ours, is whole, and is not an old one played again.

Source: Standard Webhooks, specification 1.0: the signed content is `{id}.{timestamp}.{body}`, the signature
`v1,` and base64 of its HMAC-SHA256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from mingqu.ports.webhook import Webhook


def headers_of(webhook: Webhook) -> dict[str, str]:
    """Return the headers of a message."""
    seconds = int(webhook.at.timestamp())
    content = f"{webhook.message_id}.{seconds}.".encode() + webhook.body
    digest = hmac.new(webhook.secret.reveal(), content, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": webhook.message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
