"""Where counterparties tell of orders unasked: signature first, then age, then contents, all of it in the service."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Request, Response, Router, post
from litestar.exceptions import ClientException
from litestar.params import FromPath, RawBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from mingqu.services.house import House
from mingqu.services.take_lender_notice import PREFIX, take_lender_notice
from mingqu.services.take_notice import take_notice


def make_notices_router(house: House) -> Router:
    """Return POST /notices/{source}. It needs no session: whoever tells signs. All but what was taken comes again.

    Taken is 204, or 200 with the word that a channel's document wants to read.
    """

    @post("/{source:str}", include_in_schema=False, sync_to_thread=True)
    def take(source: FromPath[str], request: Request[Any, Any, Any], body: RawBody) -> Response[str | None]:
        raw_path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        try:
            target = (raw_path + (b"?" + query if query else b"")).decode("ascii")
        except UnicodeDecodeError:
            raise ClientException("The address of a notice is plain text.") from None
        if source.startswith(PREFIX):
            lender = source.removeprefix(PREFIX)
            take_lender_notice(house, lender=lender, target=target, headers=dict(request.headers), body=body)
            return Response(None, status_code=HTTP_204_NO_CONTENT)
        take_notice(house, source=source, target=target, headers=dict(request.headers), body=body)
        thanks = house.notices[source].thanks
        if not thanks:
            return Response(None, status_code=HTTP_204_NO_CONTENT)
        return Response(thanks, status_code=HTTP_200_OK, media_type=MediaType.TEXT)

    return Router("/notices", route_handlers=[take])
