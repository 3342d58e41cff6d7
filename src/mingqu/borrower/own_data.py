"""What is kept about a person, in their own hands: a copy to take along, and the wish to be erased."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit, file_of
from mingqu.borrower.form import Form
from mingqu.domain.refusal import Refusal
from mingqu.services.privacy.copy_own_data import copy_own_data
from mingqu.services.privacy.erase_person import Erasure, ErasureOwes, ErasureWaits, ask_to_be_erased, erasure_standing
from mingqu.web.print_paper import own_data_pdf

_NAME: Final = "my-data"


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of a person's own data."""
    return [
        door.page("/data", show),
        door.page("/data/copy.json", give_copy),
        door.page("/data/copy.pdf", print_copy),
        door.step("/data/erase", erase),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show what can be had, and what would become of a wish to be erased."""
    return _page(visit)


def give_copy(visit: Visit) -> Response[Any]:
    """Give everything that is kept as JSON."""
    copied = copy_own_data(visit.house, person_id=visit.person_id)
    return file_of(copied.document.reveal().encode(), name=f"{_NAME}.json", kind="application/json")


def print_copy(visit: Visit) -> Response[Any]:
    """Give it in brief as PDF, with the fingerprint of the JSON made at the same moment."""
    copied = copy_own_data(visit.house, person_id=visit.person_id)
    visit.moment.close()  # printing takes a while, and needs nothing more of the book
    return file_of(own_data_pdf(copied), name=f"{_NAME}.pdf", kind="application/pdf")


def erase(visit: Visit, form: Form) -> Response[Any]:
    """Erase the person, or on the day the law lets go; without the tick nothing happens."""
    if not form.agreed("agree"):
        return _page(visit, unticked=True, status=422)
    try:
        done = ask_to_be_erased(visit.house, person_id=visit.person_id, key=form.key)
    except (ErasureOwes, ErasureWaits) as refusal:
        return _page(visit, refusal=refusal, status=refusal.status)
    return _done(visit, done)


def _done(visit: Visit, done: Erasure) -> Response[Any]:
    return visit.show("own_data_erased.html", erased=done.erased, law=done.law, until=done.kept_until)


def _page(visit: Visit, *, unticked: bool = False, refusal: Refusal | None = None, status: int = 200) -> Response[Any]:
    standing = erasure_standing(visit.house, person_id=visit.person_id)
    return visit.show(
        "own_data.html",
        status=status,
        open=standing.open.value if standing.open else "",
        law=standing.law,
        kept_until=standing.kept_until,
        asked_until=standing.asked_until,
        unticked=unticked,
        problem=None if refusal is None else visit.words.refusal(refusal),
        key=visit.form_key(),
    )
