"""The open API under /v1: programs speak for a person by a bearer token, and every write is done once.

`make_router` gives its routes, `openapi` what describes them; `main` hands both to the site.
"""

from mingqu.api.description import openapi
from mingqu.api.door import make_router
from mingqu.api.notice import make_notices_router

__all__ = ["make_notices_router", "make_router", "openapi"]
