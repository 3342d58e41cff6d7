"""Codes by SMS, and sessions opened with them."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request
from litestar.params import JSONBody

from mingqu.api.gate import DeviceHere, HouseHere, KeyHere, PaceHere, origin_here
from mingqu.api.operation import ends, writes
from mingqu.api.shape import PLAIN, Answer, Body, Digits, Phone
from mingqu.domain.one_time_code import (
    CodeExpired,
    CodeMissing,
    CodePurpose,
    CodeSendsExhausted,
    CodeTooSoon,
    CodeTriesExhausted,
    CodeUsed,
    CodeWrong,
)
from mingqu.domain.ownership import NotFound
from mingqu.domain.party import PhoneMalformed, read_phone
from mingqu.domain.personal import Personal
from mingqu.services.access.keep_session import end_session
from mingqu.services.people.note_signals import DeviceMalformed
from mingqu.services.people.sign_in_once import (
    SignedIn,
    SignInTooOld,
    send_code_once,
    sign_in_by_alipay,
    sign_in_by_phone,
    sign_in_by_wechat,
)
from mingqu.services.people.sign_in_with_alipay import (
    AlipayCodeWrong,
    AlipayLoginBlocked,
    AlipayLoginSilent,
    AlipayNotConnected,
)
from mingqu.services.people.sign_in_with_wechat import WechatCodeWrong, WechatLoginBlocked, WechatLoginSilent
from mingqu.services.require_pace import VelocityStopped
from mingqu.web.origin import origin_of
from mingqu.web.pace import (
    CODES_BY_ADDRESS,
    CODES_BY_PHONE,
    TRIES_BY_ADDRESS,
    TRIES_BY_PHONE,
    TooManyRequests,
    take_turn,
)
from mingqu.web.signed_in import bearer

TAG: Final = "Signing in"
CODE_REFUSES: Final = (PhoneMalformed, CodeMissing, CodeUsed, CodeExpired, CodeWrong, CodeTriesExhausted)


class NewCode(Body, frozen=True, kw_only=True):
    """A code to be sent to a phone. A code for one purpose opens no other."""

    phone: Phone
    purpose: CodePurpose


class NewSession(Body, frozen=True, kw_only=True):
    """A phone and the code that was sent to it."""

    phone: Phone
    code: Digits


class NewWechatSession(Body, frozen=True, kw_only=True):
    """The code that `wx.login` gave a mini-program."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=PLAIN, examples=["0a3Xyz"])]


class NewAlipaySession(Body, frozen=True, kw_only=True):
    """The `auth_code` that Alipay gave a page or a mini-program."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=PLAIN, examples=["4b203fe6c11548bc"])]


class Session(Answer, frozen=True, kw_only=True):
    """A session. `token` is the bearer of every other request, and is told this once."""

    token: Annotated[str, msgspec.Meta(examples=["AZiqvLZ0dX6M9v0o…"])]
    token_type: Annotated[str, msgspec.Meta(examples=["bearer"])]
    person_id: UUID


@writes(
    "/codes",
    tag=TAG,
    public=True,
    status=204,
    refuses=(PhoneMalformed, CodeTooSoon, CodeSendsExhausted, TooManyRequests, VelocityStopped),
)
def send_code(
    request: Request[Any, Any, Any], data: JSONBody[NewCode], key: KeyHere, house: HouseHere, pace: PaceHere
) -> None:
    """Send a code to a phone.

    A new code takes the place of one sent before for the same purpose. At most one a minute, and few a day.
    """
    phone = read_phone(Personal(data.phone))
    take_turn(house, pace, request, by_address=CODES_BY_ADDRESS, phone=phone.reveal(), by_phone=CODES_BY_PHONE)
    send_code_once(house, phone=phone, purpose=data.purpose, key=key, origin=origin_of(request))


@writes(
    "/sessions",
    tag=TAG,
    public=True,
    refuses=(*CODE_REFUSES, SignInTooOld, TooManyRequests, VelocityStopped, DeviceMalformed),
)
def sign_in(
    request: Request[Any, Any, Any],
    data: JSONBody[NewSession],
    key: KeyHere,
    house: HouseHere,
    pace: PaceHere,
    device: DeviceHere = None,
) -> Session:
    """Sign in with a code.

    Sent again with the same key within two minutes, the same token is answered. A bearer token that comes with the
    request is ended: it was somebody's before this sign-in.
    """
    phone = read_phone(Personal(data.phone))
    take_turn(house, pace, request, by_address=TRIES_BY_ADDRESS, phone=phone.reveal(), by_phone=TRIES_BY_PHONE)
    before = bearer(request) if "authorization" in request.headers else None
    signed = sign_in_by_phone(
        house,
        phone=phone,
        digits=Personal(data.code),
        key=key,
        instead_of=before,
        origin=origin_here(request, device),
    )
    return _told(signed)


@writes(
    "/sessions/wechat",
    tag=TAG,
    public=True,
    refuses=(
        WechatCodeWrong,
        WechatLoginBlocked,
        WechatLoginSilent,
        SignInTooOld,
        TooManyRequests,
        NotFound,
        DeviceMalformed,
    ),
)
def sign_in_with_wechat(
    request: Request[Any, Any, Any],
    data: JSONBody[NewWechatSession],
    key: KeyHere,
    house: HouseHere,
    pace: PaceHere,
    device: DeviceHere = None,
) -> Session:
    """Sign in from a mini-program of WeChat; 404 where WeChat is not connected."""
    take_turn(house, pace, request, by_address=TRIES_BY_ADDRESS, phone=data.code, by_phone=TRIES_BY_PHONE)
    if house.wechat_program is None:
        raise NotFound
    before = bearer(request) if "authorization" in request.headers else None
    signed = sign_in_by_wechat(
        house,
        channel=house.wechat_program,
        code=Personal(data.code),
        key=key,
        instead_of=before,
        origin=origin_here(request, device),
    )
    return _told(signed)


@writes(
    "/sessions/alipay",
    tag=TAG,
    public=True,
    refuses=(
        AlipayNotConnected,
        AlipayCodeWrong,
        AlipayLoginBlocked,
        AlipayLoginSilent,
        SignInTooOld,
        TooManyRequests,
        DeviceMalformed,
    ),
)
def sign_in_with_alipay(
    request: Request[Any, Any, Any],
    data: JSONBody[NewAlipaySession],
    key: KeyHere,
    house: HouseHere,
    pace: PaceHere,
    device: DeviceHere = None,
) -> Session:
    """Sign in from Alipay; 404 where Alipay is not connected."""
    take_turn(house, pace, request, by_address=TRIES_BY_ADDRESS, phone=data.code, by_phone=TRIES_BY_PHONE)
    before = bearer(request) if "authorization" in request.headers else None
    origin = origin_here(request, device)
    return _told(sign_in_by_alipay(house, code=Personal(data.code), key=key, instead_of=before, origin=origin))


def _told(signed: SignedIn) -> Session:
    kind = "bearer"
    return Session(token=signed.token.reveal(), token_type=kind, person_id=signed.person_id)


@ends("/sessions/current", tag=TAG)
def sign_out(request: Request[Any, Any, Any], key: KeyHere, house: HouseHere) -> None:  # noqa: ARG001 - its form is checked
    """End the session of the token that the request carries."""
    end_session(house, token=bearer(request))


HANDLERS: Final = (send_code, sign_in, sign_in_with_wechat, sign_in_with_alipay, sign_out)
