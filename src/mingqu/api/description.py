"""The description of the API for programs (OpenAPI 3.1 at /v1/openapi.json) and for people (/v1/docs)."""

from __future__ import annotations

import inspect
import json
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template
from litestar import Request, Router
from litestar.enums import MediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

import mingqu
from mingqu.api import (
    agreement,
    application,
    car,
    card,
    cash_advance,
    consent,
    contract,
    evidence,
    loan,
    market,
    offer,
    order,
    person,
    session,
)
from mingqu.api.door import PATH
from mingqu.api.shape import Answer, Body
from mingqu.web import assets

INTRODUCTION: Final = """\
Everything a borrower can do, for a program that speaks for them.

Amounts are whole fen of CNY. Moments are UTC, dates are those of the market (Asia/Shanghai). Every write takes the
header `Idempotency-Key`: send the same request with the same key when an answer was lost, and it is done once. Every
error is a problem (RFC 9457) with a stable `code`. An id of somebody else is not found.
"""
TAGS: Final = (
    (market.TAG, "Who lends, and what is on offer."),
    (session.TAG, "Codes by SMS, and sessions opened with them."),
    (person.TAG, "Who the caller is, and proving it."),
    (consent.TAG, "One purpose and one named recipient at a time."),
    (application.TAG, "Applying, the decision with its reasons, what may be borrowed."),
    (offer.TAG, "Offers of several lenders, and what each costs."),
    (contract.TAG, "Signing, and the contract as paper."),
    (agreement.TAG, "Deducting what is due from a card or a wallet."),
    (loan.TAG, "Where each loan stands, row by row."),
    (order.TAG, "Money on its way."),
    (cash_advance.TAG, "Being sent to the bank of one's own credit card, which decides on its own pages."),
    (car.TAG, "Loans for a car, and the cards whose money a funds contract binds."),
    (card.TAG, "Spends of cards whose money is bound to a purpose; for the issuer's network, with its own token."),
    (evidence.TAG, "Certificates, and proofs that anyone checks offline."),
)
# What a value looks like when its type says no more.
_BY_FORMAT: Final = {
    "uuid": "01992f6c-7a00-7000-8000-000000000100",
    "date": "2026-08-15",
    "date-time": "2026-08-15T02:00:00Z",
}
_BY_TYPE: Final[dict[str, object]] = {"integer": 1, "boolean": True, "string": "…", "object": {}, "array": []}
_DEPTH_MAX: Final = 8  # of shapes within shapes; ours have four


def openapi() -> OpenAPIConfig:
    """Return what `web.site.make_site` takes as `openapi`."""
    return OpenAPIConfig(
        title="Mingqu 明渠",
        version=mingqu.__version__,
        description=INTRODUCTION,
        path=PATH,
        tags=[Tag(name=name, description=words) for name, words in TAGS],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http", scheme="bearer", description="The `token` of a session: POST /v1/sessions."
                )
            }
        ),
        render_plugins=[DescriptionInJson(path="/openapi.json"), DescriptionInHtml(path="/docs")],
        create_examples=False,
        use_handler_docstrings=True,
    )


class DescriptionInJson(JsonRenderPlugin):
    """/v1/openapi.json, with an example for every body and answer."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the description."""
        return self.render_json(request, described(openapi_schema))

    def receive_router(self, router: Router) -> None:
        """Take the framework's page for everything unknown away: under /v1 that is a problem like any other."""
        router.routes = [route for route in router.routes if not route.path.endswith("/{path:str}")]


class DescriptionInHtml(OpenAPIRenderPlugin):
    """/v1/docs: the same for people, who can ask from the page; read without a script it is whole as well."""

    def __init__(self, *, path: str) -> None:
        super().__init__(path=path, media_type=MediaType.HTML)
        self._template = _page()

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002  The protocol names it.
        """Return the page."""
        schema = described(openapi_schema)
        operations = [
            {"method": method.upper(), "path": path, **operation}
            for path, methods in schema["paths"].items()
            for method, operation in methods.items()
        ]
        page = self._template.render(
            info=schema["info"],
            tags=schema["tags"],
            operations=operations,
            example=lambda content: _pretty(example_of(content, schema)),
            stylesheet=assets.address("api/docs.css"),
            script=assets.address("api/docs.js"),
        )
        return page.encode()


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a description in which every shape says what it is, by words and by an example."""
    whole = _whole(schema)
    assert isinstance(whole, dict)
    shapes = {shape.__name__: shape for kind in (Answer, Body) for shape in kind.__subclasses__()}
    for name, written in whole["components"]["schemas"].items():
        if name in shapes:
            written.setdefault("description", " ".join((inspect.getdoc(shapes[name]) or "").split()))
            if issubclass(shapes[name], Body):
                written["additionalProperties"] = False
            # What a body must say is required, also where leaving it out is answered by a refusal of its own.
            if must_say := getattr(shapes[name], "must_say", ()):
                written["required"] = sorted({*written.get("required", ()), *must_say})
                for field in must_say:
                    written["properties"][field].pop("default", None)
        written.setdefault("examples", [_example(written, whole, _DEPTH_MAX)])
    return whole


def example_of(content: dict[str, Any], schema: dict[str, Any]) -> object:
    """Return the example of a body or an answer, given by its media types."""
    shape = next(iter(content.values())).get("schema", {})
    return _example(shape, schema, _DEPTH_MAX)


def _example(shape: dict[str, Any], schema: dict[str, Any], depth: int) -> object:
    assert depth > 0, "a shape holds itself"
    if "$ref" in shape:
        return _example(schema["components"]["schemas"][shape["$ref"].rsplit("/", 1)[1]], schema, depth - 1)
    if shape.get("examples"):
        return shape["examples"][0]
    for choice in ("oneOf", "anyOf"):
        if choice in shape:
            return _example(shape[choice][0], schema, depth - 1)
    if "enum" in shape:
        return shape["enum"][0]
    if shape.get("properties"):
        return {name: _example(each, schema, depth - 1) for name, each in shape["properties"].items()}
    if shape.get("items"):
        return [_example(shape["items"], schema, depth - 1)]
    kind = shape.get("type", "object")
    return _BY_FORMAT.get(shape.get("format", ""), _BY_TYPE[kind[0] if isinstance(kind, list) else kind])


def _whole(value: object) -> object:
    """Return a description with 1 where the framework wrote 1.0."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@cache
def _page() -> Template:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        files("mingqu.api").joinpath("templates", "docs.html").read_text(encoding="utf-8")
    )


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
