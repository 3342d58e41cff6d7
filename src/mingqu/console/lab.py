"""The policy lab: a draft is tried on past applications while one watches, and what it would have changed is shown."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk
from mingqu.console.route import act, page
from mingqu.domain.decision.swap import AGE, ALL, BAND, GROUP_PEOPLE_MIN, INCOME, MONTH, PRODUCT
from mingqu.domain.identifier import parse
from mingqu.domain.operator import Permission
from mingqu.domain.refusal import Refusal
from mingqu.services.decisions.run_trial import Run, TrialMalformed, Trials
from mingqu.services.policies.read_policies import read_policies

ROOT: Final = f"{HOME}/lab"
SEGMENTS: Final = (BAND, PRODUCT, INCOME, AGE, MONTH)
CHANGES_SHOWN_MAX: Final = 200  # cells on a screen; the command's --json has them all
DAYS_OFFERED: Final = 90  # what the form asks for unless one says otherwise


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of the lab."""
    trials = Trials()

    @page("/lab", needs=Permission.POLICIES)
    def lab(request: Asked, draft: FromQuery[str] = "") -> Response[Any]:
        return _overview(desk, request, trials, chosen=(draft,))

    @act("/lab", needs=Permission.POLICIES)
    def send_trial(request: Asked, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
        sent = data.get("draft") or []
        chosen = tuple(str(one) for one in (sent if isinstance(sent, list) else [sent]))
        try:
            run = trials.begin(
                desk.house,
                seat=at.signed_in(request),
                draft_ids=[_draft(one) for one in chosen],
                since=_day(data, "since"),
                until=_day(data, "until"),
            )
        except Refusal as refusal:
            return _overview(desk, request, trials, chosen=chosen, refusal=refusal)
        return at.go(f"{ROOT}/{run.run_id.hex}")

    @page("/lab/{run_id:str}", needs=Permission.POLICIES)
    def trial(request: Asked, run_id: FromPath[str]) -> Response[Any]:
        run = trials.run(at.identity(run_id))
        # The part that changes while it runs is asked for alone, by a page that watches.
        template = "lab_run_body.html" if request.headers.get("hx-request") else "lab_run.html"
        return desk.show(request, template, run=run, people_min=GROUP_PEOPLE_MIN, **_results(run))

    return [lab, send_trial, trial]


def _overview(
    desk: Desk, request: Asked, trials: Trials, *, chosen: tuple[str, ...] = (), refusal: Refusal | None = None
) -> Response[Any]:
    today = desk.house.clock.business_date()
    return desk.show(
        request,
        "lab.html",
        status=refusal.status if refusal else 200,
        drafts=read_policies(desk.house, seat=at.signed_in(request)).drafts,
        chosen=chosen,
        runs=trials.runs(),
        since=today - timedelta(days=DAYS_OFFERED),
        until=today,
        code=refusal.code if refusal else "",
        said=refusal.message if refusal else "",
    )


def _results(run: Run) -> dict[str, Any]:
    if run.tried is None:
        return {}
    tally = run.tried.try_out.tally
    changes = run.tried.trial.changes(business_date=run.until)
    return {
        "everybody": tally.group(ALL, ALL),
        "segments": [(name, tally.segment(name)) for name in SEGMENTS],
        "swaps": (("in", tally.swap_in), ("out", tally.swap_out)),
        "fairness": tally.fairness(),
        "changes": [(key, some[:CHANGES_SHOWN_MAX], len(some)) for key, some in changes.items()],
    }


def _draft(text: str) -> UUID:
    try:
        return parse(text)
    except Refusal:
        raise TrialMalformed("Choose a draft of the list.") from None


def _day(data: dict[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(str(data.get(name, "")).strip())
    except ValueError:
        raise TrialMalformed("A day is written like 2026-10-01.") from None
