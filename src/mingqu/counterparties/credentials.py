"""The file of credentials: where each counterparty is, and the keys by which both sides know each other.

JSON, one object for each counterparty. `bank`, `identity`, `sms` and `bureau` speak the gateway protocol and must be
there; without `data` no behavior data is asked for; without `wechatpay` the bank's own pages are paid on; with `alipay`
people may pay there as well; `wechat` and
`wechat_program` let people sign in. Every field is known or refused, so that a misspelled one is found at the start and
not at the first payment.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

import msgspec

from mingqu.domain.refusal import Refusal

FILE_BYTES_MAX: Final = 1_000_000
_PUBLIC_URL: Final = re.compile(r"https?://[^/?#\s]+")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class ChannelCredentialsMissing(Refusal):
    """The file that `MINGQU_CHANNELS` names is not there or cannot be read."""

    code: ClassVar[str] = "channel_credentials_missing"
    status: ClassVar[int] = 503


class ChannelCredentialsExposed(Refusal):
    """Others of this machine may read the file of the counterparties' credentials."""

    code: ClassVar[str] = "channel_credentials_exposed"
    status: ClassVar[int] = 503


class ChannelCredentialsMalformed(Refusal):
    """The credentials of the counterparties are not whole: a field is missing, unknown, or not what it should be."""

    code: ClassVar[str] = "channel_credentials_malformed"
    status: ClassVar[int] = 503


class PublicAddressMissing(Refusal):
    """`MINGQU_PUBLIC_URL` does not say at which address the counterparties reach us with their notices."""

    code: ClassVar[str] = "public_address_missing"
    status: ClassVar[int] = 503


Address = Annotated[str, msgspec.Meta(pattern="^https?://[^/?#]+[^?#]*$", max_length=512)]
Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._-]{1,64}$")]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One counterparty. It does not print: most of its fields are secrets."""

    base_url: Address

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.base_url}>"


class GatewayCredentials(Section, frozen=True, kw_only=True):
    """A party of the gateway protocol. Keys are Ed25519 in PEM; `next_keys` are theirs as well while they change."""

    key_id: Name
    private_key: Secret
    their_key_id: Name
    their_public_key: Secret
    next_keys: dict[Name, Secret] = {}


class WechatPayCredentials(Section, frozen=True, kw_only=True):
    """A merchant at WeChat Pay. In mode "certificate" the platform's keys are fetched; one given is good besides.

    With `repayment_plan_id`, a template of WeChat's loan repayment, people may agree to deductions there; with
    `papay_plan_id` and the shared key of V2 by classic withholding, which is used where there is no such template.
    `sub_merchants` are the lenders' own accounts there, by their codes: what is due to several is then paid at once.
    """

    appid: Name
    mchid: Name
    merchant_serial: Name
    merchant_private_key: Secret
    api_v3_key: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z]{32}$")]
    mode: Literal["public_key", "certificate"]
    repayment_plan_id: Name | None = None
    papay_plan_id: Name | None = None
    api_v2_key: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z]{32}$")] | None = None
    sub_merchants: dict[Name, Name] = {}
    platform_key_id: Name | None = None
    platform_public_key: Secret | None = None
    next_keys: dict[Name, Secret] = {}


class AlipayCredentials(Section, frozen=True, kw_only=True):
    """An application at Alipay; `base_url` is the gateway's, `bill_url` that of the host where bills lie.

    In mode "certificate" the application's own certificate and Alipay's root are needed, and transfers can be made; in
    mode "public_key" Alipay's key is, and `next_keys` are its keys as well while it changes them.
    """

    bill_url: Address
    authorize_url: Address
    app_id: Name
    seller_id: Name
    app_private_key: Secret
    mode: Literal["public_key", "certificate"]
    alipay_public_key: Secret | None = None
    next_keys: tuple[Secret, ...] = ()
    app_certificate: Secret | None = None
    alipay_certificate: Secret | None = None
    root_certificates: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)] | None = None


class WechatProgramCredentials(Section, frozen=True, kw_only=True):
    """A mini-program at WeChat; `message_templates` are the ids of the messages that people may ask it for, by ours."""

    appid: Name
    secret: Secret
    message_templates: dict[Name, Name] = {}


class WechatPageCredentials(WechatProgramCredentials, frozen=True, kw_only=True):
    """An official account at WeChat, and where its people are sent to sign in."""

    authorize_url: Address


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every counterparty there is."""

    bank: GatewayCredentials
    identity: GatewayCredentials
    sms: GatewayCredentials
    bureau: GatewayCredentials
    data: GatewayCredentials | None = None
    clearing: GatewayCredentials | None = None  # a bank behind clearing-style messages, beside `bank`
    wechatpay: WechatPayCredentials | None = None
    alipay: AlipayCredentials | None = None
    wechat: WechatPageCredentials | None = None
    wechat_program: WechatProgramCredentials | None = None
    issuers: dict[Name, GatewayCredentials] = {}  # card-issuing banks, by their code in the directory of institutions
    lenders: dict[Name, GatewayCredentials] = {}  # lenders that decide by themselves, by their code
    control: dict[Name, Address] = {}  # where a sandbox has its knobs; no channel uses it


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The counterparties somebody chose, and our address at which they reach us."""

    credentials: Credentials
    public_url: str


def choose(*, environment: Mapping[str, str]) -> Chosen | None:
    """Return what `MINGQU_CHANNELS` and `MINGQU_PUBLIC_URL` name, or None when no channels are named.

    Errors: those of `load_credentials`, PublicAddressMissing.
    """
    path = environment.get("MINGQU_CHANNELS")
    if not path:
        return None
    public_url = environment.get("MINGQU_PUBLIC_URL", "").rstrip("/")
    if not _PUBLIC_URL.fullmatch(public_url):
        raise PublicAddressMissing("Set MINGQU_PUBLIC_URL to our address, e.g. https://loans.example.")
    return Chosen(credentials=load_credentials(path=Path(path)), public_url=public_url)


def load_credentials(*, path: Path) -> Credentials:
    """Return the credentials in a file that only its owner may read.

    Errors: ChannelCredentialsMissing, ChannelCredentialsExposed, ChannelCredentialsMalformed.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode  # of the very file that is read
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ChannelCredentialsMissing(f"The file of the channels cannot be read ({error.strerror}).") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ChannelCredentialsExposed("Others may read the file of the channels: set its mode to 0600.")
    if len(content) > FILE_BYTES_MAX:
        raise ChannelCredentialsMalformed("The file of the channels is too long to be one.")
    try:
        return check_credentials(value=msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ChannelCredentialsMalformed("The file of the channels is not JSON in UTF-8.") from None


def check_credentials(*, value: object) -> Credentials:
    """Return credentials given as a mapping of mappings. Errors: ChannelCredentialsMalformed."""
    try:
        credentials = msgspec.convert(value, type=Credentials)
    except msgspec.ValidationError as error:
        # It names fields and kinds, never what stood there.
        raise ChannelCredentialsMalformed(f"The credentials of the channels are not whole: {error}.") from None
    for name in credentials.__struct_fields__:
        section = getattr(credentials, name)
        if isinstance(section, Section):
            _require_private(section.base_url, name)
        if isinstance(section, AlipayCredentials):
            _require_private(section.bill_url, name)  # a bill is not signed: only TLS says whose it is
    for name, one in (*credentials.issuers.items(), *credentials.lenders.items()):
        _require_private(one.base_url, name)
    return credentials


def _require_private(address: str, name: str) -> None:
    """Refuse to speak unencrypted to anything but this machine."""
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ChannelCredentialsMalformed(f"The address of {name} is not https.", counterparty=name)
