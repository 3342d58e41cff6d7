"""Styles, scripts and fonts: built once into the package, named by their content, kept by browsers for a year.

`static/` holds what the doors wrote themselves (committed beside their templates) and `vendor/` what the build takes
from the packages of others (never committed; see `hatch_build.py`).
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

# Where files are looked for, by the first part of their name: "borrower/app.css", "vendor/weui.min.css".
ROOTS: Final = {
    "api": ("mingqu", "api", "static"),
    "borrower": ("mingqu", "borrower", "static"),
    "console": ("mingqu", "console", "static"),
    "vendor": ("mingqu", "web", "vendor"),
}
_KEPT: Final = "public, max-age=31536000, immutable"
_MARK_CHARACTERS: Final = 12  # of the content's hash
# Compressed once. Pages are not: they hold a form token beside what a visitor wrote (BREACH, 2013).
_SHRINKS: Final = ("text/css", "text/javascript", "application/javascript", "image/svg+xml")


@cache
def _known() -> dict[str, bytes]:
    """Every file that is served, by its name: what nobody packed is not looked for, whoever asks."""
    found: dict[str, bytes] = {}
    for root, (package, *folders) in ROOTS.items():
        _collect(found, name=root, folder=files(package).joinpath(*folders))
    return found


def _collect(found: dict[str, bytes], *, name: str, folder: Traversable) -> None:
    if not folder.is_dir():
        return
    for item in folder.iterdir():
        if item.is_dir():
            _collect(found, name=f"{name}/{item.name}", folder=item)
        else:
            found[f"{name}/{item.name}"] = item.read_bytes()


def _content(name: str) -> bytes | None:
    return _known().get(name)


@cache
def _shrunk(name: str) -> bytes:
    content = _content(name)
    assert content is not None
    return gzip.compress(content, mtime=0)


@cache
def address(name: str) -> str:
    """Return where a file is served, with the mark of its content.

    Example: "borrower/app.css" → "/assets/1f…/borrower/app.css".
    """
    content = _content(name)
    assert content is not None, f"there is no asset {name}: was the package built?"
    return f"/assets/{hashlib.sha256(content).hexdigest()[:_MARK_CHARACTERS]}/{name}"


def is_built(name: str) -> bool:
    """Return whether a file is there."""
    return _content(name) is not None


def make_router() -> Router:
    """Return /assets/{mark}/{name}. A mark that is not the content's is not found: an old page asks for old files."""

    @get("/assets/{mark:str}/{name:path}", sync_to_thread=False, include_in_schema=False)
    def asset(request: Request[Any, Any, Any], mark: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        content = _content(name.lstrip("/"))
        if content is None or mark != hashlib.sha256(content).hexdigest()[:_MARK_CHARACTERS]:
            raise NotFoundException
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"cache-control": _KEPT, "vary": "accept-encoding"}
        if kind in _SHRINKS and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(_shrunk(name.lstrip("/")), media_type=kind, headers={**headers, "content-encoding": "gzip"})
        return Response(content, media_type=kind, headers=headers)

    return Router("/", route_handlers=[asset])
