"""Consents: what a person agreed to, word for word, for one purpose and one named recipient."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.refusal import Refusal

RECIPIENT_MARK: Final = "{recipient}"
TEXT_LENGTH_MAX: Final = 20_000  # a consent that is longer is not read
_TEXT_ID: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class ConsentMissing(Refusal):
    """The person has not agreed to this purpose for this recipient, or has withdrawn it."""

    code = "consent_missing"
    status = 403


class ConsentAlreadyWithdrawn(Refusal):
    """The consent was withdrawn before."""

    code = "consent_already_withdrawn"
    status = 409


class ConsentRecipientWrong(Refusal):
    """This consent takes a named recipient and got none, or takes none and got one."""

    code = "consent_recipient_wrong"


class ConsentTextChanged(Refusal):
    """What was read is not the newest text any more: show that, and ask again."""

    code = "consent_text_changed"
    status = 409


class ConsentTextMalformed(Refusal):
    """A consent text on file is not right; the message names the field and what it takes."""

    code = "consent_text_malformed"


class ConsentPurpose(Enum):
    """What personal data may be used for. Each purpose is asked for separately.

    Sources: PIPL art. 13 to 17 (consent, notice, withdrawal), art. 23 (handing data to a named other), art. 24
    (automated decisions), art. 29 (sensitive data); 征信业管理条例 art. 18 (written consent to a query).
    """

    REAL_NAME_VERIFICATION = "real_name_verification"
    BUREAU_QUERY = "bureau_query"
    PASS_TO_LENDER = "pass_to_lender"  # noqa: S105 - a purpose, not a password
    AUTOMATED_DECISION = "automated_decision"
    AUTO_REPAYMENT = "auto_repayment"
    BILL_REPAYMENT = "bill_repayment"  # deducting the bills of a revolving account; chosen for each account besides
    FRAUD_PREVENTION = "fraud_prevention"  # recognizing a device; nobody must allow it
    REFER_TO_BANK = "refer_to_bank"  # sending somebody to their card's bank, which decides on its own pages
    BUSINESS_VERIFICATION = "business_verification"  # asking a register whose a business is
    BEHAVIOR_DATA = "behavior_data"  # asking a provider of data; nobody must allow it


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownText:
    """A consent text as it stands on the screen, with the recipient's name in it, and the hash of just that."""

    text_id: str
    version: int
    title_zh: str
    title_en: str
    body_zh: str
    body_en: str
    text_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """A version of a consent text in both languages. A published version never changes; a new one follows it."""

    text_id: str
    version: int
    purpose: ConsentPurpose
    names_recipient: bool
    source: str
    title_zh: str
    title_en: str
    body_zh: str
    body_en: str

    def titles(self, *, recipient: str | None) -> tuple[str, str]:
        """Return the title in Chinese and in English, with the recipient's name in it: for a list of what was given."""
        name = recipient or ""
        return self.title_zh.replace(RECIPIENT_MARK, name), self.title_en.replace(RECIPIENT_MARK, name)

    def shown(self, *, recipient: str | None) -> ShownText:
        """Return the text with the recipient's name in it. Errors: ConsentRecipientWrong."""
        if (recipient is not None) != self.names_recipient:
            raise ConsentRecipientWrong(
                "This consent names its recipient." if self.names_recipient else "This consent has no recipient.",
                text_id=self.text_id,
            )
        name = recipient or ""
        parts = {
            part: getattr(self, part).replace(RECIPIENT_MARK, name)
            for part in ("title_zh", "title_en", "body_zh", "body_en")
        }
        identity: dict[str, str | int] = {"text_id": self.text_id, "version": self.version}
        text_hash = hashlib.sha256(canonical({**identity, **parts})).digest()
        return ShownText(text_id=self.text_id, version=self.version, text_hash=text_hash, **parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A consent given: which words (by hash), for what, to whom, when, and when it was withdrawn."""

    consent_id: UUID
    person_id: UUID
    text_id: str
    version: int
    text_hash: bytes
    purpose: ConsentPurpose
    recipient: str | None
    given_at: datetime
    withdrawn_at: datetime | None = None

    def holds(self, *, at: datetime) -> bool:
        """Return whether the consent stands at a moment: given by then, and not withdrawn by then."""
        return self.given_at <= at and (self.withdrawn_at is None or at < self.withdrawn_at)


def require(
    *,
    consents: Sequence[Consent],
    purpose: ConsentPurpose,
    recipient: str | None,
    at: datetime,
    version_min: int = 1,
) -> Consent:
    """Return the latest consent that allows a purpose for just this recipient at a moment.

    A consent that names another recipient, or none, does not count: data goes to whom the person was told. Nor does one
    to a text before `version_min`, which did not speak of what is to be done.
    Errors: ConsentMissing (details: purpose, recipient). Source: PIPL art. 14, 15, 23; 征信业管理条例 art. 18.
    """
    standing = [
        consent
        for consent in consents
        if consent.purpose is purpose
        and consent.recipient == recipient
        and consent.version >= version_min
        and consent.holds(at=at)
    ]
    if not standing:
        raise ConsentMissing(
            "This takes the person's consent, which is not given or was withdrawn.",
            purpose=purpose.value,
            recipient=recipient,
        )
    return max(standing, key=lambda consent: (consent.given_at, consent.consent_id))


def withdraw(*, consent: Consent, at: datetime) -> Consent:
    """Return the consent withdrawn; what was done under it before stays lawful. Source: PIPL art. 15.

    Errors: ConsentAlreadyWithdrawn.
    """
    assert at >= consent.given_at
    if consent.withdrawn_at is not None:
        raise ConsentAlreadyWithdrawn("This consent was withdrawn before.")
    return replace(consent, withdrawn_at=at)


def read_text(*, file_name: str, fields: Mapping[str, object]) -> ConsentText:
    """Return the consent text that a parsed file holds. Errors: ConsentTextMalformed names file and field."""
    texts = {
        name: _text(file_name=file_name, fields=fields, name=name)
        for name in ("text_id", "purpose", "source", "title_zh", "title_en", "body_zh", "body_en")
    }
    version = fields.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _malformed(file_name, "version", "a whole number from 1")
    if not _TEXT_ID.fullmatch(texts["text_id"]):
        raise _malformed(file_name, "text_id", "words in small letters joined by hyphens")
    purposes = {purpose.value: purpose for purpose in ConsentPurpose}
    if texts["purpose"] not in purposes:
        raise _malformed(file_name, "purpose", f"one of {', '.join(purposes)}")
    named = [RECIPIENT_MARK in texts[name] for name in ("body_zh", "body_en")]
    if named[0] != named[1]:
        raise _malformed(file_name, "body_en", f"{RECIPIENT_MARK} in both languages or in neither")
    purpose = purposes[texts.pop("purpose")]
    return ConsentText(version=version, purpose=purpose, names_recipient=named[0], **texts)


def _text(*, file_name: str, fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_LENGTH_MAX:
        raise _malformed(file_name, name, f"a text of at most {TEXT_LENGTH_MAX} characters")
    return value.strip()


def _malformed(file_name: str, name: str, takes: str) -> ConsentTextMalformed:
    return ConsentTextMalformed(f"{file_name}: {name} takes {takes}.", file=file_name, field=name)
