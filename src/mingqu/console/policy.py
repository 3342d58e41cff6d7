"""Policies: what decides, its versions and drafts, how two differ, what is switched off, tried, and listed."""

from __future__ import annotations

from datetime import date
from typing import Any

from litestar import Response
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, MultipartBody, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.decision.switch import SwitchKind, SwitchUnknown
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.personal import Personal
from mingqu.domain.policy_file import PolicyFault
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.domain.watch_list import ListedKind, ListEntryMalformed, ListName
from mingqu.services.policies.keep_list import asked_white, enter_on_list
from mingqu.services.policies.publish_policy import draft_policy, subject_of
from mingqu.services.policies.read_policies import read_policies, read_policy
from mingqu.services.policies.switch_off import SwitchEndMalformed, restore_rule, switch_off
from mingqu.services.policies.switch_rule_off import subject_of_rule, takes_two
from mingqu.services.proposals.propose import propose

ROOT = f"{HOME}/policies"


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of policies."""
    return [*_pages(desk), *_publishing(desk), *_switching(desk), *_listing(desk)]


def _overview(desk: Desk, request: Asked, *, refusal: Refusal | None = None) -> Response[Any]:
    return desk.show(
        request,
        "policies.html",
        status=refusal.status if refusal else 200,
        seen=read_policies(desk.house, seat=at.signed_in(request)),
        key=desk.form_key(),
        code=refusal.code if refusal else "",
        said=refusal.message if refusal else "",
        fault=refusal if isinstance(refusal, PolicyFault) else None,
        lists=[one.value for one in ListName],
        kinds=[one.value for one in ListedKind],
        reason_length_max=REASON_LENGTH_MAX,
    )


def _one(
    desk: Desk,
    request: Asked,
    kind: str,
    name: str,
    before: int | None,
    after: int | None,
    refusal: Refusal | None,
    *,
    draft_hash: str = "",
) -> Response[Any]:
    return desk.show(
        request,
        "policy.html",
        status=refusal.status if refusal else 200,
        seen=read_policy(desk.house, kind=kind, name=name, before=before, after=after, draft_hash=draft_hash),
        key=desk.form_key(),
        code=refusal.code if refusal else "",
        said=refusal.message if refusal else "",
        reason_length_max=REASON_LENGTH_MAX,
    )


def _pages(desk: Desk) -> list[HTTPRouteHandler]:
    @page("/policies", needs=Permission.POLICIES)
    def policies(request: Asked) -> Response[Any]:
        return _overview(desk, request)

    @page("/policies/{kind:str}/{name:str}", needs=Permission.POLICIES)
    def policy(
        request: Asked,
        kind: FromPath[str],
        name: FromPath[str],
        before: FromQuery[int | None] = None,
        after: FromQuery[int | None] = None,
        draft: FromQuery[str] = "",
    ) -> Response[Any]:
        return _one(desk, request, kind, name, before, after, None, draft_hash=draft)

    return [policies, policy]


def _publishing(desk: Desk) -> list[HTTPRouteHandler]:
    @act("/policies/drafts", needs=Permission.PUBLISH)
    def send_draft(request: Asked, data: MultipartBody[dict[str, Any]]) -> Response[Any]:
        sent = data.get("file")
        content = sent.file.read() if isinstance(sent, UploadFile) else b""
        file = sent.filename if isinstance(sent, UploadFile) else ""
        try:
            drafted = draft_policy(desk.house, seat=at.signed_in(request), content=content, file=file)
        except Refusal as refusal:
            return _overview(desk, request, refusal=refusal)
        return at.go(f"{ROOT}/{drafted.kind}/{drafted.name}?after={drafted.version}&draft={drafted.hash}")

    @act("/policies/{kind:str}/{name:str}/propose", needs=Permission.PUBLISH)
    def send_proposal(
        request: Asked, kind: FromPath[str], name: FromPath[str], data: URLEncodedBody[Form]
    ) -> Response[Any]:
        try:
            proposal_id = propose(
                desk.house,
                seat=at.signed_in(request),
                deed=Deed.PUBLISH_POLICY,
                subject_id=subject_of(kind=kind, name=name),
                asked={
                    "kind": kind,
                    "name": name,
                    "version": at.field(data, "version"),
                    "hash": at.field(data, "hash"),
                    "from_date": at.field(data, "from_date"),
                },
                reason=at.field(data, "reason"),
                key=at.field(data, "key"),
            )
        except Refusal as refusal:
            return _one(desk, request, kind, name, None, None, refusal)
        return at.go(f"{HOME}/proposals/{proposal_id.hex}")

    return [send_draft, send_proposal]


def _switching(desk: Desk) -> list[HTTPRouteHandler]:
    @act("/policies/switches", needs=Permission.SWITCH)
    def send_switch(request: Asked, data: URLEncodedBody[Form]) -> Response[Any]:
        try:
            kind, _, name = at.field(data, "what").partition(":")
            known = next((one for one in SwitchKind if one.value == kind), None)
            if known is None:
                raise SwitchUnknown("Choose a rule, a product or a lender.")
            ends_on = _day(data, "ends_on", SwitchEndMalformed("A day is written like 2026-10-01."))
            if known is SwitchKind.RULE and takes_two(desk.house, ends_on=ends_on):
                proposal_id = propose(
                    desk.house,
                    seat=at.signed_in(request),
                    deed=Deed.SWITCH_OFF_RULE,
                    subject_id=subject_of_rule(name=name),
                    asked={"name": name, "ends_on": ends_on.isoformat() if ends_on else ""},
                    reason=at.field(data, "reason"),
                    key=at.field(data, "key"),
                )
                return at.go(f"{HOME}/proposals/{proposal_id.hex}")
            switch_off(
                desk.house,
                seat=at.signed_in(request),
                kind=known,
                name=name,
                cause=at.field(data, "reason"),
                ends_on=ends_on,
                key=at.field(data, "key"),
            )
        except Refusal as refusal:
            return _overview(desk, request, refusal=refusal)
        return at.go(ROOT)

    @act("/policies/switches/{switch_id:str}/on", needs=Permission.SWITCH)
    def send_on(request: Asked, switch_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, seat = at.identity(switch_id), at.signed_in(request)
        try:
            if at.field(data, "kind") == SwitchKind.RULE.value:
                restore_rule(desk.house, seat=seat, switch_id=identity)
                return at.go(ROOT)
            proposal_id = propose(
                desk.house,
                seat=seat,
                deed=Deed.SWITCH_ON,
                subject_id=identity,
                asked={},
                reason=at.field(data, "reason"),
                key=at.field(data, "key"),
            )
        except Refusal as refusal:
            return _overview(desk, request, refusal=refusal)
        return at.go(f"{HOME}/proposals/{proposal_id.hex}")

    return [send_switch, send_on]


def _listing(desk: Desk) -> list[HTTPRouteHandler]:
    @act("/policies/lists", needs=Permission.SWITCH)
    def send_entry(request: Asked, data: URLEncodedBody[Form]) -> Response[Any]:
        malformed = ListEntryMalformed("A day is written like 2026-10-01.")
        try:
            expires_on = _day(data, "expires_on", malformed)
            if expires_on is None:
                raise malformed
            if at.field(data, "list") == ListName.WHITE.value:
                subject_id, asked = asked_white(
                    desk.house,
                    kind=at.field(data, "kind"),
                    value=Personal(at.field(data, "value")),
                    expires_on=expires_on.isoformat(),
                )
                proposal_id = propose(
                    desk.house,
                    seat=at.signed_in(request),
                    deed=Deed.LIST_WHITE,
                    subject_id=subject_id,
                    asked=asked,
                    reason=at.field(data, "reason"),
                    key=at.field(data, "key"),
                )
                return at.go(f"{HOME}/proposals/{proposal_id.hex}")
            enter_on_list(
                desk.house,
                seat=at.signed_in(request),
                list_name=at.field(data, "list"),
                kind=at.field(data, "kind"),
                value=Personal(at.field(data, "value")),
                cause=at.field(data, "reason"),
                expires_on=expires_on,
                key=at.field(data, "key"),
            )
        except Refusal as refusal:
            return _overview(desk, request, refusal=refusal)
        return at.go(ROOT)

    @act("/policies/lists/{entry_id:str}/remove", needs=Permission.SWITCH)
    def send_removal(request: Asked, entry_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        try:
            proposal_id = propose(
                desk.house,
                seat=at.signed_in(request),
                deed=Deed.UNLIST,
                subject_id=at.identity(entry_id),
                asked={},
                reason=at.field(data, "reason"),
                key=at.field(data, "key"),
            )
        except Refusal as refusal:
            return _overview(desk, request, refusal=refusal)
        return at.go(f"{HOME}/proposals/{proposal_id.hex}")

    return [send_entry, send_removal]


def _day(data: Form, name: str, refusal: Refusal) -> date | None:
    """Return the day that a form names, or None where it is empty."""
    text = at.field(data, name).strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise refusal from None
