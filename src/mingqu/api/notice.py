"""Where counterparties tell of orders unasked: signature first, then age, then contents, all of it in the service."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, post
from litestar.exceptions import ClientException
from litestar.params import FromPath
from litestar.status_codes import HTTP_204_NO_CONTENT

from mingqu.services.house import House
from mingqu.services.take_notice import take_notice


def make_notices_router(house: House) -> Router:
    """Return POST /notices/{source}. It needs no session: whoever tells signs. Taken is 204, all else comes again."""

    @post("/{source:str}", status_code=HTTP_204_NO_CONTENT, include_in_schema=False, sync_to_thread=True)
    def take(source: FromPath[str], request: Request[Any, Any, Any], body: bytes) -> None:
        raw_path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        try:
            target = (raw_path + (b"?" + query if query else b"")).decode("ascii")
        except UnicodeDecodeError:
            raise ClientException("The address of a notice is plain text.") from None
        take_notice(house, source=source, target=target, headers=dict(request.headers), body=body)

    return Router("/notices", route_handlers=[take])
