"""The site: the routers of all doors under one roof, with what every request goes through.

A door makes a router (`make_router`), `main` hands all of them here. In this order a request meets: the recorder (id,
log line, metrics, headers), the size limit, the door's own guards (session, forged requests, too many), the handler.
Errors of pages are the door's business; everything else answers a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig

from mingqu.services.house import House
from mingqu.web import health, problem
from mingqu.web.assets import make_router as make_assets_router
from mingqu.web.metrics import Metrics
from mingqu.web.record import Recorder

# An invoice for a car is a photograph; everything else is a few hundred bytes.
BODY_BYTES_MAX: Final = 64 * 1024


def make_site(
    house: House,
    *,
    routers: Sequence[Router],
    is_working: Callable[[], bool] = lambda: True,
    openapi: OpenAPIConfig | None = None,
) -> Litestar:
    """Return the application that serves all doors of a house."""
    metrics = Metrics()
    site = Litestar(
        route_handlers=[
            health.make_router(house, is_working=is_working, metrics=metrics),
            make_assets_router(),
            *routers,
        ],
        exception_handlers=problem.HANDLERS,
        openapi_config=openapi,
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
    )
    # Around everything, not as a middleware of routes: a path that is no route is recorded and gets its headers too.
    site.asgi_handler = Recorder(site.asgi_handler, metrics)
    return site
