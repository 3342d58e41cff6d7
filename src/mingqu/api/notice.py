"""Where counterparties tell of orders unasked: signature first, then age, then contents, all of it in the service."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, post
from litestar.exceptions import ClientException
from litestar.params import FromPath, RawBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from mingqu.services.house import House
from mingqu.services.incoming.take_lender_notice import PREFIX, take_lender_notice
from mingqu.services.incoming.take_notice import take_notice

# A notice mostly waits: for its cell's turn, for a commit. So that those of a storm share turns (`take_turns`), as many
# wait at once as fill two of them, in threads of their own, and no page or program stands behind them.
NOTICES_AT_ONCE: Final = 64


def make_notices_router(house: House) -> Router:
    """Return POST /notices/{source}. It needs no session: whoever tells signs. All but what was taken comes again.

    Taken is 204, or 200 with the word that a channel's document wants to read.
    """

    def hear(source: str, target: str, headers: dict[str, str], body: bytes) -> str:
        if source.startswith(PREFIX):
            lender = source.removeprefix(PREFIX)
            take_lender_notice(house, lender=lender, target=target, headers=headers, body=body)
            return ""
        take_notice(house, source=source, target=target, headers=headers, body=body)
        return house.notices[source].thanks

    waiting_room = ThreadPoolExecutor(NOTICES_AT_ONCE, thread_name_prefix="notice")

    @post("/{source:str}", include_in_schema=False)
    async def take(source: FromPath[str], request: Request[Any, Any, Any], body: RawBody) -> Response[str | None]:
        raw_path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        try:
            target = (raw_path + (b"?" + query if query else b"")).decode("ascii")
        except UnicodeDecodeError:
            raise ClientException("The address of a notice is plain text.") from None
        headers = dict(request.headers)
        thanks = await asyncio.get_running_loop().run_in_executor(waiting_room, hear, source, target, headers, body)
        if not thanks:
            return Response(None, status_code=HTTP_204_NO_CONTENT)
        return Response(thanks, status_code=HTTP_200_OK, media_type=MediaType.TEXT)

    return Router("/notices", route_handlers=[take])
