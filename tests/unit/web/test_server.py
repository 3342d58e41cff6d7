"""Behind a proxy on the same machine, a request is from whom the proxy says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, get

from mingqu.web.server import listen, serving


@get("/", sync_to_thread=False)
def who(request: Request[Any, Any, Any]) -> str:
    """Answer where a request came from."""
    assert request.client is not None
    return f"{request.client.host} {request.url.scheme}"


@pytest.mark.parametrize(
    ("forwarded", "answer"),
    [
        (None, "127.0.0.1 http"),
        ("198.51.100.7", "198.51.100.7 https"),
        # What a visitor wrote there stands before what the proxy added, and is not believed.
        ("203.0.113.9, 198.51.100.7", "198.51.100.7 https"),
    ],
)
def test_a_request_is_from_whom_the_proxy_of_this_machine_says(forwarded: str | None, answer: str) -> None:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded, "x-forwarded-proto": "https"}
    with listen(port=0) as door, serving(Litestar([who]), door=door) as address:
        assert httpx.get(address, headers=headers).text == answer
