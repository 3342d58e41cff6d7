"""Carries one webhook over HTTP: a deadline, no redirects, no proxies, and nothing of the answer but its status.

It stands below httpx's client, which follows redirects, keeps cookies and logs addresses.
"""

from __future__ import annotations

from typing import Final

import httpx

from mingqu.channels.webhook import address
from mingqu.channels.webhook.address import Resolve
from mingqu.channels.webhook.deadline import DeadlineTransport
from mingqu.channels.webhook.signature import headers_of
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.webhook import AddressRefused, NotTaken, Taken, Webhook

# A receiver takes the message and answers; its work comes later. A worker has other things to do.
CONNECT_SECONDS_MAX: Final = 3.0
ANSWER_SECONDS_MAX: Final = 5.0
_OK: Final = range(200, 300)
_GONE: Final = 410


class WebhookSender:
    """Implements `ports.webhook.WebhookChannel`. With `to_loopback`, programs on this machine may be told as well."""

    def __init__(
        self,
        *,
        to_loopback: bool = False,
        transport: httpx.BaseTransport | None = None,
        look_up: Resolve = address.resolve,
    ) -> None:
        self._to_loopback, self._look_up = to_loopback, look_up
        self._transport = transport or DeadlineTransport(
            seconds=ANSWER_SECONDS_MAX, connect_seconds=CONNECT_SECONDS_MAX
        )

    def deliver(self, webhook: Webhook) -> Taken | NotTaken | AddressRefused:
        """Send one message. Errors: ChannelSilent."""
        place = address.find(webhook.url, to_loopback=self._to_loopback, look_up=self._look_up)
        if isinstance(place, AddressRefused):
            return place
        url = httpx.URL(scheme=place.scheme, host=place.address, port=place.port, raw_path=place.target.encode())
        request = httpx.Request(
            "POST",
            url,
            headers={**headers_of(webhook), "host": _host(place.host, place.port, place.scheme)},
            content=webhook.body,
            extensions={"sni_hostname": place.host},
        )
        try:
            answer = self._transport.handle_request(request)
        except httpx.TimeoutException:
            raise ChannelSilent(reason="timeout") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            raise ChannelSilent(reason="connection") from None
        answer.close()  # unread: what it says is of no interest, and may be endless
        if answer.status_code in _OK:
            return Taken(status=answer.status_code)
        return NotTaken(status=answer.status_code, gone=answer.status_code == _GONE)


def _host(host: str, port: int, scheme: str) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == {"https": 443, "http": 80}[scheme] else f"{name}:{port}"
