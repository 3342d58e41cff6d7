"""Messages inside WeChat: as often as the person agreed there and no more; whatever does not go there goes by SMS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import MessageTaken
from mingqu.services.access.keep_session import Caller, login_of
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.store.messages import message_quota
from mingqu.store.people import vault
from mingqu.store.people.vault import PersonErased
from mingqu.store.server.database import Transaction

OPENID: Final = "wechat_openid"  # the vault's field: where messages inside WeChat go


class MessageTemplateUnknown(Refusal):
    """No message of this kind is sent inside WeChat here."""

    code: ClassVar[str] = "message_template_unknown"


class NotInsideWechat(Refusal):
    """Messages inside WeChat take a session that was opened from WeChat."""

    code: ClassVar[str] = "not_inside_wechat"


def accept_messages(house: House, *, caller: Caller, templates: Sequence[str], key: str) -> Mapping[str, int]:
    """Count one more message of each template as allowed, and return what is allowed now, by template.

    The mini-program says so after WeChat asked the person (wx.requestSubscribeMessage). Errors:
    MessageTemplateUnknown, NotInsideWechat, and those of the idempotency key.
    """
    known = frozenset() if house.subscribed is None else house.subscribed.templates
    if not templates or not known.issuperset(templates):
        raise MessageTemplateUnknown("No message of this kind is sent inside WeChat here.")
    login = login_of(house, caller=caller)
    if login is None:
        raise NotInsideWechat("Open this from WeChat to be told there.")
    person_id, openid = caller.person_id, login

    def count(tx: Transaction) -> Response:
        now = house.clock.now()
        vault.seal(tx, keyring=house.keyring, person_id=person_id, field=OPENID, value=openid, at=now)
        message_quota.add(tx, person_id=person_id, templates=templates, at=now)
        return dict(message_quota.left_over(tx, person_id=person_id))

    request = {"templates": ",".join(sorted(set(templates)))}
    answer = once(house, person_id=person_id, command="accept_messages", key=key, request=request, work=count)
    return {template: int(str(left)) for template, left in answer.items()}


def told_in_app(house: House, *, person_id: UUID, template: str, values: Mapping[str, Personal[str]]) -> bool:
    """Tell a person inside WeChat if they allow one more of this template, and return whether WeChat took it.

    What is allowed is spent before the message goes out: a death in between loses one, and none goes out too many. When
    WeChat is silent the message goes by SMS as well, for nobody knows whether it arrived.
    """
    if house.subscribed is None or template not in house.subscribed.templates:
        return False

    def spend(tx: Transaction) -> Personal[str] | None:
        tx.lock_cell(tx.cell_of(person_id))
        if not message_quota.spend(tx, person_id=person_id, template=template, at=house.clock.now()):
            return None
        try:
            return vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=OPENID)
        except (NotFound, PersonErased):
            return None

    openid = house.database.run(spend)
    if openid is None:
        return False
    try:
        return isinstance(house.subscribed.send(login=openid, template=template, values=values), MessageTaken)
    except ChannelSilent:
        return False
