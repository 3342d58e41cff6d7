"""Where a request comes from, as far as it says so: the network address, and the device if it carries a number."""

from __future__ import annotations

from typing import Any

from litestar import Request

from mingqu.domain.personal import Personal
from mingqu.services.people.note_signals import Origin


def origin_of(request: Request[Any, Any, Any], *, device: Personal[str] | None = None) -> Origin:
    """Return the origin of a request. Whether its device may be recognized is asked where it is used."""
    host = request.client.host if request.client else ""
    return Origin(device=device, address=Personal(host) if host else None)
