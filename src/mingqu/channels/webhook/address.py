"""Where a webhook may go: to a public address over TLS. Nobody makes us knock at doors of our own network.

The name is resolved here and the connection goes to just the address that was looked at, so that a name cannot lead
elsewhere between the look and the knock.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mingqu.ports.silence import ChannelSilent
from mingqu.ports.webhook import AddressRefused

Resolve = Callable[[str, int], Sequence[str]]
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to connect to, and as whom: `host` is the name that TLS and the other side expect."""

    scheme: str
    host: str
    address: str
    port: int
    target: str


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name. Errors: ChannelSilent when there is none now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ChannelSilent(reason="connection") from None
    return [str(entry[4][0]) for entry in found]


def find(url: str, *, to_loopback: bool, look_up: Resolve = resolve) -> Place | AddressRefused:
    """Return where a message for a URL goes, or why it goes nowhere. Errors: ChannelSilent.

    Every address of the name must be public, or, where that is allowed, all of them this machine's own.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return AddressRefused(reason="malformed")
    host = parts.hostname
    if parts.scheme not in _PORTS or not host or parts.username is not None or parts.password is not None:
        return AddressRefused(reason="malformed")
    addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in look_up(host, port)]
    own = bool(addresses) and all(address.is_loopback for address in addresses)
    if not addresses or not (own and to_loopback):
        if parts.scheme != "https":
            return AddressRefused(reason="not_secure")
        if not addresses or not all(_is_public(address) for address in addresses):
            return AddressRefused(reason="not_public")
    return Place(
        scheme=parts.scheme,
        host=host,
        address=str(addresses[0]),
        port=port,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether an address is one of the internet; an IPv6 address that carries an IPv4 one is judged by it."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if carried:
            return _is_public(carried)
    return address.is_global and not address.is_multicast
