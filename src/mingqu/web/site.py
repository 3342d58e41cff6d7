"""The site: the routers of all doors under one roof, with what every request goes through.

A door makes a router (`make_router`), `main` hands all of them here. In this order a request meets: the recorder (id,
log line, metrics, headers), the size limit, the door's own guards (session, forged requests, too many), the handler.
Errors of pages are the door's business, also at a path below it that is none; everything else answers a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from litestar import Litestar, Request, Response, Router
from litestar.exceptions import HTTPException, NotFoundException
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
        exception_handlers={**problem.HANDLERS, NotFoundException: _lost(routers)},
        openapi_config=openapi,
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
    )
    # Around everything, not as a middleware of routes: a path that is no route is recorded and gets its headers too.
    site.asgi_handler = Recorder(site.asgi_handler, metrics)
    return site


def _lost(routers: Sequence[Router]) -> Callable[[Request[Any, Any, Any], NotFoundException], Response[Any]]:
    """Return who answers where there is no route: a browser hears it from the door it knocked at, as a page."""
    doors = sorted(routers, key=lambda router: len(router.path), reverse=True)

    def answer(request: Request[Any, Any, Any], error: NotFoundException) -> Response[Any]:
        path = request.url.path
        door = next((one for one in doors if f"{path}/".startswith(f"{one.path.rstrip('/')}/")), None)
        page = None if door is None else door.exception_handlers.get(HTTPException)
        if page is None or "text/html" not in request.headers.get("accept", ""):
            return problem.of_framework(request, error)
        said: Response[Any] = page(request, error)
        return said

    return answer
