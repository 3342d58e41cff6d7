"""Consents: each asked alone in its own words, all listed in one place, each taken back with one step."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.device import drop_device, give_device
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form, own_path
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.institution import Institution, InstitutionUnknown
from mingqu.domain.ownership import NotFound
from mingqu.domain.product import Lender
from mingqu.services.house import House
from mingqu.services.people.read_person import ConsentView, consent_text, consents_of, newest_version
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.services.referrals.read_cash_advance import bank_of

_BY_OPERATOR: Final = (
    ConsentPurpose.BUREAU_QUERY,
    ConsentPurpose.AUTO_REPAYMENT,
    ConsentPurpose.BILL_REPAYMENT,
    ConsentPurpose.BEHAVIOR_DATA,
)
# Nobody must give these, and nobody is asked for them on the way: they are offered where consents are listed.
OPTIONAL: Final = (ConsentPurpose.FRAUD_PREVENTION, ConsentPurpose.BEHAVIOR_DATA)
# What ends when it is taken back, in words of its own; the others end for what comes after.
_PURPOSES: Final = {purpose.value: purpose for purpose in ConsentPurpose}


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of consents."""
    return [
        door.page("/consents", show_all),
        door.page("/consents/ask/{purpose:str}", show_one),
        door.step("/consents/ask/{purpose:str}", agree),
        door.page("/consents/{consent_id:str}/withdraw", show_withdrawal),
        door.step("/consents/{consent_id:str}/withdraw", withdraw),
    ]


def ask_address(*, purpose: ConsentPurpose, there: str, lender: str = "") -> str:
    """Return where a consent is asked for, alone, before the person goes on to `there`."""
    named = f"&lender={quote(lender, safe='')}" if lender else ""
    return f"/consents/ask/{purpose.value}?next={quote(there, safe='')}{named}"


def stands(visit: Visit, *, purpose: ConsentPurpose, recipient: str | None = None) -> bool:
    """Return whether the person's consent to the newest text of a purpose stands, for just this recipient."""
    return _standing(visit, purpose=purpose, recipient=recipient) is not None


def recipient_of(house: House, *, purpose: ConsentPurpose, lender: str = "") -> str | None:
    """Return the name that stands in the text of a purpose. Errors: NotFound for a lender that is none."""
    if purpose is ConsentPurpose.PASS_TO_LENDER:
        return _lender(house, lender).name_zh
    if purpose is ConsentPurpose.REFER_TO_BANK:
        return _bank(house, lender).name_zh
    return house.settings.operator_name if purpose in _BY_OPERATOR else None


def show_all(visit: Visit) -> Response[Any]:
    """Show who may get what, each recipient on its own, and everything agreed to so far."""
    given = consents_of(visit.house, person_id=visit.person_id)
    lenders = [
        {
            "code": lender.code,
            "name": visit.words.pick(lender.name_zh, lender.name_en),
            "licence": lender.licence.value,
            "stands": stands(visit, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=lender.name_zh),
        }
        for lender in visit.house.pack.lenders
    ]
    optional = [
        {
            "purpose": purpose.value,
            "stands": stands(visit, purpose=purpose, recipient=recipient_of(visit.house, purpose=purpose)),
        }
        for purpose in OPTIONAL
    ]
    return visit.show(
        "consents.html",
        lenders=lenders,
        optional=optional,
        given=[_row(visit, one) for one in given if one.withdrawn_at is None],
        withdrawn=[_row(visit, one) for one in given if one.withdrawn_at is not None],
    )


def show_one(visit: Visit) -> Response[Any]:
    """Ask for one consent, alone, with its whole text and nothing ticked."""
    return _ask_page(visit, there=own_path(visit.query("next")), lender=visit.query("lender"))


def agree(visit: Visit, form: Form) -> Response[Any]:
    """Record the consent, if the box was ticked and the text is still the one that was shown."""
    purpose, lender = _purpose(visit), form.optional("lender")
    recipient = recipient_of(visit.house, purpose=purpose, lender=lender)
    text = consent_text(visit.house, purpose=purpose, recipient=recipient)
    if not form.agreed("agree"):
        return _ask_page(visit, there=form.back_to, lender=lender, notice="consent.tick", status=422)
    if form.text("text") != text.text_hash.hex():
        return _ask_page(visit, there=form.back_to, lender=lender, notice="consent.changed", status=409)
    give_consent(visit.house, person_id=visit.person_id, purpose=purpose, recipient=recipient, key=form.key)
    answer = visit.go(form.back_to)
    if purpose is ConsentPurpose.FRAUD_PREVENTION:
        give_device(visit, answer)
    return answer


