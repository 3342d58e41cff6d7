"""The evidence explorer: checkpoints, one leaf with its way to the root, a proof to take away, the book proved."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk
from mingqu.console.route import act, page
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.evidence.read_evidence import leaf_of, proof_document, read_evidence, verify_now
from mingqu.services.evidence.verify_book import MEANING, Report
from mingqu.web.problem import of_refusal

_PLACE: Final = re.compile(r"([0-9]{1,4})/([0-9]{1,12})")


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of the evidence page."""

    def show(request: Asked, *, leaf: str = "", status: int = 200, report: Report | None = None,
             code: str = "") -> Response[Any]:  # fmt: skip
        place = _PLACE.fullmatch(leaf)
        cell, sequence = (int(place[1]), int(place[2])) if place else (None, None)
        seen = read_evidence(desk.house, seat=at.signed_in(request), cell=cell, sequence=sequence)
        return desk.show(
            request, "evidence.html", status=status, seen=seen, report=report, meaning=MEANING, code=code, asked=leaf
        )

    @page("/evidence", needs=Permission.EVIDENCE)
    def evidence(request: Asked, leaf: FromQuery[str] = "") -> Response[Any]:
        text = leaf.strip()
        if not text or _PLACE.fullmatch(text):
            try:
                return show(request, leaf=text)
            except NotFound:
                return show(request, status=404, code="not_found")
        try:
            cell, sequence = leaf_of(desk.house, seat=at.signed_in(request), subject_id=at.identity(text))
        except NotFound:
            return show(request, status=404, code="not_found")
        return at.go(f"{HOME}/evidence?leaf={cell}/{sequence}")

    @page("/evidence/{cell:int}/{sequence:int}/proof.json", needs=Permission.EVIDENCE)
    def proof(request: Asked, cell: FromPath[int], sequence: FromPath[int]) -> Response[Any]:
        try:
            document = proof_document(desk.house, seat=at.signed_in(request), cell=cell, sequence=sequence)
        except Refusal as refusal:
            return of_refusal(request, refusal)
        headers = {"content-disposition": f'attachment; filename="proof-{cell}-{sequence}.json"'}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        return Response(text, media_type="application/json", headers=headers)

    @act("/evidence/verify", needs=Permission.VERIFY_BOOK)
    def verify(request: Asked) -> Response[Any]:
        try:
            return show(request, report=verify_now(desk.house, seat=at.signed_in(request)))
        except Refusal as refusal:
            return show(request, status=refusal.status, code=refusal.code)

    return [evidence, proof, verify]
