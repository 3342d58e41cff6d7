"""Whether a message is ours, and reports of what seems not to be."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere, PaceHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Body, shaped
from mingqu.domain.message_code import MessageAbout, MessageCodeMalformed
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.services.appeals.read_review import review_of
from mingqu.services.appeals.report_message import REPORT_LENGTH_MAX, ReportMalformed, ReportsTooMany
from mingqu.services.appeals.report_message import report_message as report
from mingqu.services.messages.check_message import check_message as check
from mingqu.services.messages.message_in_app import MessageTemplateUnknown, NotInsideWechat, accept_messages
from mingqu.web.pace import TooManyRequests, take_check

TAG: Final = "Messages"
_PASSAGE: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"  # lines and tabs, and no other control characters


class Message(Answer, frozen=True, kw_only=True):
    """A message of ours: when it was sent, and about what. A message of ours never has a link in it."""

    sent_at: datetime
    about: MessageAbout


class Accepted(Body, frozen=True, kw_only=True):
    """The messages that a person accepted inside WeChat, by our names of them, each for one time."""

    templates: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["loan.due"])]],
        msgspec.Meta(min_length=1, max_length=3),  # WeChat asks for three at once at most
    ]


class Allowed(Answer, frozen=True, kw_only=True):
    """How many messages of each kind a person still allows inside WeChat."""

    left: dict[str, int]


class NewReport(Body, frozen=True, kw_only=True):
    """What was received, as it stood there, link and all."""

    text: Annotated[
        str, msgspec.Meta(min_length=1, max_length=REPORT_LENGTH_MAX, pattern=_PASSAGE, examples=["… http://…"])
    ]


class Report(Answer, frozen=True, kw_only=True):
    """A report. `outcome` is `phishing`, `genuine` or `answered` once a person has looked, `answer` in which words."""

    request_id: UUID
    asked_at: datetime
    answered_at: datetime | None = None
    outcome: Annotated[str, msgspec.Meta(examples=["phishing"])] | None = None
    answer: str | None = None


@reads("/messages/{code:str}", tag=TAG, public=True, refuses=(MessageCodeMalformed, TooManyRequests))
def check_message(request: Request[Any, Any, Any], code: FromPath[str], house: HouseHere, pace: PaceHere) -> Message:
    """Ask whether a message is ours, by the code in it.

    404 when none of the last ninety days carries the code: then it is not ours. A code can be copied; the page
    `/check-message` compares the phone as well.
    """
    take_check(house, pace, request)
    found = check(house, code=code)
    if found is None:
        raise NotFound
    return Message(sent_at=found.sent_at, about=found.about)


@writes("/message-reports", tag=TAG, refuses=(ReportMalformed, ReportsTooMany))
def report_message(data: JSONBody[NewReport], key: KeyHere, house: HouseHere, caller: CallerHere) -> Report:
    """Report a message, a call or a link as suspicious. A person looks at it and answers."""
    asked = report(house, person_id=caller.person_id, text=Personal(data.text), key=key)
    return Report(request_id=asked.request_id, asked_at=asked.asked_at)


@reads("/message-reports/{request_id:uuid}", tag=TAG)
def read_report(request_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Report:
    """Read a report of the caller's, with the answer once there is one."""
    return shaped(review_of(house, person_id=caller.person_id, request_id=request_id), Report)


@writes("/message-subscriptions", tag=TAG, refuses=(MessageTemplateUnknown, NotInsideWechat))
def accept_messages_inside_wechat(
    data: JSONBody[Accepted], key: KeyHere, house: HouseHere, caller: CallerHere
) -> Allowed:
    """Say that a person accepted messages inside WeChat; each acceptance is good for one, then they come by SMS."""
    return Allowed(left=dict(accept_messages(house, caller=caller, templates=data.templates, key=key)))


HANDLERS: Final = (check_message, report_message, read_report, accept_messages_inside_wechat)