def show_withdrawal(visit: Visit) -> Response[Any]:
    """Say what ends with a consent before it is taken back."""
    return visit.show("consent_withdraw.html", one=_row(visit, _own(visit)))


def withdraw(visit: Visit, _: Form) -> Response[Any]:
    """Take a consent back; what is taken back already stays so."""
    one = _own(visit)
    if one.withdrawn_at is None:
        withdraw_consent(visit.house, person_id=visit.person_id, consent_id=one.consent_id)
    answer = visit.go("/consents")
    if one.purpose is ConsentPurpose.FRAUD_PREVENTION:
        drop_device(answer)
    return answer


def standing_id(
    visit: Visit, *, purpose: ConsentPurpose, recipient: str | None, any_version: bool = False
) -> str | None:
    """Return the id of the consent that stands for a purpose and recipient, to its newest text or any; or None."""
    one = _standing(visit, purpose=purpose, recipient=recipient, any_version=any_version)
    return None if one is None else one.consent_id.hex


def _standing(
    visit: Visit, *, purpose: ConsentPurpose, recipient: str | None, any_version: bool = False
) -> ConsentView | None:
    newest = newest_version(visit.house, purpose=purpose)
    return next(
        (
            one
            for one in reversed(consents_of(visit.house, person_id=visit.person_id))
            if (one.purpose, one.recipient) == (purpose, recipient)
            and (any_version or one.version == newest)
            and one.withdrawn_at is None
        ),
        None,
    )


def _ask_page(visit: Visit, *, there: str, lender: str, notice: str = "", status: int = 200) -> Response[str]:
    purpose = _purpose(visit)
    recipient = recipient_of(visit.house, purpose=purpose, lender=lender)
    text = consent_text(visit.house, purpose=purpose, recipient=recipient)
    return visit.show(
        "consent_ask.html",
        status=status,
        purpose=purpose.value,
        recipient=_shown(visit, recipient, lender),
        lender=lender,
        title=visit.words.pick(text.title_zh, text.title_en),
        paragraphs=[line for line in visit.words.pick(text.body_zh, text.body_en).splitlines() if line.strip()],
        version=text.version,
        text=text.text_hash.hex(),
        there=there,
        key=visit.form_key(),
        notice=notice,
    )


def _shown(visit: Visit, recipient: str | None, lender: str) -> str | None:
    """Return a recipient's name for the page; in English beside the name that stands in the consent."""
    if not lender or visit.language == "zh":
        return recipient
    named = _bank if _purpose(visit) is ConsentPurpose.REFER_TO_BANK else _lender
    return f"{named(visit.house, lender).name_en} ({recipient})"


def _row(visit: Visit, one: ConsentView) -> dict[str, object]:
    return {
        "id": one.consent_id.hex,
        "purpose": one.purpose.value,
        "title": visit.words.pick(one.title_zh, one.title_en),
        "recipient": one.recipient,
        "version": one.version,
        "given_at": one.given_at,
        "withdrawn_at": one.withdrawn_at,
    }


def _own(visit: Visit) -> ConsentView:
    consent_id = visit.identifier("consent_id")
    for one in consents_of(visit.house, person_id=visit.person_id):
        if one.consent_id == consent_id:
            return one
    raise NotFound


def _purpose(visit: Visit) -> ConsentPurpose:
    purpose = _PURPOSES.get(str(visit.request.path_params["purpose"]))
    if purpose is None:
        raise NotFound
    return purpose


def _bank(house: House, code: str) -> Institution:
    try:
        return bank_of(house, bank=code)
    except InstitutionUnknown:
        raise NotFound from None


def _lender(house: House, code: str) -> Lender:
    for lender in house.pack.lenders:
        if lender.code == code:
            return lender
    raise NotFound
